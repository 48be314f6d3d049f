from __future__ import annotations

from typing import Any

import pytest

from g6o_eval.errors import DeclarationError
from g6o_eval.optimizer import Bootstrap, Guidance


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


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"lines": ()}, "Guidance: lines must be a tuple of texts, got ()"),
        ({"lines": "Be brief."}, "Guidance: lines must be a tuple of texts, got 'Be brief.'"),
        ({"lines": ("a", " ")}, "Guidance: ' ' is not one line of text"),
        ({"lines": ("a\nb",)}, "Guidance: 'a\\nb' is not one line of text"),
        ({"lines": ("a", "a")}, "Guidance: lines names a text twice: ('a', 'a')"),
        ({"lines": ("a",), "most": 0}, "Guidance: most must be at least 1, got 0"),
    ],
)
def test_lines_of_guidance_that_cannot_be_tried_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Guidance(**knobs)

    assert str(refused.value) == message


@pytest.mark.parametrize(("lines", "most", "candidates"), [(3, 1, 3), (3, 2, 5), (3, 9, 6), (1, 4, 1)])
def test_guidance_says_how_many_programs_it_proposes_at_most(lines: int, most: int, candidates: int) -> None:
    assert Guidance(lines=tuple("abc"[:lines]), most=most).candidates == candidates


def test_settings_are_values() -> None:
    assert Bootstrap(seed=7) == Bootstrap(seed=7) != Bootstrap(seed=8)
