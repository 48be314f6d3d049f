"""The two CI jobs, by the scripts that gate.yml and promote.yml call: two clones, two stores.

Production has the hand-written prompt live. The pull request brings a compiled one; its clone judges
on a copy of production's store, whose verdict dies with it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from support.shell import SCRIPTS, done, run

STORE = "doltlite:///.g6o/evals.db"
GATE, PROMOTE = ".github/g6o/gate.sh", ".github/g6o/promote.sh"


@dataclass(frozen=True)
class World:
    """Two clones of one repository, each with its store."""

    folder: Path

    @property
    def pull(self) -> Path:
        return self.folder / "pull"

    @property
    def production(self) -> Path:
        return self.folder / "production"

    def gate(self) -> CompletedProcess[str]:
        """Run the pull request's job."""
        return run(self.pull, "bash", GATE, G6O_STORE=STORE)

    def merge(self) -> None:
        """Commit what the pull request holds, and bring it to production's checkout."""
        done(self.pull, "git", "add", "-A")
        done(self.pull, "git", "commit", "-q", "--allow-empty", "-m", "Compile triage")
        done(self.production, "git", "pull", "-q", str(self.pull), "main")

    def promote(self, *, meanwhile: str | None = None, **variables: str) -> CompletedProcess[str]:
        """Run the job after the merge.

        Args:
            meanwhile: a shell line that runs between judging and promoting.
            variables: of the environment.
        """
        if meanwhile is not None:
            shim = self.folder / "shim"
            shim.mkdir()
            (shim / "pytest").write_text(
                f'#!/bin/sh\n{SCRIPTS}/pytest "$@"\nstatus=$?\n{meanwhile}\nexit $status\n', encoding="utf-8"
            )
            (shim / "pytest").chmod(0o755)
            variables["PATH"] = str(shim)
        return run(self.production, "bash", PROMOTE, G6O_STORE=STORE, **variables)

    def live(self) -> str:
        """Return the program digest that production's consumers read."""
        (found,) = json.loads(done(self.production, "g6o-eval", "status", "--json"))["evals"]
        return str(found["program_digest"])

    def entries(self) -> list[str]:
        """Return the actions of production's ledger."""
        code = (
            "import sys; from pathlib import Path; from g6o_eval.store.choose import open_store\n"
            "from g6o_eval.store.ledger import history\n"
            f"print(*[e.action for e in history(open_store({STORE!r}, root=Path.cwd()), 'triage')])"
        )
        return done(self.production, "python", "-c", code).split()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world as it is when the pull request is opened. Never used itself: each test gets a copy."""
    world = World(tmp_path_factory.mktemp("jobs"))
    world.production.mkdir()
    _first_prompt(world.production)
    first = world.promote()
    assert first.returncode == 0, first.stdout
    done(world.folder, "git", "clone", "-q", "production", "pull")
    _as_ada(world.pull)
    shutil.copytree(world.production / ".g6o", world.pull / ".g6o")
    # A person's loop: the compiled candidate passes, its new prompt is not accepted until --snapshot-update.
    compiled = run(world.pull, "pytest", "evals/", "--compile", "-q")
    assert "triage  pass" in compiled.stdout, compiled.stdout
    done(world.pull, "pytest", "evals/", "--snapshot-update", "-q")
    return world


@pytest.fixture
def world(before: World, tmp_path: Path) -> World:
    shutil.copytree(before.folder, tmp_path / "jobs")
    return World(tmp_path / "jobs")


@pytest.fixture(scope="module")
def after(before: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world after both jobs went through."""
    world = World(tmp_path_factory.mktemp("after") / "jobs")
    shutil.copytree(before.folder, world.folder)
    gate = world.gate()
    assert gate.returncode == 0, gate.stdout
    assert "1 pass" in gate.stdout
    world.merge()
    promoted = world.promote()
    assert promoted.returncode == 0, promoted.stdout
    assert f"triage: promoted program {world.live()[:12]} as triage:classifier" in promoted.stdout
    return world


