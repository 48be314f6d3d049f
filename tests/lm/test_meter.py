"""lm/meter.py: exact counts, and a stop that stays."""

from __future__ import annotations

import threading

import pytest

from g6o_eval.budget import Budget, Spend
from g6o_eval.lm.meter import BudgetStop, Meter


def test_a_meter_starts_at_nothing() -> None:
    meter = Meter()

    assert meter.spend() == Spend()
    assert meter.answered() == ()


def test_the_call_beyond_the_limit_is_refused_and_not_counted() -> None:
    meter = Meter(Budget(calls=2))
    meter.admit()
    meter.admit()

    with pytest.raises(BudgetStop) as caught:
        meter.admit()

    assert caught.value.reason == str(caught.value) == "2 of 2 calls used"
    assert meter.spend().calls == 2


def test_a_stop_is_no_exception_that_an_optimizer_could_swallow() -> None:
    assert not issubclass(BudgetStop, Exception)


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(tokens=30), "35 of 30 tokens used"),
        (Budget(usd=0.5), "$0.7500 of $0.50 spent"),
        (Budget(seconds=8), "9.0 of 8.0 seconds used"),
    ],
)
def test_what_is_known_only_after_a_call_stops_the_next_one(budget: Budget, reason: str) -> None:
    meter = Meter(budget, clock=iter([0.0, 0.0, 9.0, 9.0]).__next__)
    meter.admit()
    meter.book(model="m", input_tokens=20, output_tokens=15, usd=0.75)

    with pytest.raises(BudgetStop) as caught:
        meter.admit()

    assert caught.value.reason == reason


def test_a_price_that_is_not_known_stops_a_budget_of_usd() -> None:
    meter = Meter(Budget(usd=5))
    meter.admit()
    meter.book(model="m", input_tokens=1, output_tokens=1, usd=None)

    with pytest.raises(BudgetStop, match=r"^the price of a call is unknown, so \$5\.00 cannot be kept$"):
        meter.admit()

    assert meter.spend().usd is None


def test_the_stop_is_sticky() -> None:
    meter = Meter(Budget(seconds=5), clock=iter([0.0, 0.0, 6.0, 1.0]).__next__)
    meter.admit()
    with pytest.raises(BudgetStop):
        meter.admit()

    with pytest.raises(BudgetStop, match=r"^6\.0 of 5\.0 seconds used$"):
        meter.admit()

    assert meter.spend().calls == 1


def test_seconds_run_from_the_first_call_to_the_end_of_the_last() -> None:
    meter = Meter(clock=iter([100.0, 100.0, 103.5]).__next__)

    meter.admit()
    meter.book(model="m", input_tokens=0, output_tokens=0, usd=0.0)

    assert meter.spend().seconds == 3.5


def test_the_models_that_answered_are_named_once_and_sorted() -> None:
    meter = Meter()

    for model in ("b-2", "a-1", None, "b-2"):
        meter.book(model=model, input_tokens=1, output_tokens=2, usd=0.25)

    assert meter.answered() == ("a-1", "b-2")
    assert meter.spend() == Spend(input_tokens=4, output_tokens=8, usd=1.0)


def test_eight_threads_get_exactly_fifty_calls_in_and_none_after() -> None:
    meter = Meter(Budget(calls=50))
    admitted, refused = [], []

    def drain() -> None:
        for _ in range(40):
            try:
                meter.admit()
                admitted.append(1)
            except BudgetStop:
                refused.append(1)

    threads = [threading.Thread(target=drain) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(admitted), len(refused), meter.spend().calls) == (50, 270, 50)


def test_a_part_counts_its_own_calls_and_stops_with_the_whole() -> None:
    whole = Meter(Budget(calls=2))
    one, other = Meter(whole=whole), Meter(whole=whole)
    for part, model in ((one, "a"), (other, "b")):
        part.admit()
        part.book(model=model, input_tokens=3, output_tokens=1, usd=0.1)

    with pytest.raises(BudgetStop, match=r"^2 of 2 calls used$"):
        one.admit()

    assert one.budget is whole.budget
    assert [meter.spend().calls for meter in (one, other, whole)] == [1, 1, 2]
    assert [meter.answered() for meter in (one, other, whole)] == [("a",), ("b",), ("a", "b")]
    assert whole.spend().usd == pytest.approx(0.2)
