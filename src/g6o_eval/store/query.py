"""A SELECT read in bulk: every value exact, in the order of the query, several times faster than cell by cell.

A call into the library through ctypes costs about as much as the engine needs for a whole row, so
per-column calls are several times slower than stock sqlite3. Here the engine writes each row as
one JSON text, the library collects all of them in one call, and orjson parses them by the
hundred (figures: benchmarks/read_rows.py). json_group_array over a page of rows was tried beside
it: numbering the rows first (a window, a temporary table) takes longer, and LIMIT with OFFSET
runs the query again for each page.

The texts of a whole result stand in the library's memory until its last row was taken; Python
objects are made as they are asked for.

What JSON keeps: int64, text with every character (NUL is written as an escape), and float, which
the engine writes with 17 digits. What it does not: a BLOB (refused: then the statement is read
cell by cell), infinities (written 9.0e+999, which orjson refuses and the standard library reads),
the sign of zero.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import orjson

from g6o_eval.errors import QueryError, StoreError
from g6o_eval.store.doltlite import Connection
from g6o_eval.store.port import Column, Rows, Value
from g6o_eval.store.sql import check_select, plain_type, strip_comments
from g6o_eval.store.statement import Statement, decode_text

_CHUNK = 200  # rows parsed at once: measured best; from about 128 KB on, malloc maps and unmaps pages for each
_MOST_COLUMNS = 500  # json_array takes up to 1,000
_REFUSAL = "json_array(x'')"  # "JSON cannot hold BLOB values"; some BLOBs are JSONB, which it would take in as JSON


def query(connection: Connection, sql: str, params: Sequence[Value] = ()) -> Rows:
    """Run one SELECT. With parameters it is read cell by cell: those are point reads."""
    check_select(sql)
    found = None if params else _bulk(connection, sql)
    if found is None:
        statement = connection.prepare(sql)
        _check_single(statement)
        rows = connection.run(sql, params)
        # Asked after the run, which prepares a kept statement anew when the schema has changed.
        found = Rows(_columns(statement.columns()), iter(rows))
    return found


def _columns(described: list[tuple[str, str]]) -> tuple[Column, ...]:
    return tuple(Column(name, plain_type(declared)) for name, declared in described)


def _check_single(statement: Statement) -> None:
    if strip_comments(statement.tail).strip("; \t\r\n") or not statement.read_only:
        raise QueryError("expected one SELECT that changes nothing", sql=statement.sql + statement.tail)


def _bulk(connection: Connection, sql: str) -> Rows | None:
    statement = Statement(connection, sql)  # not kept: its columns may be out of date at the next call
    try:
        _check_single(statement)
        body, described = statement.sql.rstrip().rstrip(";"), statement.columns()
    finally:
        statement.close()
    if len(described) > _MOST_COLUMNS:
        return None
    everywhere = _has_generated_columns(connection)
    names = [f"c{i}" for i in range(len(described))]
    cells = [_plain_text(c) if everywhere or not kind else c for c, (_, kind) in zip(names, described, strict=True)]
    # A name with a blank, which no table of a user is called; and a line end, in case the query ends in a comment.
    head, kinds, array = ", ".join(names), ", ".join(f"typeof({c})" for c in names), ", ".join(cells)
    wrapped = (
        f'WITH "g6o rows"({head}) AS ({body}\n) '  # noqa: S608 # one prepared SELECT
        f"SELECT CASE WHEN 'blob' IN ({kinds}) THEN {_REFUSAL} ELSE json_array({array}) END FROM \"g6o rows\""
    )
    try:
        texts = connection.texts(wrapped)
    except StoreError:
        return None  # a BLOB, or a real failure, which reading cell by cell shows in the query's own words
    rows = (row for lines in texts.chunks(_CHUNK) for row in map(tuple, _parse(lines, sql)))
    return Rows(_columns(described), rows)


def _plain_text(name: str) -> str:
    # The result of a JSON function carries a mark that makes json_array embed it as JSON. A computed
    # text does not carry it.
    return f"CASE typeof({name}) WHEN 'text' THEN {name} || '' ELSE {name} END"


def _has_generated_columns(connection: Connection) -> bool:
    # They are declared with a type and yet computed, so a declared type proves nothing.
    rows = connection.run("SELECT sql FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AS%(%'")
    return any(re.search(r"\bAS\s*\(", str(sql), re.IGNORECASE) for (sql,) in rows)


def _parse(lines: list[bytes], sql: str) -> list[list[Value]]:
    text = b"[" + b",".join(lines) + b"]"
    try:
        rows: list[list[Value]] = orjson.loads(text)
    except orjson.JSONDecodeError:
        rows = json.loads(decode_text(text, sql))
    return rows
