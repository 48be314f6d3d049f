from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.metric import exact
from g6o_eval.score import Score


def test_the_right_answer_scores_one() -> None:
    assert exact("label")({"label": "bug"}, SimpleNamespace(label="bug")) == Score(1.0, feedback="Correct.")


def test_the_wrong_answer_scores_zero_and_names_both() -> None:
    assert exact("label")({"label": "bug"}, SimpleNamespace(label="praise")) == Score(
        0.0, feedback="Wrong: label is 'praise', the answer is 'bug'."
    )


def test_the_field_may_have_another_name_than_the_label() -> None:
    metric = exact("truth", field="category")

    assert metric({"truth": "x"}, SimpleNamespace(category="x")).value == 1.0
    assert metric.labels == ("truth",)


@given(st.text(), st.text())
def test_the_metric_moves_when_the_prediction_moves(label: str, answer: str) -> None:
    assert exact("label")({"label": label}, SimpleNamespace(label=answer)).value == float(label == answer)


def test_a_prediction_without_the_field_is_an_error_not_a_zero() -> None:
    with pytest.raises(AttributeError):
        exact("label")({"label": "bug"}, SimpleNamespace())


def test_the_right_answer_is_told_under_the_output_fields_name() -> None:
    assert exact("label").answer({"label": "billing"}) == {"label": "billing"}
    assert exact("label", field="topic").answer({"label": "billing"}) == {"topic": "billing"}
