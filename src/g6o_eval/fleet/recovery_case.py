"""What a recovery may be told of a stopped session, as short texts; and the table that holds them.

Made from what was observed only: never from an outcome, a label or an id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

from g6o_eval.fleet.diagnosis import diagnose
from g6o_eval.fleet.evidence import evidence_of, safe
from g6o_eval.fleet.ingest.dialects import action_of
from g6o_eval.fleet.session import Session, ToolCall
from g6o_eval.store.port import Row

NONE = "none"
"""Said where there is nothing to tell."""
UNKNOWN_TOOL, UNKNOWN_ERROR = "unknown tool", "unknown error"
"""Said, as the daemon's own templates do, where no call failed."""
NOTHING_KNOWN = frozenset({"", NONE, UNKNOWN_TOOL, UNKNOWN_ERROR})

MAX_TOOLS, MAX_FILES = 10, 8
"""Most tools and files that are listed; the daemon lists ten tools."""
TEXT_CHARS = 200
"""How much of an error, a task or a call is told, in characters."""
REPEATED = 3
"""Calls of one tool on one target that count as repeating it."""

# The limits of a dispatch are the daemon's own (fitter-dispatch).
MAX_TOKENS = 100_000
COST_SHARE = 0.5
"""A recovery may cost this share of what the stopped session cost."""
UNPRICED_USD, UNPRICED_USD_PER_CALL = 0.1, 0.001
"""What it may cost when the session's price is not known: this, and so much per call."""
SECONDS_PER_USD, MIN_SECONDS, MAX_SECONDS = 60, 30, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCase:
    """The facts of one stopped session, field markers broken, ids and secrets taken out.

    Attributes:
        task: the beginning of what it was asked.
        summary: how it was stopped, and what the rules of diagnosis.py saw.
        tool_activity: one line per tool, the busiest first: calls, and failures if any.
        failing_tool: the tool with the most failures; UNKNOWN_TOOL without one.
        last_error: its last error, in one line; UNKNOWN_ERROR without one.
        retry_count: how often it failed.
        repeated: tool and target of the call made most often, from REPEATED times on; else NONE.
        files: the files it touched, those it changed first, one per line; NONE without any.
        limits: tokens, USD and seconds that the recovery may use.
        kill_reason: how the session was stopped.
    """

    task: str
    summary: str
    tool_activity: str
    failing_tool: str
    last_error: str
    retry_count: int
    repeated: str
    files: str
    limits: str
    kill_reason: str


COLUMNS = ("session_id", *(field.name for field in fields(RecoveryCase)))


def case_rows(session: Session) -> list[Row]:
    """Return the row of `recovery_cases`; none for a session that reported completion."""
    return [] if session.status == "completed" else [(session.session_id, *astuple(case_of(session)))]


def case_of(session: Session) -> RecoveryCase:
    """Return what may be told of a session."""
    calls = session.tool_calls
    kill_reason = evidence_of(session).kill_reason
    tool, error, count = _failure(calls)
    return RecoveryCase(
        task=_line(next((m.preview for m in session.messages if m.role == "user"), "")) or NONE,
        summary=_line(f"{kill_reason}; {diagnose(session).summary}"),
        tool_activity=_activity(calls),
        failing_tool=tool,
        last_error=error,
        retry_count=count,
        repeated=_repeated(calls),
        files=_files(calls),
        limits=_limits(session),
        kill_reason=kill_reason,
    )


def _line(text: str) -> str:
    """Return a text in one line, at most TEXT_CHARS long, nothing in it that poses as a prompt or names a session."""
    return safe(" ".join(text.split()))[:TEXT_CHARS].rstrip()


def _failure(calls: Sequence[ToolCall]) -> tuple[str, str, int]:
    failed = [call for call in calls if call.status == "error"]
    counts = Counter(call.tool for call in failed)
    if not counts:
        return UNKNOWN_TOOL, UNKNOWN_ERROR, 0
    tool = min(counts, key=lambda name: (-counts[name], name))
    last = [call.error or "" for call in failed if call.tool == tool][-1]
    return _line(tool), _line(last) or UNKNOWN_ERROR, counts[tool]


def _activity(calls: Sequence[ToolCall]) -> str:
    counts = Counter(call.tool for call in calls)
    errors = Counter(call.tool for call in calls if call.status == "error")
    # most_common() is stable: tools called equally often stay in the order of their first call.
    lines = [
        f"{tool}: {count} calls" + (f" ({errors[tool]} errors)" if errors[tool] else "")
        for tool, count in counts.most_common(MAX_TOOLS)
    ]
    return safe("\n".join(lines)) or "(no tool activity recorded)"


def _repeated(calls: Sequence[ToolCall]) -> str:
    """Name the call made most often; plans and delegations are meant to come again."""
    again = Counter(
        (call.tool, call.target) for call in calls if call.target and action_of(call.tool) not in ("plan", "delegate")
    )
    most = min(again.items(), key=lambda item: (-item[1], item[0]), default=None)
    return NONE if most is None or most[1] < REPEATED else _line(" ".join(most[0]))


def _files(calls: Sequence[ToolCall]) -> str:
    changed = [call.target for call in calls if action_of(call.tool) == "edit"]
    looked_at = [call.target for call in calls if action_of(call.tool) == "read"]
    found = [path for path in dict.fromkeys(map(_line, [*changed, *looked_at])) if path]
    return "\n".join(found[:MAX_FILES]) or NONE


def _limits(session: Session) -> str:
    usage = session.usage
    known = usage.usd > 0 and not usage.without_cost
    usd = COST_SHARE * usage.usd if known else UNPRICED_USD + UNPRICED_USD_PER_CALL * len(session.tool_calls)
    seconds = min(max(SECONDS_PER_USD * usd, MIN_SECONDS), MAX_SECONDS)
    return f"{MAX_TOKENS:,} tokens, ${usd:.2f}, {seconds:.0f} s"
