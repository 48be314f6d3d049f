"""The role judge: a metric may ask its model where a run is judged, and nobody where it is not played."""

from __future__ import annotations

import pytest

from support.eval_project import EvalProject

ASKS = """
from g6o_eval.lm.roles import JUDGE


def asks(example, prediction):
    return JUDGE.get() is not None
"""


@pytest.mark.parametrize(("options", "mean"), [((), 0.0), (("--eval-lm=judge=offline",), 1.0)])
def test_a_metric_finds_the_judge_that_the_session_names(
    loaded: EvalProject, options: tuple[str, ...], mean: float
) -> None:
    loaded.write("asking.py", ASKS)
    loaded.write("pytest.ini", "[pytest]\npythonpath = .\ng6o_lm = task=offline\n")
    loaded.change("evals/test_triage.py", 'metric=exact("label")', "metric=asks")
    loaded.change("evals/test_triage.py", "import dspy\n", "import dspy\nfrom asking import asks\n")

    loaded.run("evals", *options)

    run = loaded.verdict()
    assert run.verdict.mean == mean
    assert ("judge" in run.subject.models) is bool(options)
