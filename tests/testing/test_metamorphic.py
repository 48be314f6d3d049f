"""testing/metamorphic.py: each property lets an honest metric through, and names what is wrong with a bad one."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from collections.abc import Callable
from typing import Any, Literal

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.metric import exact
from g6o_eval.score import Score
from g6o_eval.testing import examples_for, gold_beats_constants, metric_ignores, metric_moves, metrics_differ, shouted


class Triage(dspy.Signature):  # type: ignore[metaclass]  # dspy is untyped
    """Route the ticket."""

    text: str = dspy.InputField()  # type: ignore[no-untyped-call]  # likewise
    label: Literal["billing", "shipping", "account"] = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise


def ticket(text: str, label: str) -> Any:
    return dspy.Example(text=text, label=label)  # type: ignore[no-untyped-call]  # dspy is untyped


TICKETS = (ticket("my invoice", "billing"), ticket("my parcel", "shipping"), ticket("my password", "account"))


def gold(example: Any) -> dict[str, Any]:
    return {"label": example.label}


def constant(example: Any, prediction: Any) -> float:
    return 0.8


def label_only(example: Any, prediction: Any) -> float:
    return {"billing": 1.0, "shipping": 0.5, "account": 0.0}[example.label]


def any_text(example: Any, prediction: Any) -> bool:
    return bool(prediction.label)


def reads_the_text(example: Any, prediction: Any) -> float:
    return (1.0 if example.text.islower() else 0.5) * bool(prediction.label == example.label)


def broken(example: Any, prediction: Any) -> Score:
    return Score(error="no judge answered")


@given(st.lists(examples_for(Triage), min_size=2, unique_by=lambda example: example.label))
def test_an_exact_metric_has_every_property(examples: list[Any]) -> None:
    metric_moves(exact("label"), examples)
    metric_ignores(exact("label"), examples, fields=("text",))
    gold_beats_constants(exact("label"), examples, constants=({"label": "banana"},))


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            lambda: metric_moves(constant, TICKETS, gold=gold),
            "the metric does not move when predictions are swapped: each of 3 examples scores the same with all 3 "
            "answers (the first one 0.800). It judges the example, not the prediction",
        ),
        (
            lambda: metric_moves(label_only, TICKETS, gold=gold),
            "the metric does not move when predictions are swapped: each of 3 examples scores the same with all 3 "
            "answers (the first one 1.000). It judges the example, not the prediction",
        ),
        (
            lambda: metric_ignores(reads_the_text, TICKETS, fields=("text",), gold=gold),
            "the metric moves with the field 'text', which has nothing to do with the answer: 1.000 for 'my invoice', "
            "0.500 for 'please note: MY INVOICE - thank you'",
        ),
        (
            lambda: gold_beats_constants(any_text, TICKETS, gold=gold, constants=({"label": "banana"},)),
            "an answer that is always the same does as well as the right ones: {'label': 'banana'} scores 1.000 on 3 "
            "examples, the right answers 1.000",
        ),
        (
            lambda: gold_beats_constants(constant, TICKETS, gold=gold),
            "an answer that is always the same does as well as the right ones: {'label': 'billing'} scores 0.800 on 3 "
            "examples, the right answers 0.800",
        ),
        (
            lambda: metrics_differ({"quality": any_text, "safety": exact("label"), "z": any_text}, TICKETS, gold=gold),
            "the metrics 'quality' and 'z' are one under two names: the same score for each of 9 pairs of example "
            "and answer",
        ),
        (
            lambda: metric_moves(broken, TICKETS, gold=gold),
            "the metric has no score for {'label': 'billing'}: no judge answered",
        ),
    ],
    ids=[
        "constant",
        "label only",
        "reads what is irrelevant",
        "any text will do",
        "constant beats gold",
        "one metric twice",
        "no score",
    ],
)
def test_a_bad_metric_is_told_what_is_wrong_with_it(check: Callable[[], None], message: str) -> None:
    with pytest.raises(AssertionError) as failed:
        check()

    assert str(failed.value) == message


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            lambda: metric_moves(exact("label"), TICKETS[:1]),
            "1 examples with one answer cannot show anything; give at least two answers",
        ),
        (
            lambda: metric_ignores(exact("label"), [dspy.Example(n=3, label="x")], fields=("n",)),  # type: ignore[no-untyped-call]
            "the field 'n' holds 3; only texts can be said otherwise",
        ),
    ],
)
def test_what_cannot_show_anything_is_refused(check: Callable[[], None], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        check()

    assert str(refused.value) == message


def test_without_right_answers_nothing_is_checked() -> None:
    with pytest.raises(ValueError) as refused:
        metric_moves(any_text, TICKETS)

    assert str(refused.value).startswith("nothing says what the right answers are: <function any_text")
    assert str(refused.value).endswith("has no `answer`; give gold=…")


def test_different_metrics_pass() -> None:
    metrics_differ({"label": exact("label"), "text": any_text, "label alone": label_only}, TICKETS, gold=gold)


def test_one_answer_tells_no_metrics_apart() -> None:
    with pytest.raises(ValueError) as refused:
        metrics_differ({"a": any_text, "b": constant}, TICKETS[:1], gold=gold)

    assert str(refused.value) == "1 examples with one answer cannot show anything; give at least two answers"


def test_a_paraphrase_of_ones_own_is_used() -> None:
    metric_ignores(reads_the_text, TICKETS, fields=("text",), gold=gold, paraphrase=lambda text: f"{text}, please")


def test_shouting_changes_the_text_and_keeps_its_letters() -> None:
    assert shouted("My parcel") == "please note: mY PARCEL - thank you"
