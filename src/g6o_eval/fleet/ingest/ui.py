"""Reads the elements of `ui_messages.json`: what a person saw, and the only place of cost and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from g6o_eval.fleet.ingest.calls import Draft
from g6o_eval.fleet.ingest.census import FOREIGN, Census
from g6o_eval.fleet.ingest.kinds import (
    AFTERMATH,
    CALLS,
    COMPLETED,
    FAILED,
    FAULTS,
    FIRST_PROMPT,
    KNOWN,
    MUTE,
    REQUESTS,
    ROLES,
    SPENT,
    STREAMED,
)
from g6o_eval.fleet.ingest.requests import Requests
from g6o_eval.fleet.ingest.speech import Spot, speech
from g6o_eval.fleet.ingest.text import json_object, label, milliseconds, prompt_sha256
from g6o_eval.fleet.session import Message, SessionStatus, Spawn

UI_FILE = "ui_messages.json"
NO_JSON_CALL = "tool call that is no JSON"
NO_TEXT = "message without text"
SUPERSEDED = "streaming copy of the next message"
UNKNOWN_KIND = "kind of message that is not known"
MUTE_KIND = "mark without speech"
IMAGE = "image"
_CHANGED_FILES = "HAS_CHANGES"
"""What Cline writes behind a completion's text when files were changed."""
_APPROVED = "REQ_APP"
"""What Cline writes behind a command that a person has to approve."""
_PAYLOADS = {"ask.followup": "question", "ask.plan_mode_respond": "response", "ask.act_mode_respond": "response"}
"""Kinds whose text is a JSON object, and the key of what is said in it."""

ENDED_CHARS = 400

Json = Mapping[str, Any]


class UiReader:
    """Takes the elements in order; its public attributes are what was read so far."""

    def __init__(self) -> None:
        self.census = Census(UI_FILE)
        self.requests = Requests()
        self.messages: list[Message] = []
        self.calls: list[Draft] = []
        self.spawns: list[Spawn] = []
        self.skipped: Counter[str] = Counter()
        self.prompt_sha256: str | None = None
        self.mode: str | None = None
        self.model: str | None = None
        self.by_cline = False  # something stands in it that only Cline writes
        self._requested_at: int | None = None
        self._held: tuple[int, Json] | None = None
        self._last = ""
        self._last_detail = ""
        self._resumed = False
        self._cancelled = False  # what the last request had said until it was cancelled stands behind it
        self._open: Draft | None = None  # the call that nothing has answered so far
        self._fallible: Draft | None = None  # the call that an error of this turn is about

    def add(self, index: int, value: object) -> None:
        """Take the next element; one that is no `ClineMessage` is refused with its reason."""
        if not _is_message(value):
            self.census.issue(index, FOREIGN, keys_of(value))
            return
        element: Json = value  # type: ignore[assignment]  # _is_message has just said so
        self._release(element)
        self._held = (index, element)

    def close(self) -> None:
        """Take the element that waited for its successor."""
        self._release(None)

    @property
    def status(self) -> SessionStatus:
        """How the session ends, from evidence alone: flags of the source go stale."""
        if self._last in COMPLETED or self._last_detail == "finishTask":
            return "completed"
        if self._last_detail == "newTask":
            return "delegated"
        if self._last in FAILED:
            return "failed"
        return "interrupted" if self._resumed or self._last == "say.api_req_started" else "unknown"

    @property
    def ended_by(self) -> str:
        """The last event that means something, and its particulars."""
        return label(f"{self._last} {self._last_detail}".strip(), ENDED_CHARS)

    def _release(self, following: Json | None) -> None:
        """Read the held element, now that its successor is known."""
        if self._held is None:
            return
        (index, element), self._held = self._held, None
        kind = _kind(element)
        self.census.add(kind, milliseconds(element["ts"]), partial=element.get("partial") is True)
        if following is not None and _superseded(element, following):
            self.skipped[SUPERSEDED] += 1
            return
        self._note(element)
        if kind not in KNOWN:
            self.census.issue(index, UNKNOWN_KIND, kind)
            return
        self._settle(kind)
        detail = self._read(index, kind, element=element)
        if kind not in AFTERMATH and not (self._cancelled and kind in STREAMED):
            self._last, self._last_detail = kind, detail
        if following is not None and self.calls and self.calls[-1].spot.index == index:
            self.calls[-1].duration_ms = _elapsed(element, following)
        if kind in MUTE:
            self.skipped[MUTE_KIND] += 1
        elif kind not in CALLS | REQUESTS:
            self._say(index, kind, element=element)

    def _note(self, element: Json) -> None:
        """Take what any kind of element may carry: images, and Cline's word on mode and model."""
        images, info = element.get("images"), element.get("modelInfo")
        if isinstance(images, list) and images:
            self.skipped[IMAGE] += len(images)
        if isinstance(info, dict):
            self.mode = label(str(info["mode"])) if info.get("mode") else self.mode
            self.model = label(str(info["modelId"])) if info.get("modelId") else self.model
        self.by_cline |= isinstance(info, dict) or "conversationHistoryIndex" in element

    def _settle(self, kind: str) -> None:
        """Take this event as the answer to the call before it, when it is one."""
        self._resumed = kind == "ask.resume_task"
        if kind not in AFTERMATH and self._open is not None:
            if self._open.status == "unanswered":
                self._open.status = "completed"
            self._open = None

    def _read(self, index: int, kind: str, *, element: Json) -> str:
        """Take what is no speech; return the detail that names it in `ended_by`."""
        name, text = kind.split(".", 1)[1], element.get("text")
        if name in ("tool", "command", "use_mcp_server"):
            return self._call(index, name, element=element)
        if kind == "say.api_req_started":
            self._fallible = None
            self._requested_at = milliseconds(element["ts"])
            # The first element is the person's prompt; the extension's own sums leave it out too.
            reason = str(self.requests.started(text).get("cancelReason") or "") if index else ""
            self._cancelled = bool(reason)
            return reason
        if kind == "say.api_req_finished":
            self.requests.finished(text)
        elif kind in SPENT:
            self.requests.deleted(text)
        elif kind == "say.condense_context":
            self.requests.condensed(element.get("contextCondense"))
        elif kind in FAULTS and self._fallible is not None:
            self._fallible.status, self._fallible.error = "error", str(text or kind)
            self._fallible = None
        return ""

    def _call(self, index: int, name: str, *, element: Json) -> str:
        text = element.get("text")
        args: Json | None = json_object(text)
        if name == "command":
            args = {"command": str(text or "").removesuffix(_APPROVED)}
        written = None if args is None else _written_as(name, args)
        if args is None or written is None:
            self.census.issue(index, NO_JSON_CALL, f"{name} with {len(str(text or ''))} characters")
            return ""
        if name == "use_mcp_server":
            self.census.name_call(f"mcp:{written.replace(':', '/', 1)}")
            args = json_object(args.get("arguments")) or args
        else:
            self.census.name_call(written)
        call = Draft(Spot(UI_FILE, index, milliseconds(element["ts"])), written, args)
        call.turn, call.requested_at = _turn(element), self._requested_at
        self.calls.append(call)
        self._fallible = call
        if written == "finishTask":  # it waits for the parent, not for a person
            call.status = "completed"
        else:
            self._open = call
        if call.asked_sha256 is not None:
            self.spawns.append(Spawn(index=index, ts=call.spot.ts, prompt_sha256=call.asked_sha256))
        return written

    def _say(self, index: int, kind: str, *, element: Json) -> None:
        text, role = element.get("text"), ROLES.get(kind, "notice")
        if kind in _PAYLOADS and (said := json_object(text)):
            text = said.get(_PAYLOADS[kind])
        text = text if isinstance(text, str) else ""
        if kind in COMPLETED:
            text = text.removesuffix(_CHANGED_FILES)
        if index == 0 and kind in FIRST_PROMPT:
            role, self.prompt_sha256 = "user", prompt_sha256(text)
        if not text.strip() and role != "notice":
            self.skipped[NO_TEXT] += 1
            return
        spot = Spot(UI_FILE, index, milliseconds(element["ts"]))
        self.messages.append(speech(spot, text, role=role, kind=kind))


