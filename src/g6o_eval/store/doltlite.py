"""A thin, typed binding of libdoltlite: one connection, its kept statements, its errors."""

from __future__ import annotations

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from g6o_eval.errors import MissingError, QueryError, ReadOnlyError, StoreError, UnavailableError, UnfitError
from g6o_eval.store.library import Authorizer, Handle, Library, Text
from g6o_eval.store.port import Row, Value
from g6o_eval.store.statement import Statement, encode_text

Mode = Literal["read", "write", "create"]

_BUSY, _LOCKED, _READONLY, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 11, 13, 14, 26
_FLAGS: dict[Mode, int] = {"read": 1, "write": 2, "create": 2 | 4}
_KEPT_STATEMENTS = 64

# What sqlite3_set_authorizer reports while a statement is prepared, and which argument names the table.
_WRITES = {2: 0, 11: 0, 9: 0, 18: 0, 23: 0, 26: 1, 1: 1, 10: 1, 7: 1, 16: 1}
_SCHEMA_OBJECTS = {7, 8, 16, 17}  # triggers and views: Dolt keeps their text in a table of its own


class Connection:
    """One connection to one file, or to one file at a commit (`file.db@<commit>`).

    Attributes:
        name: the file, for messages.
        actions: what the statement that was prepared last does, as (action, table).
    """

    def __init__(self, library: Library, target: str, *, mode: Mode, name: str, busy_seconds: float) -> None:
        self.library, self.name, self.busy_seconds = library, name, busy_seconds
        self.handle = Handle()
        self.actions: list[tuple[int, str]] = []
        self._lock = threading.RLock()
        self._kept: OrderedDict[str, Statement] = OrderedDict()
        self._authorizer = Authorizer(self._authorize)
        path = encode_text(target, "the path")
        code = library.open_v2(path, ctypes.byref(self.handle), _FLAGS[mode], None)
        if code:
            error = self.error(code, f"open {target}")
            self.close()
            raise error
        library.busy_timeout(self.handle, int(busy_seconds * 1000))
        library.set_authorizer(self.handle, self._authorizer, None)

    def prepare(self, sql: str) -> Statement:
        """Return the statement, prepared once and kept; the oldest of many is finalised."""
        with self._lock:
            if (statement := self._kept.get(sql)) is None:
                statement = self._kept[sql] = Statement(self, sql)
                if len(self._kept) > _KEPT_STATEMENTS:
                    self._kept.popitem(last=False)[1].close()
            self._kept.move_to_end(sql)
            return statement

    def run(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        with self._lock:
            return self.prepare(sql).run(params)

    def run_each(self, sql: str, rows: Iterable[Sequence[Value]]) -> int:
        """Run one statement per row; return how many."""
        count = 0
        with self._lock:
            statement = self.prepare(sql)
            for row in rows:
                statement.run(row)
                count += 1
        return count

    def run_text(self, sql: str, *, shown: str) -> None:
        """Run a statement that is too long to be kept; errors show it as `shown`."""
        with self._lock:
            statement = Statement(self, sql)
            statement.sql = shown
            try:
                statement.run(())
            finally:
                statement.close()

    def texts(self, sql: str) -> CTexts:
        """Run a SELECT of one text column inside the library and return the column."""
        table, height, width = ctypes.POINTER(Text)(), ctypes.c_int(), ctypes.c_int()
        with self._lock:
            code = self.library.get_table(
                self.handle, encode_text(sql, "the statement"), ctypes.byref(table),
                ctypes.byref(height), ctypes.byref(width), None,
            )  # fmt: skip
            if code:
                raise self.error(code, sql)
        return CTexts(self.library, table, height.value)

    @property
    def in_transaction(self) -> bool:
        """Whether BEGIN stands without its COMMIT or ROLLBACK."""
        return not self.library.get_autocommit(self.handle)

    def error(self, code: int, sql: str) -> StoreError:
        """Return the error for a result code, by what the reader can do about it."""
        said = self.library.errmsg(self.handle).decode("utf-8", "replace")
        primary = code & 0xFF  # the upper bits only refine it
        if primary in (_BUSY, _LOCKED):
            return UnavailableError(
                f"{self.name} is in use: another process has been writing to it for {self.busy_seconds:g} s "
                f"({said}). Wait for it, or end it"
            )
        if primary == _READONLY:
            return ReadOnlyError(f"{self.name} may only be read here ({said})\n  SQL: {sql}")
        if primary == _FULL:
            return UnavailableError(
                f"the disk of {self.name} is full ({said}): nothing was written. Make room there, then try again"
            )
        if primary == _CANTOPEN and "revision" in said:
            return MissingError(f"{self.name}: {said}")
        if primary == _CANTOPEN:
            return UnavailableError(f"cannot open {self.name}: {said}")
        if primary in (_CORRUPT, _NOTADB):
            return UnfitError(f"{self.name} cannot be read ({said}): restore it from a copy")
        return QueryError(f"{self.name}: {said}", sql=sql)

    def close(self) -> None:
        """Finalise every statement and close; closing twice does nothing."""
        with self._lock:
            for statement in self._kept.values():
                statement.close()
            self._kept.clear()
            self.library.close_v2(self.handle)
            self.handle = Handle()

    def _authorize(self, _: object, action: int, *names: bytes | None) -> int:
        # Called by the library while it prepares; it must not raise, and 0 allows everything.
        first, second, database = names[:3]
        named = (first, second)[_WRITES[action]] if action in _WRITES else None
        table = (named or b"").decode("utf-8", "replace")
        if database == b"temp" or table.startswith("sqlite_"):
            return 0
        self.actions.append((action, table))
        if action in _SCHEMA_OBJECTS:
            self.actions.append((action, "dolt_schemas"))
        return 0


class CTexts:
    """A column of texts that the library holds; freed with this object."""

    def __init__(self, library: Library, table: ctypes._Pointer[Text], count: int) -> None:
        self._library, self._table, self._count = library, table, count

    def chunks(self, size: int) -> Iterator[list[bytes]]:
        """Yield the texts, `size` at a time. The first of the table is the column's name."""
        for start in range(1, self._count + 1, size):
            yield self._table[start : min(start + size, self._count + 1)]

    def __del__(self) -> None:
        self._library.free_table(self._table)