def _first_prompt(folder: Path) -> None:
    done(folder, "git", "init", "-q", "-b", "main")
    _as_ada(folder)
    done(folder, "g6o-eval", "init")
    eval_file = folder / "evals" / "test_triage.py"
    eval_file.write_text(eval_file.read_text("utf-8").replace("min_mean=0.60", "min_mean=0.20"), encoding="utf-8")
    (folder / ".gitignore").write_text(".g6o/\n__pycache__/\n.pytest_cache/\n", encoding="utf-8")
    done(folder, "g6o-eval", "load", "tickets", "evals/tickets.csv")
    done(folder, "pytest", "evals/", "--snapshot-update", "-q")
    done(folder, "git", "add", "-A")
    done(folder, "git", "commit", "-q", "-m", "Triage by hand")


def _as_ada(folder: Path) -> None:
    done(folder, "git", "config", "user.name", "Ada")
    done(folder, "git", "config", "user.email", "ada@example.org")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_an_honest_change_is_judged_twice_and_goes_live_once(before: World, after: World) -> None:
    again = run(after.production, "g6o-eval", "promote", "--all")

    compiled = after.live()
    assert compiled != before.live()
    assert (again.returncode, again.stdout) == (0, f"triage: already live (program {compiled[:12]})\n")
    assert after.entries() == ["promote", "promote"]


def test_a_proof_does_not_travel_between_stores(after: World, world: World) -> None:
    world.merge()

    in_the_clone = run(after.pull, "g6o-eval", "promote", "triage")
    found = run(world.production, "g6o-eval", "promote", "triage")

    assert in_the_clone.returncode == 0  # there it was judged: into a store that dies with the job
    assert found.returncode == 1
    assert "triage: this store has no run of program" in found.stdout
    assert world.entries() == ["promote"]


def test_a_baseline_that_went_away_meanwhile_is_refused_as_stale(world: World) -> None:
    world.merge()

    found = world.promote(meanwhile="g6o-eval rollback triage --reason 'it lies'")

    assert found.returncode == 1
    assert "triage: the baseline is stale: judged against 'live', it is 'hand-written' here" in found.stdout
    assert world.entries() == ["promote", "withdraw"]


def test_code_that_changed_after_judging_is_refused(world: World) -> None:
    world.merge()

    found = world.promote(meanwhile="echo '# quick fix' >>evals/test_triage.py")

    assert found.returncode == 1
    assert "triage: code changed after judging" in found.stdout
    assert world.entries() == ["promote"]


def test_a_rolled_back_program_does_not_come_back_with_the_next_merge(after: World, tmp_path: Path) -> None:
    shutil.copytree(after.folder, tmp_path / "jobs")
    world = World(tmp_path / "jobs")
    compiled = world.live()
    done(world.production, "g6o-eval", "rollback", "triage", "--reason", "it lies")

    found = world.promote()

    assert found.returncode == 1
    assert f"triage: program {compiled[:12]} was rolled back and is revoked." in found.stdout
    assert world.entries() == ["promote", "promote", "rollback"]

    done(world.production, "g6o-eval", "reinstate", "triage", compiled[:12], "--reason", "it does not")
    done(world.production, "g6o-eval", "promote", "triage")

    assert world.live() == compiled


def test_a_gate_weakened_in_the_same_change_is_named_in_both_jobs(world: World) -> None:
    edit(world.pull / "evals" / "test_triage.py", "min_mean=0.20", "min_mean=0.05")

    gate = world.gate()
    world.merge()
    promoted = world.promote()

    words = "gate changed since the live promotion: min_mean 0.2 → 0.05"
    assert words in gate.stdout
    assert promoted.returncode == 0, promoted.stdout
    assert promoted.stdout.count(words) == 2  # beside the verdict, and beside the promotion


def test_a_tampered_prompt_text_is_refused_by_both_jobs(world: World) -> None:
    edit(world.pull / "snapshots" / "triage" / "prompt.txt", "support ticket", "support ticket, or ours by default")

    gate = world.gate()
    world.merge()
    promoted = world.promote()
    by_hand = run(world.production, "g6o-eval", "promote", "triage")

    assert gate.returncode == 1
    assert "test_prompt" in gate.stdout
    assert promoted.returncode == 1
    assert by_hand.returncode == 1
    assert "snapshots/triage/prompt.txt is not the text that this program publishes" in by_hand.stdout
    assert world.entries() == ["promote"]


