"""Task folders as Kilo writes them, made by hand for one test each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from g6o_eval.fleet.ingest.kilo import read_folder
from g6o_eval.fleet.session import Message, Refused, Session, ToolCall, Usage

START = 1_769_000_000_000
UI, API, METADATA = "ui_messages.json", "api_conversation_history.json", "task_metadata.json"


def say(kind: str, text: str = "", *, at: int = 0, **more: Any) -> dict[str, Any]:
    return {"ts": START + at, "type": "say", "say": kind, "text": text, **more}


def ask(kind: str, text: str = "", *, at: int = 0, **more: Any) -> dict[str, Any]:
    return {"ts": START + at, "type": "ask", "ask": kind, "text": text, **more}


def tool(name: str, *, at: int = 0, **args: Any) -> dict[str, Any]:
    return ask("tool", json.dumps({"tool": name, **args}), at=at)


def request(*, at: int = 0, **usage: Any) -> dict[str, Any]:
    return say("api_req_started", json.dumps({"apiProtocol": "anthropic", **usage}), at=at)


def turn(role: str, *blocks: str | dict[str, Any], at: int = 0) -> dict[str, Any]:
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    return {"role": role, "content": content, "ts": START + at}


def tool_use(name: str, call_id: str = "c1", **args: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": args}


def tool_result(text: str, call_id: str = "c1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text, **more}


def as_bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def make_folder(root: Path, name: str = "task-1", **files: object) -> Path:
    """Write ui=…, api=… and metadata=…, each as JSON, or as it is when it is bytes."""
    folder = root / name
    folder.mkdir(parents=True)
    names = {"ui": UI, "api": API, "metadata": METADATA, "history": "history_item.json"}
    for key, value in files.items():
        (folder / names[key]).write_bytes(value if isinstance(value, bytes) else as_bytes(value))
    return folder


def session_in(folder: Path) -> Session:
    """Return the session of a folder that has one."""
    found = read_folder(folder)
    assert isinstance(found, Session), found
    return found


def refused_in(folder: Path) -> Refused:
    """Return the refusal of a folder without a session."""
    found = read_folder(folder)
    assert isinstance(found, Refused), found
    return found


def message(text: str = "hello", *, index: int = 0, role: Any = "assistant", kind: str = "say.text") -> Message:
    return Message(
        file=UI, index=index, part=0, ts=START + index, role=role, kind=kind, preview=text, chars=len(text), sha256=""
    )


def call(name: str, *, index: int = 0, error: str | None = None, target: str = "", status: Any = None) -> ToolCall:
    return ToolCall(
        file=UI,
        index=index,
        part=0,
        ts=START + index,
        tool=name,
        written_as=name,
        target=target,
        args="{}",
        status=status or ("completed" if error is None else "error"),
        error=error,
    )


def session_of(*events: Message | ToolCall, ended_by: str = "say.text", **fields: Any) -> Session:
    """Return a Session whose events follow each other in the order given, one millisecond apart."""
    from dataclasses import replace

    placed = [replace(event, index=place, ts=START + place) for place, event in enumerate(events)]
    values: dict[str, Any] = {
        "session_id": "s-1",
        "source": "kilo",
        "source_digest": "d",
        "parent_id": None,
        "prompt_sha256": None,
        "started_at": START,
        "completed_at": START,
        "mode": None,
        "model": None,
        "status": "unknown",
        "usage": Usage(),
    }
    return Session(
        ended_by=ended_by,
        messages=tuple(event for event in placed if isinstance(event, Message)),
        tool_calls=tuple(event for event in placed if isinstance(event, ToolCall)),
        **{**values, **fields},
    )
