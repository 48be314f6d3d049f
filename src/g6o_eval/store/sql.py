"""The text of a statement: what kind it is, where its holes are, and its values written into it.

Read by the rules of MySQL, which Dolt's server follows: a backslash escapes in a quoted text, "…"
is a text, `…` a name, `#` and `-- ` begin a comment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from g6o_eval.errors import DataError, QueryError
from g6o_eval.store.port import Row, Value

BATCH_BYTES = 1_000_000
"""About how long one INSERT of many rows becomes."""

_COMMENT = re.compile(r"\s+|--[^\n]*(\n|$)|/\*.*?\*/", re.DOTALL)
_SELECTS = ("select", "with", "values")
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)"""  # a doubled quote is two texts in a row
    r"|(?P<runs>/\*!)|(?P<comment>--(?=\s|$)[^\n]*|\#[^\n]*|/\*.*?(?:\*/|$))"
    r"|(?P<blank>\s+)|(?P<word>[A-Za-z_][\w$]*)|(?P<sign>[?;()])|(?P<other>.)",
    re.DOTALL,
)
# What a change may run, by its first words. Anything else begins, ends, locks, grants, or leaves the branch.
_CHANGES = re.compile(
    r"(select|with|insert|replace|update|delete|truncate)\b|rename table\b|show columns\b"
    r"|(create|drop|alter) (or replace )?(unique |temporary )?(table|index|view|trigger)\b"
)
_RENAMED = re.compile(
    r"(?:\bselect\b|\bdistinct\b|,)\s*(?:[`\w]+\s*\.\s*)?(?!null\b|true\b|false\b)`?[a-z_]\w*`?"
    r"\s+(?:as\s+)?[`\"']?(\w+)[`\"']?\s*(?=,|\bfrom\b)",
    re.IGNORECASE,
)
_MAIN_WORDS = ("select", "values", "table", "insert", "replace", "update", "delete")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, taken apart.

    Attributes:
        pieces: its text between the holes: one more than it has holes; nothing behind a semicolon.
        words: its words outside of brackets, quotes and comments, in lower case.
        outline: its text outside of brackets, without comments.
        more: something that is no comment stands behind its first semicolon.
        hidden: it has a comment of the form that MySQL runs.
    """

    pieces: tuple[str, ...]
    words: tuple[str, ...]
    outline: str
    more: bool
    hidden: bool


@lru_cache(maxsize=512)
def parse(sql: str) -> Statement:
    """Take a statement apart."""
    pieces, words, outline, depth = [""], [], [], 0
    more = hidden = ended = False
    for token in _TOKEN.finditer(sql):
        kind, text = token.lastgroup, token[0]
        hidden |= kind == "runs"
        if ended:
            more |= kind not in ("comment", "blank") and text != ";"
        elif text == "?" and kind == "sign":
            pieces.append("")
        elif text == ";" and kind == "sign":
            ended = True
        else:
            depth += {"(": 1, ")": -1}.get(text, 0)
            if kind == "word" and depth == 0:
                words.append(text.lower())
            if depth == 0:
                outline.append(" " if kind == "comment" else text)
            pieces[-1] += text
    return Statement(tuple(pieces), tuple(words), "".join(outline), more, hidden)


def check_select(sql: str) -> None:
    """Raise QueryError unless the statement begins as a query does."""
    word = re.match(r"[a-z]*", strip_comments(sql).lstrip("(").lower())
    if word is None or word[0] not in _SELECTS:
        raise QueryError("expected a SELECT: only queries may run here", sql=sql)


def check_one_select(sql: str) -> None:
    """Raise QueryError unless the statement is one query that changes nothing, by its words."""
    check_select(sql)
    found = parse(sql)
    main = next((word for word in found.words if word in _MAIN_WORDS), "select")
    if found.more or found.hidden or main not in ("select", "values", "table") or "into" in found.words:
        raise QueryError("expected one SELECT that changes nothing", sql=sql)


def renamed_columns(sql: str) -> frozenset[str]:
    """Return the names under which a query gives columns that it renames: {"b"} for `SELECT t.a AS b, a + 1 AS c`."""
    return frozenset(found[1] for found in _RENAMED.finditer(parse(sql).outline))


def check_change(sql: str) -> None:
    """Raise QueryError unless the statement is one that a change may run."""
    found = parse(sql)
    if found.more or found.hidden or not _CHANGES.match(" ".join(found.words) + " "):
        raise QueryError("a change takes one statement at a time, and none that begins, ends or attaches", sql=sql)


def strip_comments(sql: str) -> str:
    """Return a statement without the blanks and comments before it."""
    while found := _COMMENT.match(sql):
        sql = sql[found.end() :]
    return sql


def plain_type(declared: str) -> str:
    """Return a declared type in upper case, without its length: "decimal(10, 4)" is "DECIMAL"."""
    return " ".join(re.sub(r"\(.*?\)", " ", declared).upper().split())


def bind(sql: str, params: Sequence[Value] = ()) -> str:
    """Return the statement with its values in the place of its holes.

    Raises:
        QueryError: it has another number of holes.
        DataError: a value is none that the engines keep.
    """
    pieces = parse(sql).pieces
    if len(pieces) - 1 != len(params):
        raise QueryError(f"the statement has {len(pieces) - 1} parameters, {len(params)} were given", sql=sql)
    values = (literal(value, place, sql) for place, value in enumerate(params, 1))
    return "".join(chain.from_iterable(zip(pieces, (*values, ""), strict=True)))


def literal(value: Value, place: int, sql: str) -> str:
    """Return a value as it stands in a statement; `place` and `sql` are for the error."""
    write = _LITERALS.get(type(value))
    if write is None:
        write = next((write for kind, write in _LITERALS.items() if isinstance(value, kind)), _refuse)
    try:
        return write(value)
    except ValueError as error:
        raise DataError(f"parameter {place} of {sql!r} {error}") from None


def insert_batches(
    table: str, columns: Sequence[str], rows: Iterable[Row], *, after: str = ""
) -> Iterator[tuple[str, int]]:
    """Yield INSERT statements of many rows, each with how many it has.

    Args:
        table: checked and quoted here.
        columns: the same.
        rows: values in the order of `columns`.
        after: what stands behind the values.
    """
    head = f"INSERT INTO {quoted(table)} ({', '.join(map(quoted, columns))}) VALUES "  # noqa: S608 # names are quoted
    shown = f"{head}({', '.join('?' * len(columns))}){after}"
    batch: list[str] = []
    size = 0
    for row in rows:
        if len(row) != len(columns):
            raise QueryError(f"the statement has {len(columns)} parameters, {len(row)} were given", sql=shown)
        text = f"({', '.join([literal(value, place, shown) for place, value in enumerate(row, 1)])})"
        if batch and size + len(text) > BATCH_BYTES:
            yield head + ", ".join(batch) + after, len(batch)
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield head + ", ".join(batch) + after, len(batch)


def quoted(name: str) -> str:
    """Return a name of a table or column as it stands in a statement.

    Raises:
        DataError: no table of ours and no column is called so.
    """
    if not re.fullmatch(r"[^\x00-\x1f\x7f`./\\ ][^\x00-\x1f\x7f`./\\]{0,63}", name) or name != name.strip():
        raise DataError(
            f"{name!r} cannot be the name of a table or column: use up to 64 characters, "
            "none of them a control character, `, ., / or \\"
        )
    return f"`{name}`"


_ESCAPES = str.maketrans({"\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z", "'": "\\'", '"': '\\"', "\\": "\\\\"})


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"holds {value[error.start]!r} at position {error.start}, half of a character: it has no UTF-8 form"
            ) from None
    return f"'{value.translate(_ESCAPES)}'"


def _integer(value: int) -> str:
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"is {value!r}: an integer must fit into 64 bits")
    return str(int(value))


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"is {value!r}: no engine keeps it. Store NULL")
    text = repr(float(value) + 0.0)  # the engines disagree about the sign of zero, so it is not kept
    return text if "e" in text else text + "e0"  # without an exponent it would be a DECIMAL


def _refuse(value: object) -> str:
    raise ValueError(f"is {value!r}: expected str, int, float, bytes or None")


_LITERALS: dict[type, Callable[..., str]] = {
    str: _text,
    int: _integer,
    float: _number,
    bytes: lambda value: f"X'{value.hex()}'",
    type(None): lambda _: "NULL",
}
