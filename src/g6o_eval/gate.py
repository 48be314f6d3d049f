"""Gate: what a candidate must reach. Verdict: whether it did. `judge` is the one rule between them.

Source of the rule and of its numbers: docs/decisions/gate.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from g6o_eval.bound import equal_pairs_needed, lower_bound, upper_bound
from g6o_eval.claim import Finding, Interval, Outcome, claim_drop, claim_mean, worst
from g6o_eval.errors import DataError, DeclarationError
from g6o_eval.score import Scores, mean_by_group

__all__ = ["Gate", "Interval", "Outcome", "Verdict", "judge", "too_few"]


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
        baseline_mean: of the baseline, its errors counting 1; None without one.
        difference: candidate − baseline, positive when better; None without a baseline.
        difference_interval: of the true difference; None without a baseline.
        fixed: keys of the examples on which the candidate scored higher than the baseline, sorted.
        broke: keys of those on which it scored lower, an error of the candidate counting 0. An
            error of the baseline alone neither fixes nor breaks an example.
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


def judge(
    gate: Gate, scores: Scores, baseline: Scores | None, *, failed_items: int = 0, same_program: bool = False
) -> Verdict:
    """Apply a gate to the scores of a candidate and of the baseline on the same examples.

    Groups are the units, repeats are averaged within the example, and the order of the examples
    changes nothing. An example without a score on a side is an error of that side: the candidate's
    counts 0 in lower ends and 1 in upper ends, the baseline's the reverse. Fail beats inconclusive
    beats pass. One failed item fails. `same_program` says that the candidate is the baseline, which
    was not run and is not looked at: the difference is 0 by identity.

    Raises:
        DataError: the two sides put one example into different groups.
    """
    scores, other = _paired(scores, None if same_program else baseline)
    low, high = scores.units(), scores.units(error_as=1.0)
    interval = _interval(low.values(), high.values(), lo=0.0, alpha=gate.alpha)
    drop = _same(scores) if same_program else _no_drop() if other is None else _drop(gate, scores, other)
    found = [*_item_findings(gate, scores, n=len(low), failed_items=failed_items)]
    if low and gate.min_mean is not None:
        found.append(claim_mean(gate.min_mean, interval))
    if low and gate.max_drop is not None:
        found.extend(drop.findings)
    outcome = worst(found)
    return Verdict(
        outcome=outcome,
        reasons=tuple(sentence for what, sentence in found if what == outcome),
        n=len(low),
        errors=scores.errors,
        mean=scores.mean,
        mean_interval=interval,
        baseline_mean=drop.baseline_mean,
        difference=drop.difference,
        difference_interval=drop.interval,
        fixed=drop.fixed,
        broke=drop.broke,
    )


def too_few(gate: Gate, n: int) -> str | None:
    """Return why n units cannot pass this gate whatever an equal candidate does, or None.

    For collection, before a call is paid; the caller names the eval before the sentence.
    """
    problems = []
    if n < gate.min_examples:
        problems.append(f"{n} examples are fewer than min_examples {gate.min_examples}")
    if gate.max_drop is not None and n < (needed := equal_pairs_needed(gate.max_drop, alpha=gate.alpha)):
        problems.append(
            f"{n} examples cannot confirm max_drop {gate.max_drop:g} for an equal prompt ({needed:,} at the very least)"
        )
    if gate.min_mean == 1:
        problems.append("no number of examples can confirm min_mean 1")
    elif gate.min_mean is not None and n < (needed := equal_pairs_needed(1 - gate.min_mean, alpha=gate.alpha)):
        problems.append(
            f"{n} examples cannot confirm min_mean {gate.min_mean:g} with every score at 1 "
            f"({needed:,} at the very least)"
        )
    return "; ".join(problems) or None


@dataclass(frozen=True, slots=True)
class _Drop:
    """How the candidate stands to the baseline; nothing but the findings when there is none."""

    findings: tuple[Finding, ...]
    baseline_mean: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    fixed: tuple[str, ...] = ()
    broke: tuple[str, ...] = ()


def _paired(scores: Scores, baseline: Scores | None) -> tuple[Scores, Scores | None]:
    """Give both sides every key of either: a key that a side misses has no Score there, an error."""
    if baseline is None:
        return scores, None
    for key in scores.groups.keys() & baseline.groups.keys():
        if scores.groups[key] != baseline.groups[key]:
            raise DataError(
                f"example {key!r} is in group {scores.groups[key]!r} in the candidate's scores and in "
                f"{baseline.groups[key]!r} in the baseline's: both must be scored on one read of the dataset"
            )
    groups = {**scores.groups, **baseline.groups}
    keys = scores.by_key.keys() | baseline.by_key.keys()
    return (
        Scores({key: scores.by_key.get(key, ()) for key in keys}, groups),
        Scores({key: baseline.by_key.get(key, ()) for key in keys}, groups),
    )


def _interval(low: Iterable[float], high: Iterable[float], *, lo: float, alpha: float) -> Interval:
    """Bound the mean of units in [lo, 1]: from below with errors at their worst, from above at their best."""
    return lower_bound(list(low), lo=lo, alpha=alpha), upper_bound(list(high), hi=1.0, alpha=alpha)


def _item_findings(gate: Gate, scores: Scores, *, n: int, failed_items: int) -> Iterator[Finding]:
    if failed_items:
        yield "fail", f"{failed_items} {'item' if failed_items == 1 else 'items'} failed"
    if n == 0:
        yield "inconclusive", "no examples"
    elif n < gate.min_examples:
        yield "inconclusive", f"{n} independent examples, at least {gate.min_examples} needed"
    if scores.errors > gate.max_errors:
        yield "fail", f"{_errors(scores)}, limit {gate.max_errors}"


def _errors(scores: Scores) -> str:
    return f"{scores.errors} {'error' if scores.errors == 1 else 'errors'}"


def _same(scores: Scores) -> _Drop:
    return _Drop((("pass", "unchanged: the candidate is the baseline"),), scores.mean, 0.0, (0.0, 0.0))


def _no_drop() -> _Drop:
    return _Drop((("inconclusive", "no baseline: a drop cannot be judged"),))


def _drop(gate: Gate, scores: Scores, baseline: Scores) -> _Drop:
    low, high = _differences(scores, baseline, error_as=0.0), _differences(scores, baseline, error_as=1.0)
    if not low:
        return _Drop(())
    interval = _interval(low, high, lo=-1.0, alpha=gate.alpha)
    findings: list[Finding] = []
    if baseline.errors > gate.max_errors:
        findings.append(
            ("inconclusive", f"the baseline has {_errors(baseline)}, limit {gate.max_errors}: run it again")
        )
    if gate.max_drop is not None:
        findings.append(claim_drop(gate.max_drop, interval, units=low, alpha=gate.alpha))
    units = baseline.units(error_as=1.0).values()
    return _Drop(
        tuple(findings),
        math.fsum(units) / len(units),
        math.fsum(low) / len(low),
        interval,
        fixed=tuple(key for key in scores if scores.value(key) > baseline.value(key, error_as=1.0)),
        broke=tuple(key for key in scores if scores.value(key) < baseline.value(key)),
    )


def _differences(scores: Scores, baseline: Scores, *, error_as: float) -> list[float]:
    """Return candidate − baseline per unit; an error of the candidate counts so, of the baseline the reverse."""
    return sorted(
        mean_by_group(
            {key: scores.value(key, error_as=error_as) - baseline.value(key, error_as=1 - error_as) for key in scores},
            scores.groups,
        ).values()
    )
