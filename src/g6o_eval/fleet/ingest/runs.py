"""The undamaged part of a JSON array, several elements at a time: as fast as the parser, whatever the file's size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import FileIO

import orjson

_OPEN, _CLOSE = ord("["), ord("]")


class Runs:
    """Iterates over lists of elements, until the array ends or something in it is no JSON.

    The key that begins each element tells where a run may be cut: a quote inside a text is escaped, so that
    `,{"key":` between two elements, and deeper down, is never part of one. A cut deeper down gives no JSON, and
    is moved further on.

    Attributes:
        whole: whether the array was read to its end, nothing else in the file.
        start: byte at which the last run begins; 0 before the first.
        last: how many elements the last run had.
        given: how many elements there were in all.
    """

    def __init__(self, stream: FileIO, first: str, *, run_bytes: int, most_bytes: int) -> None:
        """Read an array from the start of a stream.

        Args:
            stream: at its start.
            first: the key that each element begins with.
            run_bytes: read at a time.
            most_bytes: longest run; what is longer in one piece is left to others.
        """
        self.whole = False
        self.start = 0
        self.last = self.given = 0
        self._stream = stream
        self._mark = b',{"%s":' % first.encode()
        self._most = most_bytes
        self._buffer = bytearray(min(run_bytes, most_bytes))
        self._held = 0  # bytes of the buffer that belong to the next run
        self._next = 0  # where in the file they begin
        self._ended = False

    def __iter__(self) -> Iterator[list[object]]:
        while self._fill():
            cut = self._buffer.rfind(self._mark, 0, self._held)
            if cut > 0 and (run := self._parsed(cut, closed=False)) is not None:
                self._advance(cut, run)
                yield run
        if not self.whole and self._ended and (run := self._parsed(self._held, closed=True)) is not None:
            self._advance(self._held, run)
            self.whole = True
            yield run

    def _fill(self) -> bool:
        """Read on; return whether there was something to read, and room for it."""
        if self._held == len(self._buffer):
            self._buffer.extend(bytes(min(self._held, self._most - self._held)))
        with memoryview(self._buffer) as view:
            got = self._stream.readinto(view[self._held :])
        self._ended = self._held < len(self._buffer) and not got
        self._held += got
        return bool(got)

    def _parsed(self, end: int, *, closed: bool) -> list[object] | None:
        """Return what stands in the buffer before `end`, None when it is no array."""
        if not closed:
            self._buffer[end] = _CLOSE  # in place of the comma, which is the next run's bracket
        with memoryview(self._buffer) as view:
            try:
                found = orjson.loads(view[: end if closed else end + 1])
            except orjson.JSONDecodeError:
                found = None
        if not closed:
            self._buffer[end] = ord(",")
        return found if isinstance(found, list) else None

    def _advance(self, cut: int, run: list[object]) -> None:
        self.start, self.last = self._next, len(run)
        self.given += len(run)
        rest = self._buffer[cut : self._held]
        self._buffer[: len(rest)] = rest
        if rest:
            self._buffer[0] = _OPEN
        self._held, self._next = len(rest), self._next + cut


class Gap:
    """What is between the elements of a broken array: the key that begins each, and the marks of a Shape."""

    def __init__(self, first: str, marks: Sequence[str]) -> None:
        self.start = re.compile(rf',\s*\{{\s*"{re.escape(first)}"\s*:')
        self.marks = [re.compile(mark) for mark in (rf'[{{,]\s*"{re.escape(first)}"\s*:', *marks)]

    def is_whole(self, source: str) -> bool:
        """Say whether a text has all that every element has."""
        return all(mark.search(source) for mark in self.marks)
