"""prompt/check.py: a program that cannot work is refused before a call is paid for."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from typing import Any

import dspy
import pytest

from g6o_eval.dataset import Dataset
from g6o_eval.errors import DeclarationError, LeakError
from g6o_eval.metric import exact
from g6o_eval.prompt.check import check_program
from support.triage import Route, Router, triage


class Empty(dspy.Module):
    def forward(self, text: str) -> Any:
        return dspy.Prediction(label=text)  # type: ignore[no-untyped-call]  # dspy is untyped


class Curious(Router):
    def forward(self, text: str, account: str) -> Any:  # type: ignore[override]  # that is the defect
        return self.route(text=text + account)


class Deaf(Router):
    def forward(self) -> Any:  # type: ignore[override]  # that is the defect
        return self.route(text="")


class Optional(Router):
    def forward(self, text: str, hint: str = "") -> Any:
        return self.route(text=text + hint)


class Open(Router):
    def __init__(self) -> None:
        super().__init__()
        self.other = dspy.Predict(Route)

    def forward(self, **inputs: Any) -> Any:  # type: ignore[override]  # it hands on what it gets
        return self.route(**inputs)


def inputs(*names: str) -> Any:
    return Dataset("SELECT 1", key="id", inputs=names)


@pytest.mark.parametrize(
    "program", [Router, Optional, Open, lambda: dspy.Predict(Route), lambda: dspy.ChainOfThought(Route)]
)
def test_a_program_that_takes_the_inputs_is_fine(program: Any) -> None:
    check_program(triage(), program())


@pytest.mark.parametrize(
    ("program", "dataset", "message"),
    [
        (
            Empty,
            inputs("text"),
            "eval 'triage': the program Empty has no named predictor, so there is no prompt to compile or publish; "
            "assign a dspy.Predict or dspy.ChainOfThought to self in __init__",
        ),
        (
            Curious,
            inputs("text"),
            "eval 'triage': Curious.forward() asks for 'account', which is no input of the dataset; "
            "the dataset's inputs are ('text',)",
        ),
        (
            Router,
            inputs("text", "account"),
            "eval 'triage': Router.forward() does not take the input 'account'; "
            "the dataset's inputs are ('text', 'account')",
        ),
        (
            Deaf,
            inputs("text"),
            "eval 'triage': Deaf.forward() does not take the input 'text'; the dataset's inputs are ('text',)",
        ),
        (
            lambda: dspy.Predict(Route),
            inputs("body"),
            "eval 'triage': Predict.forward() asks for 'text', which is no input of the dataset; "
            "the dataset's inputs are ('body',)",
        ),
    ],
)
def test_a_program_that_does_not_fit_the_dataset_is_refused(program: Any, dataset: Dataset, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        check_program(triage(dataset=dataset), program())

    assert str(caught.value) == message


def test_an_input_that_the_program_should_answer_is_a_leak() -> None:
    spec = triage(dataset=inputs("text", "reason"))

    with pytest.raises(LeakError) as caught:
        check_program(spec, Router())

    assert str(caught.value) == (
        "eval 'triage': the input 'reason' is an output field of predictor 'route': the program would be told the "
        "answer. Take it out of inputs"
    )


def test_an_input_that_is_a_label_of_the_metric_is_a_leak() -> None:
    spec = triage(dataset=inputs("text", "truth"), metric=exact("truth", field="label"))

    with pytest.raises(LeakError) as caught:
        check_program(spec, Router())

    assert str(caught.value) == (
        "eval 'triage': the input 'truth' is a label of the metric: the program would be told the answer. "
        "Take it out of inputs"
    )
