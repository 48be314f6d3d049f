"""label(session): did it succeed? An ordered table of named rules, evidence before guesses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from g6o_eval.fleet.session import Session

Outcome = Literal["success", "failure", "partial"]

MAX_USD = 8.0
"""A session that cost more failed, whatever it says (the epic's ceiling for one session)."""
ENOUGH_COMPLETED = 0.5
"""Share of completed calls below which a report of success is not believed."""
FEW_CALLS = 4
"""Calls below which that share says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """An outcome and the rule that gave it."""

    outcome: Outcome
    rule: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One named rule: what it gives when its test holds."""

    name: str
    outcome: Outcome
    holds: Callable[[Session], bool]


def label(session: Session) -> Labelled:
    """Return what the first rule that holds says; the last rule always holds."""
    rule = next(rule for rule in RULES if rule.holds(session))
    return Labelled(outcome=rule.outcome, rule=rule.name)


def _completed_share(session: Session) -> float:
    calls = session.tool_calls
    return sum(call.status == "completed" for call in calls) / len(calls) if calls else 1.0


def _unproven(session: Session) -> bool:
    return len(session.tool_calls) >= FEW_CALLS and _completed_share(session) < ENOUGH_COMPLETED


RULES = (
    Rule("the provider or the mistake limit ended it", "failure", lambda s: s.status == "failed"),
    Rule("it cost more than a session may", "failure", lambda s: s.usage.usd > MAX_USD),
    Rule("it reports completion but most calls failed", "failure", lambda s: s.status == "completed" and _unproven(s)),
    Rule("it reports completion", "success", lambda s: s.status == "completed"),
    Rule("it never called a tool", "failure", lambda s: not s.tool_calls),
    Rule("it waits for a child", "partial", lambda s: s.status == "delegated"),
    Rule("it was stopped", "failure", lambda s: s.status == "interrupted"),
    Rule("its last question was never answered", "failure", lambda s: s.tool_calls[-1].status == "unanswered"),
    Rule("nothing says how it ended", "partial", lambda s: True),
)
"""In this order: what the log shows comes before what the session says of itself."""
