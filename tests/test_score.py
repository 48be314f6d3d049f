from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.errors import DeclarationError
from g6o_eval.score import Score, Scores, mean_by_group, to_score

SCORE = st.one_of(
    st.builds(Score, st.floats(0, 1), feedback=st.text(), broken=st.lists(st.text(), max_size=2).map(tuple)),
    st.builds(Score, error=st.text(min_size=1)),
)
SCORES = st.builds(
    Scores,
    st.dictionaries(st.text(), st.lists(SCORE, max_size=3).map(tuple), max_size=8),
    st.dictionaries(st.text(), st.text(), max_size=4),
)


def values(**by_key: float | None) -> Scores:
    return Scores({key: (Score(error="it raised") if v is None else Score(v),) for key, v in by_key.items()})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "a Score has a value or an error, got value=None, error=None"),
        ({"value": 1.0, "error": "x"}, "a Score has a value or an error, got value=1.0, error='x'"),
        ({"value": 1.5}, "a Score's value must lie in [0, 1], got 1.5"),
        ({"value": math.nan}, "a Score's value must lie in [0, 1], got nan"),
    ],
)
def test_a_score_is_a_value_in_range_or_an_error(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Score(**fields)

    assert str(refused.value) == message


@pytest.mark.parametrize(("result", "value"), [(True, 1.0), (False, 0.0), (0, 0.0), (1, 1.0), (0.25, 0.25)])
def test_numbers_in_range_and_bools_are_scores(result: object, value: float) -> None:
    assert to_score(result) == Score(value)


def test_a_score_stays_itself() -> None:
    score = Score(0.5, feedback="half")

    assert to_score(score) is score


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (math.nan, "the metric returned nan, which is outside [0, 1]"),
        (math.inf, "the metric returned inf, which is outside [0, 1]"),
        (-0.1, "the metric returned -0.1, which is outside [0, 1]"),
        (2, "the metric returned 2, which is outside [0, 1]"),
        (None, "the metric returned None; expected a float in [0, 1], a bool or a Score"),
        ("1.0", "the metric returned '1.0'; expected a float in [0, 1], a bool or a Score"),
    ],
)
def test_what_is_no_score_becomes_an_error_and_never_a_zero(result: object, error: str) -> None:
    assert to_score(result) == Score(error=error)


def test_errors_count_zero_in_the_mean_and_are_counted() -> None:
    scores = values(a=1.0, b=None)

    assert (scores.mean, scores.errors, len(scores)) == (0.5, 1, 2)


def test_a_key_without_any_score_is_an_error() -> None:
    scores = Scores({"a": (), "b": (Score(1.0),)})

    assert (scores.errors, scores.value("a"), scores.value("a", error_as=1.0)) == (1, 0.0, 1.0)


def test_repeats_are_averaged_within_the_example() -> None:
    scores = Scores({"a": (Score(1.0), Score(0.0), Score(error="it raised"))})

    assert scores.value("a") == pytest.approx(1 / 3)
    assert scores.value("a", error_as=1.0) == pytest.approx(2 / 3)
    assert scores.errors == 1


def test_examples_of_a_group_are_one_unit() -> None:
    scores = Scores(values(a=1.0, b=0.0, c=1.0).by_key, {"a": "session", "b": "session"})

    assert sorted(scores.units().values()) == [0.5, 1.0]
    assert scores.mean == 0.75


def test_a_group_is_never_taken_for_an_example_of_its_name() -> None:
    assert len(mean_by_group({"x": 1.0, "y": 0.0}, {"y": "x"})) == 2


def test_the_standard_error_is_that_of_the_group_means() -> None:
    assert values(a=0.0, b=1.0).stderr == pytest.approx(0.5)
    assert values(a=0.0).stderr is None


def test_without_examples_there_is_no_mean() -> None:
    scores = Scores({})

    assert (scores.mean, scores.stderr, scores.errors, len(scores)) == (None, None, 0, 0)


def test_keys_come_by_code_point() -> None:
    assert list(values(b=1.0, a=0.0, B=0.5)) == ["B", "a", "b"]


@given(SCORES, st.randoms(use_true_random=False))
def test_the_order_of_the_keys_does_not_move_a_bit(scores: Scores, rng: random.Random) -> None:
    keys = list(scores.by_key)
    rng.shuffle(keys)

    shuffled = Scores({key: scores.by_key[key] for key in keys}, scores.groups)

    assert (shuffled.mean, shuffled.stderr, shuffled.units()) == (scores.mean, scores.stderr, scores.units())


@given(SCORES)
def test_scores_survive_json(scores: Scores) -> None:
    read = Scores.from_json(json.loads(json.dumps(scores.to_json())))

    assert read.by_key == dict(scores.by_key)
    assert read.groups == {key: group for key, group in scores.groups.items() if key in scores.by_key}
    assert read.mean == scores.mean
