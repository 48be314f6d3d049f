"""DiagnosisCategory: why a session went wrong. diagnose(session): the rule-based baseline.

The rules, their order and their confidences are those of the governor's diagnosis engine, so that
a learned classifier is compared with what runs today; its defects are left out: it read a field
that real text does not have, knew one of three tool dialects, took "allow" inside "allowed" for a
plea, blamed the last tool instead of the failing one, and ignored how a session was stopped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from g6o_eval.fleet.ingest.dialects import Action, action_of
from g6o_eval.fleet.session import Message, Session, ToolCall

DiagnosisCategory = Literal[
    "stuck_on_approval", "infinite_retry", "context_exhaustion", "scope_creep", "model_confusion"
]
CATEGORIES: tuple[DiagnosisCategory, ...] = get_args(DiagnosisCategory)

RULES_VERSION = "rules-v1"
"""Stored with every classification that the rules made; raised with each change of a rule or a threshold."""

RECENT = 10
"""How many of the last events the rules call recent."""
MOSTLY_TALK = 7
"""Texts among the recent events, without one tool call, that mean a session only talks."""
STREAK = 3
"""Failures of one tool in a row, or calls of a tool at all, that a retry needs."""
FAILING = 0.5
"""Share of a tool's calls that must have failed."""
MANY_READS, READING = 10, 0.70
"""Reads, and their share of all calls, that mean a session only looks."""
SOME_EDITS, MANY_EDITS = 8, 15
"""Edits above which a session is broad, and very broad."""
FLIPS = 2
"""Edits that were taken back and made again."""
FAILING_TOOLS = 4
"""Different tools with a failure that mean the model does not know them."""
FEW_CALLS = 2
"""Recent calls up to which a plea for permission counts."""
QUOTED_CHARS = 200
"""How much of an error or a text a summary quotes, in characters."""
_PLEA = re.compile(r"\b(?:permission|approve|approval|confirm|proceed|allow)\b", re.IGNORECASE)
_UNDO = re.compile(r"\bgit (?:checkout|restore|revert|reset|stash)\b")
_WAITING = ("ask.tool", "ask.command ", "ask.use_mcp_server", "ask.followup")
"""How the log of a session ends that waits for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Why a session went wrong, by rule.

    Attributes:
        category: one of the five.
        confidence: in [0, 1]: how sure the rule is by design, not a measured frequency.
        summary: what was seen, for a person; recovery prompts parse "failing repeatedly (N …)".
    """

    category: DiagnosisCategory
    confidence: float
    summary: str


Rule = Callable[[Session], Diagnosis | None]


def diagnose(session: Session) -> Diagnosis:
    """Return the most confident diagnosis; the first rule wins a tie; nothing seen is a weak guess."""
    found = [diagnosis for rule in RULES if (diagnosis := rule(session)) is not None]
    return max(found, key=lambda diagnosis: diagnosis.confidence) if found else _FALLBACK


def _stuck(session: Session) -> Diagnosis | None:
    recent = _events(session)[-RECENT:]
    texts = [event for event in recent if isinstance(event, Message) and event.role != "notice"]
    calls = [event for event in recent if isinstance(event, ToolCall)]
    if len(texts) >= MOSTLY_TALK and not calls:
        summary = f"{len(texts)} of the last {len(recent)} events are text, none a call"
        return _diagnosis("stuck_on_approval", 0.75, summary)
    if session.ended_by.startswith(_WAITING) and session.status == "unknown":
        return _diagnosis("stuck_on_approval", 0.70, f"never answered: {session.ended_by}")
    plea = next((text.preview for text in texts if text.role == "assistant" and _PLEA.search(text.preview)), None)
    if plea is not None and len(calls) <= FEW_CALLS:
        return _diagnosis("stuck_on_approval", 0.65, f'asks for permission: "{plea[:QUOTED_CHARS]}"')
    return None


