"""Read a CSV or JSONL file as rows of named cells, each with its line, and say what its columns hold.

Apart from load.py, because nothing here knows a store.
"""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from g6o_eval.artifact import canonical_json
from g6o_eval.errors import DataError
from g6o_eval.store.port import Value

ColumnType = Literal["TEXT", "INT", "FLOAT", "BOOL", "JSON"]
COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)

Cell = object
"""A str of a CSV file, or any JSON value; None when a JSON object has no such name."""

_INT64 = range(-(2**63), 2**63)
# A leading zero marks a code, not a number: "007" stays text.
_INT = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_BOOLS: Mapping[str, int] = {"true": 1, "false": 0}


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file.

    Attributes:
        line: where it begins, from 1.
        cells: column → cell.
        typed: whether the file itself says what a cell is (JSON does, CSV has only texts).
        problem: why it cannot be used; None when it can be read.
    """

    line: int
    cells: Mapping[str, Cell]
    typed: bool = False
    problem: str | None = None


def read_records(path: Path) -> Iterator[Record]:
    """Stream the rows of a .csv, .jsonl or .ndjson file; a row that cannot be read carries its problem.

    Raises:
        DataError: the file cannot be opened, is empty, or is of another kind.
    """
    readers = {".csv": _csv_records, ".jsonl": _json_records, ".ndjson": _json_records}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: expected a .csv, .jsonl or .ndjson file, got {path.suffix!r}")
    try:
        # Bytes that are no UTF-8 become lone surrogates, so that the row can be named.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            yield from reader(path, lines)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def _csv_records(path: Path, lines: Iterable[str]) -> Iterator[Record]:
    csv.field_size_limit(sys.maxsize)  # the default refuses a text of 128 KiB
    rows = csv.reader(lines, strict=True)
    header = next(rows, None)
    if not header:
        raise DataError(f"{path}: the file is empty; its first line must name the columns")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise DataError(f"{path}:1: column {twice[0]!r} stands twice")
    line = rows.line_num + 1
    try:
        for row in rows:
            yield _csv_record(line, header, row)
            line = rows.line_num + 1
    except csv.Error as error:
        yield Record(line, {}, problem=f"not CSV: {error}; the rows after it were not read")


def _csv_record(line: int, header: list[str], row: list[str]) -> Record:
    if len(row) != len(header):
        return Record(line, {}, problem=f"{len(row)} cells under {len(header)} columns")
    for name, cell in zip(header, row, strict=True):
        if not _is_text(cell):
            return Record(line, {}, problem=f"column {name!r} is not UTF-8")
    return Record(line, dict(zip(header, row, strict=True)))


def _json_records(path: Path, lines: Iterable[str]) -> Iterator[Record]:
    found = False
    for number, text in enumerate(lines, 1):
        if text.strip():
            found = True
            yield _json_record(number, text)
    if not found:
        raise DataError(f"{path}: the file is empty; each line must be a JSON object")


def _json_record(line: int, text: str) -> Record:
    if not _is_text(text):
        return Record(line, {}, problem="not UTF-8")
    try:
        value = _parse_json(text)
    except ValueError as error:
        return Record(line, {}, problem=str(error))
    if "\\u" in text and not _is_text(canonical_json(value)):
        return Record(line, {}, problem="it escapes half a character (a lone surrogate), which no text can hold")
    if not isinstance(value, dict):
        return Record(line, {}, problem=f"expected a JSON object, got {text.strip()[:40]!r}")
    return Record(line, value, typed=True)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


class Inference:
    """What a column may be, given the cells seen so far."""

    def __init__(self) -> None:
        self._possible: set[ColumnType] | None = None  # None: only empty cells so far

    def see(self, cell: Cell, *, typed: bool) -> None:
        """Narrow down by one cell; an empty one says nothing."""
        fits = _types_of(cell, typed=typed)
        if fits is not None:
            self._possible = fits if self._possible is None else self._possible & fits

    @property
    def type(self) -> ColumnType | None:
        """The narrowest type that holds every cell; TEXT when all were empty, None when none does."""
        if self._possible is None:
            return "TEXT"
        order: tuple[ColumnType, ...] = ("BOOL", "INT", "FLOAT", "TEXT", "JSON")
        return next((name for name in order if name in self._possible), None)


def _types_of(cell: Cell, *, typed: bool) -> set[ColumnType] | None:
    """Return the types that hold a cell; None for an empty one. A text that is not typed may be a number."""
    if cell is None or (cell == "" and not typed):
        return None
    if isinstance(cell, bool):
        return {"BOOL"}
    if isinstance(cell, int):
        return {"INT", "FLOAT"}
    if isinstance(cell, float):
        return {"FLOAT"}
    if isinstance(cell, str):
        return {"TEXT"} if typed else {"TEXT", *_number_types(cell)}
    return {"JSON"}


def _number_types(text: str) -> set[ColumnType]:
    if text.lower() in _BOOLS:
        return {"BOOL"}
    if _INT.fullmatch(text):
        # A float would round a longer number, and a number that long is an identifier.
        return {"INT", "FLOAT"} if int(text) in _INT64 else set()
    return {"FLOAT"} if _FLOAT.fullmatch(text) and math.isfinite(float(text)) else set()


def to_value(cell: Cell, wanted: ColumnType, *, typed: bool) -> Value:
    """Return what the store holds of a cell. An empty one of a CSV file is NULL, in a text column "".

    Raises:
        ValueError: the cell does not fit the type; the message says both.
    """
    if cell is None:
        return None
    if wanted == "TEXT":
        return cell if isinstance(cell, str) else canonical_json(cell)
    if cell == "" and not typed:
        return None
    if wanted == "JSON":
        return canonical_json(_parse_json(cell) if isinstance(cell, str) and not typed else cell)
    return _number(cell, wanted)


def _parse_json(text: str) -> object:
    try:
        found: object = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{text[:40]!r} is no JSON: {error}") from None
    return found


def _number(cell: Cell, wanted: ColumnType) -> int | float:
    """Return a number of a cell; a text is read, since a stated type says that it is meant as one."""
    fits = _types_of(cell, typed=False) or set()
    if wanted not in fits or (wanted == "INT" and isinstance(cell, int) and cell not in _INT64):
        raise ValueError(f"{cell!r} is no {wanted}")
    text = str(cell)
    if wanted == "BOOL":
        return _BOOLS[text.lower()]
    return int(text) if wanted == "INT" else float(text)