def _turn(element: Json) -> int | None:
    """Return which turn of the API history asked for a call: Cline notes the last one before it."""
    before = element.get("conversationHistoryIndex")
    return before + 1 if isinstance(before, int) and not isinstance(before, bool) else None


def _is_message(value: object) -> bool:
    """Say whether an element is a `ClineMessage`: a time, and an ask or a say of a known shape."""
    if not isinstance(value, dict) or milliseconds(value.get("ts")) is None:
        return False
    return value.get("type") in ("ask", "say") and isinstance(value.get(str(value["type"])), str)


def _kind(element: Json) -> str:
    return f"{element['type']}.{element[element['type']]}"


def keys_of(value: object) -> str:
    """Return the keys of an element that was refused, for a person."""
    if isinstance(value, dict):
        return "keys: " + ", ".join(sorted(map(str, value))[:12])
    return f"a {type(value).__name__}"


def _superseded(element: Json, following: Json) -> bool:
    """Say whether the next element is the finished copy of this one, which was still streaming.

    A copy keeps the time of its beginning, or it begins with what was there before.
    """
    if _kind(element) != _kind(following) or following.get("partial") is True:
        return False
    start, whole = str(element.get("text") or ""), str(following.get("text") or "")
    same_time, goes_on = element["ts"] == following["ts"], whole.startswith(start)
    if element.get("partial") is True:
        return same_time or goes_on
    return same_time and goes_on and 0 < len(start) < len(whole)


def _written_as(name: str, args: Json) -> str | None:
    """Return the tool's name as the source writes it, None when it does not say."""
    if name == "command":
        return "command"
    if name == "tool":
        written = args.get("tool")
        return written if isinstance(written, str) and written else None
    server, tool = args.get("serverName"), args.get("toolName")
    if not isinstance(server, str):
        return None
    return f"{server}:{tool}" if isinstance(tool, str) and tool else f"{server}:access_mcp_resource"


def _elapsed(element: Json, following: Json) -> int | None:
    """Return the milliseconds between two elements, never below 0."""
    first, later = milliseconds(element["ts"]), milliseconds(following["ts"])
    return None if first is None or later is None else max(0, later - first)