def _retry(session: Session) -> Diagnosis | None:
    counts, failures = _counts(session.tool_calls)
    suspects = [tool for tool in counts if counts[tool] >= STREAK and failures[tool] / counts[tool] >= FAILING]
    if not suspects:
        return None
    worst = max(suspects, key=lambda tool: (failures[tool] / counts[tool], failures[tool], tool))
    streak = _closing_failures(session.tool_calls)
    if streak < STREAK:
        return _diagnosis("infinite_retry", 0.60, f'Tool "{worst}" has {failures[worst]}/{counts[worst]} errors')
    errors = [call.error or "" for call in session.tool_calls if call.tool == worst and call.status == "error"]
    summary = (
        f'Tool "{worst}" failing repeatedly ({streak} consecutive errors). Last error: {errors[-1][:QUOTED_CHARS]}'
    )
    return _diagnosis("infinite_retry", 0.85, summary)


def _exhausted(session: Session) -> Diagnosis | None:
    condensed = sum(message.kind in _CONDENSED for message in session.messages)
    if condensed >= 2:
        return _diagnosis("context_exhaustion", 0.90, f"the context was condensed or truncated {condensed} times")
    actions = [action_of(call.tool) for call in session.tool_calls]
    reads = sum(action in _LOOKING for action in actions)
    if reads >= MANY_READS and reads / len(actions) > READING:
        return _diagnosis("context_exhaustion", 0.70, f"{reads} of {len(actions)} calls only read")
    return None


def _creeping(session: Session) -> Diagnosis | None:
    edits = sum(action_of(call.tool) == "edit" for call in session.tool_calls)
    if edits > SOME_EDITS:
        return _diagnosis("scope_creep", 0.75 if edits > MANY_EDITS else 0.50, f"{edits} edits")
    return None


def _confused(session: Session) -> Diagnosis | None:
    flips = _flips(session.tool_calls)
    if flips >= FLIPS:
        return _diagnosis("model_confusion", 0.80, f"{flips} edits were taken back and made again")
    if session.ended_by.startswith("ask.mistake_limit_reached"):
        return _diagnosis("model_confusion", 0.65, "the limit of consecutive mistakes was reached")
    _, failures = _counts(session.tool_calls)
    if len(failures) >= FAILING_TOOLS:
        return _diagnosis("model_confusion", 0.60, f"{len(failures)} different tools failed")
    return None


RULES: tuple[Rule, ...] = (_stuck, _retry, _exhausted, _creeping, _confused)
"""In this order: on equal confidence the first one wins."""

_FALLBACK = Diagnosis(category="model_confusion", confidence=0.30, summary="no rule applies")
_CONDENSED = frozenset({"say.condense_context", "say.sliding_window_truncation", "say.condense_context_error"})
_LOOKING: frozenset[Action] = frozenset({"read", "search"})


def _diagnosis(category: DiagnosisCategory, confidence: float, summary: str) -> Diagnosis:
    return Diagnosis(category=category, confidence=confidence, summary=summary)


def _events(session: Session) -> list[Message | ToolCall]:
    """Return what was said and done, in order of time, then of place."""
    events: list[Message | ToolCall] = [*session.messages, *session.tool_calls]
    return sorted(events, key=lambda event: (event.ts or 0, event.file, event.index))


def _counts(calls: Sequence[ToolCall]) -> tuple[Counter[str], Counter[str]]:
    """Return calls and failures of each tool; a denial is a person's choice, no failure."""
    return Counter(call.tool for call in calls), Counter(call.tool for call in calls if call.status == "error")


def _closing_failures(calls: Sequence[ToolCall]) -> int:
    """Count the failures at the very end, at most the recent ones."""
    ok = (place for place, call in enumerate(reversed(calls[-RECENT:])) if call.status != "error")
    return next(ok, len(calls[-RECENT:]))


def _flips(calls: Sequence[ToolCall]) -> int:
    """Count edit → taking it back → edit, with nothing between; no dialect has a tool named undo."""
    steps = [_step(call) for call in calls]
    return sum(window == ("edit", "undo", "edit") for window in zip(steps, steps[1:], steps[2:], strict=False))


def _step(call: ToolCall) -> str:
    if call.tool in ("undo", "revert") or (action_of(call.tool) == "run" and _UNDO.search(call.target)):
        return "undo"
    return action_of(call.tool)
