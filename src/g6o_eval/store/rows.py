"""Read a Dataset's rows, with every column and value checked on the way in."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dspy

from g6o_eval.dataset import Dataset
from g6o_eval.errors import DataError
from g6o_eval.store.port import Column, Store, Value

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


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One row: its key, its group, and every column as a field."""

    key: str
    group: str
    fields: dict[str, Any]


class _WrongValueError(ValueError):
    """A value cannot be used; it says why, the caller says where.

    Attributes:
        instead: what to write in the query, with {0} for the column; "" without a remedy.
    """

    def __init__(self, why: str, *, instead: str = "") -> None:
        super().__init__(why)
        self.instead = instead


def read_rows(store: Store, dataset: Dataset, *, at: str, eval_name: str) -> list[DatasetRow]:
    """Return the rows of a Dataset at a commit, in the order of their keys' code points.

    Raises:
        QueryError: the query failed, or is no SELECT.
        DataError: it names the column, and for a value its row's key.
    """
    where = f"dataset of eval {eval_name!r}"
    result = store.read(dataset.query, at=at)
    names = [column.name for column in result.columns]
    _check_columns(result.columns, dataset, where)
    key_at = names.index(dataset.key)
    group_at = key_at if dataset.group is None else names.index(dataset.group)
    parsers = [_parser(column) for column in result.columns]
    found: dict[str, DatasetRow] = {}
    for values in result:
        key = _name(values[key_at], f"{where}: the key {dataset.key!r}")
        if key in found:
            raise DataError(f"{where}: the key {key!r} stands in two rows: column {dataset.key!r} must be unique")
        try:
            fields = {name: parse(value) for name, parse, value in zip(names, parsers, values, strict=True)}
        except _WrongValueError:
            raise DataError(_locate(names, parsers, values, where=where, key=key)) from None
        group = _name(values[group_at], f"{where}: row {key!r}: the group {names[group_at]!r}")
        found[key] = DatasetRow(key, group, fields)
    return [found[key] for key in sorted(found)]


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


def _name(value: Value, what: str) -> str:
    if isinstance(value, str | int) and value != "":
        return str(value)
    raise DataError(f"{what} is {value!r}: it must be a text or an integer, and never empty")


def _parser(column: Column) -> Callable[[Value], Any]:
    if column.type in _BOOLEAN:
        return _parse_boolean
    return _parse_json if column.type == "JSON" else _parse_plain


def _parse_plain(value: Value) -> Value:
    if isinstance(value, bytes):
        raise _WrongValueError(f"is a BLOB of {len(value)} bytes", instead=_TO_HEX)
    if isinstance(value, float) and not math.isfinite(value):
        raise _WrongValueError(f"is {value!r}, which is no number to compute with")
    return value


def _parse_boolean(value: Value) -> bool | None:
    if value is None:
        return None
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise _WrongValueError(f"is {value!r}, but a BOOLEAN is 0, 1 or NULL")


def _parse_json(value: Value) -> Any:
    """Parse as Dolt's JSON type would keep it, so that both engines give the same Example.

    Dolt forgets the order of an object's keys and whether a number was written 1 or 1.0: keys are
    sorted, and a float without a fraction becomes an int.
    """
    if isinstance(value, float):
        return _json_number(repr(value))
    if not isinstance(value, str):
        return _parse_plain(value)
    try:
        return json.loads(
            value, parse_float=_json_number, parse_constant=_refuse_constant, object_pairs_hook=_json_object
        )  # fmt: skip
    except json.JSONDecodeError as error:
        raise _WrongValueError(f"is no JSON ({error}): {value[:60]!r}") from None


def _json_number(text: str) -> float | int:
    number = float(text)
    if not math.isfinite(number):
        raise _WrongValueError(f"holds the number {text}, which no float can hold")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _json_object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    fields = dict(sorted(pairs, key=lambda pair: pair[0]))
    if len(fields) < len(pairs):
        raise _WrongValueError(f"is JSON with a key that stands twice among {sorted(key for key, _ in pairs)!r}")
    return fields


def _refuse_constant(text: str) -> Any:
    raise _WrongValueError(f"is JSON with {text}, which JSON does not have")


def _locate(
    names: Sequence[str], parsers: Sequence[Callable[[Value], Any]], values: Sequence[Value], *, where: str, key: str
) -> str:
    for name, parse, value in zip(names, parsers, values, strict=True):
        try:
            parse(value)
        except _WrongValueError as error:
            remedy = f". Write in the query: {error.instead.format(name)}" if error.instead else ""
            return f"{where}: row {key!r}: column {name!r} {error}{remedy}"
    raise AssertionError("unreachable: one of the values was refused a moment ago")
