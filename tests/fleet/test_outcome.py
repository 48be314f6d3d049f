"""The rules of outcome: evidence comes before guesses, and every rule has what it must not catch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.facts import Facts, Recorded
from g6o_eval.fleet.outcome import (
    CLOSING_FAILURES,
    MAX_MINUTES,
    MAX_REQUESTS,
    MAX_USD,
    OUTCOMES,
    RULES,
    RULES_VERSION,
    decide,
    label,
)
from g6o_eval.fleet.session import Usage
from support.task_folders import call, session_of

PASSED, FAILED = {"mypy": True, "pytest": True}, {"mypy": True, "pytest": False}


def facts(status: Any = "unknown", **fields: Any) -> Facts:
    return Facts(status=status, **{"calls": 5, "completed": 5, **fields})


CASES = [
    (facts(killed=True), "failure", "the governor killed it"),
    (facts("completed", killed=True), "success", "it reports completion"),
    (facts("completed", card="fail", card_given=True), "failure", "the card that it was given is not met"),
    (facts("completed", card="fail"), "success", "it reports completion"),
    (facts("completed", gates=FAILED), "failure", "the last run of a gate failed"),
    (facts("interrupted", card="pass", gates=FAILED), "failure", "the last run of a gate failed"),
    (facts("delegated", gates=FAILED), "partial", "it waits for a child"),
    (facts("unknown", card="pass"), "success", "its card is met"),
    (facts("failed"), "failure", "the provider or the mistake limit ended it"),
    (facts("completed", gates=PASSED, completed=1), "success", "it reports completion and its gates pass"),
    (facts("completed", completed=2), "failure", "it reports completion but most calls failed"),
    (facts("completed", calls=4, completed=2), "success", "it reports completion"),
    (facts("completed", calls=3, completed=0), "success", "it reports completion"),
    (facts("completed", calls=0, completed=0), "success", "it reports completion"),
    (facts("delegated"), "partial", "it waits for a child"),
    (facts("unknown", calls=0, completed=0), "failure", "it never called a tool"),
    (facts("interrupted", gates=PASSED, verified=True), "partial", "it was stopped after its gates passed"),
    (facts("interrupted", gates=PASSED, edits=1), "failure", "it was stopped"),
    (facts("interrupted"), "failure", "it was stopped"),
    (facts(unanswered=True), "failure", "its last question was never answered"),
    (facts(closing_failures=CLOSING_FAILURES), "failure", "it ends in failures"),
    (facts(closing_failures=CLOSING_FAILURES - 1), "partial", "nothing says how it ended"),
    (facts(usd=MAX_USD + 0.01), "failure", "it cost more than a session may"),
    (facts(usd=MAX_USD), "partial", "nothing says how it ended"),
    (facts(requests=MAX_REQUESTS + 1), "failure", "it made more requests than a session may"),
    (facts(requests=MAX_REQUESTS), "partial", "nothing says how it ended"),
    (facts(active_minutes=MAX_MINUTES + 0.1), "failure", "it worked longer than a session does"),
    (facts(active_minutes=MAX_MINUTES), "partial", "nothing says how it ended"),
]


@pytest.mark.parametrize(("found", "outcome", "rule"), CASES)
def test_the_first_rule_that_holds_gives_the_outcome(found: Facts, outcome: str, rule: str) -> None:
    labelled = decide(found)

    assert (labelled.outcome, labelled.rule, labelled.version) == (outcome, rule, RULES_VERSION)


def test_every_rule_is_reached_and_named_once() -> None:
    reached = {rule for _, _, rule in CASES}

    assert reached == {rule.name for rule in RULES}
    assert len(reached) == len(RULES)


@given(
    usd=st.floats(0, 100),
    requests=st.integers(0, 1_000),
    minutes=st.none() | st.floats(0, 3_000),
    calls=st.integers(0, 2_000),
    edits=st.integers(0, 500),
)
def test_a_long_and_dear_session_that_hands_its_work_in_is_a_success(
    usd: float, requests: int, minutes: float | None, calls: int, edits: int
) -> None:
    found = Facts(
        status="completed",
        usd=usd,
        requests=requests,
        active_minutes=minutes,
        calls=calls,
        completed=calls,
        edits=edits,
    )

    assert decide(found).outcome == "success"


def test_guesses_are_made_only_where_nothing_else_is_known() -> None:
    last_evidence = max(place for place, rule in enumerate(RULES) if rule.evidence)
    first_guesses = [rule.name for rule in RULES[:last_evidence] if not rule.evidence]

    assert first_guesses == ["it reports completion but most calls failed"]
    assert {rule.outcome for rule in RULES} == set(OUTCOMES)


def test_a_session_is_labelled_by_its_log_and_by_what_others_recorded() -> None:
    session = session_of(call("read_file"), status="completed", usage=Usage(request_usd=MAX_USD + 1))

    assert label(session).outcome == "success"
    assert label(session, Recorded(card="fail")).rule == "the card that it was given is not met"
    assert label(session, Recorded(card="pass")).rule == "its card is met"
