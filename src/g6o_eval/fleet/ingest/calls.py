"""A tool call while its log is still being read: what becomes of it stands further down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from g6o_eval.fleet.ingest.dialects import tool_name
from g6o_eval.fleet.ingest.speech import Spot
from g6o_eval.fleet.ingest.text import json_object, kept, label, prompt_sha256, summary
from g6o_eval.fleet.session import ARGUMENT_CHARS, PREVIEW_CHARS, CallStatus, ToolCall

_TARGETS = ("path", "file_path", "command", "regex", "query", "mode_slug", "mode", "question", "uri", "skill")
_DENIED = re.compile(r"\A\s*(?:The user denied this operation|Error: The user denied)", re.IGNORECASE)
_FAILED = re.compile(r"\A\s*(?:The tool execution failed|<error>|Error:|Error executing MCP tool)")
_FAILED_WITHIN = "The tool execution failed with"
_EXIT_WORDS = "Exit code: "
_EXIT_CODE = re.compile(rf"\b{_EXIT_WORDS}(-?\d{{1,10}})\b")
_OUTPUT = "\nOutput:"
"""Behind it stands what the command printed, which may speak of exit codes of its own."""
_STATUS_CHARS = 4096
"""How far into a result its status is looked for, in characters."""
_HELD_CHARS = 8192
"""Longest text of a call that is held until the log ends: more than is kept and searched for secrets."""
_HELD_ITEMS = 64
"""Most items of a list in its arguments that are."""
_HELD_DEPTH = 16
"""Deepest nesting of its arguments that is: real ones have 4, and a thousand would be too deep to write."""
_COMMAND, _DELEGATION = "execute_command", "new_task"
_LISTED = 5
"""Most files of one batch that a target names."""


@dataclass(slots=True)
class Draft:
    """A ToolCall to be; its fields are explained there."""

    spot: Spot
    written_as: str
    args: Mapping[str, Any]
    status: CallStatus = "unanswered"
    error: str | None = None
    duration_ms: int | None = None
    call_id: str | None = None
    turn: int | None = None
    """Index of the model's turn that asked for it, in the API history, when that can be told."""
    requested_at: int | None = None
    """When the request was sent whose answer asked for it, epoch milliseconds."""
    child: str | None = None
    """Id of the child session that it started, when the result names it."""
    exit_code: int | None = None
    result: str | None = None
    asked_sha256: str | None = None
    """Digest of the prompt that it gives a child; None when it asks for none."""
    model_args: Mapping[str, Any] | None = None
    """What the model itself wrote, when the interface shows only some of it."""

    def __post_init__(self) -> None:
        """Let go of what is never kept: calls wait for their results until the log ends."""
        prompt = self.args.get("content") or self.args.get("message")
        if self.tool == _DELEGATION and isinstance(prompt, str):
            self.asked_sha256 = prompt_sha256(prompt)
        self.args = {str(key): _slim(value) for key, value in self.args.items()}

    @property
    def tool(self) -> str:
        """The one name of its tool."""
        return tool_name(self.written_as)

    @property
    def target(self) -> str:
        """What it is aimed at, as the source writes it."""
        return target_of(self.args)

    def answer(self, text: str, *, failed: bool = False) -> None:
        """Take the result of the call, as the model got it; one in several pieces comes piece by piece."""
        if text.strip():
            self.result = _slim(text if self.result is None else f"{self.result}\n{text}")
        status = status_of(text, failed=failed)
        if self.tool == _COMMAND and self.exit_code is None:
            self.exit_code = exit_code_of(text)
        if self.status not in ("error", "denied"):  # what follows a failure is advice about it
            self.status = status
            self.error = _slim(text) if status != "completed" else None

    def done(self) -> ToolCall:
        """Return the call, its texts redacted and cut."""
        return ToolCall(
            file=self.spot.file,
            index=self.spot.index,
            part=self.spot.part,
            ts=self.spot.ts,
            tool=label(self.tool),
            written_as=label(self.written_as),
            target=kept(self.target, PREVIEW_CHARS),
            args=summary(self.model_args or self.args, ARGUMENT_CHARS),
            status=self.status,
            error=None if self.error is None else kept(self.error.strip(), PREVIEW_CHARS),
            duration_ms=self.duration_ms,
            exit_code=self.exit_code,
            result=None if self.result is None else kept(self.result.strip(), PREVIEW_CHARS),
        )


def status_of(text: str, *, failed: bool = False) -> CallStatus:
    """Read what became of a call from its result: a JSON status, a fixed sentence, an exit code."""
    found = json_object(text)
    text = text[:_STATUS_CHARS]
    if _DENIED.match(text) or (found and found.get("status") == "denied"):
        return "denied"
    if failed or _FAILED.match(text) or _FAILED_WITHIN in text or (found and found.get("status") == "error"):
        return "error"
    return "error" if exit_code_of(text) else "completed"


def exit_code_of(text: str) -> int | None:
    """Return the exit code that the head of a command's result tells, None when it tells none."""
    head = text[:_STATUS_CHARS]
    if _EXIT_WORDS not in head:  # most results; the pattern costs fifty times as much
        return None
    found = _EXIT_CODE.search(head.partition(_OUTPUT)[0])
    return int(found[1]) if found else None


def _slim(value: Any, depth: int = 0) -> Any:
    """Return a value with its texts, lists and nesting cut to what may still be asked of them."""
    if isinstance(value, str):
        return value[:_HELD_CHARS]
    if depth >= _HELD_DEPTH:
        return None
    if isinstance(value, list):
        return [_slim(item, depth + 1) for item in value[:_HELD_ITEMS]]
    if isinstance(value, dict):
        return {key: _slim(item, depth + 1) for key, item in value.items()}
    return value


def target_of(args: Mapping[str, Any]) -> str:
    """Return what a call was aimed at: the files of a batch, else the first argument that says so."""
    for batch in ("batchFiles", "batchDiffs", "files"):
        if isinstance(found := args.get(batch), list):
            paths = [str(item.get("path", "")) for item in found if isinstance(item, dict)]
            return ", ".join(paths[:_LISTED])
    return next((value for key in _TARGETS if isinstance(value := args.get(key), str) and value), "")
