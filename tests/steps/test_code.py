"""code.py: which files of a project stand behind an Eval, and that a change in any of them is seen."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from g6o_eval import Dataset, Eval, Gate
from g6o_eval.steps.code import code_hash

FILES = {
    "__init__.py": "",
    "metric.py": "from .rules import LIMIT\n\n\ndef metric(example, prediction):\n    return LIMIT\n",
    "rules.py": "import projectly.numbers_of\n\nLIMIT = projectly.numbers_of.ONE\n",
    "numbers_of.py": "ONE = 1.0\n",
    "unrelated.py": "TWO = 2.0\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "projectly"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "projectly"]:
        monkeypatch.delitem(sys.modules, name)
    return folder


def an_eval(metric: Callable[..., float]) -> Eval:
    import dspy

    return Eval(
        name="coded",
        program=lambda: dspy.Predict("text -> label"),
        dataset=Dataset("SELECT id, text, label FROM tickets", key="id", inputs=("text",)),
        metric=metric,
        gate=Gate(min_mean=0.5),
        prompt_id="coded",
    )


@pytest.mark.parametrize("name", ["metric.py", "rules.py", "numbers_of.py"])
def test_a_change_in_a_file_that_a_metric_imports_is_seen(project: Path, name: str) -> None:
    """By a relative import, and by an absolute one behind it."""
    spec = an_eval(import_module("projectly.metric").metric)
    before = code_hash(spec, [])

    (project / name).write_text(FILES[name] + "# changed\n")

    assert code_hash(spec, []) != before


def test_a_change_in_a_file_that_nobody_imports_is_not(project: Path) -> None:
    spec = an_eval(import_module("projectly.metric").metric)
    before = code_hash(spec, [])

    (project / "unrelated.py").write_text("TWO = 3.0\n")

    assert code_hash(spec, []) == before
