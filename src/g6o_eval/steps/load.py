"""Put a file's rows into a table of the store: one commit, rows with the same key replaced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from g6o_eval.errors import DataError
from g6o_eval.steps.table_file import ColumnType, Inference, Record, read_records, to_value
from g6o_eval.store.port import Change, Row, Store, Value
from g6o_eval.store.schema import known_migrations

Origin = Literal["inferred", "--type", "the table"]

MAX_KEY_CHARACTERS = 255
"""Of a text key: the longest that both engines take as a primary key."""
SHOWN_PROBLEMS = 10
"""Bad rows that a message names; the rest are counted."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_RESERVED = ("g6o_", "dolt_", "sqlite_")
_CREATES = re.compile(r"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[`\"]?(\w+)", re.IGNORECASE)

_SQL: Mapping[ColumnType, str] = {
    "TEXT": "LONGTEXT",
    "INT": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOL": "BOOLEAN",
    "JSON": "JSON",
}
_FROM_SQL: Mapping[str, ColumnType] = {
    **{sql: name for name, sql in _SQL.items()},
    **dict.fromkeys(("VARCHAR", "CHAR", "TEXT", "MEDIUMTEXT"), "TEXT"),
    **dict.fromkeys(("INT", "INTEGER", "SMALLINT"), "INT"),
    **dict.fromkeys(("FLOAT", "REAL"), "FLOAT"),
    **dict.fromkeys(("TINYINT", "BOOL"), "BOOL"),
}


@dataclass(frozen=True, slots=True)
class LoadedColumn:
    """A column, what it holds, and who said so."""

    name: str
    type: ColumnType
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load did.

    Attributes:
        table: its name.
        columns: in the order of the file.
        rows: read from the file and upserted.
        created: whether the table is new.
        commit: what it made; None when the table held all rows already.
    """

    table: str
    columns: tuple[LoadedColumn, ...]
    rows: int
    created: bool
    commit: str | None


def load(store: Store, table: str, path: Path, *, key: str, types: Mapping[str, ColumnType]) -> Loaded:
    """Upsert the rows of a CSV or JSONL file into a table, which is made when it is missing.

    Args:
        store: where to.
        table: a table of the user's; one of ours is refused.
        path: the file.
        key: the column whose value identifies a row.
        types: of columns whose type should not be inferred.

    Raises:
        DataError: a name, a column or a row cannot be used. Nothing was written.
    """
    check_table(table)
    standing = _columns_of(store, table)
    columns = _columns(path, key=key, types=types, standing=standing)
    with store.change(f"Load {path.name} into {table}") as change:
        if standing is None:
            change.execute(_create(table, columns, key))
        rows = _upsert(change, table, path, columns=columns, key=key)
    return Loaded(table=table, columns=columns, rows=rows, created=standing is None, commit=change.commit)


def check_table(table: str) -> None:
    """Raise DataError unless a user may load rows into a table of this name."""
    _check_identifier("table", table)
    owners = {
        found[1].lower(): migration.owner
        for migration in known_migrations()
        for statement in migration.statements
        if (found := _CREATES.match(statement))
    }
    if table.lower().startswith(_RESERVED) or table.lower() in owners:
        owner = owners.get(table.lower(), "g6o_eval and the engine")
        raise DataError(f"table {table!r} belongs to {owner}; load rows into a table of your own")


def _check_identifier(what: str, name: str) -> None:
    if not _IDENTIFIER.fullmatch(name):
        raise DataError(f"{what} name {name!r} must match {_IDENTIFIER.pattern}; rename it in the file or command")


def _columns_of(store: Store, table: str) -> dict[str, ColumnType] | None:
    """Return a table's columns and what each holds; None when there is no such table."""
    spelled = {name.lower(): name for name in store.tables()}.get(table.lower())
    if spelled is None:
        return None
    if spelled != table:
        raise DataError(f"table {table!r} is spelled {spelled!r} in this store; say it so")
    found: dict[str, ColumnType] = {}
    for column in store.read(f"SELECT * FROM `{table}` LIMIT 0").columns:  # noqa: S608  # the name was checked
        if column.type not in _FROM_SQL:
            raise DataError(f"table {table!r}: column {column.name!r} is {column.type}, which load cannot fill")
        found[column.name] = _FROM_SQL[column.type]
    return found


