"""Read a Dataset's rows, with every column and value checked on the way in."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any, cast

import dspy

from g6o_eval.dataset import GROUP_FIELD, KEY_FIELD, Dataset
from g6o_eval.errors import DataError, QueryError
from g6o_eval.store.port import Column, Rows, Store, Value

_TO_TEXT = "CAST({0} AS CHAR) AS {0}"
_TO_NUMBER = "CAST({0} AS DOUBLE) AS {0}"
_TO_HEX = "HEX({0}) AS {0}"
# Declared type → what to write in the query instead. Engines give these back in different forms.
_REFUSED = {
    **dict.fromkeys(("DECIMAL", "NUMERIC", "DEC", "FIXED"), _TO_NUMBER),
    **dict.fromkeys(("DATE", "TIME", "DATETIME", "TIMESTAMP", "YEAR"), _TO_TEXT),
    **dict.fromkeys(("BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY", "BIT"), _TO_HEX),
}
_BOOLEAN = ("BOOLEAN", "BOOL")
_FIRST_ROUNDED = 2**53
_NO_TABLE = re.compile(r"(?:no such table|table not found): ([^\s()]+)")
_CHUNK = 1_000  # rows

_Parser = Callable[[Sequence[Value]], Sequence[Any]]


class _WrongValueError(ValueError):
    """A value cannot be used; it says why, the caller says where.

    Attributes:
        remedy: a sentence on what to write instead, with {0} for the column; "" without one.
    """

    def __init__(self, why: str, *, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


def read_rows(store: Store, dataset: Dataset, *, at: str, eval_name: str) -> list[dict[str, Any]]:
    """Return the rows of a Dataset at a commit as name → value, in the order of their keys' code points.

    The inputs come first, then the query's other columns in its order, then KEY_FIELD and GROUP_FIELD.

    Raises:
        QueryError: the query failed, or is no SELECT.
        DataError: it names the column, and for a value its row's key.
    """
    where = f"dataset of eval {eval_name!r}"
    result = _select(store, dataset, at=at, where=where)
    names = [column.name for column in result.columns]
    _check_columns(result.columns, dataset, where)
    plan = _Plan.of(dataset, result.columns, where)
    found: list[dict[str, Any]] = []
    rows = iter(result)
    while chunk := tuple(islice(rows, _CHUNK)):
        found += plan.fields(dict(zip(names, zip(*chunk, strict=True), strict=True)))
    keys = [fields[KEY_FIELD] for fields in found]
    if len(set(keys)) < len(keys):
        key = next(key for key, count in Counter(keys).items() if count > 1)
        raise DataError(f"{where}: the key {key!r} stands in two rows: column {dataset.key!r} must be unique")
    return sorted(found, key=itemgetter(KEY_FIELD))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows become fields: column by column, which is several times faster than value by value.

    Attributes:
        key: the column of the key.
        group: the column of the group.
        parsers: column → what checks and parses a column of values, in the order of the fields.
        where: for errors.
    """

    key: str
    group: str
    parsers: dict[str, _Parser]
    where: str

    @classmethod
    def of(cls, dataset: Dataset, columns: Sequence[Column], where: str) -> _Plan:
        """Return the plan for the columns of a query."""
        parsers = {column.name: _parser(column) for column in columns}
        first = {name: parsers[name] for name in dataset.inputs}
        return cls(dataset.key, dataset.group or dataset.key, first | parsers, where)

    def fields(self, columns: Mapping[str, Sequence[Value]]) -> list[dict[str, Any]]:
        """Return the fields of each row of some columns of equal length."""
        keys = self._texts(columns[self.key], lambda _: f"the key {self.key!r}")
        groups = keys
        if self.group != self.key:
            groups = self._texts(columns[self.group], lambda row: f"row {keys[row]!r}: the group {self.group!r}")
        parsed = [self._parsed(name, columns[name], keys) for name in self.parsers]
        names = (*self.parsers, KEY_FIELD, GROUP_FIELD)
        return [dict(zip(names, values)) for values in zip(*parsed, keys, groups)]  # noqa: B905 # of equal length

    def _texts(self, values: Sequence[Value], what: Callable[[int], str]) -> Sequence[str]:
        kinds = set(map(type, values))
        if not kinds <= {str, int} or "" in values:
            row = next(row for row, value in enumerate(values) if not isinstance(value, str | int) or value == "")
            raise DataError(
                f"{self.where}: {what(row)} is {values[row]!r}: it must be a text or an integer, and never empty"
            )
        return cast("Sequence[str]", values) if kinds == {str} else [str(value) for value in values]

    def _parsed(self, name: str, values: Sequence[Value], keys: Sequence[str]) -> Sequence[Any]:
        try:
            return self.parsers[name](values)
        except _WrongValueError:
            raise DataError(self._located(name, values, keys)) from None

    def _located(self, name: str, values: Sequence[Value], keys: Sequence[str]) -> str:
        for key, value in zip(keys, values, strict=True):
            try:
                self.parsers[name]((value,))
            except _WrongValueError as error:
                remedy = f". {error.remedy.format(name)}" if error.remedy else ""
                return f"{self.where}: row {key!r}: column {name!r} {error}{remedy}"
        raise AssertionError("unreachable: one of the values was refused a moment ago")


