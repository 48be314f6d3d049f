"""A project with one eval, its store, and a way to judge it without a pytest session."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dspy
from ulid import ULID

from g6o_eval import Dataset, Eval, Gate, exact
from g6o_eval.artifact import canonical_json
from g6o_eval.budget import Spend
from g6o_eval.dataset import group_of, key_of
from g6o_eval.gate import judge
from g6o_eval.prompt.publish import prompt_text
from g6o_eval.run import Run
from g6o_eval.score import Score, Scores
from g6o_eval.steps.baseline import baseline_of
from g6o_eval.steps.candidate import candidate_of, hand_written
from g6o_eval.steps.promote import AlreadyLive, Checkout, Promoted, promote
from g6o_eval.steps.subject import subject_of
from g6o_eval.store.choose import open_store
from g6o_eval.store.entries import Order
from g6o_eval.store.examples import read_examples
from g6o_eval.store.port import Store
from g6o_eval.store.results import save_run
from g6o_eval.store.schema import known_migrations, migrate


class Triage(dspy.Signature):  # type: ignore[metaclass]  # dspy's metaclass is untyped
    """Say which team a ticket belongs to."""

    text: str = dspy.InputField()  # type: ignore[no-untyped-call]  # dspy's own
    team: str = dspy.OutputField()  # type: ignore[no-untyped-call]  # dspy's own


TRIAGE = Eval(
    name="triage",
    program=lambda: dspy.Predict(Triage),
    dataset=Dataset("SELECT id, text, team FROM tickets", key="id", inputs=("text",)),
    metric=exact("team"),
    gate=Gate(min_mean=0.6, max_drop=0.2, min_examples=5),
    prompt_id="triage:classifier",
)


@dataclass
class Desk:
    """One eval in one checkout with one store."""

    root: Path
    store: Store
    spec: Eval = TRIAGE

    @property
    def test_file(self) -> Path:
        return self.root / "evals" / "test_triage.py"

    @property
    def prompt_file(self) -> Path:
        return self.root / "snapshots" / "triage" / "prompt.txt"

    @property
    def program_file(self) -> Path:
        return self.root / "snapshots" / "triage" / "program.json"

    @property
    def checkout(self) -> Checkout:
        return Checkout(root=self.root, snapshots=self.root / "snapshots", models={"task": "offline"})

    def accept(self) -> None:
        """Write prompt.txt, as --snapshot-update does, and commit everything."""
        self.prompt_file.parent.mkdir(parents=True, exist_ok=True)
        candidate = candidate_of(self.spec, self.root / "snapshots")
        self.prompt_file.write_text(prompt_text(self.spec, candidate.program), encoding="utf-8")
        self.commit()

    def compile(self, instruction: str) -> None:
        """Write a program.json with another instruction, as a compile would, and accept its prompt."""
        state = json.loads(hand_written(self.spec).text)
        for predictor in state["predictors"].values():
            predictor["instructions"] = instruction
        self.program_file.parent.mkdir(parents=True, exist_ok=True)
        self.program_file.write_text(canonical_json(state), encoding="utf-8")
        self.accept()

    def commit(self) -> None:
        for arguments in (["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "State"]):
            subprocess.run(["git", "-C", str(self.root), *arguments], check=True, capture_output=True)

    def judged(self, value: float = 1.0, **changes: Any) -> Run:
        """Return the run of a session in which every example scored `value`, baseline and candidate alike."""
        splits = read_examples(self.store, self.spec.dataset, at=self.store.head(), eval_name="triage")
        candidate = candidate_of(self.spec, self.root / "snapshots")
        baseline = baseline_of(self.spec, self.store, root=self.root)
        subject = subject_of(
            self.spec,
            (self.test_file,),
            candidate=candidate,
            baseline=baseline,
            splits=splits,
            models=self.checkout.models,
        )
        scores = Scores(
            {key_of(e): (Score(value),) for e in splits.test}, {key_of(e): group_of(e) for e in splits.test}
        )
        same = candidate.program_digest == baseline.digest
        other = None if same else scores
        run = Run(
            run_id=str(ULID()), subject=subject, verdict=judge(self.spec.gate, scores, other, same_program=same),
            scores=scores, baseline_scores=other, same_program=same, standing="stored", data_branch="main",
            data_commit=self.store.head(), git_commit=None, git_clean=True, store_kind="embedded", offline=True,
            answered={"task": ("offline",)}, collected=len(scores), reported=len(scores), failed_items=0,
            spend=Spend(), compile_spend=None, look=1, at="2026-01-02T03:04:05+00:00",
        )  # fmt: skip
        return replace(run, **changes)

    def judge(self, value: float = 1.0, **changes: Any) -> Run:
        """The same, stored."""
        run = self.judged(value, **changes)
        save_run(self.store, run)
        return run

    def promote(self, **order: Any) -> Promoted | AlreadyLive:
        wanted = Order(**{"by": "Ada", **order})
        return promote(self.spec, (self.test_file,), store=self.store, checkout=self.checkout, order=wanted)


@contextmanager
def open_desk(tmp_path: Path) -> Iterator[Desk]:
    """A clean checkout, reviewed prompt, 60 tickets, nothing judged."""
    root = tmp_path / "project"
    (root / "evals").mkdir(parents=True)
    (root / "evals" / "test_triage.py").write_text("# the tests\n", encoding="utf-8")
    (root / ".gitignore").write_text(".g6o/\n", encoding="utf-8")
    for arguments in (["init", "-q", "-b", "main"], ["config", "user.name", "Ada"], ["config", "user.email", "a@b.c"]):
        subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)
    with closing(open_store("doltlite:///.g6o/evals.db", root=root)) as store:
        migrate(store, known_migrations())
        _tickets(store)
        made = Desk(root, store)
        made.accept()
        yield made


def _tickets(store: Store) -> None:
    with store.change("Tickets") as change:
        change.execute("CREATE TABLE tickets (id BIGINT NOT NULL PRIMARY KEY, text LONGTEXT, team LONGTEXT)")
        rows = [(number, f"ticket number {number}", "bug" if number % 2 else "sales") for number in range(60)]
        change.insert("tickets", ("id", "text", "team"), rows)
