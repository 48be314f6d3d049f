from __future__ import annotations

import pytest

from g6o_eval.claim import Outcome, worst


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["pass"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "fail", "pass"], "fail"),
        ([], "inconclusive"),
    ],
)
def test_fail_beats_inconclusive_beats_pass_and_nothing_is_no_pass(outcomes: list[Outcome], expected: str) -> None:
    assert worst([(outcome, "") for outcome in outcomes]) == expected