def _select(store: Store, dataset: Dataset, *, at: str, where: str) -> Rows:
    try:
        return store.read(dataset.query, at=at)
    except QueryError as error:
        if (missing := _NO_TABLE.search(str(error))) is None:
            raise
        raise QueryError(
            f"{where}: {store.url} has no table {missing[1]!r} at commit {at}. Put it in (g6o-eval load {missing[1]} "
            "FILE), or name the store that has it (--eval-store URL, G6O_STORE)",
            sql=dataset.query,
        ) from None


def _check_columns(columns: Sequence[Column], dataset: Dataset, where: str) -> None:
    names = [column.name for column in columns]
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise DataError(f"{where}: column {twice[0]!r} stands twice in the result: name one of them with AS")
    wanted = {"key": [dataset.key], "group": [dataset.group] if dataset.group else [], "inputs": dataset.inputs}
    for role, needed in wanted.items():
        if missing := [name for name in needed if name not in names]:
            raise DataError(f"{where}: {role} names {missing[0]!r}, but the query gives {', '.join(names)}")
    for column in columns:
        _check_column(column, where)


def _check_column(column: Column, where: str) -> None:
    name = column.name
    if name in ("base", "self") or name.startswith(("_", "dspy_")) or name in dir(dspy.Example):
        raise DataError(f"{where}: a dspy.Example keeps the name {name!r} for itself: rename the column with AS")
    if instead := _REFUSED.get(column.type.split(" ")[0]):
        raise DataError(
            f"{where}: column {name!r} is {column.type}, which the engines give back in different forms. "
            f"Write in the query: {instead.format(name)}"
        )


def _parser(column: Column) -> _Parser:
    if column.type in _BOOLEAN:
        return _booleans
    return _jsons if column.type == "JSON" else _plain


def _plain(values: Sequence[Value]) -> Sequence[Value]:
    kinds = set(map(type, values))
    if bytes in kinds:
        blob = next(value for value in values if isinstance(value, bytes))
        raise _WrongValueError(f"is a BLOB of {len(blob)} bytes", remedy=f"Write in the query: {_TO_HEX}")
    if float in kinds:
        for value in values:
            if isinstance(value, float) and not math.isfinite(value):
                raise _WrongValueError(f"is {value!r}, which is no number to compute with")
    return values


def _booleans(values: Sequence[Value]) -> Sequence[bool | None]:
    for value in values:
        if value is not None and not (isinstance(value, int) and value in (0, 1)):
            raise _WrongValueError(f"is {value!r}, but a BOOLEAN is 0, 1 or NULL")
    return [None if value is None else bool(value) for value in values]


def _jsons(values: Sequence[Value]) -> Sequence[Any]:
    return [_parse_json(value) for value in values]


def _parse_json(value: Value) -> Any:
    """Parse as Dolt's JSON type would keep it, so that both engines give the same Example.

    Dolt forgets the order of an object's keys and whether a number was written 1 or 1.0: keys are
    sorted, and a float without a fraction becomes an int.
    """
    if isinstance(value, int | float):
        return _json_number(repr(value))
    if not isinstance(value, str):
        _plain((value,))
        return value
    try:
        return json.loads(
            value, parse_float=_json_number, parse_int=_json_number, parse_constant=_refuse_constant,
            object_pairs_hook=_json_object,
        )  # fmt: skip
    except json.JSONDecodeError as error:
        raise _WrongValueError(f"is no JSON ({error}): {value[:60]!r}") from None


def _json_number(text: str) -> float | int:
    number = float(text)
    if not math.isfinite(number):
        raise _WrongValueError(f"holds the number {text}, which no float can hold")
    if not number.is_integer():
        return number
    if abs(number) >= _FIRST_ROUNDED:
        raise _WrongValueError(
            f"holds the integer {text}, and JSON on a Dolt server rounds integers from 2^53 on",
            remedy='Write it as a text in the JSON ("…"), or take the whole column as text: ' + _TO_TEXT,
        )
    return int(number)


def _json_object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    fields = dict(sorted(pairs, key=lambda pair: pair[0]))
    if len(fields) < len(pairs):
        raise _WrongValueError(f"is JSON with a key that stands twice among {sorted(key for key, _ in pairs)!r}")
    return fields


def _refuse_constant(text: str) -> Any:
    raise _WrongValueError(f"is JSON with {text}, which JSON does not have")
