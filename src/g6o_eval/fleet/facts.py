"""Facts: what the rules of outcome.py look at. From a Session, or from the punches of one that left no log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from g6o_eval.fleet.cards import Card, CardVerdict, card_of_mode, evaluate
from g6o_eval.fleet.claims import Shown, claim_of
from g6o_eval.fleet.gates import ONE_OF
from g6o_eval.fleet.ingest.dialects import action_of
from g6o_eval.fleet.punches import punches_of
from g6o_eval.fleet.session import ARGUMENT_CHARS, Punch, Session, SessionStatus, ToolCall
from g6o_eval.fleet.vocabulary import CHILD_RETURN, mode_slug

LONGEST_GAP_MINUTES = 10.0
"""A longer gap between two events counts as this much work, minutes: a session may rest for weeks
(39.5 days in a recorded one)."""
_FINISHED = ("task_exit", "session_completed")
"""Keys of step_complete punches that say a session handed its work in."""
_REPORT = "say.completion_result"
_TODO = re.compile(r'"status":\s*"(\w+)"|\[([ xX-])\] ')
"""An item of a list of things to do: as an object, or as a line of Markdown."""


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
        unanswered: its last call, or the question that its log ends with, was never answered.
        edits: calls that change files, whether they worked or not.
        verified: a gate ran after the last of them: what stands was checked.
        mode: slug of its mode; None when the log does not say.
        without_cost: requests without a price: with one of them the session's price is not known.
        card_rules: rules of its mode's card, required and forbidden; 0 without a card.
        card_kept: those of them that it kept.
        forbidden_calls: calls that its mode's card forbids.
        children_asked: child sessions it asked for.
        children_returned: those of them that came back.
        todo_total: items of its last list of things to do; None without a list, or when the log cut it.
        todo_done: those of them that are ticked off.
        claim_required: what its report was held against (claims.py); None when it claims nothing.
        claim_wrong: what the report got wrong of it.
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
    verified: bool = False
    mode: str | None = None
    without_cost: int = 0
    card_rules: int = 0
    card_kept: int = 0
    forbidden_calls: int = 0
    children_asked: int = 0
    children_returned: int = 0
    todo_total: int | None = None
    todo_done: int | None = None
    claim_required: int | None = None
    claim_wrong: int | None = None


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


def facts_of(session: Session, recorded: Recorded = NOTHING_RECORDED) -> Facts:
    """Return the facts of a session, from its log and from what others recorded."""
    calls, own = session.tool_calls, punches_of(session)
    everything = (*own, *recorded.punches)
    card = card_of_mode(session.mode)
    verdict = None if card is None else evaluate(card, own)
    gates = last_gates(everything)
    claim = claim_of(final_report(session), _shown(card, verdict, gates))
    todo = _todo(calls)
    return Facts(
        status=session.status,
        killed=was_killed(everything),
        card=recorded.card or (verdict.status if verdict else None),
        card_given=recorded.card is not None,
        gates=gates,
        usd=session.usage.usd,
        requests=session.usage.requests,
        active_minutes=None if session.active_ms is None else session.active_ms / 60_000,
        calls=len(calls),
        completed=sum(call.status == "completed" for call in calls),
        closing_failures=closing_run(call.status == "error" for call in calls),
        unanswered=left_waiting(session),
        edits=sum(action_of(call.tool) == "edit" for call in calls),
        verified=_verified(calls, own),
        mode=mode_slug(session.mode) if session.mode else None,
        without_cost=session.usage.without_cost,
        card_rules=len(card.patterns) if card else 0,
        card_kept=len(card.patterns) - len(verdict.missing) - len(verdict.violations) if card and verdict else 0,
        forbidden_calls=sum(count for _, count in verdict.violations) if verdict else 0,
        children_asked=sum(punch.punch_type == "child_spawn" for punch in own),
        children_returned=sum(punch.punch_key == CHILD_RETURN for punch in own),
        todo_total=todo[1] if todo else None,
        todo_done=todo[0] if todo else None,
        claim_required=claim.required if claim else None,
        claim_wrong=claim.wrong if claim else None,
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
    last: dict[str, bool] = {}
    for run in runs:
        last[run.punch_key] = passed = run.punch_type == "gate_pass"
        if passed:
            _clear(last, run.punch_key)
    return last


def _clear(last: dict[str, bool], passed: str) -> None:
    """Drop a failure of one of several gates once the last run of each of them passed."""
    for key in [key for key in last if key.startswith(ONE_OF)]:
        names = key.removeprefix(ONE_OF).split("+")
        if passed in names and all(last.get(name) for name in names):
            del last[key]


def left_waiting(session: Session) -> bool:
    """Tell whether a session's last call was never answered, or its log ends with a question to a person."""
    calls = session.tool_calls
    asks = session.ended_by.startswith("ask.") and session.status == "unknown"
    return asks or (bool(calls) and calls[-1].status == "unanswered")


def _verified(calls: Sequence[ToolCall], punches: Iterable[Punch]) -> bool:
    """Tell whether a gate ran at or after the last edit."""
    edited = max((_place(call.ts, call) for call in calls if action_of(call.tool) == "edit"), default=None)
    runs = [_place(punch.ts, punch) for punch in punches if punch.punch_type in ("gate_pass", "gate_fail")]
    return edited is not None and bool(runs) and max(runs) >= edited


def _place(ts: int | None, of: ToolCall | Punch) -> tuple[int, str, int]:
    return ts or 0, of.file, of.index


def closing_run(marks: Iterable[bool]) -> int:
    """Return how many marks are true without a break at the very end."""
    length = 0
    for mark in marks:
        length = length + 1 if mark else 0
    return length


def final_report(session: Session) -> str:
    """Return what a session said when it handed its work in, as far as the log keeps it; "" when it did not."""
    if session.status != "completed":
        return ""
    said = [message for message in session.messages if message.role == "assistant"]
    reports = [message for message in said if message.kind == _REPORT] or said
    return reports[-1].preview if reports else ""


def _shown(card: Card | None, verdict: CardVerdict | None, gates: Mapping[str, bool]) -> Shown:
    if card is None or verdict is None or not card.required:
        return Shown(gates=gates)
    met = len(card.required) - len(verdict.missing)
    asked = [rule.like for rule in card.required if rule.punch_type == "gate_pass"]
    return Shown(gates=gates, card=(met, len(card.required)), card_gates=asked)


def _todo(calls: Sequence[ToolCall]) -> tuple[int, int] | None:
    """Return how many items of the last list of things to do are ticked off, and how many there are."""
    lists = [call.args for call in calls if call.tool == "update_todo_list"]
    if not lists or len(lists[-1]) >= ARGUMENT_CHARS:
        return None
    ticks = [tick.lower() for pair in _TODO.findall(lists[-1]) for tick in pair if tick]
    done = sum(tick in ("x", "completed") for tick in ticks)
    return (done, len(ticks)) if ticks else None


def _minutes(times: Iterable[int | None]) -> float | None:
    known = sorted(ts for ts in times if ts is not None)
    if len(known) < 2:
        return None
    return sum(min((later - first) / 60_000, LONGEST_GAP_MINUTES) for first, later in pairwise(known))
