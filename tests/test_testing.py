"""testing.py: the fakes do what they promise, and fail when the test they serve is wrong."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.budget import Budget
from g6o_eval.lm.meter import BudgetStop, Meter
from g6o_eval.prompt.render import make_adapter
from g6o_eval.score import Scores
from g6o_eval.testing import ScriptedEngine, scores, scripted_lm


class Sort(dspy.Signature):  # type: ignore[metaclass]  # dspy is untyped
    """Sort the ticket."""

    text: str = dspy.InputField()  # type: ignore[no-untyped-call]  # likewise
    label: str = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise
    sure: bool = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise


@pytest.mark.parametrize("adapter", ["chat", "json"])
def test_scripted_fields_are_written_as_the_adapter_asks(adapter: str) -> None:
    engine = ScriptedEngine([{"label": "billing", "sure": True}])

    with dspy.context(lm=scripted_lm(engine), adapter=make_adapter(adapter)):  # type: ignore[arg-type]  # a table
        got = dspy.Predict(Sort)(text="an invoice")

    assert (got.label, got.sure) == ("billing", True)
    engine.check()


def test_requests_are_recorded_with_roles() -> None:
    engine = ScriptedEngine(["raw text"])

    said = scripted_lm(engine)("hello")

    assert (said, engine.requests) == (["raw text"], [(("user", "hello"),)])


def test_answers_may_be_a_function_of_the_messages() -> None:
    engine = ScriptedEngine(lambda messages: messages[-1][1].upper())

    assert scripted_lm(engine)("hello") == ["HELLO"]
    engine.check()


def test_a_scripted_error_is_raised() -> None:
    lm = scripted_lm(ScriptedEngine([dspy.lm15.RateLimitError("slow down")]))

    with pytest.raises(dspy.utils.exceptions.LMRateLimitError, match="slow down"):
        lm("hello")


def test_an_unexpected_call_fails_at_once_and_again_at_the_check() -> None:
    engine = ScriptedEngine(["one"])
    lm = scripted_lm(engine)
    lm("first")

    with pytest.raises(Exception, match="call 2 is not in the script; it was sent: 'second'"):
        lm("second")

    with pytest.raises(AssertionError) as caught:
        engine.check()
    assert str(caught.value) == "call 2 is not in the script; it was sent: 'second'"


def test_a_function_that_knows_no_answer_makes_the_call_unexpected() -> None:
    engine = ScriptedEngine(lambda messages: None)

    with pytest.raises(Exception, match="call 1 is not in the script"):
        scripted_lm(engine)("hello")

    with pytest.raises(AssertionError, match="call 1 is not in the script; it was sent: 'hello'"):
        engine.check()


def test_an_answer_that_nobody_asked_for_fails_the_check() -> None:
    engine = ScriptedEngine(["one", "two", "three"])
    scripted_lm(engine)("hello")

    with pytest.raises(AssertionError) as caught:
        engine.check()

    assert str(caught.value) == "2 of 3 scripted answers were never asked for"


def test_a_scripted_lm_spends_from_the_meter_it_is_given() -> None:
    meter = Meter(Budget(calls=1))
    lm = scripted_lm(ScriptedEngine(["one"]), meter=meter)
    lm("hello")

    with pytest.raises(BudgetStop):
        lm("hello")

    assert meter.spend().calls == 1
    assert meter.spend().usd == 0.0


@given(scores())
def test_scores_are_scores_and_survive_json(found: Scores) -> None:
    assert Scores.from_json(found.to_json()) == Scores(dict(found.by_key), dict(found.groups))


@given(st.data())
def test_scores_without_errors_have_none(data: st.DataObject) -> None:
    found = data.draw(scores(min_size=1, max_size=4, errors=False))

    assert 1 <= len(found) <= 4
    assert found.errors == 0
