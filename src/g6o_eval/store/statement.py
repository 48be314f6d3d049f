"""A prepared statement of libdoltlite, with every value exact both ways."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Protocol

from g6o_eval.errors import DataError, QueryError, StoreError
from g6o_eval.store.library import Handle, Library, Text
from g6o_eval.store.port import Row, Value

_ROW, _DONE = 100, 101
_INTEGER, _FLOAT, _TEXT, _BLOB = 1, 2, 3, 4
_UTF8 = 1
_COPY = Handle(-1)  # SQLITE_TRANSIENT: the library keeps its own copy of what is bound
_CONTROL = {19, 22, 24, 25, 32}  # PRAGMA, BEGIN … COMMIT, ATTACH, DETACH, SAVEPOINT


class Owner(Protocol):
    """What a statement asks of the connection that prepares it (see Connection)."""

    name: str
    library: Library
    handle: Handle
    actions: list[tuple[int, str]]

    def error(self, code: int, sql: str) -> StoreError:
        """Return the error for a result code."""


class Statement:
    """A prepared statement. Made by a Connection, used by one thread at a time.

    Attributes:
        sql: its text, up to the first semicolon.
        tail: what stood behind that semicolon.
        writes: the tables it changes, triggers and cascades included.
        control: it starts, ends or reconfigures something that belongs to the store.
    """

    def __init__(self, connection: Owner, sql: str) -> None:
        self._connection, self._library = connection, connection.library
        self._handle = Handle()
        text, rest = encode_text(sql, "the statement"), Handle()
        buffer = ctypes.create_string_buffer(text)
        start = ctypes.addressof(buffer)
        connection.actions.clear()
        code = self._library.prepare_v2(
            connection.handle, ctypes.cast(buffer, Text), len(text), ctypes.byref(self._handle), ctypes.byref(rest)
        )
        if code:
            raise connection.error(code, sql)
        if not self._handle:
            raise QueryError(f"{connection.name}: the statement is empty", sql=sql)
        consumed = (rest.value or start + len(text)) - start
        self.sql, self.tail = text[:consumed].decode(), text[consumed:].decode()
        self.writes = frozenset(table for _, table in connection.actions if table)
        self.control = any(action in _CONTROL for action, _ in connection.actions)
        self.read_only = bool(self._library.stmt_readonly(self._handle))

    def columns(self) -> list[tuple[str, str]]:
        """Return (name, declared type) of each column; "" where the engine cannot say."""
        library, handle = self._library, self._handle
        return [
            (library.column_name(handle, i).decode(), (library.column_decltype(handle, i) or b"").decode())
            for i in range(library.column_count(handle))
        ]

    def run(self, params: Sequence[Value]) -> list[Row]:
        """Bind, step to the end and return all rows; the statement can be run again."""
        try:
            self._bind(params)
            rows: list[Row] = []
            while (code := self._library.step(self._handle)) == _ROW:
                rows.append(self._row())
            if code != _DONE:
                raise self._connection.error(code, self.sql)
            return rows
        finally:
            self._library.reset(self._handle)
            self._library.clear_bindings(self._handle)

    def _bind(self, params: Sequence[Value]) -> None:
        wanted = self._library.bind_parameter_count(self._handle)
        if wanted != len(params):
            raise QueryError(f"the statement has {wanted} parameters, {len(params)} were given", sql=self.sql)
        for place, value in enumerate(params, 1):
            code = self._bind_one(place, value)
            if code:
                raise self._connection.error(code, self.sql)

    def _bind_one(self, place: int, value: Value) -> int:
        library, handle = self._library, self._handle
        if isinstance(value, str):
            text = encode_text(value, f"parameter {place} of {self.sql!r}")
            code = library.bind_text64(handle, place, text, len(text), _COPY, _UTF8)
        elif value is None:
            code = library.bind_null(handle, place)
        elif isinstance(value, int):
            if not -(2**63) <= value < 2**63:
                raise DataError(f"parameter {place} of {self.sql!r} is {value!r}: an integer must fit into 64 bits")
            code = library.bind_int64(handle, place, value)
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise DataError(f"parameter {place} of {self.sql!r} is {value!r}: no engine keeps it. Store NULL")
            # The engines disagree about the sign of zero, so it is not kept.
            code = library.bind_double(handle, place, value + 0.0)
        elif isinstance(value, bytes):
            code = library.bind_blob64(handle, place, value, len(value), _COPY)
        else:
            raise DataError(f"parameter {place} of {self.sql!r} is {value!r}: expected str, int, float, bytes or None")
        return int(code)

    def _row(self) -> Row:
        # Counted after the step: a schema change may have prepared the statement anew, with more columns.
        return tuple(self._value(i) for i in range(self._library.column_count(self._handle)))

    def _value(self, place: int) -> Value:
        library, handle = self._library, self._handle
        kind = library.column_type(handle, place)
        if kind == _INTEGER:
            return int(library.column_int64(handle, place))
        if kind == _FLOAT:
            return float(library.column_double(handle, place))
        if kind not in (_TEXT, _BLOB):
            return None
        # The pointer first, the length after it: SQLite may convert the value in between otherwise.
        start = (library.column_text if kind == _TEXT else library.column_blob)(handle, place)
        content = ctypes.string_at(start, library.column_bytes(handle, place)) if start else b""
        return content if kind == _BLOB else decode_text(content, self.sql)

    def close(self) -> None:
        """Finalise it; closing twice does nothing."""
        self._library.finalize(self._handle)
        self._handle = Handle()


def decode_text(content: bytes, sql: str) -> str:
    """Return a text of the database, which must be UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"a text in the result is not UTF-8: {content[:40]!r} ({error.reason})\n  SQL: {sql}") from None


def encode_text(text: str, what: str) -> bytes:
    """Return the UTF-8 form of a text; `what` names it in the error."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{what} holds {text[error.start]!r} at position {error.start}, half of a character: it has no UTF-8 form"
        ) from None
