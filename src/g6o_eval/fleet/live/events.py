"""The events of a `text/event-stream`, of a bounded size each: what a server sends is held in memory until its end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from g6o_eval.fleet.ingest.text import identifier

EVENT_CHARS = 8_000_000
"""Longest data of one event. Texts and outputs stay under 100,000; an attached image of 5 MB, the most that a model
takes, is 6.7 million characters in base64."""
HEAD_CHARS = 4_000
"""What is kept of a longer one: it names its session near its beginning."""
_BREAK = re.compile(r"\r\n|\n|\r")
_SESSION = re.compile(r'"sessionID"\s*:\s*"([^"\\]{1,128})"|"info"\s*:\s*\{\s*"id"\s*:\s*"(ses_[^"\\]{1,124})"')


@dataclass(frozen=True, slots=True)
class Sent:
    """One event as it was sent.

    Attributes:
        data: its lines, joined.
        id: the last id that the stream named, "" for none.
        retry_ms: how long to wait before coming back, when it says so.
    """

    data: str
    id: str
    retry_ms: int | None


@dataclass(frozen=True, slots=True)
class TooLong:
    """An event of more than EVENT_CHARS, which is not kept.

    Attributes:
        head: its first HEAD_CHARS.
    """

    head: str

    @property
    def session_id(self) -> str | None:
        """The session that it belongs to, as far as its head tells."""
        found = _SESSION.search(self.head)
        return identifier(found[1] or found[2]) if found is not None else None


def read_events(pieces: Iterable[str], *, most: int = EVENT_CHARS) -> Iterator[Sent | TooLong]:
    """Yield the events of a stream that comes in pieces; one that its end cuts off is none."""
    event = _Event(most)
    for line in _lines(pieces, most + len("data: ") + 1):
        if line:
            event.add(line)
        elif (done := event.end()) is not None:
            yield done


@dataclass(slots=True)
class _Event:
    """What there is of one event; its id outlasts it."""

    most: int
    id: str = ""
    _data: list[str] = field(default_factory=list)
    _size: int = -1
    """Of the lines as they are joined."""
    _retry: int | None = None
    _named: bool = False

    def add(self, line: str) -> None:
        """Take one line in; a comment and an unknown field are nothing."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            if self._size <= self.most:
                self._data.append(value)
            self._size += len(value) + 1
            if self._size > self.most:
                self._data = ["\n".join(self._data)[:HEAD_CHARS]]
        elif name == "id" and "\0" not in value:
            self.id, self._named = value, True
        elif name == "retry" and value.isascii() and value.isdigit():
            self._retry = int(value[:9])

    def end(self) -> Sent | TooLong | None:
        """Return the event that a blank line ends, None when there was nothing of it."""
        said = bool(self._data) or self._retry is not None or self._named
        data, size, retry = "\n".join(self._data), self._size, self._retry
        self._data, self._size, self._retry, self._named = [], -1, None, False
        if size > self.most:
            return TooLong(data)
        return Sent(data, self.id, retry) if said else None


def _lines(pieces: Iterable[str], most: int) -> Iterator[str]:
    """Yield lines without their ends; of one that is longer only its first `most` characters."""
    held: list[str] = []
    room, torn = most, False
    for each in pieces:
        piece = each[1:] if torn and each.startswith("\n") else each  # the rest of a line's end
        torn = each.endswith("\r")
        *lines, rest = _BREAK.split(piece)
        for line in lines:
            held.append(line[:room])
            yield "".join(held)
            held, room = [], most
        if rest and room:
            held.append(rest[:room])
            room -= len(held[-1])
