"""A small project with an eval of its own, in a folder of its own: no fleet in sight."""

from __future__ import annotations

import json
import random
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import g6o_eval.eval  # noqa: F401  # else pytester forgets it after a run, while g6o_eval keeps its Eval
from g6o_eval.run import Run
from g6o_eval.store.choose import open_store
from g6o_eval.store.schema import known_migrations, migrate

URL = "doltlite:///.g6o/evals.db"
WORDS = {
    "billing": ["invoice", "refund", "charge", "payment", "receipt", "overcharged", "discount", "tax"],
    "shipping": ["package", "courier", "tracking", "delivery", "parcel", "warehouse", "customs", "freight"],
    "account": ["password", "login", "username", "email", "verification", "locked", "signin", "session"],
}
FILLER = [
    "morning",
    "team",
    "hello",
    "thanks",
    "yesterday",
    "again",
    "still",
    "really",
    "order",
    "product",
    "month",
    "question",
]

EVAL = '''
from typing import Literal

import dspy
import pytest

from g6o_eval import Assert, Bootstrap, Budget, Dataset, Eval, Gate, exact, one_of

LABELS = ("account", "billing", "shipping")


class Triage(dspy.Signature):
    """Route the support ticket."""

    text: str = dspy.InputField()
    label: Literal["account", "billing", "shipping"] = dspy.OutputField()


TRIAGE = Eval(
    name="triage",
    program=lambda: dspy.Predict(Triage),
    dataset=Dataset("SELECT id, account, text, label FROM tickets", key="id", inputs=("text",), group="account"),
    metric=exact("label"),
    constraints=(Assert("one-label", "Answer with exactly one of: {labels}.", one_of("label", labels=LABELS)),),
    optimizer=Bootstrap(candidates=4, max_demos=8, seed=7),
    budget=Budget(calls=1000),
    gate=Gate(max_drop=0.10),
    prompt_id="triage:classifier",
)
pytestmark = pytest.mark.eval(TRIAGE)


def test_triage(example, prediction):
    assert example.id not in prediction.label


def test_prompt(prompt, snapshot):
    assert prompt == snapshot
'''


def tickets(count: int = 150, *, seed: int = 1) -> list[tuple[str, str, str, str]]:
    """Return rows (id, account, text, label): an account has one to three tickets."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        label = sorted(WORDS)[number % 3]
        words = draw.sample(WORDS[label], 3) + draw.sample(FILLER, 5)
        draw.shuffle(words)
        rows.append((f"t{number:03d}", f"acc{number // 2:03d}", " ".join(words) + f" #{number}", label))
    return rows


class EvalProject:
    """A project in pytester's folder.

    Attributes:
        root: its root.
    """

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.root = Path(pytester.path)
        self.write("pytest.ini", "[pytest]\ng6o_lm = task=offline\n")
        self.write("evals/test_triage.py", EVAL)

    def write(self, path: str, text: str) -> Path:
        """Write a file, dedented."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def change(self, path: str, old: str, new: str) -> None:
        """Replace a piece of a file that must stand there."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} does not stand in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def load(
        self,
        rows: list[tuple[Any, ...]],
        *,
        columns: str = "id VARCHAR(40) PRIMARY KEY, account VARCHAR(40), text LONGTEXT, label VARCHAR(40)",
    ) -> None:
        """Load tickets into the embedded store, in one commit."""
        names = [part.split()[0] for part in columns.split(", ")]
        with closing(open_store(URL, root=self.root)) as store:
            migrate(store, known_migrations())
            with store.change("tickets") as change:
                change.execute(f"CREATE TABLE tickets ({columns})")
                change.insert("tickets", names, rows)

    def run(self, *args: str, subprocess: bool = False) -> pytest.RunResult:
        """Run pytest in the project."""
        options = ("-p", "no:cacheprovider", "-p", "no:randomly", *args)
        if subprocess:
            return self._pytester.runpytest_subprocess(*options, timeout=120)
        return self._pytester.runpytest_inprocess(*options)

    def verdict(self, name: str = "triage") -> Run:
        """Return what .g6o/last/<eval>.json holds."""
        return Run.from_json(json.loads((self.root / ".g6o" / "last" / f"{name}.json").read_text(encoding="utf-8")))

    def section(self, result: pytest.RunResult) -> list[str]:
        """Return the lines of the section "evals"."""
        lines = result.outlines
        start = next(i for i, line in enumerate(lines) if line.startswith("===") and line.strip("= ") == "evals")
        end = next(i for i in range(start + 1, len(lines)) if lines[i].startswith("==="))
        return lines[start + 1 : end]
