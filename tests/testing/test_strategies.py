"""testing/strategies.py: values of the right type for every field, within its limits."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import subprocess
import sys
from enum import Enum
from typing import Any, Literal

import dspy
import pytest
from hypothesis import given
from pydantic import BaseModel

from g6o_eval.dataset import group_of, key_of
from g6o_eval.errors import DeclarationError
from g6o_eval.testing import examples_for, values_of


class Mood(Enum):
    CALM = "calm"
    CROSS = "cross"


class Part(BaseModel):
    title: str
    cost: float


def field(*, output: bool = False, **limits: float) -> Any:
    return (dspy.OutputField if output else dspy.InputField)(**limits)  # type: ignore[no-untyped-call]  # likewise


class Kinds(dspy.Signature):  # type: ignore[metaclass]  # dspy is untyped
    """Every kind of field."""

    text: str = field()
    tags: list[str] = field()
    count: int = field(ge=3, le=5)
    maybe: int | None = field()
    share: float = field(output=True)
    price: float = field(output=True, gt=0, le=2)
    sure: bool = field(output=True)
    mood: Mood = field(output=True)
    label: Literal["a", "b"] = field(output=True)
    parts: list[Part] = field(output=True)
    notes: dict[str, bool] = field(output=True)


@given(examples_for(Kinds))
def test_every_field_has_a_value_of_its_type_within_its_limits(example: Any) -> None:
    assert example.text.strip()
    assert all(isinstance(tag, str) for tag in example.tags)
    assert example.count in (3, 4, 5)
    assert example.maybe is None or 0 <= example.maybe <= 100
    assert 0 <= example.share <= 1
    assert 0 < example.price <= 2
    assert isinstance(example.sure, bool)
    assert example.mood in Mood
    assert example.label in ("a", "b")
    assert all(isinstance(part, Part) and 0 <= part.cost <= 1 for part in example.parts)
    assert all(isinstance(note, bool) for note in example.notes.values())


@given(examples_for(Kinds))
def test_inputs_are_marked_and_the_key_is_its_own_group(example: Any) -> None:
    assert set(example.inputs().keys()) == {"text", "tags", "count", "maybe"}
    assert key_of(example) == group_of(example)


def test_a_type_that_is_not_known_is_named_with_its_field() -> None:
    class Odd(dspy.Signature):  # type: ignore[metaclass]  # dspy is untyped
        """Odd."""

        when: complex = field()

    with pytest.raises(DeclarationError) as refused:
        examples_for(Odd)

    assert str(refused.value) == (
        "field 'when': no values can be made for the type <class 'complex'>; known are str, bool, int, float, None, "
        "Literal, Enum, list[…], dict[str, …], pydantic models and unions of them. "
        "Give that field a strategy of your own"
    )


@given(values_of(float, low=-1, high=-0.5))
def test_a_range_is_kept(value: float) -> None:
    assert -1 <= value <= -0.5


def test_without_hypothesis_the_rest_works_and_a_strategy_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import g6o_eval.testing as t; assert 'dspy' not in sys.modules; t.ScriptedEngine([]).check()\n"
        "del sys.modules['hypothesis']; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        "t.scores()"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ran.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: the strategies of g6o_eval.testing need Hypothesis. Run: pip install 'g6o-eval[testing]'"
    )
