"""The diagnosis eval: its metric moves with the prediction, and its rules share their numbers."""

from __future__ import annotations

from typing import Any

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.diagnosis import CATEGORIES
from g6o_eval.fleet.programs.diagnosis import (
    CONSTRAINTS,
    DIAGNOSIS,
    MAX_CONFIDENCE,
    MAX_EVIDENCE_WORDS,
    MIN_CONFIDENCE,
    DiagnosisMetric,
    quoted_share,
)
from g6o_eval.gate import judge
from g6o_eval.prompt.constrain import constrained
from g6o_eval.prompt.state import check_program
from g6o_eval.score import Scores


def example_of(**fields: object) -> Any:
    return dspy.Example(**fields)  # type: ignore[no-untyped-call]  # dspy is untyped


def answer_of(**fields: object) -> Any:
    return dspy.Prediction(**fields)  # type: ignore[no-untyped-call]  # dspy is untyped


EXAMPLE = example_of(
    tool_patterns="execute_command x5, 5 error\nsame call 5 times",
    last_messages="[assistant] Still red. Another attempt.",
    kill_reason="a person cancelled the running request",
    category="infinite_retry",
)
QUOTE = "same call 5 times"


def score(**answer: object) -> float:
    given_answer = {"category": "infinite_retry", "confidence": 0.9, "evidence": QUOTE, **answer}
    found = DiagnosisMetric()(EXAMPLE, answer_of(**given_answer))
    assert found.value is not None
    return found.value


def test_the_category_is_most_of_it_and_the_rest_is_graded() -> None:
    best, unquoted, unsure = score(), score(evidence="it just failed a lot"), score(confidence=0.5)
    wrong, sure_and_wrong = score(category="scope_creep", confidence=0.5), score(category="scope_creep")

    assert 0.99 < best <= 1
    assert best > unsure > unquoted > 0.8
    assert 0.1 > wrong > sure_and_wrong > 0


@given(confidence=st.floats(0, 1), evidence=st.text(), category=st.sampled_from(CATEGORIES))
def test_every_answer_scores_between_0_and_1(confidence: float, evidence: str, category: str) -> None:
    assert 0 <= score(confidence=confidence, evidence=evidence, category=category) <= 1


def test_a_constant_answer_gets_little_more_than_its_share() -> None:
    answer = answer_of(category="scope_creep", confidence=0.5, evidence="while I am here I also")
    scores = [
        DiagnosisMetric()(example_of(**{**EXAMPLE, "category": category}), answer).value for category in CATEGORIES
    ]

    assert sum(value or 0 for value in scores) / len(CATEGORIES) < 0.25


@pytest.mark.parametrize(
    ("confidence", "error"),
    [
        (float("nan"), "the confidence is nan, not in [0, 1]"),
        (float("inf"), "the confidence is inf, not in [0, 1]"),
        (7, "the confidence is 7, not in [0, 1]"),
        (-0.1, "the confidence is -0.1, not in [0, 1]"),
        (None, "the confidence is None, no number"),
        ("0.9", "the confidence is '0.9', no number"),
        (True, "the confidence is True, no number"),
    ],
)
def test_a_confidence_that_is_no_number_in_0_to_1_is_an_error_never_clamped(confidence: object, error: str) -> None:
    found = DiagnosisMetric()(EXAMPLE, answer_of(category="infinite_retry", confidence=confidence, evidence="x"))

    assert (found.value, found.error) == (None, error)


def test_a_right_answer_is_worth_its_category_however_unsure_it_is() -> None:
    """The predecessor scored a right answer by its own confidence: right at 0.1 was worth 0.1."""
    assert score(confidence=0.1) > 0.8
    assert score(confidence=1.0) - score(confidence=0.1) < 0.1
    assert score(category="scope_creep", confidence=1.0) < score(category="scope_creep", confidence=0.1) < 0.11


def test_an_lm_that_always_answers_one_category_fails_the_gate() -> None:
    """On any split with the five categories alike, however large, and against any baseline that is better."""
    answer = answer_of(category="scope_creep", confidence=0.5, evidence="while I am here I also")
    examples = {str(number): example_of(**{**EXAMPLE, "category": CATEGORIES[number % 5]}) for number in range(60)}
    scores = Scores({key: (DiagnosisMetric()(example, answer),) for key, example in examples.items()})

    verdict = judge(DIAGNOSIS.gate, scores, scores)

    assert verdict.outcome == "fail"


@pytest.mark.parametrize(
    ("evidence", "share"),
    [
        ("", 0.0),
        ("same call", 0.0),
        ("same call 5", 1.0),
        ("SAME  call 5 TIMES", 1.0),
        ("same call 5 apples", 0.5),
        ("times [assistant] still", 1.0),
        ("nothing of the kind", 0.0),
    ],
)
def test_evidence_counts_by_the_share_that_is_quoted(evidence: str, share: float) -> None:
    assert quoted_share(evidence, f"{EXAMPLE.tool_patterns}\n{EXAMPLE.last_messages}") == share


@pytest.mark.parametrize(
    ("answer", "feedback"),
    [
        ({}, "Right: infinite_retry. The evidence is quoted from the inputs."),
        (
            {"evidence": "same call 5 apples"},
            "Right: infinite_retry. 50% of the evidence is not quoted from the inputs.",
        ),
        (
            {"category": "scope_creep"},
            "Wrong: the category is infinite_retry, not scope_creep. Confidence 0.9 was too high.",
        ),
    ],
)
def test_the_feedback_says_what_to_change(answer: dict[str, object], feedback: str) -> None:
    prediction = answer_of(**{"category": "infinite_retry", "confidence": 0.9, "evidence": QUOTE, **answer})

    assert DiagnosisMetric()(EXAMPLE, prediction).feedback == feedback


def test_the_sentences_carry_the_numbers_of_their_checks() -> None:
    assert [constraint.clause for constraint in CONSTRAINTS] == [
        f"Quote at most {MAX_EVIDENCE_WORDS} words as evidence.",
        f"Give confidence as a number between {MIN_CONFIDENCE} and {MAX_CONFIDENCE}.",
    ]


LONG = "evidence has 31 words, allowed 1 to 30"
NONE = "evidence has 0 words, allowed 1 to 30"


@pytest.mark.parametrize(
    ("evidence", "confidence", "problems"),
    [
        ("w " * MAX_EVIDENCE_WORDS, MIN_CONFIDENCE, [None, None]),
        ("w " * (MAX_EVIDENCE_WORDS + 1), MAX_CONFIDENCE, [LONG, None]),
        ("w", 0.96, [None, "confidence is 0.96, not a number in [0.5, 0.95]"]),
        ("", "high", [NONE, "confidence is 'high', not a number in [0.5, 0.95]"]),
    ],
)
def test_a_broken_rule_is_named(evidence: str, confidence: object, problems: list[str | None]) -> None:
    prediction = answer_of(category="scope_creep", evidence=evidence, confidence=confidence)

    assert [constraint.check.problem(prediction) for constraint in CONSTRAINTS] == problems


def test_the_program_takes_exactly_the_inputs_and_no_label() -> None:
    check_program(DIAGNOSIS, constrained(DIAGNOSIS.program(), DIAGNOSIS.constraints))
