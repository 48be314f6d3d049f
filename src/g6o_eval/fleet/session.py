"""Session: one recorded agent run, as every log format is read into it. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Role = Literal["user", "assistant", "tool", "notice"]
"""Who speaks: a person, the model, a tool's result, or the harness around the model."""

CallStatus = Literal["completed", "error", "denied", "unanswered"]
"""What became of a tool call. unanswered: nothing follows it in the log."""

SessionStatus = Literal["completed", "delegated", "failed", "interrupted", "unknown"]
"""How the log ends. delegated: its last act was a child session that never returned."""

FileStatus = Literal["ok", "ok-with-bom", "missing", "salvaged", "empty", "refused"]
"""salvaged: read in part. empty: an array without elements. refused: nothing in it could be used."""

PREVIEW_CHARS = 512
"""Longest text kept of a message, in characters; its length and digest stand beside it."""
ARGUMENT_CHARS = 1024
"""Longest text kept of a tool call's arguments, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing that was said, at its place in a source file.

    Attributes:
        file: the file it stands in, without folder.
        index: of the element within that file's array.
        part: of the element, counted from 0; a turn may hold several texts.
        ts: epoch milliseconds; None when the source has none. Not unique, not an identity.
        role: who speaks.
        kind: the source's own word for it, for example "say.text".
        preview: its first characters, redacted.
        chars: length of the whole text, in characters.
        sha256: of the whole text, before redaction.
    """

    file: str
    index: int
    part: int
    ts: int | None
    role: Role
    kind: str
    preview: str
    chars: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool that the model asked for.

    Attributes:
        file: the file it stands in, without folder.
        index: of the element within that file's array.
        part: of the element, counted from 0; a turn may hold several calls.
        ts: epoch milliseconds; None when the source has none.
        tool: the one name of `ingest/dialects.py`; `server:tool` for MCP.
        written_as: the name as the source writes it.
        target: what it was aimed at (path, command, pattern, mode), redacted; "" when it has none.
        args: its arguments as text, redacted, at most ARGUMENT_CHARS.
        status: what became of it.
        error: what the tool or the person said against it, redacted; None unless error or denied.
        duration_ms: until the next event, a person's waiting included; None when nothing follows.
        exit_code: of a command, where the source tells it.
        result: what the model got back, redacted, at most PREVIEW_CHARS; None when the source does not hold it.
    """

    file: str
    index: int
    part: int
    ts: int | None
    tool: str
    written_as: str
    target: str
    args: str
    status: CallStatus
    error: str | None = None
    duration_ms: int | None = None
    exit_code: int | None = None
    result: str | None = None


PunchType = Literal[
    "tool_call", "command_exec", "mcp_call", "gate_pass", "gate_fail", "child_spawn", "child_complete",
    "cost_checkpoint", "step_complete", "governor_kill", "session_lifecycle", "message",
]  # fmt: skip
"""The daemon's words for what an agent did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Punch:
    """One thing that an agent did, in the words that punch cards ask for.

    Attributes:
        punch_type: which kind of deed.
        punch_key: which one, for example "pytest" of a gate or the name of a tool.
        ts: epoch milliseconds of the event; None when the source has none.
        file: the file it was read from, without folder.
        index: of the element within that file's array.
        part: of the element, counted from 0; a chained command gives several.
    """

    punch_type: PunchType
    punch_key: str
    ts: int | None
    file: str
    index: int
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawn:
    """A child session that was asked for.

    Attributes:
        index: of the asking element.
        ts: epoch milliseconds; None when the source has none.
        prompt_sha256: digest of the child's prompt, trimmed.
        child_id: the child's session id, when the source names it.
        part: of the asking element, counted from 0; a turn may ask for several children.
    """

    index: int
    ts: int | None
    prompt_sha256: str
    child_id: str | None = None
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the session's requests used.

    Attributes:
        requests: requests that were started.
        without_cost: those of them that never got a price: their cost is unknown, not 0.
        tokens_in: as the writer counted; some count cached tokens in it, some do not.
        tokens_in_total: cached tokens included, whoever wrote it.
        tokens_out: tokens received, reasoning included.
        tokens_reasoning: of them, reasoning; 0 where the source does not tell.
        cache_reads: tokens read from the provider's cache.
        cache_writes: tokens written to it.
        request_usd: price of the requests.
        condense_usd: price of condensing the context, which is no request.
    """

    requests: int = 0
    without_cost: int = 0
    tokens_in: int = 0
    tokens_in_total: int = 0
    tokens_out: int = 0
    tokens_reasoning: int = 0
    cache_reads: int = 0
    cache_writes: int = 0
    request_usd: float = 0.0
    condense_usd: float = 0.0

    @property
    def usd(self) -> float:
        """The session's price in USD: requests and condensing."""
        return self.request_usd + self.condense_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """What was found in one file of a session: the census an importer can be checked by.

    Attributes:
        name: without folder.
        status: how much of it could be read.
        size_bytes: on disk; 0 when missing.
        elements: accepted elements, or keys of an object.
        kinds: the source's word for an element → how many.
        calls: tool name as written → how many calls.
        with_ts: elements that carry a time.
        repeated_ts: elements whose time an earlier one has too.
        partial: elements that were still streaming when saved.
        first_ts: the earliest time, epoch milliseconds.
        last_ts: the latest.
        last_kind: the last element's kind; "" without one.
    """

    name: str
    status: FileStatus
    size_bytes: int = 0
    elements: int = 0
    kinds: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    calls: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    with_ts: int = 0
    repeated_ts: int = 0
    partial: int = 0
    first_ts: int | None = None
    last_ts: int | None = None
    last_kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Something in a source that was skipped, salvaged or refused.

    Attributes:
        file: the file, without folder; "" for the folder itself.
        index: of the element; -1 for the whole file.
        reason: one of a closed list of short texts, fit for counting.
        detail: the particulars, for a person.
    """

    file: str
    index: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One recorded agent run.

    Attributes:
        session_id: the source's id of it.
        source: the log format it was read from.
        source_digest: of the files it was read from; equal digests need no second reading.
        parent_id: the session that asked for it, where the source says so.
        prompt_sha256: digest of its first prompt, trimmed; None when it has none.
        started_at: earliest time, epoch milliseconds; None when the source has no times.
        completed_at: latest time, whatever the status.
        active_ms: the time between its events, each gap counted with at most 10 minutes; None without times.
        mode: the agent's last mode; None when the source does not say.
        model: the last model that answered, never the provider; None when the source does not say.
        workspace: the folder that it worked in, redacted; None when the source does not say.
        status: how the log ends.
        ended_by: the last event that means something, in the source's words, for a person.
        usage: sums over all requests.
        messages: what was said, in order.
        tool_calls: what the model asked for, in order.
        spawns: children asked for, in order.
        files: what was found in each source file.
        issues: what was skipped, salvaged or refused.
        skipped: reason → how many elements were left out on purpose and are no loss.
    """

    session_id: str
    source: str
    source_digest: str
    parent_id: str | None
    prompt_sha256: str | None
    started_at: int | None
    completed_at: int | None
    mode: str | None
    model: str | None
    status: SessionStatus
    ended_by: str
    usage: Usage
    messages: tuple[Message, ...]
    tool_calls: tuple[ToolCall, ...]
    spawns: tuple[Spawn, ...] = ()
    files: tuple[SourceFile, ...] = ()
    issues: tuple[Issue, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    active_ms: int | None = None
    workspace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A folder that gave no session.

    Attributes:
        session_id: the id it would have had.
        reason: one of a closed list of short texts.
        issues: the particulars.
        files: what was found in each source file; () when none was opened.
    """

    session_id: str
    reason: str
    issues: tuple[Issue, ...] = ()
    files: tuple[SourceFile, ...] = ()
