"""How far predicted labels and numbers agree with the truth. Arithmetic only; every figure carries its n."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

BINS = 5
"""Bins of equal width that a reliability table has."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How one class was found.

    Attributes:
        precision: of those called so, the share that are; None when none was called so.
        recall: of those that are, the share called so; None when there is none.
        f1: 2 · right / (called + support), in [0, 1].
        support: how many there are.
    """

    precision: float | None
    recall: float | None
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of (truth, predicted). A prediction that is no class stands under its own word.

    Attributes:
        counts: (truth, predicted) → how many.
        classes: of the truth, in the order of the tables.
    """

    counts: Mapping[tuple[str, str], int]
    classes: tuple[str, ...]

    @property
    def n(self) -> int:
        """How many were compared."""
        return sum(self.counts.values())

    @property
    def accuracy(self) -> float:
        """Share of right ones, in [0, 1]; n must be above 0."""
        return sum(self.counts.get((each, each), 0) for each in self.classes) / self.n

    @property
    def macro_f1(self) -> float:
        """Mean of the classes' F1, in [0, 1], over the classes that occur in the truth."""
        found = [each.f1 for each in map(self.figures, self.classes) if each.support]
        return math.fsum(found) / len(found)

    def figures(self, name: str) -> ClassFigures:
        """Return how one class was found."""
        right = self.counts.get((name, name), 0)
        support = sum(count for (truth, _), count in self.counts.items() if truth == name)
        called = sum(count for (_, said), count in self.counts.items() if said == name)
        return ClassFigures(
            precision=right / called if called else None,
            recall=right / support if support else None,
            f1=2 * right / (called + support) if called + support else 0.0,
            support=support,
        )

    def columns(self) -> tuple[str, ...]:
        """Return the classes, then every other word that was predicted."""
        return (*self.classes, *sorted({said for _, said in self.counts} - set(self.classes)))


def confusion_of(pairs: Iterable[tuple[str, str]], classes: Sequence[str]) -> Confusion:
    """Count (truth, predicted) pairs."""
    return Confusion(Counter(pairs), tuple(classes))


def brier(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """Return the mean of (confidence − right)², in [0, 1], lower is better; None without pairs.

    Of the answer that was given, not of all classes. Source: Brier, Monthly Weather Review 78 (1950).
    """
    return math.fsum((confidence - right) ** 2 for confidence, right in pairs) / len(pairs) if pairs else None


@dataclass(frozen=True, slots=True)
class Bin:
    """One row of a reliability table: confidences in [low, high), the last one with high.

    Attributes:
        low: lower end.
        high: upper end.
        n: how many confidences fall in it.
        confidence: their mean; None without one.
        right: the share of them that was right; None without one.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    right: float | None


def reliability(pairs: Sequence[tuple[float, bool]], *, bins: int = BINS) -> list[Bin]:
    """Return, for each bin of confidence, how sure and how right the answers in it were."""
    found: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for confidence, right in pairs:
        found[min(bins - 1, int(confidence * bins))].append((confidence, right))
    return [
        Bin(
            place / bins,
            (place + 1) / bins,
            len(each),
            math.fsum(confidence for confidence, _ in each) / len(each) if each else None,
            sum(right for _, right in each) / len(each) if each else None,
        )
        for place, each in enumerate(found)
    ]


def auc(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """Return the chance that a value of a true one lies above that of a false one, ties counting half.

    In [0, 1]; 0.5 says nothing. None when one of the two kinds is missing. It is the Mann–Whitney U
    over both counts.
    """
    positives = sum(truth for _, truth in pairs)
    negatives = len(pairs) - positives
    if not positives or not negatives:
        return None
    ranks = _ranks([value for value, _ in pairs])
    total = math.fsum(rank for rank, (_, truth) in zip(ranks, pairs, strict=True) if truth)
    return (total - positives * (positives + 1) / 2) / (positives * negatives)


def spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return the rank correlation of two series, in [−1, 1]; None when one of them is constant or empty."""
    if len(pairs) < 2:
        return None
    first, second = _ranks([one for one, _ in pairs]), _ranks([two for _, two in pairs])
    middle = (len(pairs) + 1) / 2
    covariance = math.fsum((a - middle) * (b - middle) for a, b in zip(first, second, strict=True))
    spread = math.fsum((a - middle) ** 2 for a in first) * math.fsum((b - middle) ** 2 for b in second)
    return max(-1.0, min(1.0, covariance / math.sqrt(spread))) if spread else None


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value from 1, ties sharing their mean rank."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            ranks[place] = (start + end) / 2 + 1
        start = end + 1
    return ranks
