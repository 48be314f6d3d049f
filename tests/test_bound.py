from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g6o_eval.bound import detectable, examples_needed, lower_bound, p_value, saddle, tail, upper_bound

UNITS = st.lists(st.floats(0, 1), min_size=1, max_size=30)
ALPHAS = st.sampled_from([0.001, 0.01, 0.05, 0.2, 0.5])


def at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) for X ~ Binomial(n, p), by its definition."""
    return math.fsum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))


def distinct_tail(weights: list[Fraction]) -> float:
    """P(sum a_i E_i <= 0) for distinct non-zero weights, exactly, by partial fractions."""
    above = sum(
        (math.prod((a / (a - b) for b in weights if b != a), start=Fraction(1)) for a in weights if a > 0),
        start=Fraction(0),
    )
    return float(1 - above)


@settings(deadline=None)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))), ALPHAS)
def test_on_zeros_and_ones_the_lower_bound_is_clopper_pearson(counts: tuple[int, int], alpha: float) -> None:
    right, n = counts

    bound = lower_bound([1.0] * right + [0.0] * (n - right), lo=0.0, alpha=alpha)

    # An end is good to 1e-12, and the density of a Beta(k, n - k + 1), the slope of this tail, is at most n.
    assert at_least(right, n, bound) == pytest.approx(alpha, rel=1e-9, abs=n * 1e-12)


@pytest.mark.parametrize("n", [1, 2, 10, 149, 5000])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.5])
def test_when_all_are_right_the_bound_has_a_closed_form(n: int, alpha: float) -> None:
    assert lower_bound([1.0] * n, lo=0.0, alpha=alpha) == pytest.approx(alpha ** (1 / n), abs=1e-12)


def test_when_all_are_wrong_the_bound_is_the_lower_end() -> None:
    assert lower_bound([0.0] * 9, lo=0.0, alpha=0.05) == 0.0
    assert upper_bound([1.0] * 9, hi=1.0, alpha=0.05) == 1.0


def test_without_units_nothing_is_known() -> None:
    assert lower_bound([], lo=-1.0, alpha=0.05) == -1.0
    assert upper_bound([], hi=1.0, alpha=0.05) == 1.0


def test_the_tail_of_two_exponentials_is_a_ratio() -> None:
    assert tail([(3.0, 1), (-1.0, 1)]) == pytest.approx(0.25, abs=1e-13)
    assert tail([(1.0, 1), (-3.0, 1)]) == pytest.approx(0.75, abs=1e-13)


@pytest.mark.parametrize(("terms", "expected"), [([], 1.0), ([(0.0, 4)], 1.0), ([(0.5, 2)], 0.0), ([(-0.5, 2)], 1.0)])
def test_the_tail_of_one_sign_is_certain(terms: list[tuple[float, int]], expected: float) -> None:
    assert tail(terms) == expected


@settings(deadline=None)
@given(st.lists(st.integers(-40, 40).filter(bool), min_size=2, max_size=14, unique=True))
def test_the_tail_equals_exact_partial_fractions(numerators: list[int]) -> None:
    weights = [Fraction(a, 40) for a in numerators]

    found = tail([(float(a), 1) for a in weights])

    assert found == pytest.approx(distinct_tail(weights), abs=1e-12)


def test_the_tail_of_many_distinct_units_meets_its_mirror_image() -> None:
    """What overflows or cancels in the product over chunks would show here."""
    rng = random.Random(5)
    terms = [(rng.uniform(-1, 1.3) * 10 ** rng.uniform(-9, 0), 1) for _ in range(3000)]

    assert tail(terms) + tail([(-a, c) for a, c in terms]) == pytest.approx(1.0, abs=1e-13)


def test_the_saddle_point_keeps_away_from_the_pole_at_zero() -> None:
    balanced = [(1.0, 50), (-1.0, 50)]

    assert saddle(balanced) == pytest.approx(-0.05)


@settings(deadline=None)
@given(UNITS, ALPHAS)
def test_the_p_value_at_the_bound_is_alpha(units: list[float], alpha: float) -> None:
    bound = lower_bound(units, lo=0.0, alpha=alpha)

    if bound > 1e-9:
        assert p_value(units, bound, lo=0.0) == pytest.approx(alpha, rel=1e-6)


@settings(deadline=None)
@given(
    st.integers(1, 8),
    st.tuples(st.floats(0, 0.45), st.floats(0.55, 1)),
    st.floats(0.05, 0.95),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_a_true_mean_is_rejected_at_most_alpha_of_the_time(
    n: int, values: tuple[float, float], chance: float, alpha: float
) -> None:
    """Exact enumeration of a two-point law; the t rule and the bootstrap fail this by far."""
    low, high = values
    mean = (1 - chance) * low + chance * high

    rejected = math.fsum(
        math.comb(n, k) * chance**k * (1 - chance) ** (n - k)
        for k in range(n + 1)
        if p_value([high] * k + [low] * (n - k), mean, lo=0.0) <= alpha * (1 - 1e-9)
    )

    assert rejected <= alpha * (1 + 1e-9)


@settings(deadline=None)
@given(UNITS, st.randoms(use_true_random=False))
def test_the_order_of_the_units_does_not_move_a_bit(units: list[float], rng: random.Random) -> None:
    shuffled = units[:]
    rng.shuffle(shuffled)

    assert lower_bound(shuffled, lo=-1.0, alpha=0.05) == lower_bound(units, lo=-1.0, alpha=0.05)
    assert upper_bound(shuffled, hi=1.0, alpha=0.05) == upper_bound(units, hi=1.0, alpha=0.05)


def test_units_that_differ_in_the_last_bits_are_one_unit() -> None:
    assert lower_bound([0.1 + 0.2] * 5, lo=0.0, alpha=0.05) == lower_bound([0.3] * 5, lo=0.0, alpha=0.05)


@settings(deadline=None)
@given(UNITS, ALPHAS)
def test_the_ends_enclose_the_mean_and_stay_in_range(units: list[float], alpha: float) -> None:
    low, high = lower_bound(units, lo=0.0, alpha=alpha), upper_bound(units, hi=1.0, alpha=alpha)

    mean = math.fsum(units) / len(units)
    assert 0.0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1.0


@settings(deadline=None)
@given(UNITS, st.data())
def test_a_raised_unit_never_lowers_the_bound(units: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(units) - 1))
    raised = units[:]
    raised[place] = data.draw(st.floats(units[place], 1))

    assert lower_bound(raised, lo=0.0, alpha=0.05) >= lower_bound(units, lo=0.0, alpha=0.05) - 1e-10


@pytest.mark.parametrize(
    "units",
    [
        [1e-9, 1.0],
        [1.0 - 1e-11] * 3,
        [0.0] * 400 + [1.0],
        [0.0] + [1.0] * 400,
        [1e-12] * 2000,
        [(i % 97) / 97 for i in range(2000)],
    ],
)
@pytest.mark.parametrize("alpha", [1e-9, 0.05, 0.5])
def test_extreme_units_have_a_bound(units: list[float], alpha: float) -> None:
    bound = lower_bound(units, lo=0.0, alpha=alpha)

    assert 0.0 <= bound <= max(units)


@pytest.mark.parametrize(
    ("limit", "needed"),
    [
        (0.02, (149, 917, 1693, 3240, 4786)),
        (0.05, (59, 179, 305, 553, 801)),
        (0.10, (29, 57, 90, 153, 215)),
        (0.20, (14, 20, 29, 45, 61)),
    ],
)
def test_examples_needed_are_those_of_the_published_table(limit: float, needed: tuple[int, ...]) -> None:
    discordance = (0.0, 0.05, 0.10, 0.20, 0.30)

    assert tuple(examples_needed(limit, math.sqrt(d), alpha=0.05) for d in discordance) == needed


@given(st.floats(0.02, 0.3), st.floats(0, 0.6))
def test_what_is_detectable_at_the_needed_examples_is_the_limit(limit: float, spread: float) -> None:
    n = examples_needed(limit, spread, alpha=0.05)

    assert detectable(n, spread, alpha=0.05) <= limit + 1e-12
    assert n == 1 or detectable(n - 1, spread, alpha=0.05) > limit - 1e-12


def test_one_example_can_detect_nothing_beyond_the_range() -> None:
    assert detectable(1, 1.0, alpha=0.05) == 1.0
