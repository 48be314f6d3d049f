"""A Session as rows: one function per table, its columns beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType

from g6o_eval.fleet import outcome_tables, recovery_case
from g6o_eval.fleet.diagnosis import diagnose
from g6o_eval.fleet.evidence import evidence_of
from g6o_eval.fleet.ingest import shared_rows
from g6o_eval.fleet.ingest.forest import Place
from g6o_eval.fleet.ingest.text import label
from g6o_eval.fleet.session import Issue, Session
from g6o_eval.fleet.vocabulary import unknown_tools
from g6o_eval.store.port import Row

UNKNOWN_TOOL = "tool name that no dialect knows"
"""It is kept as it is written; cards that mean the same tool by another name will not see it."""
ISSUE_CHARS = 1_000
FILE_CHARS = 100
"""Longest name kept of a file, in characters: it is part of a key."""

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "agent_sessions": (
            "session_id", "source", "source_digest", "prompt_sha256", "mode", "model", "status", "ended_by",
            "total_cost",
            "requests", "requests_without_cost", "tokens_in", "tokens_in_total", "tokens_out", "tokens_reasoning",
            "cache_reads", "cache_writes", "started_at", "completed_at", "active_ms", "workspace", "files",
            "parent_session_id", "parent_method", "root_session_id",
        ),
        "agent_messages": (
            "session_id", "file", "source_index", "part", "ts", "role", "kind", "content_preview", "chars", "sha256",
        ),
        "agent_tool_calls": (
            "session_id", "file", "source_index", "part", "ts", "tool_name", "written_as", "target",
            "args_summary", "status", "error", "duration_ms", "exit_code",
        ),
        "spawns": ("session_id", "source_index", "part", "ts", "prompt_sha256", "child_session_id"),
        "import_issues": ("session_id", "file", "source_index", "reason", "detail"),
        "session_digests": (
            "session_id", "tool_patterns", "last_messages", "kill_reason", "rule_category", "rule_confidence",
            "rule_summary",
        ),
        "recovery_cases": recovery_case.COLUMNS,
        "session_facts": outcome_tables.FACT_COLUMNS,
        "session_labels": ("session_id", "category", "source"),
        **shared_rows.SHARED_COLUMNS,
    }
)  # fmt: skip


def session_row(session: Session) -> Row:
    """Return the row of `agent_sessions` but for its last three columns: its place is known at the end of a run."""
    usage = session.usage
    return (
        session.session_id,
        session.source,
        session.source_digest,
        session.prompt_sha256,
        session.mode,
        session.model,
        session.status,
        session.ended_by[:600],
        usage.usd,
        usage.requests,
        usage.without_cost,
        usage.tokens_in,
        usage.tokens_in_total,
        usage.tokens_out,
        usage.tokens_reasoning,
        usage.cache_reads,
        usage.cache_writes,
        session.started_at,
        session.completed_at,
        session.active_ms,
        session.workspace,
        json.dumps([asdict(file) for file in session.files], sort_keys=True, separators=(",", ":")),
    )


def place_columns(place: Place) -> Row:
    """Return the last three columns of `agent_sessions`."""
    return (place.parent_id, place.method, place.root_id)


def message_rows(session: Session) -> list[Row]:
    """Return the rows of `agent_messages`."""
    return [
        (session.session_id, m.file, m.index, m.part, m.ts, m.role, m.kind[:64], m.preview, m.chars, m.sha256)
        for m in session.messages
    ]


def call_rows(session: Session) -> list[Row]:
    """Return the rows of `agent_tool_calls`."""
    return [
        (
            *(session.session_id, c.file, c.index, c.part, c.ts, c.tool[:200], c.written_as[:200]),
            *(c.target, c.args, c.status, c.error, c.duration_ms, c.exit_code),
        )
        for c in session.tool_calls
    ]


def spawn_rows(session: Session) -> list[Row]:
    """Return the rows of `spawns`."""
    return [(session.session_id, s.index, s.part, s.ts, s.prompt_sha256, s.child_id) for s in session.spawns]


def issue_rows(session_id: str, issues: tuple[Issue, ...]) -> list[Row]:
    """Return the rows of `import_issues`; two issues of one reason at one place are one row."""
    found = {
        (label(issue.file, FILE_CHARS), issue.index, issue.reason): label(issue.detail, ISSUE_CHARS) for issue in issues
    }
    return [(session_id, *place, detail) for place, detail in found.items()]


def issues_of(session: Session) -> tuple[Issue, ...]:
    """Return what a session's reader said, and what is said of it once it is whole."""
    found = list(session.issues)
    if shared_rows.born_at(session) is None:
        found.append(Issue(file="", index=-1, reason=shared_rows.NO_TIME))
    if unknown := unknown_tools([session]):
        names = ", ".join(f"{name} x{count}" for name, count in unknown.items())
        found.append(Issue(file="", index=-1, reason=UNKNOWN_TOOL, detail=names[:ISSUE_CHARS]))
    return tuple(found)


def digest_rows(session: Session) -> list[Row]:
    """Return the row of `session_digests`."""
    seen, by_rule = evidence_of(session), diagnose(session)
    texts = (seen.tool_patterns, seen.last_messages, seen.kill_reason)
    return [(session.session_id, *texts, by_rule.category, by_rule.confidence, by_rule.summary)]


ROWS_OF: Mapping[str, Callable[[Session], list[Row]]] = MappingProxyType(
    {
        "agent_messages": message_rows,
        "agent_tool_calls": call_rows,
        "spawns": spawn_rows,
        "import_issues": lambda session: issue_rows(session.session_id, issues_of(session)),
        "session_digests": digest_rows,
        "recovery_cases": recovery_case.case_rows,
        "session_facts": outcome_tables.fact_rows,
        "punches": shared_rows.punch_rows,
        "tasks": shared_rows.task_rows,
    }
)
"""The tables whose rows depend on one session alone."""
