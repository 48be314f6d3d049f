"""What a server's sessions look like, from its events and from what it answers when asked.

Events may come twice, late or in another order: what is further on stays. So the same events give the
same session, in whatever order they are replayed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from g6o_eval.fleet.ingest.events import Event
from g6o_eval.fleet.ingest.text import milliseconds, number

Json = Mapping[str, Any]

_STAGE = {"pending": 0, "running": 1, "completed": 2, "error": 2}
_SETTLED = frozenset({"session.idle", "session.error", "session.deleted"})


@dataclass(slots=True)
class Held:
    """A session as far as it is known.

    Attributes:
        info: of the session; at least its id.
        messages: by id.
        parts: message id → part id → part.
        removed: ids of messages and parts that were taken back; a late event does not bring them again.
        whole: nothing before the first event is missing.
        changed: since it was written.
        settled: it waits for somebody, so it is worth writing.
        deleted: on the server; what it did stays true.
        size: of its parts in characters, about.
        odd: what the last answer held that is no message, and no part of one: its keys, or an empty one of its kind.
    """

    info: Json
    messages: dict[str, Json] = field(default_factory=dict)
    parts: dict[str, dict[str, Json]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    whole: bool = False
    changed: bool = False
    settled: bool = False
    deleted: bool = False
    size: int = 0
    odd: list[object] = field(default_factory=list)

    def document(self) -> list[Json]:
        """Return `{info, parts}` for each message, in the order of the server: by time, then id."""
        ordered = sorted(self.messages.items(), key=lambda item: (_created(item[1]), item[0]))
        return [
            {"info": info, "parts": [part for _, part in sorted(self.parts.get(message_id, {}).items())]}
            for message_id, info in ordered
        ]


class Mirror:
    """All sessions that are held, the one that was touched last at the end."""

    def __init__(self) -> None:
        self.sessions: OrderedDict[str, Held] = OrderedDict()
        self.size = 0

    def take(self, event: Event) -> None:
        """Take an event in; one that belongs to no session changes nothing here."""
        if event.session_id is None:
            return
        known = event.session_id in self.sessions
        held = self._touch(event.session_id)
        before = held.size
        if event.type.startswith("session."):
            held.whole |= event.type == "session.created" and not known
            self._session(held, event)
        elif self._message(held, event):
            held.changed, held.settled = True, False
        self.size += held.size - before

    def learn(self, info: Json, messages: Sequence[object]) -> Held:
        """Take in what the server says of a session: everything there is. What is held and further on stays."""
        session_id = str(info["id"])
        held = self._touch(session_id)
        before = held.size
        told = Held(info=held.info)
        for message in messages:
            _tell(told, message)
        # Removed while nobody listened: events that were taken are older than the answer.
        for gone in _ids(held) - _ids(told):
            _remove(held, gone)
        held.removed -= _ids(told)
        for message in told.messages.values():
            _put_message(held, message)
        for part in (part for parts in told.parts.values() for part in parts.values()):
            _put_part(held, part)
        held.odd = told.odd
        held.info, held.whole, held.changed, held.settled = info, True, True, _ended(held)
        self.size += held.size - before
        return held

    def doubt(self, session_id: str) -> None:
        """Take a session for changed in a way that only the server can tell: it is asked before it is written."""
        held = self._touch(session_id)
        held.whole, held.changed, held.settled = False, True, False

    def drop(self, session_id: str) -> None:
        """Forget a session: it was written, and the server can be asked again."""
        held = self.sessions.pop(session_id, None)
        self.size -= held.size if held is not None else 0

    def _touch(self, session_id: str) -> Held:
        held = self.sessions.setdefault(session_id, Held(info={"id": session_id}))
        self.sessions.move_to_end(session_id)
        return held

    def _session(self, held: Held, event: Event) -> None:
        info = event.properties.get("info")
        if isinstance(info, dict) and _updated(info) >= _updated(held.info):
            held.changed |= info.get("parentID") != held.info.get("parentID")
            held.info = info
        status = event.properties.get("status")
        idle = event.type == "session.status" and isinstance(status, dict) and status.get("type") == "idle"
        held.settled |= idle or event.type in _SETTLED
        held.deleted |= event.type == "session.deleted"

    def _message(self, held: Held, event: Event) -> bool:
        """Take in what an event says of a message; return whether it is news."""
        properties = event.properties
        if event.type == "message.updated" and isinstance(properties.get("info"), dict):
            return _put_message(held, properties["info"])
        if event.type == "message.part.updated" and isinstance(properties.get("part"), dict):
            return _put_part(held, properties["part"])
        if event.type == "message.part.delta":
            return _append(held, properties)
        if event.type in ("message.removed", "message.part.removed"):
            return _remove(held, str(properties.get("partID") or properties.get("messageID")))
        return False


def _tell(told: Held, message: object) -> None:
    """Take in one message of an answer, and what of it is none."""
    info = message.get("info") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(info, dict) or not isinstance(info.get("id"), str):
        told.odd.append(_outline(message))
        return
    _put_message(told, info)
    parts = message.get("parts")
    if not isinstance(parts, list):
        told.odd.append(_outline(message))
        return
    for part in parts:
        if isinstance(part, dict) and isinstance(part.get("id"), str):
            _put_part(told, {"messageID": info["id"], **part})
        else:
            told.odd.append(_outline(part))


def _outline(value: object) -> object:
    """Return what tells a person of which form a value is, and takes no room."""
    if isinstance(value, dict):
        return dict.fromkeys(list(value)[:12])
    return value if value is None else type(value)()


def _ended(held: Held) -> bool:
    """Say whether a session waits for somebody, as far as its last message tells."""
    last = max(held.messages.values(), key=_created, default=None)
    if last is None or last.get("error"):
        return True
    return last.get("role") == "assistant" and last.get("finish") not in (None, "tool-calls")


def _ids(held: Held) -> set[str]:
    return {*held.messages, *(part_id for parts in held.parts.values() for part_id in parts)}


def _put_message(held: Held, info: Json) -> bool:
    message_id = info.get("id")
    if not isinstance(message_id, str) or message_id in held.removed:
        return False
    old = held.messages.get(message_id)
    if old is not None and (_progress(info) < _progress(old) or info == old):
        return False
    held.messages[message_id] = info
    return True


def _put_part(held: Held, part: Json) -> bool:
    part_id, message_id = part.get("id"), part.get("messageID")
    if not isinstance(part_id, str) or not isinstance(message_id, str) or {part_id, message_id} & held.removed:
        return False
    parts = held.parts.setdefault(message_id, {})
    old = parts.get(part_id)
    if old is not None and (_stage(part) < _stage(old) or part == old):
        return False
    held.size += _size(part) - (_size(old) if old is not None else 0)
    parts[part_id] = part
    return True


def _append(held: Held, properties: Json) -> bool:
    """Append streamed text; the whole part comes at its end."""
    part_id, message_id, delta = (properties.get(key) for key in ("partID", "messageID", "delta"))
    part = held.parts.get(str(message_id), {}).get(str(part_id))
    if part is None or properties.get("field", "text") != "text" or not isinstance(delta, str):
        return False
    return _put_part(held, {**part, "text": f"{part.get('text') or ''}{delta}"})


def _remove(held: Held, removed_id: str) -> bool:
    held.removed.add(removed_id)
    message = held.messages.pop(removed_id, None)
    gone = list(held.parts.pop(removed_id, {}).values())
    gone += [part for parts in held.parts.values() if (part := parts.pop(removed_id, None)) is not None]
    held.size -= sum(map(_size, gone))
    return message is not None or bool(gone)


def _progress(info: Json) -> tuple[bool, float]:
    """Return how far a message is: ended or not, then what it cost so far, which only grows."""
    time = info.get("time")
    ended = isinstance(time, dict) and time.get("completed") is not None
    return ended or bool(info.get("error")), number(info.get("cost")) or 0.0


def _stage(part: Json) -> tuple[int, int]:
    """Return how far a part is: a call by its status, a text by its end, then by its length."""
    state, time, text = part.get("state"), part.get("time"), part.get("text")
    if isinstance(state, dict):
        times = state.get("time")
        end = milliseconds(times.get("end")) if isinstance(times, dict) else None
        return _STAGE.get(str(state.get("status")), 0), end or 0
    ended = isinstance(time, dict) and time.get("end") is not None
    return int(ended), len(text) if isinstance(text, str) else 0


def _size(part: Json) -> int:
    """Return about how many characters a part holds."""
    state = part.get("state")
    held = (part.get("text"), *(state.values() if isinstance(state, dict) else ()))
    return 300 + sum(len(each) if isinstance(each, str) else 8 * len(each) for each in held if hasattr(each, "__len__"))


def _created(info: Json) -> int:
    time = info.get("time")
    return (milliseconds(time.get("created")) or 0) if isinstance(time, dict) else 0


def _updated(info: Json) -> int:
    time = info.get("time")
    return (milliseconds(time.get("updated")) or 0) if isinstance(time, dict) else 0
