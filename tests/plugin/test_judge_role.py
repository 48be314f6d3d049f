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


KNOWS = """
import dspy
from g6o_eval.lm.roles import JUDGE


class Knows(dspy.Module):
    def __init__(self, signature):
        super().__init__()
        self.never_asked = dspy.Predict(signature)

    def forward(self, text):
        return dspy.Prediction(label="billing")


def judged(example, prediction):
    with dspy.context(lm=JUDGE.get()):
        dspy.Predict("label: str -> sound: bool")(label=prediction.label)
    return 1.0
"""


def test_a_program_that_asks_no_lm_is_not_saved_by_the_calls_of_a_judge(loaded: EvalProject) -> None:
    loaded.write("knowing.py", KNOWS)
    loaded.write("pytest.ini", "[pytest]\npythonpath = .\ng6o_lm =\n    task=offline\n    judge=offline\n")
    loaded.change("evals/test_triage.py", 'metric=exact("label")', "metric=judged")
    loaded.change("evals/test_triage.py", "import dspy\n", "import dspy\nfrom knowing import Knows, judged\n")
    loaded.change("evals/test_triage.py", "program=lambda: dspy.Predict(Triage)", "program=lambda: Knows(Triage)")

    loaded.run("evals", "--snapshot-update")
    loaded.run("evals")

    run = loaded.verdict()
    assert (run.verdict.mean, run.verdict.outcome) == (1.0, "fail")
    assert run.spend.calls == len(run.scores)
    assert run.notes[-1] == f"the program asked no LM: its {len(run.scores)} answers say nothing about a prompt"
    assert dict(run.answered) == {"judge": ("offline-2",)}
