"""Gaffke's bound on a true mean: exact at every n, for every distribution of units in a known range.

Apart from gate.py because it is arithmetic and nothing else: no randomness, no numpy, and the same
floats for the same units in any order. Why this bound and no other: docs/decisions/gate.md.

Units x_1 … x_n lie in [lo, hi]. With E_0 … E_n independent Exp(1) variables,

    p(t) = P( sum (x_i - t) E_i + (lo - t) E_0 <= 0 )

is a p-value for "the true mean is at most t": the Bayesian bootstrap of the units and one unseen
worst unit. The lower bound L solves p(L) = alpha; on 0/1 units it is the Clopper-Pearson bound.
"""

from __future__ import annotations

import cmath
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import NormalDist

POWER = 0.8
"""Chance to pass that `examples_needed` and `detectable` plan for, when both programs are equal."""

_DIGITS = 12
"""Units are rounded to this many digits, so that 0.1 + 0.2 and 0.3 are one unit."""
_STEP = 1 / 12
"""Of the trapezoid rule in `tail`; its error is below 1e-13 (tests/test_bound.py)."""
_CHUNK = 16
"""Factors multiplied before a logarithm is taken: fast, and far from overflow."""
_SECANT_STEPS = 40
"""After so many steps the search only halves its bracket, which always ends."""

_NORMAL = NormalDist()

Term = tuple[float, int]
"""(a, c): the summand a * G with G ~ Gamma(c, 1), the sum of c Exp(1) variables."""


def tail(terms: Sequence[Term]) -> float:
    """Return P(sum of a * Gamma(c, 1) over the terms <= 0), to about 1e-14 of the smaller side.

    The sum's cumulant function is K(s) = -sum c log(1 - a s); the probability is the integral of
    exp(K(s)) / -s over a path from below to above that crosses the real axis at some s0 < 0 right of
    the first pole. All poles are real, so the path may be bent; through the saddle point and bent
    along the steepest descent the trapezoid rule converges with a few dozen points.
    """
    terms = [(a, c) for a, c in terms if a]
    if all(a > 0 for a, _ in terms):
        return 0.0 if terms else 1.0
    if all(a < 0 for a, _ in terms):
        return 1.0
    if math.fsum(a * c for a, c in terms) < 0:  # the smaller side is computed: no cancellation
        return 1.0 - tail([(-a, c) for a, c in terms])
    return min(1.0, max(0.0, _integral(terms, saddle(terms))))


def _integral(terms: Sequence[Term], start: float) -> float:
    slopes = [(a / (1 - a * start), c) for a, c in terms]
    width = math.sqrt(math.fsum(c * slope**2 for slope, c in slopes))
    bend = max(-0.75, min(0.75, -2 / 3 * math.fsum(c * slope**3 for slope, c in slopes) / width**3))
    chunks = list(_chunks(terms))
    total, point = 0.0, 0
    while True:
        sinh, cosh = math.sinh(point * _STEP), math.cosh(point * _STEP)
        s = start + complex(-bend * (cosh - 1), sinh) / width
        value = cmath.exp(_cumulant(chunks, s)) / s * complex(-bend * sinh, cosh)
        total += value.imag if point else value.imag / 2
        if point > 4 and abs(value) <= 1e-17 * abs(total):
            return -total / width * _STEP / math.pi
        point += 1


def saddle(terms: Sequence[Term]) -> float:
    """Return the root s < 0 of K'(s), at least half a standard unit away from the pole at 0.

    K' rises from minus infinity at its first pole to K'(0) >= 0, so Newton steps kept inside a
    shrinking bracket find it. Terms of both signs are needed, with sum a * c >= 0.
    """
    nearest = -0.5 / math.sqrt(math.fsum(c * a * a for a, c in terms))
    left, right, s = 1 / min(a for a, _ in terms), 0.0, nearest
    while True:
        slopes = [(a / (1 - a * s), c) for a, c in terms]
        first = math.fsum(c * slope for slope, c in slopes)
        left, right = (left, s) if first > 0 else (s, right)
        newton = s - first / math.fsum(c * slope * slope for slope, c in slopes)
        following = newton if left < newton < right else (left + right) / 2
        if abs(following - s) <= 1e-9 * abs(s):
            return min(s, nearest)
        s = following