def test_a_prompt_that_another_dspy_rendered_is_refused(world: World) -> None:
    world.merge()
    other = world.folder / "other"
    (other / "dspy-3.4.99.dist-info").mkdir(parents=True)
    (other / "dspy-3.4.99.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: dspy\nVersion: 3.4.99\n", encoding="utf-8"
    )
    (other / "sitecustomize.py").write_text(OTHER_DSPY, encoding="utf-8")
    assert run(world.production, "pytest", "evals/", "-q").returncode == 0

    found = run(world.production, "g6o-eval", "promote", "triage", PYTHONPATH=str(other))

    assert found.returncode == 1
    assert "this is dspy 3.4.99" in found.stdout
    assert "triage: the rendered prompt changed after judging" in found.stdout
    assert "snapshots/triage/prompt.txt is not the text that this program publishes" in found.stdout
    assert world.entries() == ["promote"]


OTHER_DSPY = '''
import importlib.abc, importlib.machinery, sys

class Other(importlib.abc.MetaPathFinder):
    """Loads dspy's chat adapter with another wording, as an upgrade would bring it."""
    def find_spec(self, name, path, target=None):
        if name != "dspy.adapters.chat_adapter":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            of = module.ChatAdapter.format_field_structure
            module.ChatAdapter.format_field_structure = lambda *a, **k: of(*a, **k) + " (3.4.99)"
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Other())
'''


@pytest.mark.parametrize(
    ("extra", "words"), [({"lm": {"model": "openai/gpt-4o"}}, "it names an LM"), ({"surprise": 1}, "surprise")]
)
def test_a_program_file_with_an_lm_or_an_unknown_key_is_refused_by_both_jobs(
    world: World, extra: dict[str, object], words: str
) -> None:
    path = world.pull / "snapshots" / "triage" / "program.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | extra), encoding="utf-8")

    gate = world.gate()
    world.merge()
    by_hand = run(world.production, "g6o-eval", "promote", "triage")

    assert gate.returncode not in (0, 5)
    assert words in gate.stdout
    assert by_hand.returncode == 1
    assert words in by_hand.stdout
    assert world.entries() == ["promote"]


def test_a_verdict_that_is_no_pass_keeps_the_second_job_from_promoting(world: World) -> None:
    edit(world.pull / "evals" / "test_triage.py", "min_mean=0.20", "min_mean=0.99")

    gate = world.gate()
    world.merge()
    promoted = world.promote()

    assert (gate.returncode, promoted.returncode) == (20, 20)
    assert "promoted" not in promoted.stdout
    assert world.entries() == ["promote"]


def test_a_forks_job_has_no_store_and_says_that_nothing_was_judged(tmp_path: Path) -> None:
    script = Path(__file__).parent.parent / "src" / "g6o_eval" / "templates" / "gate.sh"
    summary = tmp_path / "summary.md"

    found = run(tmp_path, "bash", str(script), G6O_STORE="", G6O_FORK="true", GITHUB_STEP_SUMMARY=str(summary))

    said = (
        "NOT JUDGED: this pull request comes from a fork, whose job gets no store. Nothing goes live before "
        "promote.yml has judged it on the production store; to judge it before the merge, a maintainer pushes "
        "its branch to this repository."
    )
    assert (found.returncode, found.stdout) == (0, f"::warning title=evals::{said}\n")
    assert summary.read_text(encoding="utf-8") == f"{said}\n"


@pytest.mark.parametrize(("script", "verb"), [("gate", "judged"), ("promote", "promoted")])
def test_a_job_whose_secret_is_missing_fails(tmp_path: Path, script: str, verb: str) -> None:
    path = Path(__file__).parent.parent / "src" / "g6o_eval" / "templates" / f"{script}.sh"

    found = run(tmp_path, "bash", str(path), G6O_FORK="false")

    assert found.returncode == 2
    assert found.stdout == (
        f"::error title=evals::G6O_STORE is empty, so nothing can be {verb}. Set the secret that {script}.yml names.\n"
    )
