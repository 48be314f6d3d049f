"""Gate: what a candidate must reach. Verdict: whether it did. `judge` is the one rule between them.

Source of the rule and of its numbers: docs/decisions/gate.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from g6o_eval.errors import DeclarationError

Outcome = Literal["pass", "fail", "inconclusive"]
Interval = tuple[float, float]
"""A lower and an upper end, each of them exact at one-sided level alpha."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What may replace the live prompt.

    Attributes:
        min_mean: the true mean must be at least this, in (0, 1]; None: not claimed.
        max_drop: the true mean may lie at most this far below the baseline's, in (0, 1);
            None: not claimed. It has no default: 0.02 needs 149 equal examples, 0.05 needs 59,
            0.10 needs 29.
        alpha: one-sided error of each claim, of passing as of failing.
        min_examples: fewest independent units (groups) for a pass.
        max_errors: examples without a score that are tolerated; within it they count as the worst.
    """

    min_mean: float | None = None
    max_drop: float | None = None
    alpha: float = 0.05
    min_examples: int = 20
    max_errors: int = 0

    def __post_init__(self) -> None:
        if self.min_mean is None and self.max_drop is None:
            raise DeclarationError("a Gate needs min_mean or max_drop, or every candidate would pass")
        if self.min_mean is not None and not 0 < self.min_mean <= 1:
            raise DeclarationError(f"Gate: min_mean must lie in (0, 1], got {self.min_mean!r}")
        if self.max_drop is not None and not 0 < self.max_drop < 1:
            raise DeclarationError(f"Gate: max_drop must lie in (0, 1), got {self.max_drop!r}")
        if not 0 < self.alpha <= 0.5:
            raise DeclarationError(f"Gate: alpha must lie in (0, 0.5], got {self.alpha!r}")
        if self.min_examples < 1 or self.max_errors < 0:
            raise DeclarationError(
                f"Gate: min_examples must be at least 1 and max_errors at least 0, "
                f"got {self.min_examples!r} and {self.max_errors!r}"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Gate:
        """Return the Gate that `to_json` wrote."""
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a candidate reached its gate, and the figures that say so.

    Attributes:
        outcome: pass, fail, or inconclusive, which is not a pass.
        reasons: sentences of the winning outcome, never empty.
        n: independent units judged (groups, not examples).
        errors: examples of the candidate without a score.
        mean: of the candidate over the units, errors counting 0; None without examples.
        mean_interval: of the true mean.
        baseline_mean: of the baseline, None without one.
        difference: candidate − baseline, positive when better; None without a baseline.
        difference_interval: of the true difference; None without a baseline.
        fixed: keys of the examples on which the candidate scored higher than the baseline.
        broke: keys of those on which it scored lower.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    n: int
    errors: int
    mean: float | None
    mean_interval: Interval
    baseline_mean: float | None = None
    difference: float | None = None
    difference_interval: Interval | None = None
    fixed: tuple[str, ...] = ()
    broke: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """Return the Verdict that `to_json` wrote."""
        tuples = {
            name: None if data[name] is None else tuple(data[name])
            for name in ("reasons", "mean_interval", "difference_interval", "fixed", "broke")
        }
        return cls(**{**data, **tuples})
