"""Figures of agreement, against worked examples and against what they must not be blind to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.agreement import auc, brier, confusion_of, reliability, spearman

CLASSES = ("a", "b", "c")


def test_accuracy_and_macro_f1_of_a_worked_example() -> None:
    found = confusion_of([("a", "a"), ("a", "a"), ("a", "b"), ("b", "b"), ("b", "a"), ("c", "b")], CLASSES)

    assert (found.n, found.accuracy) == (6, 0.5)
    assert found.figures("a").precision == found.figures("a").recall == found.figures("a").f1 == pytest.approx(2 / 3)
    assert found.figures("b").f1 == pytest.approx(0.4)
    assert found.figures("b").support == 2
    assert (found.figures("c").precision, found.figures("c").recall, found.figures("c").f1) == (None, 0.0, 0.0)
    assert found.macro_f1 == pytest.approx((2 / 3 + 0.4 + 0) / 3)


def test_one_answer_for_everything_has_a_low_macro_f1_however_common_it_is() -> None:
    found = confusion_of([("a", "a")] * 98 + [("b", "a"), ("c", "a")], CLASSES)

    assert found.accuracy == 0.98
    assert found.macro_f1 < 0.34


def test_a_word_that_is_no_class_is_counted_as_wrong_and_shown() -> None:
    found = confusion_of([("a", "banana"), ("b", "b")], CLASSES)

    assert (found.accuracy, found.columns()) == (0.5, ("a", "b", "c", "banana"))


def test_brier_punishes_being_sure_and_wrong() -> None:
    assert brier([(1.0, True), (0.0, False)]) == 0
    assert brier([(1.0, False)]) == 1
    assert brier([(0.5, True), (0.5, False)]) == 0.25
    assert brier([]) is None


def test_reliability_shows_each_bin_with_its_count() -> None:
    found = reliability([(0.0, False), (0.19, True), (0.9, True), (1.0, False)])

    assert [row.n for row in found] == [2, 0, 0, 0, 2]
    assert found[0].confidence == pytest.approx(0.095)
    assert found[0].right == 0.5
    assert (found[1].confidence, found[1].right) == (None, None)
    assert (found[4].low, found[4].high, found[4].confidence, found[4].right) == (0.8, 1.0, 0.95, 0.5)


@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([(0.9, True), (0.1, False)], 1.0),
        ([(0.1, True), (0.9, False)], 0.0),
        ([(0.5, True), (0.5, False)], 0.5),
        ([(0.9, True), (0.5, True), (0.5, False), (0.1, False)], 0.875),
        ([(0.9, True)], None),
        ([], None),
    ],
)
def test_auc_of_worked_examples(pairs: list[tuple[float, bool]], value: float | None) -> None:
    assert auc(pairs) == value


def test_spearman_of_worked_examples() -> None:
    assert spearman([(1, 10), (2, 20), (3, 15)]) == pytest.approx(0.5)
    assert spearman([(1, 1), (2, 2), (3, 3)]) == pytest.approx(1)
    assert spearman([(1, 5), (2, 5)]) is None
    assert spearman([]) is None


PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


@given(pairs=PAIRS)
def test_auc_only_knows_order(pairs: list[tuple[float, bool]]) -> None:
    values = sorted({value for value, _ in pairs})
    ranked = [(float(values.index(value)), truth) for value, truth in pairs]

    assert auc(pairs) == auc(ranked)
    turned = auc([(-value, truth) for value, truth in ranked])
    assert turned is None or math.isclose(turned, 1 - (auc(pairs) or 0), abs_tol=1e-12)
