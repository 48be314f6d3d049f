"""Assert and Suggest: a sentence for the prompt and a check of the output, from the same numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from g6o_eval.errors import DeclarationError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Check:
    """A test of one prediction together with the numbers it tests against.

    Attributes:
        test: (prediction, **numbers) → None when it holds, else what is wrong, for a person.
        numbers: its limits, lists and names: what the sentence of the constraint is filled with.
        inputs: input fields that the test is given too, by name; never a label: a rule is about
            what the program could know.
    """

    test: Callable[..., str | None]
    numbers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    inputs: tuple[str, ...] = ()

    def problem(self, prediction: object, asked: Any = None) -> str | None:
        """Return what is wrong with the prediction for the Example asked, or None. A test that raises is a problem."""
        try:
            given = {name: None if asked is None else asked[name] for name in self.inputs}
            found = self.test(prediction, **given, **self.numbers)
        except Exception as error:  # noqa: BLE001  # whatever a user's check raises is its answer
            return f"the check raised {type(error).__name__}: {error}"
        if found is None or isinstance(found, str):
            return found
        return f"the check returned {found!r}; expected None or a sentence"


@dataclass(frozen=True, slots=True)
class Constraint:
    """One rule on the output. Use Assert or Suggest.

    Attributes:
        name: unique within the Eval, `[a-z][a-z0-9_-]*`.
        sentence: what the prompt says, with `{hole}`s filled from the check's numbers.
        check: tests the output against those same numbers.
    """

    name: str
    sentence: str
    check: Check

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DeclarationError(f"constraint name {self.name!r} must match {_NAME.pattern}")
        if not isinstance(self.check, Check):
            raise DeclarationError(
                f"constraint {self.name!r}: check must be a Check (one_of(…), check(…)), got {self.check!r}"
            )
        if not self.clause.strip():
            raise DeclarationError(f"constraint {self.name!r}: the sentence is empty")

    @property
    def clause(self) -> str:
        """The sentence with the check's numbers in it; lists are joined with commas."""
        try:
            return self.sentence.format_map({name: _spoken(value) for name, value in self.check.numbers.items()})
        except (KeyError, IndexError, ValueError) as error:
            raise DeclarationError(
                f"constraint {self.name!r}: the sentence asks for {error}, "
                f"but its check has only {sorted(self.check.numbers)!r}"
            ) from None


class Assert(Constraint):
    """A rule that must hold: an output that breaks it scores 0 and fails its item."""

    __slots__ = ()


class Suggest(Constraint):
    """A rule that should hold: an output that breaks it is told so in the feedback."""

    __slots__ = ()


def check(test: Callable[..., str | None], *, inputs: tuple[str, ...] = (), **numbers: Any) -> Check:
    """Make a Check of your own: `test(prediction, **inputs, **numbers)` returns None or what is wrong."""
    if both := set(inputs) & set(numbers):
        raise DeclarationError(f"check: {sorted(both)!r} are both inputs and numbers; give one of them another name")
    return Check(test, MappingProxyType(numbers), inputs)


def one_of(field_name: str, *, labels: tuple[str, ...]) -> Check:
    """Check that the output field is exactly one of the labels."""
    if not labels:
        raise DeclarationError(f"one_of({field_name!r}): labels is empty")
    return check(_one_of, field=field_name, labels=labels)


def at_most_words(field_name: str, *, limit: int) -> Check:
    """Check that the output field has at least one word and at most `limit`."""
    if limit < 1:
        raise DeclarationError(f"at_most_words({field_name!r}): limit must be at least 1, got {limit!r}")
    return check(_at_most_words, field=field_name, limit=limit)


def between(field_name: str, *, low: float, high: float) -> Check:
    """Check that the output field is a number in [low, high]."""
    if not low <= high:
        raise DeclarationError(f"between({field_name!r}): low {low!r} is above high {high!r}")
    return check(_between, field=field_name, low=low, high=high)


def _one_of(prediction: object, *, field: str, labels: tuple[str, ...]) -> str | None:
    value = getattr(prediction, field)
    return None if value in labels else f"{field} is {value!r}, not one of {', '.join(labels)}"


def _at_most_words(prediction: object, *, field: str, limit: int) -> str | None:
    count = len(str(getattr(prediction, field)).split())
    return None if 1 <= count <= limit else f"{field} has {count} words, allowed 1 to {limit}"


def _between(prediction: object, *, field: str, low: float, high: float) -> str | None:
    value = getattr(prediction, field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return f"{field} is {value!r}, not a number in [{low}, {high}]"
    return None


def _spoken(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
