from __future__ import annotations

from typing import Any

import pytest

from g6o_eval.errors import DeclarationError
from g6o_eval.optimizer import Bootstrap


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"candidates": 0}, "Bootstrap: candidates and max_demos must be at least 1, got 0 and 8"),
        ({"max_demos": 0}, "Bootstrap: candidates and max_demos must be at least 1, got 8 and 0"),
        ({"threshold": 0.0}, "Bootstrap: threshold must lie in (0, 1], got 0.0"),
        ({"threshold": 1.1}, "Bootstrap: threshold must lie in (0, 1], got 1.1"),
    ],
)
def test_knobs_out_of_range_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Bootstrap(**knobs)

    assert str(refused.value) == message


def test_settings_are_values() -> None:
    assert Bootstrap(seed=7) == Bootstrap(seed=7) != Bootstrap(seed=8)
