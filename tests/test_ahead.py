"""predict.py: calls are made ahead of whoever wants them, and never too far."""

from __future__ import annotations

import threading
import time
from typing import Any

import dspy
import pytest

from g6o_eval import Dataset, Eval, Gate, exact
from g6o_eval.dataset import KEY_FIELD
from g6o_eval.predict import Ahead, Call, Side

SPEC = Eval(
    name="counted",
    program=lambda: dspy.Predict("text -> label"),
    dataset=Dataset("SELECT id, text, label FROM tickets", key="id", inputs=("text",)),
    metric=exact("label"),
    gate=Gate(min_mean=0.5),
    prompt_id="counted",
)


class Counting:
    """A program that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._lock = threading.Lock()

    def __call__(self, text: str) -> Any:
        with self._lock:
            self.calls += 1
        return dspy.Prediction(label="billing")  # type: ignore[no-untyped-call]  # dspy is untyped


def calls_of(program: Counting, count: int) -> list[Call]:
    side = Side(SPEC, program, lm=None)
    row = {"text": "invoice twice", "label": "billing"}
    examples = [dspy.Example({KEY_FIELD: f"t{n}", **row}).with_inputs("text") for n in range(count)]  # type: ignore[no-untyped-call]  # dspy is untyped
    return [Call(side, example) for example in examples]


def settle(program: Counting, calls: int) -> int:
    """Wait until so many calls were made, and a moment longer; return how many were."""
    until = time.monotonic() + 10
    while program.calls < calls and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(0.05)
    return program.calls


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_calls_are_made_than_the_limit_until_half_of_them_were_asked_for(concurrency: int) -> None:
    program = Counting()
    ahead, calls = Ahead(concurrency, limit=8), calls_of(program, 40)
    ahead.add(calls)

    at_first = settle(program, 8)
    for call in calls[:3]:
        ahead.result(call)
    after_three = settle(program, 8)
    ahead.result(calls[3])
    after_four = settle(program, 12)

    assert (at_first, after_three, after_four) == (8, 8, 12)


@pytest.mark.parametrize("limit", [1, 2, 3, 8, 100])
def test_each_result_comes_once_in_whatever_order_it_is_asked_for(limit: int) -> None:
    program = Counting()
    ahead, calls = Ahead(3, limit=limit), calls_of(program, 40)
    ahead.add(calls)

    keys = [ahead.result(call).key for call in reversed(calls)]

    assert keys == [f"t{n}" for n in reversed(range(40))]
    assert program.calls == 40


def test_results_that_nobody_asks_for_do_not_hold_up_the_others() -> None:
    """A skipped test never asks for its prediction."""
    program = Counting()
    ahead, calls = Ahead(3, limit=8), calls_of(program, 40)
    ahead.add(calls)
    settle(program, 8)

    start = time.monotonic()
    keys = [ahead.result(call).key for call in calls[20:]]

    assert keys == [f"t{n}" for n in range(20, 40)]
    assert time.monotonic() - start < 5
