"""Facts: what the rules of outcome.py look at. From a Session, or from the punches of one that left no log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from g6o_eval.fleet.ingest.dialects import action_of
from g6o_eval.fleet.session import Punch, Session, SessionStatus

LONGEST_GAP_MINUTES = 10.0
"""A longer gap between two events counts as this much work, minutes: a session may rest for weeks
(39.5 days in a recorded one)."""
_FINISHED = ("task_exit", "session_completed")
"""Keys of step_complete punches that say a session handed its work in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of how a session went.

    Attributes:
        status: how its log ends.
        killed: the governor stopped it.
        card: whether the punch card that it was given, or that its mode has, is met; None: no card.
        card_given: the card was given to this very session, not only to its mode.
        gates: quality gate → whether its last run passed; earlier runs do not count.
        usd: what it cost at least; requests without a price count 0.
        requests: requests to the model.
        active_minutes: minutes of work, gaps capped at LONGEST_GAP_MINUTES; None without times.
        calls: tool calls.
        completed: calls that did what they should.
        closing_failures: failed calls in a row at the very end.
        unanswered: its last call was never answered.
        edits: calls that change files, whether they worked or not.
    """

    status: SessionStatus
    killed: bool = False
    card: Literal["pass", "fail"] | None = None
    card_given: bool = False
    gates: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    usd: float = 0.0
    requests: int = 0
    active_minutes: float | None = None
    calls: int = 0
    completed: int = 0
    closing_failures: int = 0
    unanswered: bool = False
    edits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What others wrote down about a session, beside its log.

    Attributes:
        punches: deeds that the daemon or a gate runner saw: governor kills, gate runs.
        card: the verdict on the card that was given to it; None when none was.
    """

    punches: tuple[Punch, ...] = ()
    card: Literal["pass", "fail"] | None = None


NOTHING_RECORDED = Recorded()


def facts_of(session: Session, punches: Sequence[Punch], recorded: Recorded = NOTHING_RECORDED) -> Facts:
    """Return the facts of a session; `punches` are its own, read from its log."""
    calls = session.tool_calls
    everything = (*punches, *recorded.punches)
    return Facts(
        status=session.status,
        killed=was_killed(everything),
        card=recorded.card,
        card_given=recorded.card is not None,
        gates=last_gates(everything),
        usd=session.usage.usd,
        requests=session.usage.requests,
        active_minutes=active_minutes(session),
        calls=len(calls),
        completed=sum(call.status == "completed" for call in calls),
        closing_failures=closing_run(call.status == "error" for call in calls),
        unanswered=bool(calls) and calls[-1].status == "unanswered",
        edits=sum(action_of(call.tool) == "edit" for call in calls),
    )


def facts_of_punches(recorded: Recorded, *, usd: float = 0.0) -> Facts:
    """Return the facts of a session that left no log but punches."""
    punches = recorded.punches
    tools = [punch for punch in punches if punch.punch_type in ("tool_call", "command_exec", "mcp_call")]
    finished = any(punch.punch_type == "step_complete" and punch.punch_key in _FINISHED for punch in punches)
    return Facts(
        status="completed" if finished else "unknown",
        killed=was_killed(punches),
        card=recorded.card,
        card_given=recorded.card is not None,
        gates=last_gates(punches),
        usd=usd,
        requests=sum(punch.punch_key == "step_finished" for punch in punches),
        active_minutes=_minutes(punch.ts for punch in punches),
        calls=len(tools),
        completed=len(tools),
        edits=sum(action_of(punch.punch_key) == "edit" for punch in tools),
    )


def was_killed(punches: Iterable[Punch]) -> bool:
    """Tell whether the governor stopped the session."""
    return any(punch.punch_type == "governor_kill" for punch in punches)


def last_gates(punches: Iterable[Punch]) -> dict[str, bool]:
    """Return gate → whether its last run passed; a gate that failed and later passed is a pass."""
    runs = [punch for punch in punches if punch.punch_type in ("gate_pass", "gate_fail")]
    runs.sort(key=lambda punch: (punch.ts or 0, punch.file, punch.index, punch.part))
    return {punch.punch_key: punch.punch_type == "gate_pass" for punch in runs}


def active_minutes(session: Session) -> float | None:
    """Return how long a session worked, in minutes; None when fewer than two of its events have a time."""
    return _minutes([*(m.ts for m in session.messages), *(call.ts for call in session.tool_calls)])


def closing_run(marks: Iterable[bool]) -> int:
    """Return how many marks are true without a break at the very end."""
    length = 0
    for mark in marks:
        length = length + 1 if mark else 0
    return length


def _minutes(times: Iterable[int | None]) -> float | None:
    known = sorted(ts for ts in times if ts is not None)
    if len(known) < 2:
        return None
    return sum(min((later - first) / 60_000, LONGEST_GAP_MINUTES) for first, later in pairwise(known))
