"""Reads a JSON array element by element, and saves what can be saved of a broken one.

Memory is bounded by `Limits`, not by the file. Apart from the formats that use it because a torn
file is the same problem in all of them.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from g6o_eval.fleet.ingest.runs import Gap, Runs

_NEAR_END = 16
"""An error this close to the end of what was read may be a token cut in two, not a fault."""

EMPTY_FILE = "empty file"
NUL_FILLED = "filled with NUL bytes"
NO_ARRAY = "no JSON array"
CUT_OFF = "cut off"
BROKEN = "broken element"
TRAILING = "text after the array"
REPLACED = "characters replaced"
BOM = "byte order mark"

_MARK_CHARS = 64
"""Longest start or mark of an element, blanks included, in characters."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_CLOSING = re.compile(r'["}\]]')
_WHITESPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a file is held at once.

    Attributes:
        run_bytes: of a whole array are parsed in one piece, as far as the elements' ends allow.
        whole_bytes: longest piece that is; the fast parser sees no more at once.
        chunk_bytes: of what is no JSON are read at a time.
        element_chars: longest element that is read; the largest real one has 4 million characters.
    """

    run_bytes: int = 1 << 20
    whole_bytes: int = 1 << 23
    chunk_bytes: int = 1 << 16
    element_chars: int = 1 << 26


@dataclass(frozen=True, slots=True)
class Shape:
    """How the elements of a format are told apart where its JSON is broken.

    Attributes:
        first: the key that is written first in each element. Behind a broken element, reading
            goes on at the next one that starts so.
        marks: patterns each of which stands once in every element and in no text inside one. What
            is left of them in a gap says how many elements it took, so that those behind it keep
            their index. Several, because the damage may have hit one.
    """

    first: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Element:
    """One element, at its place in the array: broken ones before it count."""

    index: int
    value: object


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with the file.

    Attributes:
        index: of the element it concerns, or how many were read before it.
        reason: one of the constants of this module.
        detail: for a person.
    """

    index: int
    reason: str
    detail: str


class _BrokenError(Exception):
    """The element at the current place cannot be read; `args` are the reason and the detail."""


def read_array(path: Path, shape: Shape, limits: Limits = Limits()) -> Iterator[Element | Flaw]:
    """Yield the elements of a file's JSON array, and every flaw where it was met.

    Invalid UTF-8 and lone surrogates become U+FFFD and are counted. Only OSError is raised.
    """
    with path.open("rb", buffering=0) as stream:
        runs = Runs(stream, shape.first, run_bytes=limits.run_bytes, most_bytes=limits.whole_bytes)
        for index, value in enumerate(chain.from_iterable(runs)):
            yield Element(index, value)
        if not runs.whole:
            stream.seek(runs.start)
            # From the last run on once more: how its end looks says how many elements a gap behind it took.
            items = _Scanner(stream, limits).items(shape, runs.given - runs.last)
            yield from _behind(items, runs.given, known=runs.last)


def _behind(items: Iterator[Element | Flaw], index: int, *, known: int) -> Iterator[Element | Flaw]:
    """Leave out the elements before an index that are known."""
    for item in items:
        if known and item.index < index:
            known -= isinstance(item, Element)
        else:
            yield item


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


