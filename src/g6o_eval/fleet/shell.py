"""The structure of a shell command: which simple commands it runs, and how their results meet.

Only what decides a result is read: `&&`, `||`, `;`, `|`, `&`, `!`, newlines, brackets, quotes, escapes,
comments, here-documents and substitutions. Loops and conditions are kept as Opaque: whether, and how
often, their commands ran cannot be told from the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from g6o_eval.fleet.shell_words import Token, Unclear, tokens

Join = Literal["and", "or", "then", "pipe"]


@dataclass(frozen=True, slots=True)
class Simple:
    """One command and its arguments, quotes taken away, redirections left out."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """Commands whose results cannot be told from the result of the whole."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Commands whose results meet.

    Attributes:
        join: and: until one fails; or: until one passes; then: all, the last counts; pipe: the same.
        parts: in the order in which they are written.
    """

    join: Join
    parts: tuple[Simple | Opaque | Chain, ...]


Command = Simple | Opaque | Chain

_OPAQUE_WORDS = frozenset({"if", "for", "while", "until", "case", "select", "function", "coproc"})
_CLOSES = {"if": "fi", "for": "done", "while": "done", "until": "done", "case": "esac", "select": "done"}
_DEPTH = 20
"""Brackets inside brackets that are followed; what is deeper is Opaque."""


@lru_cache(maxsize=1024)
def parse(text: str) -> Command:
    """Return the structure of a command; a text that no shell takes is Opaque. The same few come again and again."""
    try:
        parser = _Parser(list(tokens(text)))
        found = parser.sequence(until=None, depth=0)
    except Unclear:
        return Opaque()
    return found


def simple_commands(command: Command) -> Iterator[Simple]:
    """Yield the simple commands of a structure, in the order in which they are written."""
    if isinstance(command, Simple):
        yield command
    elif isinstance(command, Chain):
        for part in command.parts:
            yield from simple_commands(part)


class _Parser:
    """Reads tokens from left to right: sequence > and-or > pipeline > command."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._place = tokens, 0

    def sequence(self, *, until: str | None, depth: int) -> Command:
        """Read up to a closing sign, or to the end."""
        if depth > _DEPTH:
            raise Unclear
        parts: list[Command] = []
        while not self._at_end(until):
            if self._sign(";", "\n", ";;"):
                continue
            part = self._and_or(depth)
            if self._sign("&"):
                part = Opaque()
            parts.append(part)
        return _chain("then", parts)

    def _at_end(self, until: str | None) -> bool:
        if self._place >= len(self._tokens):
            if until is not None:
                raise Unclear
            return True
        token = self._tokens[self._place]
        if until is not None and token.text == until and not token.quoted:
            self._place += 1
            return True
        return False

    def _and_or(self, depth: int) -> Command:
        found = self._pipeline(depth)
        while sign := self._sign("&&", "||"):
            self._blank_lines()
            join: Join = "and" if sign == "&&" else "or"
            right = self._pipeline(depth)
            parts = found.parts if isinstance(found, Chain) and found.join == join else (found,)
            found = Chain(join, (*parts, right))
        return found

    def _pipeline(self, depth: int) -> Command:
        negated = False
        while self._word("!"):
            negated = True
        parts = [self._command(depth)]
        while self._sign("|", "|&"):
            self._blank_lines()
            parts.append(self._command(depth))
        return Opaque() if negated else _chain("pipe", parts)

    def _command(self, depth: int) -> Command:
        if self._sign("("):
            found = self.sequence(until=")", depth=depth + 1)
        elif self._word("{"):
            found = self.sequence(until="}", depth=depth + 1)
        elif opened := self._word(*_OPAQUE_WORDS):
            return self._opaque(opened)
        else:
            return self._simple()
        self._redirections()
        return found

    def _opaque(self, opened: str) -> Opaque:
        """Read past a compound command; one that has no closing word takes the rest."""
        close, depth = _CLOSES.get(opened), 1
        while self._place < len(self._tokens) and depth:
            token = self._tokens[self._place]
            self._place += 1
            if token.kind == "word" and not token.quoted:
                depth += (token.text == opened) - (token.text == close)
        self._redirections()
        return Opaque()

    def _simple(self) -> Command:
        words: list[str] = []
        start = self._place
        while self._place < len(self._tokens) and self._tokens[self._place].kind != "sign":
            token = self._tokens[self._place]
            self._place += 1
            if token.kind == "redirect":
                self._target()
            else:
                words.append(token.text)
        if self._place == start or self._peek() == "(":  # `name() {` declares, and runs nothing
            raise Unclear
        return Simple(tuple(words)) if words else Opaque()

    def _redirections(self) -> None:
        while self._place < len(self._tokens) and self._tokens[self._place].kind == "redirect":
            self._place += 1
            self._target()

    def _target(self) -> None:
        if self._place < len(self._tokens) and self._tokens[self._place].kind == "word":
            self._place += 1

    def _blank_lines(self) -> None:
        while self._sign("\n"):
            pass

    def _peek(self) -> str:
        return self._tokens[self._place].text if self._place < len(self._tokens) else ""

    def _sign(self, *texts: str) -> str:
        return self._take("sign", texts)

    def _word(self, *texts: str) -> str:
        return self._take("word", texts)

    def _take(self, kind: str, texts: tuple[str, ...]) -> str:
        if self._place < len(self._tokens):
            token = self._tokens[self._place]
            if token.kind == kind and not token.quoted and token.text in texts:
                self._place += 1
                return token.text
        return ""


def _chain(join: Join, parts: list[Command]) -> Command:
    return parts[0] if len(parts) == 1 else Chain(join, tuple(parts)) if parts else Opaque()