def _chunks(terms: Sequence[Term]) -> Iterator[tuple[list[float], int]]:
    """Yield (factors, power): single factors in chunks, repeated ones alone."""
    single = [a for a, c in terms if c == 1]
    for start in range(0, len(single), _CHUNK):
        yield single[start : start + _CHUNK], 1
    for a, c in terms:
        if c > 1:
            yield [a], c


def _cumulant(chunks: Sequence[tuple[list[float], int]], s: complex) -> complex:
    """Return K(s) up to a multiple of 2 pi i, which its exponential does not see."""
    total = 0j
    for factors, power in chunks:
        product = 1 + 0j
        for a in factors:
            product *= 1 - a * s
        total -= power * cmath.log(product)
    return total


def p_value(values: Sequence[float], t: float, *, lo: float) -> float:
    """Return the p-value of "the true mean is at most t", for values that are at least lo."""
    return _p_value(_counted(values), t, lo)


def _p_value(counts: Sequence[Term], t: float, lo: float) -> float:
    return tail([*((x - t, c) for x, c in counts), (lo - t, 1)])


def _counted(values: Sequence[float]) -> list[Term]:
    """Return value → how often, sorted: from here on the order of the examples is forgotten."""
    return sorted(Counter(round(value, _DIGITS) for value in values).items())


def lower_bound(values: Sequence[float], *, lo: float, alpha: float) -> float:
    """Return the t whose p-value is alpha, to 1e-12: the true mean is at least t, at level 1 - alpha.

    Secant steps on the normal scale, where p is nearly a straight line, inside a shrinking bracket.
    Without values nothing is known, and the bound is lo.
    """
    counts = _counted(values)
    left, right = lo, counts[-1][0] if counts else lo
    if right <= lo:
        return lo
    goal = _NORMAL.inv_cdf(alpha)
    t, before, step = _first_guess(counts, lo, goal), (lo, -math.inf), 0
    while True:
        if not left < t < right or step > _SECANT_STEPS:
            t = (left + right) / 2
        found = _NORMAL.inv_cdf(min(max(_p_value(counts, t, lo), 1e-300), 1 - 1e-16)) - goal
        left, right = (t, right) if found <= 0 else (left, t)
        slope = (found - before[1]) / (t - before[0])
        following = t - found / slope if 0 < slope < math.inf else (left + right) / 2
        if abs(found) < 1e-13 or right - left < 1e-14 or abs(following - t) < 1e-14:
            return t
        before, t, step = (t, found), following, step + 1


def _first_guess(counts: Sequence[Term], lo: float, goal: float) -> float:
    """Return the normal approximation of the bound, one worst unit added."""
    n = sum(c for _, c in counts)
    mean = math.fsum(c * x for x, c in counts) / n
    return mean + goal * math.sqrt(math.fsum(c * (x - mean) ** 2 for x, c in counts)) / n - (mean - lo) / n


def upper_bound(values: Sequence[float], *, hi: float, alpha: float) -> float:
    """Return the mirror image of `lower_bound`: the true mean is at most this, at level 1 - alpha."""
    return -lower_bound([-value for value in values], lo=-hi, alpha=alpha)


def equal_pairs_needed(limit: float, *, alpha: float) -> int:
    """Return the n from which pairs without any difference confirm max_drop = limit."""
    return math.ceil(math.log(alpha) / math.log1p(-limit))


def examples_needed(limit: float, spread: float, *, alpha: float) -> int:
    """Return the n at which an equal candidate passes max_drop = limit with probability POWER.

    `spread` is the root mean square of the units' differences. Solves limit = z spread / sqrt(n) +
    1.5 / n; lies within -20 % and +10 % of the exact n (docs/decisions/gate.md).
    """
    z = _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(POWER)
    root = (z * spread + math.sqrt((z * spread) ** 2 + 6 * limit)) / (2 * limit)
    return max(math.ceil(root * root), equal_pairs_needed(limit, alpha=alpha))


def detectable(n: int, spread: float, *, alpha: float) -> float:
    """Return the smallest max_drop that an equal candidate passes at n: `examples_needed`, inverted."""
    z = _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(POWER)
    return min(1.0, max(z * spread / math.sqrt(n) + 1.5 / n, -math.expm1(math.log(alpha) / n)))