def _columns(
    path: Path, *, key: str, types: Mapping[str, ColumnType], standing: Mapping[str, ColumnType] | None
) -> tuple[LoadedColumn, ...]:
    seen: dict[str, Inference] = {}
    problems: list[tuple[int, str]] = []
    for record in read_records(path):
        problems += [] if record.problem is None else [(record.line, record.problem)]
        for name, cell in record.cells.items():
            seen.setdefault(name, Inference()).see(cell, typed=record.typed)
    if not seen:
        raise _bad_rows(path, problems) if problems else DataError(f"{path}: there is no row to load")
    for name in seen:
        _check_identifier("column", name)
    for name in (key, *types):
        if name not in seen:
            raise DataError(f"{path}: there is no column {name!r}; it has {', '.join(seen)}")
    if standing is not None:
        return _as_standing(path, seen, types=types, standing=standing)
    return tuple(_stated(path, name, inference, types) for name, inference in seen.items())


def _as_standing(
    path: Path, seen: Iterable[str], *, types: Mapping[str, ColumnType], standing: Mapping[str, ColumnType]
) -> tuple[LoadedColumn, ...]:
    if set(seen) != set(standing):
        raise DataError(
            f"{path}: has the columns {', '.join(sorted(seen))}, the table has {', '.join(sorted(standing))}; "
            "they must be the same, or a replaced row would lose values"
        )
    for name, wanted in types.items():
        if standing[name] != wanted:
            raise DataError(f"--type {name}={wanted}: the table holds {standing[name]} there; load into another table")
    return tuple(LoadedColumn(name, standing[name], "the table") for name in seen)


def _stated(path: Path, name: str, inference: Inference, types: Mapping[str, ColumnType]) -> LoadedColumn:
    if name in types:
        return LoadedColumn(name, types[name], "--type")
    if inference.type is None:
        raise DataError(f"{path}: column {name!r} holds values of several types; say --type {name}=JSON or {name}=TEXT")
    return LoadedColumn(name, inference.type, "inferred")


def _create(table: str, columns: Iterable[LoadedColumn], key: str) -> str:
    lines = [
        f"`{column.name}` {_key_sql(column.type)} NOT NULL PRIMARY KEY"
        if column.name == key
        else f"`{column.name}` {_SQL[column.type]}"
        for column in columns
    ]
    return f"CREATE TABLE `{table}` ({', '.join(lines)})"


def _key_sql(wanted: ColumnType) -> str:
    if wanted not in ("TEXT", "INT"):
        raise DataError(f"the key column holds {wanted}; a key must be TEXT or INT: say --key with another column")
    return f"VARCHAR({MAX_KEY_CHARACTERS})" if wanted == "TEXT" else "BIGINT"


def _upsert(change: Change, table: str, path: Path, *, columns: tuple[LoadedColumn, ...], key: str) -> int:
    rows = _Rows(columns, key)
    count = change.upsert(table, [column.name for column in columns], rows.of(read_records(path)), key=[key])
    if rows.problems:
        raise _bad_rows(path, rows.problems)
    return count


def _bad_rows(path: Path, problems: list[tuple[int, str]]) -> DataError:
    lines = [f"  {path}:{line}: {what}" for line, what in problems[:SHOWN_PROBLEMS]]
    more = len(problems) - len(lines)
    lines += [f"  and {more} more"] if more else []
    return DataError(f"{len(problems)} bad rows, nothing was loaded:\n" + "\n".join(lines))


class _Rows:
    """Turns records into rows and notes those that cannot be one."""

    def __init__(self, columns: tuple[LoadedColumn, ...], key: str) -> None:
        self.problems: list[tuple[int, str]] = []
        self._columns, self._key = columns, key
        self._lines: dict[Value, int] = {}

    def of(self, records: Iterable[Record]) -> Iterator[Row]:
        """Yield the rows that are fit."""
        for record in records:
            try:
                yield self._row(record)
            except ValueError as error:
                self.problems.append((record.line, str(error)))

    def _row(self, record: Record) -> Row:
        if record.problem is not None:
            raise ValueError(record.problem)
        values: dict[str, Value] = {}
        for column in self._columns:
            try:
                values[column.name] = to_value(record.cells.get(column.name), column.type, typed=record.typed)
            except ValueError as error:
                raise ValueError(f"column {column.name!r}: {error}") from None
        self._check_key(values[self._key], record.line)
        return tuple(values.values())

    def _check_key(self, value: Value, line: int) -> None:
        if value is None or value == "":
            raise ValueError(f"the key {self._key!r} is empty")
        if isinstance(value, str) and len(value) > MAX_KEY_CHARACTERS:
            raise ValueError(f"the key {self._key!r} has {len(value)} characters, at most {MAX_KEY_CHARACTERS} fit")
        first = self._lines.setdefault(value, line)
        if first != line:
            raise ValueError(f"the key {value!r} stands in line {first} already")
