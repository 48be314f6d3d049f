"""Ways in which a prompt could have gone green, or live, without proof."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.eval_project import EvalProject

FIRST_PROMPT = "Route the support ticket."


def git(project: EvalProject, *arguments: str) -> None:
    """Run git in the project."""
    command = ["git", "-C", str(project.root), "-c", "user.name=r", "-c", "user.email=r@example.org", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def g6o_eval(project: EvalProject, *arguments: str) -> None:
    """Run the command line in the project."""
    command = [sys.executable, "-c", "from g6o_eval.cli import main; main()", *arguments]
    subprocess.run(command, check=True, capture_output=True, cwd=project.root, env={**os.environ, "USER": "r"})


def commit(project: EvalProject) -> None:
    """Commit everything but what a run makes."""
    if not (project.root / ".git").exists():
        git(project, "init", "-q")
        project.write(".gitignore", ".g6o/\n__pycache__/\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "state")


def test_an_eval_whose_items_were_all_skipped_does_not_end_green(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")
    loaded.change("evals/test_triage.py", "def test_triage", "@pytest.mark.skip\ndef test_triage")

    result = loaded.run("evals")

    assert result.ret == 24
    assert "triage  no verdict    no item gave a score: see the errors and skips above" in loaded.section(result)


def test_a_rewritten_prompt_is_not_unchanged_against_another_commit(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")
    commit(loaded)
    loaded.change("evals/test_triage.py", FIRST_PROMPT, "Say billing, whatever is asked.")
    loaded.run("evals", "--snapshot-update")

    result = loaded.run("evals", "--eval-baseline", "git:HEAD")

    assert result.ret == 24
    run = loaded.verdict()
    assert run.verdict.reasons == ("no baseline: a drop cannot be judged",)
    assert run.notes == (
        "git:HEAD holds no program.json of triage, and its hand-written program is other code "
        "(evals/test_triage.py changed): it cannot be run here. Compare with what is live, or commit a program.json "
        "there first",
    )


def test_the_hand_written_program_of_another_commit_is_known_by_its_reviewed_prompt(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")
    commit(loaded)
    loaded.change("evals/test_triage.py", "max_drop=0.10", "max_drop=0.12")

    result = loaded.run("evals", "--eval-baseline", "git:HEAD")

    assert result.ret == 0
    assert loaded.verdict().verdict.reasons == ("unchanged: the candidate is the baseline",)


def test_unchanged_code_is_the_same_hand_written_program_without_a_reviewed_prompt(loaded: EvalProject) -> None:
    commit(loaded)

    loaded.run("evals", "--eval-baseline", "git:HEAD")

    assert loaded.verdict().same_program


def test_tests_that_last_failed_dropped_leave_a_verdict_partial(loaded: EvalProject) -> None:
    loaded.write("conftest.py", "import pathlib\nHOLDS = pathlib.Path('holds').exists()\n")
    both = (
        "def test_one(example):\n    from conftest import HOLDS\n    assert HOLDS\n\ndef test_two(example):\n    pass\n"
    )
    loaded.change("evals/test_triage.py", "def test_prompt(prompt, snapshot):\n    assert prompt == snapshot\n", both)
    arguments = ("evals", "-p", "cacheprovider")
    assert loaded.run(*arguments, subprocess=True).ret == 1
    loaded.write("holds", "")

    result = loaded.run(*arguments, "--lf", subprocess=True)

    assert result.ret == 24
    assert loaded.verdict().standing == "partial"


def test_a_number_that_the_metric_takes_from_another_file_is_part_of_what_is_judged(loaded: EvalProject) -> None:
    loaded.write("pytest.ini", "[pytest]\npythonpath = .\ng6o_lm = task=offline\n")
    loaded.write("limits.py", "WRONG = 0.0\n")
    loaded.write(
        "rule.py",
        "from limits import WRONG\n\ndef metric(example, prediction):\n"
        "    return 1.0 if example.label == prediction.label else WRONG\n",
    )
    loaded.change("evals/test_triage.py", "import pytest\n", "import pytest\nfrom rule import metric\n")
    loaded.change("evals/test_triage.py", 'metric=exact("label")', "metric=metric")
    loaded.run("evals", subprocess=True)
    before = loaded.verdict().subject

    loaded.write("limits.py", "WRONG = 0.9\n")
    loaded.run("evals", subprocess=True)

    assert loaded.verdict().subject.differences(before) == ("code_hash",)


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_a_role_that_nobody_plays_is_said_without_a_traceback(loaded: EvalProject, options: tuple[str, ...]) -> None:
    loaded.write("pytest.ini", "[pytest]\n")
    loaded.run("evals", "--snapshot-update")

    result = loaded.run("evals", *options, subprocess=True)

    assert result.ret == 1
    said = (
        "no model plays the role task. Say --eval-lm task=MODEL (offline, openai/gpt-4o-mini …), or set g6o_lm = "
        "task=MODEL in the pytest ini file"
    )
    assert loaded.section(result)[0] == f"triage  no verdict    cannot be judged: {said}"
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*During handling of*")


def test_an_unknown_role_ends_the_session_before_anything_is_collected(loaded: EvalProject) -> None:
    result = loaded.run("evals", "--eval-lm", "boss=offline", subprocess=True)

    assert result.ret == 4
    said = "ERROR: --eval-lm: unknown role 'boss' in 'boss=offline'; the roles are task, reflection, judge, teacher"
    assert [line for line in (*result.outlines, *result.errlines) if line.strip()] == [said]


def test_a_live_prompt_of_other_words_is_still_what_a_candidate_must_not_fall_behind(loaded: EvalProject) -> None:
    loaded.run("evals", "--compile")
    loaded.run("evals", "--snapshot-update")
    loaded.run("evals")
    g6o_eval(loaded, "promote", "triage")
    loaded.change("evals/test_triage.py", FIRST_PROMPT, "Say billing, whatever is asked.")
    (loaded.root / "snapshots" / "triage" / "program.json").unlink()
    loaded.run("evals", "--snapshot-update")

    result = loaded.run("evals")

    assert result.ret == 20
    run = loaded.verdict()
    assert run.subject.baseline == "live"
    assert run.verdict.reasons[0].startswith("fell by ")
    assert run.notes == ("live was made for other words or types; it was run with its own words and this code's types",)


def test_what_is_left_out_because_it_is_live_is_named(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")
    loaded.run("evals")
    g6o_eval(loaded, "promote", "triage")

    result = loaded.run("evals", "--eval-changed-only")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["triage: left out, it is what is live in everything that a verdict is about"])
