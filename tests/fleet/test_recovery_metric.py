"""The recovery metric: it looks at the plan, and lets nobody off who only sounds right."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from typing import Any

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.diagnosis import CATEGORIES, DiagnosisCategory
from g6o_eval.fleet.programs.recovery import CONSTRAINTS, RECOVERIES
from g6o_eval.fleet.programs.recovery_guide import PARTS, facts_of, worked_plan
from g6o_eval.fleet.programs.recovery_metric import MAX_STEPS, MAX_WORDS, RecoveryMetric, uses
from g6o_eval.lm.roles import JUDGE
from g6o_eval.store.examples import Splits, read_examples
from g6o_eval.store.port import Store
from g6o_eval.testing import ScriptedEngine, gold_beats_constants, metric_moves, scripted_lm

ID = "550e8400-e29b-41d4-a716-446655440000"
FACTS = {
    "summary": "it kept failing",
    "suggested_action": "put the error into the prompt",
    "tool_activity": "execute_command: 5 calls (5 errors)",
    "failing_tool": "execute_command",
    "last_error": "TypeError: missing 1 required positional argument",
    "retry_count": 5,
    "task": "Fix the retry of billing. Ticket 77.",
    "repeated": "execute_command pytest -q tests/billing",
    "files": "src/billing/retry.py\nsrc/billing/parser.py",
    "limits": "100,000 tokens, $0.10, 30 s",
    "kill_reason": "a person cancelled the running request",
}
METRIC = RecoveryMetric("infinite_retry")
GOOD = worked_plan("infinite_retry", FACTS)
BANANA = {"first_steps": ["banana"], "will_not_repeat": ["banana"], "within_limits": ["banana"], "stops_when": "banana"}
WELL_WRITTEN = {
    "first_steps": [
        "Begin by looking for the root cause of the problem with fresh eyes.",
        "Apply a different fix, thoughtfully and with great care.",
        "Verify the outcome thoroughly and commit it.",
    ],
    "will_not_repeat": ["We shall never repeat the mistakes of the past."],
    "within_limits": ["We keep well within all limits."],
    "stops_when": "The work is verified and committed.",
}
PARROT = {
    "first_steps": [str(FACTS[name]) for name in ("task", "last_error", "files")],
    "will_not_repeat": [str(FACTS[name]) for name in ("failing_tool", "repeated", "kill_reason")],
    "within_limits": [str(FACTS["limits"])],
    "stops_when": str(FACTS["summary"]),
}


def example_of(**facts: Any) -> Any:
    return dspy.Example(**{**FACTS, **facts})  # type: ignore[no-untyped-call]  # dspy is untyped


def answer_of(**parts: Any) -> Any:
    return dspy.Prediction(**{**GOOD, **parts})  # type: ignore[no-untyped-call]  # dspy is untyped


def value(**parts: Any) -> float:
    found = METRIC(example_of(), answer_of(**parts)).value
    assert found is not None
    return found


def feedback(**parts: Any) -> str:
    return METRIC(example_of(), answer_of(**parts)).feedback


def test_a_plan_that_uses_follows_and_avoids_everything_is_worth_1() -> None:
    assert METRIC(example_of(), answer_of()).value == pytest.approx(1)
    assert feedback() == "Every part is there."


@pytest.mark.parametrize(
    ("plan", "most"),
    [(BANANA, 0.0), (WELL_WRITTEN, 0.2), (PARROT, 0.4), ({**GOOD, "first_steps": [], "will_not_repeat": []}, 0.2)],
    ids=["banana", "garbage that is well written", "the inputs said back", "no plan"],
)
def test_what_only_sounds_right_stays_far_below_the_gate(plan: dict[str, Any], most: float) -> None:
    assert value(**plan) <= most + 1e-9
    assert most < RECOVERIES["infinite_retry"].gate.min_mean  # type: ignore[operator]  # all five have one


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            {"first_steps": [*GOOD["first_steps"][:1], *GOOD["first_steps"][2:]]},
            "facts 0.80: missing task",
        ),
        ({"within_limits": ["few tokens"]}, "facts 0.80: missing limits"),
        ({"stops_when": "later"}, "guidance 0.80: missing say when to stop"),
        ({"will_not_repeat": GOOD["will_not_repeat"][:1]}, "not repeated 0.33: missing repeated, kill_reason"),
    ],
)
def test_a_missing_part_is_named_and_costs(parts: dict[str, Any], said: str) -> None:
    assert said in feedback(**parts)
    assert value(**parts) < 1


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("Retry the call.", "the step 'Retry the call.' does what went wrong"),
        (
            "Run execute_command pytest -q tests/billing.",
            "the step 'Run execute_command pytest -q tests/billing.' repeats the call that killed the session",
        ),
        (
            "Make this call again: execute_command",
            "the plan both does and refuses 'Make this call again: execute_command'",
        ),
    ],
)
def test_a_step_that_contradicts_the_plan_halves_it(step: str, fault: str) -> None:
    refused = [*GOOD["will_not_repeat"], "Do not make this call again: execute_command"]
    parts = {"first_steps": [*GOOD["first_steps"], step], "will_not_repeat": refused}

    assert feedback(**parts) == f"{fault}."
    assert value(**parts) == pytest.approx(0.5)


@pytest.mark.parametrize("step", ["Do not retry the call.", "Read src/billing/retry.py.", "Go on without a retry."])
def test_a_word_that_is_denied_or_a_fact_is_no_contradiction(step: str) -> None:
    assert value(first_steps=[*GOOD["first_steps"], step]) == pytest.approx(1)


@pytest.mark.parametrize("leftover", ["{{SESSION_ID}}", "${SESSION_ID}", "$SESSION_ID", "{files}", ID, "ses_91f0aa12"])
def test_a_leftover_makes_a_plan_worth_nothing(leftover: str) -> None:
    plan = {"stops_when": f"{GOOD['stops_when']} {leftover}"}

    assert value(**plan) == 0
    assert feedback(**plan) == f"it leaves {leftover!r} in the plan."


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"first_steps": GOOD["first_steps"] + ["Go on."] * MAX_STEPS}, f"{5 + MAX_STEPS} first steps, wanted 2 to 8"),
        ({"within_limits": [*GOOD["within_limits"], "w " * MAX_WORDS]}, "words, wanted at most 220"),
    ],
)
def test_a_plan_beyond_its_bounds_is_halved(parts: dict[str, Any], fault: str) -> None:
    assert fault in feedback(**parts)
    assert value(**parts) == pytest.approx(0.5)


def test_what_is_not_known_is_not_asked_for() -> None:
    known = example_of(failing_tool="unknown tool", last_error="unknown error", repeated="none", files="none")
    plan = worked_plan("infinite_retry", known)

    score = METRIC(known, answer_of(**plan))
    assert score.feedback == "guidance 0.80: missing look for the root cause."  # of an error that nobody knows
    assert score.value == pytest.approx((2.8 / 3 + 0.8) / 2)
    assert "unknown" not in str(plan)


@pytest.mark.parametrize(
    ("fact", "said", "used"),
    [
        ("execute_command", "never call execute_command so", True),
        ("execute_command", "execute it", False),
        ("TypeError: missing 1 required argument", "the error 'missing 1 required' comes first", True),
        ("TypeError: missing 1 required argument", "a TypeError", False),
        ("src/a.py", "open src/a.py.", True),
        ("src/a.py", "open src/a.pyc", False),
        ("100,000 tokens, $0.10, 30 s", "100,000 tokens, $0.10, 30 s", True),
    ],
)
def test_a_fact_is_used_when_its_own_words_stand_there(fact: str, said: str, used: bool) -> None:
    assert uses(fact, said) is used


@given(st.fixed_dictionaries({part: st.one_of(st.text(), st.lists(st.text())) for part in PARTS}))
def test_any_plan_scores_between_0_and_1(plan: dict[str, Any]) -> None:
    assert 0 <= value(**plan) <= 1


def test_a_part_that_is_no_text_is_an_error() -> None:
    with pytest.raises(TypeError) as refused:
        METRIC(example_of(), answer_of(first_steps=[1]))

    assert str(refused.value) == "first_steps is [1]; expected a text or a list of texts"


@pytest.mark.parametrize(
    ("parts", "problems"),
    [
        ({}, [None, None, None]),
        ({"first_steps": ["one"]}, ["1 first steps, allowed 2 to 8", None, None]),
        ({"stops_when": "{{TASK}}"}, [None, "the plan holds '{{TASK}}'", None]),
        ({"within_limits": ["w " * MAX_WORDS]}, [None, None, "305 words, allowed 220"]),
    ],
)
def test_the_rules_share_their_numbers_with_the_metric(parts: dict[str, Any], problems: list[str | None]) -> None:
    assert [constraint.check.problem(answer_of(**parts)) for constraint in CONSTRAINTS] == problems
    assert [constraint.clause for constraint in CONSTRAINTS] == [
        "Plan between 2 and 8 first steps.",
        "Leave no placeholder and no session's id in the plan.",
        "Keep the whole plan within 220 words.",
    ]


# ── the judge ──


def judged(soundness: object, **parts: Any) -> Any:
    """Score a plan while a judge that gives this soundness may be asked."""
    engine = ScriptedEngine(lambda messages: {"soundness": soundness})
    token = JUDGE.set(scripted_lm(engine))
    try:
        return METRIC(example_of(), answer_of(**parts)), engine
    finally:
        JUDGE.reset(token)


@pytest.mark.parametrize(("soundness", "worth"), [(1.0, 1.0), (0.5, 0.9), (0.0, 0.8)])
def test_a_judge_takes_a_fifth_at_most_and_is_told_the_plan(soundness: float, worth: float) -> None:
    score, engine = judged(soundness)

    assert score.value == pytest.approx(worth)
    assert (f"the judge leaves it {worth:.2f} of that" in score.feedback) is (worth < 1)
    assert "Find the root cause of the error" in engine.requests[0][-1][1]


def test_a_judge_can_save_no_plan_and_is_not_asked_about_one_that_is_worth_nothing() -> None:
    saved, _ = judged(1.0, **WELL_WRITTEN)
    _, engine = judged(1.0, **BANANA)

    assert saved.value == pytest.approx(value(**WELL_WRITTEN))
    assert engine.requests == []


def test_a_judge_without_a_number_leaves_no_score() -> None:
    with pytest.raises(ValueError) as refused:
        judged(7.0)

    assert str(refused.value) == "the judge gave 7.0 as soundness, which is outside [0, 1]"


# ── over the sample ──


@pytest.fixture(scope="module")
def splits(sample_store: Store) -> dict[DiagnosisCategory, Splits]:
    at = sample_store.head()
    return {
        category: read_examples(sample_store, spec.dataset, at=at, eval_name=spec.name)
        for category, spec in RECOVERIES.items()
    }


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_plans_of_the_rules_are_right_and_no_constant_is(
    category: DiagnosisCategory, splits: dict[DiagnosisCategory, Splits]
) -> None:
    metric, examples = RecoveryMetric(category), splits[category].test

    values = [metric(example, dspy.Prediction(**metric.answer(example))).value for example in examples]  # type: ignore[no-untyped-call]

    assert min(value or 0 for value in values) >= 0.8
    metric_moves(metric, examples)
    gold_beats_constants(metric, examples[:12], constants=(BANANA, WELL_WRITTEN, PARROT))


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_sample_can_confirm_its_gate(category: DiagnosisCategory, splits: dict[DiagnosisCategory, Splits]) -> None:
    groups = {example["root_session_id"] for example in splits[category].test}

    assert len(groups) >= 29  # what max_drop=0.10 needs
    assert len(splits[category].dev) >= 5


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_fact_of_the_sample_holds_a_category_an_outcome_or_an_id(
    category: DiagnosisCategory, splits: dict[DiagnosisCategory, Splits]
) -> None:
    parts = splits[category]

    for example in (*parts.train, *parts.dev, *parts.test):
        text = " ".join(str(example[name]) for name in facts_of(category)).lower()
        assert not any(word in text for word in (*CATEGORIES, "outcome", "failure", "success"))
        assert str(example["root_session_id"]) not in text
