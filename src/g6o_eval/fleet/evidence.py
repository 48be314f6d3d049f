"""What a diagnosis may look at, as short texts: tool patterns, last messages, how it was stopped.

Made from what was observed only: never from an outcome, a label or an id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from g6o_eval.fleet.ingest.dialects import action_of
from g6o_eval.fleet.session import Message, Session, ToolCall
from g6o_eval.redact import neutralise

LAST_MESSAGES = 8
"""How many of the last messages are shown."""
MESSAGE_CHARS = 160
"""How much of each is shown, in characters."""
ERROR_CHARS = 100
"""How much of an error is shown, in characters."""
NO_KILL = "none: it reported completion"
_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_ENDINGS = (
    ("user_cancelled", "a person cancelled the running request"),
    ("streaming_failed", "the provider's stream broke off"),
    ("retries_exhausted", "the provider failed after all retries"),
    ("ask.mistake_limit_reached", "the limit of consecutive mistakes was reached"),
    ("ask.auto_approval_max_req_reached", "the limit of automatic requests was reached"),
    ("ask.api_req_failed", "the provider refused a request"),
    ("ask.tool newTask", "a child session never returned"),
    ("ask.followup", "a question was never answered"),
    ("ask.command_output", "a command never returned"),
    ("ask.", "a request for approval was never answered"),
    ("say.api_req_started", "it stopped while a request was running"),
)
"""Words of Session.ended_by → how the session was stopped; the first that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The inputs of the diagnosis program."""

    tool_patterns: str
    last_messages: str
    kill_reason: str


def evidence_of(session: Session) -> Evidence:
    """Return what may be looked at, its field markers broken and its ids taken out."""
    return Evidence(
        tool_patterns=safe(_tool_patterns(session)),
        last_messages=safe(_last_messages(session.messages)),
        kill_reason=safe(_kill_reason(session)),
    )


def safe(text: str) -> str:
    """Return a text with its field markers broken and its ids taken out."""
    return neutralise(_ID.sub("<id>", text))


def _tool_patterns(session: Session) -> str:
    calls = session.tool_calls
    if not calls:
        return "no tool was called"
    counts = Counter(call.tool for call in calls)
    lines = [_tool_line(tool, calls) for tool, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    edited = {call.target for call in calls if action_of(call.tool) == "edit"}
    if edited:
        folders = {str(PurePosixPath(path).parent) for path in edited}
        lines.append(f"edited {len(edited)} files in {len(folders)} folders")
    return "\n".join([*lines, *_repeats(calls), *_notices(session.messages)])


def _tool_line(tool: str, calls: Sequence[ToolCall]) -> str:
    mine = [call for call in calls if call.tool == tool]
    parts = [f"{tool} x{len(mine)}"]
    for status in ("error", "denied", "unanswered"):
        if count := sum(call.status == status for call in mine):
            parts.append(f"{count} {status}")
    errors = Counter(" ".join((call.error or "").split())[:ERROR_CHARS] for call in mine if call.error)
    worst = min(errors.items(), key=lambda item: (-item[1], item[0]), default=None)
    return ", ".join(parts) + (f" ({worst[0]})" if worst else "")


def _repeats(calls: Sequence[ToolCall]) -> list[str]:
    """Say which call was made again and again on the same target; plans and delegations are meant to be."""
    again = Counter(
        (call.tool, call.target) for call in calls if call.target and action_of(call.tool) not in ("plan", "delegate")
    )
    most = min(again.items(), key=lambda item: (-item[1], item[0]), default=None)
    if most is None or most[1] < 3:
        return []
    (tool, target), count = most
    return [f"same call {count} times: {tool} {' '.join(target.split())[:ERROR_CHARS]}"]


def _notices(messages: Sequence[Message]) -> list[str]:
    counts = Counter(message.kind.split(".", 1)[1] for message in messages if message.role == "notice")
    return [f"notice {kind} x{count}" for kind, count in sorted(counts.items())]


def _last_messages(messages: Sequence[Message]) -> str:
    shown = [message for message in messages if message.preview.strip()][-LAST_MESSAGES:]
    return "\n".join(f"[{m.role}] {' '.join(m.preview.split())[:MESSAGE_CHARS]}" for m in shown) or "nothing was said"


def _kill_reason(session: Session) -> str:
    if session.status == "completed":
        return NO_KILL
    words = session.ended_by
    rest = "it was left, and opened again later" if session.status == "interrupted" else "the log just ends"
    return next((reason for ending, reason in _ENDINGS if ending in words), rest)
