"""Rows in batches for the embedded engine: written out as SQL where that is safe, thrice as fast as binding.

Binding is a call into the library for each value. Written out are texts, whole numbers (a score is mostly
0.0 or 1.0) and NULL; a row with anything else (a fraction, whose digits the engine would round its own way;
a NUL character, which ends an SQL text; what no column takes) is bound by itself, so that the engine's own
checks and messages hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from g6o_eval.store.port import Row, Value

BATCH_CHARS = 200_000
"""Length from which a statement is sent; longer ones are no faster."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that follow each other.

    Attributes:
        rows: as they came.
        text: their values as SQL, "" when they must be bound.
    """

    rows: Sequence[Row]
    text: str


def batches(rows: Iterable[Row], width: int) -> Iterator[Batch]:
    """Yield rows in their order, as many at a time as may be written out together."""
    waiting: list[Row] = []
    texts: list[str] = []
    size = 0
    for row in rows:
        text = _written(row, width)
        if text is None:
            if waiting:
                yield Batch(waiting, ", ".join(texts))
                waiting, texts, size = [], [], 0
            yield Batch([row], "")
            continue
        waiting.append(row)
        texts.append(text)
        size += len(text)
        if size >= BATCH_CHARS:
            yield Batch(waiting, ", ".join(texts))
            waiting, texts, size = [], [], 0
    if waiting:
        yield Batch(waiting, ", ".join(texts))


def _written(row: Row, width: int) -> str | None:
    """Return a row as SQL, None when it must be bound."""
    if len(row) != width:
        return None
    values = [_literal(value) for value in row]
    return None if None in values else f"({', '.join(values)})"  # type: ignore[arg-type] # None is ruled out


def _literal(value: Value) -> str | None:
    if type(value) is str:
        if "\0" in value or not _encodes(value):
            return None
        return "'" + value.replace("'", "''") + "'"
    if value is None:
        return "NULL"
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return str(int(value)) + ".0"  # not "-0.0": the engines disagree about the sign of zero
    # The smallest integer has no literal: it is read as minus a float.
    return str(value) if type(value) is int and -(2**63) < value < 2**63 else None


def _encodes(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
