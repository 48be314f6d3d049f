"""Score: what a metric said of one prediction. Scores: what it said of a whole split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from g6o_eval.errors import DeclarationError


@dataclass(frozen=True, slots=True)
class Score:
    """A value in [0, 1], or the error that kept it from being one; never both, never neither.

    Attributes:
        value: in [0, 1], higher is better.
        error: type and message of what went wrong, for a person.
        feedback: what the metric has to say about the prediction; optimizers read it.
        broken: the names of the Assert constraints that the prediction broke.
    """

    value: float | None = None
    error: str | None = None
    feedback: str = ""
    broken: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is None) == (self.error is None):
            raise DeclarationError(f"a Score has a value or an error, got value={self.value!r}, error={self.error!r}")
        if self.value is not None and not (math.isfinite(self.value) and 0 <= self.value <= 1):
            raise DeclarationError(f"a Score's value must lie in [0, 1], got {self.value!r}")


def to_score(result: object) -> Score:
    """Turn what a metric returned into a Score.

    A bool counts as 0 or 1. NaN, infinities, numbers outside [0, 1], None and everything that is
    no number become errors: they are not scores, and never a 0.
    """
    if isinstance(result, Score):
        return result
    if isinstance(result, int | float):  # bool is an int
        value = float(result)
        if 0 <= value <= 1:
            return Score(value)
        return Score(error=f"the metric returned {result!r}, which is outside [0, 1]")
    return Score(error=f"the metric returned {result!r}; expected a float in [0, 1], a bool or a Score")


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores of one program on one split.

    Attributes:
        by_key: example key → one Score per repeat. A key that was wanted but never scored
            stands here with no Score: it counts as an error.
        groups: example key → its group, the independent unit. A key not named is its own group.
    """

    by_key: Mapping[str, tuple[Score, ...]]
    groups: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self.by_key)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys by code point, whatever order they came in."""
        return iter(sorted(self.by_key))

    @property
    def errors(self) -> int:
        """Number of examples with at least one repeat that has no value."""
        return sum(self._broken(key) for key in self.by_key)

    def _broken(self, key: str) -> bool:
        scores = self.by_key[key]
        return not scores or any(score.value is None for score in scores)

    def value(self, key: str, *, error_as: float = 0.0) -> float:
        """Return the mean over an example's repeats, in [0, 1], a failed repeat counting `error_as`."""
        values = [error_as if score.value is None else score.value for score in self.by_key[key]]
        return math.fsum(values) / len(values) if values else error_as

    def units(self, *, error_as: float = 0.0) -> dict[str, float]:
        """Return group → mean over its examples, each the mean over its repeats; in [0, 1]."""
        return mean_by_group({key: self.value(key, error_as=error_as) for key in self}, self.groups)

    @property
    def mean(self) -> float | None:
        """Mean over the groups, errors counting 0; in [0, 1]. None: there is no example."""
        units = self.units()
        return math.fsum(sorted(units.values())) / len(units) if units else None

    @property
    def stderr(self) -> float | None:
        """Standard error of the mean over the groups; None below two. The gate does not use it."""
        values = sorted(self.units().values())
        if len(values) < 2:
            return None
        mean = math.fsum(values) / len(values)
        variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
        return math.sqrt(variance / len(values))

    def to_json(self) -> dict[str, Any]:
        """Return {"by_key": {key: [[value, error, feedback, [broken …]] …]}, "groups": {…}}."""
        return {
            "by_key": {key: [[s.value, s.error, s.feedback, list(s.broken)] for s in self.by_key[key]] for key in self},
            "groups": {key: self.groups[key] for key in self if key in self.groups},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scores:
        """Return the Scores that `to_json` wrote."""
        return cls(
            {
                key: tuple(Score(value, error, feedback, tuple(broken)) for value, error, feedback, broken in rows)
                for key, rows in data["by_key"].items()
            },
            dict(data["groups"]),
        )


def mean_by_group(values: Mapping[str, float], groups: Mapping[str, str]) -> dict[str, float]:
    """Average the values of the examples of each group.

    Examples without a group stand for themselves, under a name that no group can have.
    """
    found: dict[str, list[float]] = {}
    for key in sorted(values):
        name = "group\0" + groups[key] if key in groups else "example\0" + key
        found.setdefault(name, []).append(values[key])
    return {name: math.fsum(sorted(members)) / len(members) for name, members in found.items()}
