"""label(session): did it succeed? An ordered table of named rules: evidence first, guesses last.

Evidence is what a check said (the governor, a punch card, a quality gate) and how the log ends.
Guesses (price, length) decide only where the log does not say how the session ended: a long and
dear session that hands its work in is a success.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from g6o_eval.fleet.facts import NOTHING_RECORDED, Facts, Recorded, facts_of
from g6o_eval.fleet.session import Session

Outcome = Literal["success", "failure", "partial"]
"""partial: part of the work stands, and somebody has to take it up or to end it."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

RULES_VERSION = "outcome-3"
"""Stored with every label; raised with each change of a rule, its order or its threshold."""

ENOUGH_COMPLETED = 0.5
"""Share of completed calls below which a bare report of success is not believed. Source: the share of
failing calls that the governor's diagnosis engine calls a retry loop."""
FEW_CALLS = 4
"""Calls below which that share says nothing. Source: one more than the streak of that engine."""
MAX_USD = 5.0
"""USD that an unended session may have cost. Source: the governor's limit for one session
(GOVERNOR_MAX_SESSION_COST_USD); sessions that ended well cost up to 6.71 in the fleet, 23.2 elsewhere."""
MAX_REQUESTS = 200
"""Requests that an unended session may have made. Source: GOVERNOR_MAX_SESSION_STEPS."""
MAX_MINUTES = 175.0
"""Minutes that an unended session may have worked. Source: the 90th percentile of 61 recorded tasks,
gaps capped at 10 minutes."""
CLOSING_FAILURES = 3
"""Failed calls in a row, at the end, that mean it did not get out of them. Source: the streak of the
governor's diagnosis engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """An outcome, the rule that gave it, and the version of the table that the rule stands in."""

    outcome: Outcome
    rule: str
    version: str = RULES_VERSION


@dataclass(frozen=True, slots=True)
class Rule:
    """One named rule: what it gives when its test holds.

    Attributes:
        name: unique; stored with the label.
        outcome: what it gives.
        evidence: whether it rests on what a check said or how the log ends; False: a guess.
        holds: the test.
    """

    name: str
    outcome: Outcome
    evidence: bool
    holds: Callable[[Facts], bool]


def label(session: Session, recorded: Recorded = NOTHING_RECORDED) -> Labelled:
    """Return what the first rule that holds says of a session; the last rule always holds."""
    return decide(facts_of(session, recorded))


def decide(facts: Facts) -> Labelled:
    """Return what the first rule that holds says of these facts."""
    rule = next(rule for rule in RULES if rule.holds(facts))
    return Labelled(outcome=rule.outcome, rule=rule.name)


def _handed_in(facts: Facts) -> bool:
    return facts.status == "completed"


def _gate_failed(facts: Facts) -> bool:
    """Tell whether a gate's last run failed; a session that waits for a child may still mend it."""
    return facts.status != "delegated" and not all(facts.gates.values())


def _gates_passed(facts: Facts) -> bool:
    return bool(facts.gates) and all(facts.gates.values())


def _unproven(facts: Facts) -> bool:
    return facts.calls >= FEW_CALLS and facts.completed / facts.calls < ENOUGH_COMPLETED


RULES = (
    Rule("the governor killed it", "failure", True, lambda f: f.killed and not _handed_in(f)),
    Rule("the card that it was given is not met", "failure", True, lambda f: f.card_given and f.card == "fail"),
    Rule("the last run of a gate failed", "failure", True, _gate_failed),
    Rule("its card is met", "success", True, lambda f: f.card == "pass"),
    Rule("the provider or the mistake limit ended it", "failure", True, lambda f: f.status == "failed"),
    Rule("it reports completion and its gates pass", "success", True, lambda f: _handed_in(f) and _gates_passed(f)),
    Rule("it reports completion but most calls failed", "failure", False, lambda f: _handed_in(f) and _unproven(f)),
    Rule("it reports completion", "success", True, _handed_in),
    Rule("it waits for a child", "partial", True, lambda f: f.status == "delegated"),
    Rule("it never called a tool", "failure", True, lambda f: not f.calls),
    Rule("it was stopped after its gates passed", "partial", True, lambda f: _gates_passed(f) and f.verified),
    Rule("it was stopped", "failure", True, lambda f: f.status == "interrupted"),
    Rule("its last question was never answered", "failure", True, lambda f: f.unanswered),
    Rule("it ends in failures", "failure", False, lambda f: f.closing_failures >= CLOSING_FAILURES),
    Rule("it cost more than a session may", "failure", False, lambda f: f.usd > MAX_USD),
    Rule("it made more requests than a session may", "failure", False, lambda f: f.requests > MAX_REQUESTS),
    Rule("it worked longer than a session does", "failure", False, lambda f: (f.active_minutes or 0) > MAX_MINUTES),
    Rule("nothing says how it ended", "partial", False, lambda f: True),
)
"""In this order. A card comes before gates' passing and after their failing: a card can be met by
the runs of a gate before the one that failed."""
