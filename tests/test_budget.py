from __future__ import annotations

import json
import math
from typing import Any

import pytest

from g6o_eval.budget import Budget, Spend
from g6o_eval.errors import DeclarationError


def test_spends_add_up() -> None:
    one = Spend(calls=1, input_tokens=10, output_tokens=2, usd=0.5, seconds=1.5)

    assert one + one == Spend(calls=2, input_tokens=20, output_tokens=4, usd=1.0, seconds=3.0)


@pytest.mark.parametrize(("one", "other"), [(None, 0.5), (0.5, None), (None, None)])
def test_one_unknown_price_makes_the_sum_unknown(one: float | None, other: float | None) -> None:
    assert (Spend(usd=one) + Spend(usd=other)).usd is None


@pytest.mark.parametrize("usd", [None, 0.25])
def test_a_spend_survives_json(usd: float | None) -> None:
    spend = Spend(calls=3, input_tokens=1, output_tokens=2, usd=usd, seconds=0.5)

    assert Spend.from_json(json.loads(json.dumps(spend.to_json()))) == spend


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "a Budget needs at least one limit: calls, tokens, usd or seconds"),
        ({"calls": 0}, "Budget: calls must be above 0, got 0"),
        ({"usd": -1.0}, "Budget: usd must be above 0, got -1.0"),
        ({"seconds": math.nan}, "Budget: seconds must be above 0, got nan"),
        ({"tokens": math.inf}, "Budget: tokens must be above 0, got inf"),
    ],
)
def test_a_budget_without_a_limit_is_refused(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Budget(**limits)

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("budget", "spend", "reason"),
    [
        (Budget(calls=50), Spend(calls=49), None),
        (Budget(calls=50), Spend(calls=50), "50 of 50 calls used"),
        (Budget(tokens=100), Spend(input_tokens=60, output_tokens=39), None),
        (Budget(tokens=100), Spend(input_tokens=60, output_tokens=41), "101 of 100 tokens used"),
        (Budget(usd=1.0), Spend(usd=0.9), None),
        (Budget(usd=1.0), Spend(usd=1.0), "$1.0000 of $1.00 spent"),
        (Budget(usd=1.0), Spend(usd=None), "the price of a call is unknown, so $1.00 cannot be kept"),
        (Budget(calls=5), Spend(usd=None), None),
        (Budget(seconds=2.0), Spend(seconds=1.9), None),
        (Budget(seconds=2.0), Spend(seconds=2.0), "2.0 of 2.0 seconds used"),
    ],
)
def test_a_budget_says_why_no_further_call_may_start(budget: Budget, spend: Spend, reason: str | None) -> None:
    assert budget.stop_reason(spend) == reason


def test_a_budget_names_its_limits_for_a_person() -> None:
    assert str(Budget(calls=1000, usd=5)) == "1,000 calls, $5.00"
    assert str(Budget(tokens=20_000, seconds=1.5)) == "20,000 tokens, 1.5 s"
