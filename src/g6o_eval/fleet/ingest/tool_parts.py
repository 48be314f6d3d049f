"""Reads the tool parts of OpenCode messages: what was called, on what, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from g6o_eval.fleet.ingest.dialects import tool_name
from g6o_eval.fleet.ingest.speech import Spot
from g6o_eval.fleet.ingest.text import identifier, kept, label, milliseconds, prompt_sha256, summary
from g6o_eval.fleet.session import ARGUMENT_CHARS, PREVIEW_CHARS, CallStatus, Spawn, ToolCall

Json = Mapping[str, Any]

TASK = "task"
_TARGETS = ("filePath", "command", "pattern", "path", "url", "query", "subagent_type", "name", "description")
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.{1,400})$", re.MULTILINE)
_LISTED = 5
"""Most files of one patch that a target names."""
_DENIED = re.compile(
    r"\A\s*The user (?:rejected permission|dismissed this question|has specified a rule which prevents)"
)
_CHILD = re.compile(r"\b(?:task_id|session_id):\s*(ses_\w{1,120})")


def is_tool(part: Json) -> bool:
    """Say whether a part has what a call needs: a tool's name and a state."""
    return isinstance(part.get("tool"), str) and bool(part["tool"]) and isinstance(part.get("state"), dict)


def read_call(part: Json, spot: Spot) -> ToolCall:
    """Return the call of a tool part that `is_tool`; `spot.ts` stands in for a start that it does not tell."""
    state, args = part["state"], arguments_of(part)
    start, end = times_of(state)
    exit_code = _exit_code(state)
    status = _status(state, exit_code)
    said = state.get("error") if state.get("status") == "error" else state.get("output")
    return ToolCall(
        file=spot.file,
        index=spot.index,
        part=spot.part,
        ts=spot.ts if start is None else start,
        tool=tool_name(label(part["tool"])),
        written_as=label(part["tool"]),
        target=kept(target_of(part["tool"], args), PREVIEW_CHARS),
        args=summary(args, ARGUMENT_CHARS),
        status=status,
        error=kept(str(said or "").strip(), PREVIEW_CHARS) if status in ("error", "denied") else None,
        duration_ms=None if start is None or end is None else max(0, end - start),
        exit_code=exit_code,
    )


def read_spawn(part: Json, spot: Spot) -> Spawn:
    """Return the child session that a part of the tool `task` asked for.

    Its id stands in the call's metadata as soon as it runs; old versions name it in the output only.
    """
    state, args = part["state"], arguments_of(part)
    metadata = state.get("metadata")
    found = metadata.get("sessionId", metadata.get("sessionID")) if isinstance(metadata, dict) else None
    if not isinstance(found, str) or not found:
        named = _CHILD.search(str(state.get("output") or "")[:2_000])
        found = named[1] if named else None
    start, _ = times_of(state)
    prompt = args.get("prompt")
    return Spawn(
        index=spot.index,
        ts=spot.ts if start is None else start,
        prompt_sha256=prompt_sha256(prompt if isinstance(prompt, str) else ""),
        child_id=identifier(found),
        part=spot.part,
    )


def arguments_of(part: Json) -> Json:
    """Return the call's arguments; while they stream in, what there is of their text."""
    state = part["state"]
    found = state.get("input")
    if isinstance(found, dict) and found:
        return found
    raw = state.get("raw")
    return {"raw": raw} if isinstance(raw, str) and raw else {}


def target_of(tool: str, args: Json) -> str:
    """Return what a call is aimed at: the files of a patch, else the first argument that says so."""
    patch = args.get("patchText")
    if isinstance(patch, str):
        return ", ".join(_PATCHED.findall(patch)[:_LISTED])
    asked = args.get("questions")
    if tool == "question" and isinstance(asked, list) and asked and isinstance(asked[0], dict):
        return str(asked[0].get("question") or "")
    return next((value for key in _TARGETS if isinstance(value := args.get(key), str) and value), "")


def times_of(state: Json) -> tuple[int | None, int | None]:
    """Return start and end, epoch milliseconds."""
    time = state.get("time")
    if not isinstance(time, dict):
        return None, None
    return milliseconds(time.get("start")), milliseconds(time.get("end"))


def _exit_code(state: Json) -> int | None:
    metadata = state.get("metadata")
    found = metadata.get("exit") if isinstance(metadata, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**31 else None


def _status(state: Json, exit_code: int | None) -> CallStatus:
    """Return what became of a call; a command that ran and failed is an error, as in the other formats."""
    status = state.get("status")
    if status == "error":
        return "denied" if _DENIED.search(str(state.get("error") or "")) else "error"
    if status != "completed":
        return "unanswered"
    return "error" if exit_code else "completed"