class _Scanner:
    """The characters of one file, a window of them at a time."""

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self._stream, self._limits = stream, limits
        # surrogateescape keeps an invalid byte visible as one lone surrogate, so that both faults
        # are counted in one place.
        self._utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._json = json.JSONDecoder(parse_constant=_constant)
        self._text = ""
        self._pos = 0
        self._eof = False

    def items(self, shape: Shape, index: int) -> Iterator[Element | Flaw]:
        """Yield what there is from here on: the array's start, or behind so many elements the comma before one."""
        first = self._peek()
        if index and first == ",":
            self._pos += 1
            yield from self._elements(Gap(shape.first, shape.marks), index)
            return
        if first == "\ufeff":
            self._pos += 1
            yield Flaw(0, BOM, "the file starts with a byte order mark")
            first = self._peek()
        if first != "[":
            yield _no_array(first)
            return
        self._pos += 1
        yield from self._elements(Gap(shape.first, shape.marks), 0)

    def _elements(self, gap: Gap, index: int) -> Iterator[Element | Flaw]:
        pieces = 0  # values just before that are no whole elements: pieces of a broken one, if an error follows
        closed = not index and self._peek() == "]"
        while not closed:
            least = 1  # a gap takes at least the element that it begins in
            try:
                value, replaced, source = self._element()
                pieces = 0 if gap.is_whole(source) else pieces + 1
                least = 0
                yield Element(index, value)
                if replaced:
                    yield Flaw(index, REPLACED, f"{replaced} invalid characters became U+FFFD")
                index += 1
                closed = self._separator()
            except _BrokenError as error:
                reason, detail = error.args
                yield Flaw(index, reason, f"after {index} elements: {detail}")
                lost = self._seek(gap)
                if lost is None:
                    return
                index += max(lost, 1 if pieces else least) - pieces
                pieces = 0
        self._pos += 1
        if rest := self._peek():
            reason = NUL_FILLED if rest == "\0" else TRAILING
            yield Flaw(index, reason, f"after the array stands {rest!r}")

    def _element(self) -> tuple[object, int, str]:
        """Return the next element, how many of its characters were replaced, and its text."""
        while True:
            self._peek()
            try:
                value, end = self._json.raw_decode(self._text, self._pos)
                source = self._text[self._pos : end]
                fixed, replaced = without_surrogates(value) if _may_hold_surrogates(source) else (value, 0)
            except RecursionError:
                raise _BrokenError(BROKEN, "nested too deeply") from None
            except ValueError as error:
                self._more_or_broken(error)
                continue
            near_end = end > len(self._text) - _NEAR_END and not self._eof
            if near_end and not isinstance(value, dict | list):
                self._fill()  # a number may go on in the next chunk: 1 | .5, 1e | 9
                continue
            self._pos = end
            return fixed, replaced, source

    def _more_or_broken(self, error: ValueError) -> None:
        """Read on when the element may only be torn by the end of the chunk, else give it up."""
        what = str(error).split(":")[0]
        place = error.pos if isinstance(error, json.JSONDecodeError) else self._pos
        if self._text[place : place + 1] == "\0":
            raise _BrokenError(NUL_FILLED, "a NUL byte")
        open_string = what.startswith("Unterminated string")
        near_end = place >= len(self._text) - _NEAR_END
        if self._eof:
            cut_off = open_string or (near_end and not _CLOSING.search(self._text, place + 1))
            raise _BrokenError(CUT_OFF if cut_off else BROKEN, what)
        if not (open_string or near_end):
            raise _BrokenError(BROKEN, what)
        if len(self._text) - self._pos > self._limits.element_chars:
            raise _BrokenError(BROKEN, f"longer than {self._limits.element_chars} characters")
        self._fill()

    def _separator(self) -> bool:
        """Step over a comma; return whether the array ends here instead."""
        found = self._peek()
        if found == ",":
            self._pos += 1
        elif not found:
            raise _BrokenError(CUT_OFF, "the array is not closed")
        elif found == "\0":
            raise _BrokenError(NUL_FILLED, "a NUL byte")
        elif found != "]":
            raise _BrokenError(BROKEN, f"a comma was expected, not {found!r}")
        return found == "]"

    def _seek(self, gap: Gap) -> int | None:
        """Move to the next element; return how many are lost, None when there is no next one."""
        lost = Counter[int]()
        while True:
            found = gap.start.search(self._text, self._pos)
            end = found.start() + 1 if found else max(self._pos, len(self._text) - _MARK_CHARS)
            for number, mark in enumerate(gap.marks):
                lost[number] += sum(1 for match in mark.finditer(self._text, self._pos) if match.start() < end)
            self._pos = end
            if found:
                return max(lost.values(), default=0)
            if self._eof:
                return None
            self._fill()

    def _peek(self) -> str:
        """Return the next character that is no whitespace, "" at the end; stand on it."""
        while True:
            found = _WHITESPACE.match(self._text, self._pos)
            self._pos = found.end() if found else self._pos
            if self._pos < len(self._text) or self._eof:
                return self._text[self._pos : self._pos + 1]
            self._fill()

    def _fill(self) -> None:
        """Read on. The more is waiting to be parsed, the more is read: retries stay linear."""
        waiting = len(self._text) - self._pos
        block = self._stream.read(max(self._limits.chunk_bytes, waiting))
        self._eof = not block
        self._text = self._text[self._pos :] + self._utf8.decode(block, final=self._eof)
        self._pos = 0


def _no_array(first: str) -> Flaw:
    if not first:
        return Flaw(0, EMPTY_FILE, "the file holds nothing")
    if first == "\0":
        return Flaw(0, NUL_FILLED, "the file begins with NUL bytes")
    what = "the top level is an object" if first == "{" else f"the file begins with {first!r}"
    return Flaw(0, NO_ARRAY, what)


def _may_hold_surrogates(source: str) -> bool:
    return bool(_ESCAPED_SURROGATE.search(source)) or (not source.isascii() and bool(_SURROGATES.search(source)))


def without_surrogates(value: Any) -> tuple[Any, int]:
    """Return the value with every lone surrogate replaced, and how many there were."""
    if isinstance(value, str):
        return _SURROGATES.subn("\ufffd", value)
    if isinstance(value, list):
        pairs = [without_surrogates(item) for item in value]
        return [item for item, _ in pairs], sum(count for _, count in pairs)
    if isinstance(value, dict):
        keys = [without_surrogates(key) for key in value]
        values = [without_surrogates(item) for item in value.values()]
        fixed = {str(key): item for (key, _), (item, _) in zip(keys, values, strict=True)}
        return fixed, sum(count for _, count in keys + values)
    return value, 0
