"""The compliance program: every claim keeps its chain of custody, or the report is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from g6o_eval.errors import DeclarationError
from g6o_eval.fleet.cards import CARDS
from g6o_eval.fleet.made_up.custody import MAX_REPORTS, MIN_REPORTS, make_custody_cases
from g6o_eval.fleet.programs.compliance import (
    COMPLIANCE,
    CONSTRAINTS,
    CUSTODY,
    Claim,
    CustodyMetric,
    publish,
    workflows,
)
from g6o_eval.prompt.constrain import constrained, reworded
from g6o_eval.prompt.publish import publish as checked_texts

BY_NAME = {constraint.name: constraint for constraint in CONSTRAINTS}
CASE = next(make_custody_cases(1, seed=8))
TRUTH = [Claim(**claim) for claim in CASE["claims"]]


def report(**changed: Any) -> Any:
    """The truth, but for these fields of its first claim."""
    return SimpleNamespace(claims=[TRUTH[0].model_copy(update=changed), *TRUTH[1:]])


def score(case: dict[str, Any], claims: list[Claim]) -> float:
    value = CustodyMetric()(SimpleNamespace(**case), SimpleNamespace(claims=claims)).value
    assert value is not None
    return value


@pytest.mark.parametrize("name", BY_NAME)
def test_a_faithful_report_breaks_no_rule(name: str) -> None:
    assert BY_NAME[name].check.problem(report(), CASE) is None


def weaker(trust: str) -> Any:
    """A case whose first report was told with this trust."""
    return CASE | {"reports": [CASE["reports"][0] | {"trust": trust}, *CASE["reports"][1:]]}


@pytest.mark.parametrize(
    ("name", "changed", "problem"),
    [
        ("known-source", {"source_session_id": "ses_made_up"}, "no report comes from 'ses_made_up'"),
        ("known-source", {"source_session_id": ""}, "no report comes from ''"),
        ("message-count", {"message_count": 0}, f"{TRUTH[0].statement!r} rests on 0 messages"),
        ("message-count", {"message_count": -3}, f"{TRUTH[0].statement!r} rests on -3 messages"),
        (
            "path-from-source",
            {"derivation_path": "hearsay"},
            f"the path 'hearsay' does not begin at {TRUTH[0].source_session_id!r}",
        ),
        ("path-from-source", {"derivation_path": ""}, f"the path '' does not begin at {TRUTH[0].source_session_id!r}"),
        ("short-statements", {"statement": "so " * 31}, "a statement has 31 words"),
    ],
)
def test_a_report_that_breaks_custody_is_told_where(name: str, changed: dict[str, Any], problem: str) -> None:
    assert BY_NAME[name].check.problem(report(**changed), CASE) == problem


@pytest.mark.parametrize(
    ("told", "called", "refused"),
    [
        ("untrusted", "verified", True),
        ("untrusted", "projected", True),
        ("projected", "verified", True),
        ("projected", "untrusted", False),
        ("verified", "verified", False),
    ],
)
def test_trust_may_be_lowered_and_never_raised(told: str, called: str, refused: bool) -> None:
    found = BY_NAME["trust-is-not-raised"].check.problem(report(trust_level=called), weaker(told))

    assert found == (f"{TRUTH[0].statement!r} was {told} and is called {called}" if refused else None)


@pytest.mark.parametrize("field", CUSTODY)
def test_each_of_the_four_fields_counts(field: str) -> None:
    other = {"message_count": 9_999, "trust_level": "projected"}.get(field, "other")
    if getattr(TRUTH[0], field) == other:
        other = "verified"

    lost = score(CASE, [TRUTH[0].model_copy(update={field: other}), *TRUTH[1:]])

    assert lost == pytest.approx(1 - 1 / (len(CUSTODY) * len(TRUTH)))


def test_custody_is_every_field_of_a_claim_but_what_it_says() -> None:
    assert set(CUSTODY) == Claim.model_fields.keys() - {"statement"}
    assert CustodyMetric().labels == ("claims",)


def test_a_claim_that_is_made_twice_counts_as_one_too_many() -> None:
    again = TRUTH[0].model_copy(update={"trust_level": "untrusted"})

    assert score(CASE, [*TRUTH, TRUTH[0]]) == pytest.approx(len(TRUTH) / (len(TRUTH) + 1))
    assert score(CASE, [again, *TRUTH]) < 1


def test_one_statement_from_two_sessions_is_two_claims_in_any_order() -> None:
    twins = [TRUTH[0], TRUTH[0].model_copy(update={"source_session_id": "ses_two", "derivation_path": "ses_two > x"})]
    case = {"claims": [claim.model_dump() for claim in twins]}

    assert score(case, twins) == score(case, twins[::-1]) == 1
    assert score(case, twins[:1]) == 0.5


def test_a_report_of_nothing_is_right_where_nothing_was_reached() -> None:
    assert score({"claims": []}, []) == 1
    assert score({"claims": []}, TRUTH[:1]) == 0


def test_the_feedback_names_what_is_wrong() -> None:
    claims = [TRUTH[0].model_copy(update={"message_count": 9_999}), *TRUTH[2:], TRUTH[2], TRUTH[2]]

    told = CustodyMetric()(SimpleNamespace(**CASE), SimpleNamespace(claims=claims)).feedback

    assert told == f"1 of {len(TRUTH)} claims are missing, 2 are too many. Wrong in some claim: message_count."


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("message-count", {"message_count": 1}),
        ("message-count", {"message_count": 100_000}),
        ("short-statements", {"statement": "so " * 30}),
    ],
)
def test_what_is_just_allowed_breaks_no_rule(name: str, changed: dict[str, Any]) -> None:
    assert BY_NAME[name].check.problem(report(**changed), CASE) is None


def test_more_messages_than_a_session_has_are_refused() -> None:
    told = BY_NAME["message-count"].check.problem(report(message_count=100_001), CASE)

    assert told == f"{TRUTH[0].statement!r} rests on 100001 messages"


def test_other_words_raise_no_trust() -> None:
    claim = {"statement": "it is done", "trust_level": "verified"}
    named = BY_NAME["trust-is-not-raised"].check

    assert named.problem(report(**claim), weaker("untrusted")) == "'it is done' was untrusted and is called verified"
    assert named.problem(report(**claim), weaker("verified")) is None


def test_the_trust_of_one_session_is_no_other_sessions() -> None:
    twin = CASE["reports"][0] | {"session": "ses_other", "trust": "verified"}
    case = weaker("untrusted") | {"reports": [*weaker("untrusted")["reports"], twin]}

    told = BY_NAME["trust-is-not-raised"].check.problem(report(trust_level="verified"), case)

    assert told == f"{TRUTH[0].statement!r} was untrusted and is called verified"


def test_the_trust_of_one_statement_is_no_other_statements_of_its_session() -> None:
    other = CASE["reports"][0] | {"statement": "something else", "trust": "verified"}
    case = weaker("untrusted") | {"reports": [*weaker("untrusted")["reports"], other]}

    told = BY_NAME["trust-is-not-raised"].check.problem(report(trust_level="verified"), case)

    assert told == f"{TRUTH[0].statement!r} was untrusted and is called verified"


def test_workflows_are_those_whose_agents_wait_for_a_child() -> None:
    asked = {
        card_id: "child_complete:child_return" in {str(rule) for rule in card.required}
        for card_id, card in CARDS.items()
    }

    assert workflows().keys() == {card_id for card_id, asks in asked.items() if asks}
    assert {"plant-orchestrate", "process-orchestrate"} <= workflows().keys()
    assert not {"execute-subtask", "quality-gates"} & workflows().keys()


def test_a_limit_is_told_in_words_beside_its_rule() -> None:
    text = publish(constrained(COMPLIANCE.program(), CONSTRAINTS))["orchestration-compliance:plant-orchestrate"]

    assert "- tool call: edit_file (tool_call:edit_file%)" in text


def test_missing_and_invented_claims_count_against_a_report() -> None:
    invented = TRUTH[0].model_copy(update={"statement": "all is well"})

    assert score(CASE, TRUTH) == 1
    assert score(CASE, TRUTH[1:]) == pytest.approx((len(TRUTH) - 1) / len(TRUTH))
    assert score(CASE, [*TRUTH, invented]) == pytest.approx(len(TRUTH) / (len(TRUTH) + 1))
    assert score(CASE, []) == 0


def test_the_metric_moves_when_reports_are_swapped() -> None:
    one, other = make_custody_cases(2, seed=9)

    assert score(one, [Claim(**claim) for claim in other["claims"]]) < 0.5


def test_every_orchestrating_workflow_gets_a_text_with_its_limits() -> None:
    texts = publish(constrained(COMPLIANCE.program(), CONSTRAINTS))

    assert texts.keys() == {f"orchestration-compliance:{card_id}" for card_id in workflows()}
    assert len(texts) >= 6
    for card_id, card in workflows().items():
        text = texts[f"orchestration-compliance:{card_id}"]
        assert "{{WORKFLOW}}" not in text
        assert "{{SESSION_ID}}" in text
        assert all(f"({rule})" in text for rule in card.forbidden)
        assert all(constraint.clause in text for constraint in CONSTRAINTS)


def test_made_up_reports_are_the_same_for_the_same_seed_and_true_to_the_rules() -> None:
    cases = list(make_custody_cases(40, seed=1))

    assert cases == list(make_custody_cases(40, seed=1))
    for case in cases:
        truth = SimpleNamespace(claims=[Claim(**claim) for claim in case["claims"]])
        assert MIN_REPORTS <= len(case["reports"]) <= MAX_REPORTS
        assert [rule.check.problem(truth, case) for rule in CONSTRAINTS] == [None] * len(CONSTRAINTS)


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        (
            "Report {{SESSION_ID}}.",
            "the text for 'audit-orchestrate' lost {{WORKFLOW}}: write it where 'audit-orchestrate' has to stand",
        ),
        (
            "Report {{WORKFLOW}}.",
            "the text of orchestration-compliance:audit-orchestrate lost {{SESSION_ID}}: its "
            "agent would not know its session",
        ),
        (
            "Report {{WORKFLOW}} in {{SESSION_ID}} to $PARENT_ID.",
            "the text of orchestration-compliance:audit-orchestrate holds '$PARENT_ID', which nobody fills",
        ),
        (
            "Report {{WORKFLOW}} in {{SESSION_ID}}, not in ses_91f0aa12.",
            "the text of "
            "orchestration-compliance:audit-orchestrate names the session 'ses_91f0aa12'; write {{SESSION_ID}} instead",
        ),
    ],
)
def test_instructions_that_would_mislead_an_agent_are_not_published(instructions: str, message: str) -> None:
    program = COMPLIANCE.program()
    program.signature = reworded(program.signature, instructions)

    with pytest.raises(DeclarationError) as refused:
        publish(program)

    assert str(refused.value) == message


def test_demos_are_refused_because_no_text_shows_them() -> None:
    program = constrained(COMPLIANCE.program(), CONSTRAINTS)
    program.demos = [{"reports": CASE["reports"], "claims": CASE["claims"]}]

    with pytest.raises(DeclarationError, match="its publish leaves out demo 1 of predictor 'self'"):
        checked_texts(COMPLIANCE, program)
