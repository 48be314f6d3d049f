"""Reads OpenCode messages, `{info, parts}` each, wherever they come from: export, database, live stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from g6o_eval.fleet.ingest.census import FOREIGN, Census
from g6o_eval.fleet.ingest.speech import Spot, speech
from g6o_eval.fleet.ingest.spending import Spending
from g6o_eval.fleet.ingest.text import label, milliseconds, prompt_sha256
from g6o_eval.fleet.ingest.tool_parts import TASK, Json, is_tool, read_call, read_spawn, times_of
from g6o_eval.fleet.ingest.ui import NO_TEXT, keys_of
from g6o_eval.fleet.session import Message, Role, SessionStatus, Spawn, ToolCall

FILE = "messages"
"""What the list of messages is called, whatever it was read from: one session has one set of keys."""
UNKNOWN_PART = "part of unknown type"
REPEATED = "id that stood before"
COST_DIFFERS = "cost of a message is not that of its steps"
NOT_KEPT = "part that is neither text nor tool"
_QUIET = frozenset({"step-start", "step-finish", "snapshot", "patch", "file", "agent"})
"""Part types without speech; steps are counted, the others change nothing that we keep."""
_FAILED = frozenset({"length", "content-filter", "error"})
_DONE = frozenset({"stop", "end_turn"})
_ABORTED = "MessageAbortedError"


@dataclass(slots=True)
class _End:
    """The last message that means something."""

    role: str = ""
    finish: str | None = None
    error: str | None = None
    open_tool: str | None = None


class TurnReader:
    """What the messages said, called and used, so far."""

    def __init__(self) -> None:
        self.census = Census(FILE)
        self.messages: list[Message] = []
        self.calls: list[ToolCall] = []
        self.spawns: list[Spawn] = []
        self.skipped: Counter[str] = Counter()
        self.spending = Spending()
        self.prompt_sha256: str | None = None
        self.mode: str | None = None
        self.model: str | None = None
        self.last_ts: int | None = None
        self._ids: set[str] = set()
        self._end = _End()
        self._read: Mapping[str, Callable[[Json, Spot, Role], None]] = {
            "text": self._text,
            "reasoning": self._text,
            "tool": self._tool,
            "subtask": self._notice,
            "retry": self._notice,
            "compaction": self._notice,
        }

    def add(self, index: int, value: object) -> None:
        """Read one message at its place among all."""
        info = value.get("info") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not _is_info(info):
            self.census.issue(index, FOREIGN, keys_of(value))
            return
        assert isinstance(info, dict)
        if info["id"] in self._ids:
            self.census.issue(index, REPEATED, str(info["id"]))
            return
        self._ids.add(info["id"])
        self.census.add(f"message.{info['role']}", _created_at(info))
        self._saw(_created_at(info), _ended_at(info))
        parts = self._parts(index, value.get("parts"))
        for place, part in parts:
            self._part(part, Spot(FILE, index, _time_of(part, info), place), info=info)
        self._conclude(index, info, parts=[part for _, part in parts])

    @property
    def status(self) -> SessionStatus:
        """How the session ends: what the last message and its open calls tell."""
        end = self._end
        if end.error is not None:
            return "interrupted" if end.error == _ABORTED else "failed"
        if end.open_tool is not None:
            return "delegated" if end.open_tool == TASK else "interrupted"
        if end.finish in _DONE:
            return "completed"
        if end.finish in _FAILED:
            return "failed"
        return "unknown" if not end.role or end.finish not in (None, "tool-calls") else "interrupted"

    @property
    def ended_by(self) -> str:
        """The last message that means something, and what it ended with."""
        end = self._end
        if end.role != "assistant":
            return end.role
        return f"assistant {end.error or end.finish or 'unfinished'} {end.open_tool or ''}".strip()

    def _parts(self, index: int, found: object) -> list[tuple[int, Json]]:
        if not isinstance(found, list):
            self.census.issue(index, FOREIGN, f"parts: {keys_of(found)}")
            return []
        parts: list[tuple[int, Json]] = []
        for place, part in enumerate(found):
            if not isinstance(part, dict) or not isinstance(part.get("type"), str):
                self.census.issue(index, FOREIGN, f"part {place}: {keys_of(part)}")
            elif isinstance(part.get("id"), str) and part["id"] in self._ids:
                self.census.issue(index, REPEATED, str(part["id"]))
            else:
                self._ids.add(str(part.get("id", f"{index}/{place}")))
                parts.append((place, part))
        return parts

    def _part(self, part: Json, spot: Spot, *, info: Json) -> None:
        kind = str(part["type"])
        self.census.add(kind, spot.ts)
        self._saw(spot.ts, *_ends_of(part))
        if kind in self._read:
            self._read[kind](part, spot, "user" if info["role"] == "user" else "assistant")
        elif kind in _QUIET:
            self.skipped[NOT_KEPT] += 1
        else:
            self.census.issue(spot.index, UNKNOWN_PART, f"part {spot.part}: {kind[:100]!r}")

    def _text(self, part: Json, spot: Spot, role: Role) -> None:
        text = part.get("text")
        if not isinstance(text, str) or not text.strip():
            self.skipped[NO_TEXT] += 1
            return
        own = not part.get("synthetic") and not part.get("ignored")  # else the harness wrote it
        kind = f"{role}.{part['type']}"
        if own and role == "user" and self.prompt_sha256 is None:
            self.prompt_sha256 = prompt_sha256(text)
        self.messages.append(speech(spot, text, role=role if own else "notice", kind=kind))

    def _notice(self, part: Json, spot: Spot, role: Role) -> None:
        error = part.get("error")
        text = _message_of(error) if isinstance(error, dict) else part.get("prompt")
        said = text if isinstance(text, str) else ""
        self.messages.append(speech(spot, said, role="notice", kind=f"{role}.{part['type']}"))

    def _tool(self, part: Json, spot: Spot, _role: Role) -> None:
        if not is_tool(part):
            self.census.issue(spot.index, FOREIGN, f"part {spot.part}: {keys_of(part)}")
            return
        self.calls.append(read_call(part, spot))
        self.census.name_call(part["tool"])
        if part["tool"] == TASK:
            self.spawns.append(read_spawn(part, spot))

    def _conclude(self, index: int, info: Json, *, parts: list[Json]) -> None:
        """Take what the whole message tells: agent, model, price, how it ended."""
        if info["role"] == "user":
            if any(part["type"] != "compaction" and not part.get("synthetic") for part in parts):
                self._end = _End(role="user")
            return
        steps = [part for part in parts if part["type"] == "step-finish"]
        off = self.spending.add(info, steps, started=sum(part["type"] == "step-start" for part in parts))
        if off is not None:
            self.census.issue(index, COST_DIFFERS, f"the steps cost {off:+.6f} USD more")
        error = info.get("error")
        if isinstance(error, dict) and (said := _message_of(error)):
            spot = Spot(FILE, index, _ended_at(info), len(parts))
            self.messages.append(speech(spot, said, role="notice", kind=f"assistant.{_error_name(error)}"))
        if info.get("summary"):
            return  # condensing is no turn of the agent's
        self.mode = _name(info.get("mode")) or _name(info.get("agent")) or self.mode
        self.model = _name(info.get("modelID")) or self.model
        self._end = _End("assistant", _name(info.get("finish")), _error_name(error), _open_tool(parts))

    def _saw(self, *times: int | None) -> None:
        self.last_ts = max((ts for ts in (self.last_ts, *times) if ts is not None), default=None)


def _is_info(info: object) -> bool:
    return isinstance(info, dict) and info.get("role") in ("user", "assistant") and bool(_name(info.get("id")))


def _time_of(part: Json, info: Json) -> int | None:
    """Return when a part began; a step tells no time, it is its message's."""
    time = part.get("time")
    state = part.get("state")
    found = times_of(state)[0] if isinstance(state, dict) else None
    if found is None and isinstance(time, dict):
        found = milliseconds(time.get("start", time.get("created")))
    return _created_at(info) if found is None else found


def _created_at(info: Json) -> int | None:
    time = info.get("time")
    return milliseconds(time.get("created")) if isinstance(time, dict) else None


def _ended_at(info: Json) -> int | None:
    time = info.get("time")
    return milliseconds(time.get("completed")) if isinstance(time, dict) else None


def _ends_of(part: Json) -> tuple[int | None, ...]:
    """Return when a part and its call ended."""
    return tuple(times_of(each)[1] for each in (part, part.get("state")) if isinstance(each, dict))


def _name(value: object) -> str | None:
    return label(value) if isinstance(value, str) and value else None


def _error_name(error: object) -> str | None:
    if not error:
        return None
    return label(str(error.get("name") or "error")) if isinstance(error, dict) else "error"


def _message_of(error: Mapping[str, Any]) -> str:
    data = error.get("data")
    said = data.get("message") if isinstance(data, dict) else error.get("message")
    return said if isinstance(said, str) else ""


def _open_tool(parts: list[Json]) -> str | None:
    """Return the last call that was never answered, None when all were."""
    for part in reversed(parts):
        if part["type"] == "tool" and is_tool(part) and part["state"].get("status") in ("pending", "running"):
            return label(part["tool"])
    return None
