"""The words and signs of a shell command: quotes, escapes, comments, here-documents and substitutions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(
    r"""(?P<blank>(?:[^\S\n]|\\\n)+)|(?P<comment>\#[^\n]*)
    |(?P<here><<-?\s*(?P<quote>['"]?)(?P<end>[\w-]+)(?P=quote))
    |(?P<redirect>\d*(?:<<<|>>|>\||[<>]&|<>|[<>](?!\())(?:&?\d+(?=[\s;|&)]|$)|-)?|&>>?)
    |(?P<sign>&&|\|\||;;|\|&|\(\(|[;|&()\n])""",
    re.VERBOSE,
)
_PLAIN = re.compile(r"[^\s;|&()<>'\"\\$`]+")


class Unclear(Exception):  # noqa: N818 # never leaves `shell.parse`
    """The text ends inside a quote or bracket, or has a sign where none may stand."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a sign between commands, or a redirection.

    Attributes:
        kind: which of them.
        text: of a word without its quotes.
        quoted: whether a part of it was quoted or escaped: it is then no reserved word.
    """

    kind: Literal["word", "sign", "redirect"]
    text: str
    quoted: bool = False


def tokens(text: str) -> Iterator[Token]:
    """Yield the words and signs of a command, without its comments.

    Raises:
        Unclear: a quote or bracket is never closed.
    """
    place, waiting = 0, []
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            word, quoted, place = _word(text, place)
            yield Token("word", word, quoted)
            continue
        place = found.end()
        if found["here"]:
            waiting.append(found["end"])
        elif found["redirect"]:
            # `2>&1` needs no target after it.
            if not re.search(r"[&]?\d+$|-$", found["redirect"].lstrip("0123456789")):
                yield Token("redirect", found["redirect"])
        elif found["sign"] == "\n":
            place = _skip_documents(text, place, waiting)
            waiting = []
            yield Token("sign", "\n")
        elif found["sign"]:
            yield Token("sign", found["sign"])


def _skip_documents(text: str, place: int, ends: list[str]) -> int:
    """Return where the here-documents that begin at a line end."""
    for end in ends:
        closed = re.compile(rf"^\t*{re.escape(end)}[ \t]*$", re.MULTILINE).search(text, place)
        place = min(closed.end() + 1, len(text)) if closed else len(text)
    return place


def _word(text: str, place: int) -> tuple[str, bool, int]:
    """Return the word at a place, without its quotes; whether it had some; and where it ends."""
    parts: list[str] = []
    quoted, start = False, place
    while place < len(text):
        sign = text[place]
        if found := _PLAIN.match(text, place):
            parts.append(found[0])
            place = found.end()
        elif sign in "'\"":
            inner, place = _quotation(text, place)
            parts.append(inner)
            quoted = True
        elif sign == "\\":
            if text[place + 1 : place + 2] == "\n":
                place += 2
                continue
            parts.append(text[place + 1 : place + 2])
            quoted, place = True, place + 2
        elif sign == "`":
            place = _after(text, "`", place + 1)
            parts.append("`…`")
        elif sign == "$":
            inner, place = _expansion(text, place)
            parts.append(inner)
        elif sign in "<>" and text[place + 1 : place + 2] == "(":
            place = _bracket(text, place + 1)
            parts.append("<(…)")
        else:
            break
    if place == start:
        raise Unclear
    return "".join(parts), quoted, place


def _quotation(text: str, place: int) -> tuple[str, int]:
    if text[place] == "'":
        end = _after(text, "'", place + 1)
        return text[place + 1 : end - 1], end
    parts, place = [], place + 1
    while place < len(text) and text[place] != '"':
        if text[place] == "\\":
            parts.append(text[place + 1 : place + 2])
            place += 2
        elif text.startswith("$(", place):
            inner, place = _expansion(text, place)
            parts.append(inner)
        else:
            parts.append(text[place])
            place += 1
    if place >= len(text):
        raise Unclear
    return "".join(parts), place + 1


def _expansion(text: str, place: int) -> tuple[str, int]:
    """Return what a `$…` is shown as, and where it ends; a substitution's commands have no result of their own."""
    if text.startswith("$(", place):
        return "$(…)", _bracket(text, place + 1)
    if text.startswith("${", place):
        end = _after(text, "}", place)
        return text[place:end], end
    return "$", place + 1


def _bracket(text: str, place: int) -> int:
    """Return where the bracket that opens at a place has closed."""
    depth, at = 0, place
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] in "'\"":
            _, at = _quotation(text, at)
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
        if depth == 0:
            return at
    raise Unclear


def _after(text: str, sign: str, place: int) -> int:
    found = text.find(sign, place)
    if found < 0:
        raise Unclear
    return found + 1
