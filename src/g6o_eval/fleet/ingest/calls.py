"""A tool call while its log is still being read: what becomes of it stands further down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from g6o_eval.fleet.ingest.dialects import tool_name
from g6o_eval.fleet.ingest.speech import Spot
from g6o_eval.fleet.ingest.text import json_object, kept, summary
from g6o_eval.fleet.session import ARGUMENT_CHARS, PREVIEW_CHARS, CallStatus, ToolCall

_TARGETS = ("path", "file_path", "command", "regex", "query", "mode_slug", "mode", "question", "uri", "skill")
_DENIED = re.compile(r"\A\s*(?:The user denied this operation|Error: The user denied)", re.IGNORECASE)
_FAILED = re.compile(r"\A\s*(?:The tool execution failed|<error>|Error:)|\bThe tool execution failed with")
_EXIT_CODE = re.compile(r"\bExit code: (-?\d{1,5})\b")
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

    @property
    def tool(self) -> str:
        """The one name of its tool."""
        return tool_name(self.written_as)

    @property
    def target(self) -> str:
        """What it is aimed at, as the source writes it."""
        return target_of(self.args)

    def answer(self, text: str, *, failed: bool = False) -> None:
        """Take the result of the call, as the model got it."""
        status = status_of(text, failed=failed)
        self.status = status
        self.error = text if status != "completed" else None

    def done(self) -> ToolCall:
        """Return the call, its texts redacted and cut."""
        return ToolCall(
            file=self.spot.file,
            index=self.spot.index,
            part=self.spot.part,
            ts=self.spot.ts,
            tool=self.tool,
            written_as=self.written_as,
            target=kept(self.target, PREVIEW_CHARS),
            args=summary(self.args, ARGUMENT_CHARS),
            status=self.status,
            error=None if self.error is None else kept(self.error.strip(), PREVIEW_CHARS),
            duration_ms=self.duration_ms,
        )


def status_of(text: str, *, failed: bool = False) -> CallStatus:
    """Read what became of a call from its result: a JSON status, a fixed sentence, an exit code."""
    found = json_object(text)
    if _DENIED.search(text) or (found and found.get("status") == "denied"):
        return "denied"
    exit_code = _EXIT_CODE.search(text)
    if failed or _FAILED.search(text) or (found and found.get("status") == "error"):
        return "error"
    return "error" if exit_code and exit_code[1] != "0" else "completed"


def target_of(args: Mapping[str, Any]) -> str:
    """Return what a call was aimed at: the files of a batch, else the first argument that says so."""
    for batch in ("batchFiles", "batchDiffs"):
        if isinstance(found := args.get(batch), list):
            paths = [str(item.get("path", "")) for item in found if isinstance(item, dict)]
            return ", ".join(paths[:_LISTED])
    return next((value for key in _TARGETS if isinstance(value := args.get(key), str) and value), "")
