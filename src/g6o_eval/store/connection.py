"""One connection to a Dolt server: statements in, plain rows out, errors of our tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.converters import encoders
from pymysql.cursors import Cursor, SSCursor

from g6o_eval.errors import DataError, MissingError, QueryError, ReadOnlyError, StoreError, UnavailableError, UnfitError
from g6o_eval.store.address import PASSWORD_VARIABLE, Address
from g6o_eval.store.port import Row, Value
from g6o_eval.store.sql import bind

CONNECT_SECONDS = 2.0
"""How long a server may take to accept a connection, and again to greet."""

FIRST_ROWS = 1_000
"""How many rows a stream takes at once: a result of fewer keeps no connection."""

Observer = Callable[[str], None]
"""Called with each statement, its values left out, before it is sent."""

_UNREACHABLE = {2001, 2002, 2003, 2005}
_LOST = {2006, 2013, 2014, 1053, 1927}
_CLASH = {1213, 1205}
_REFUSED_USER = {1045, 1698, 1862}
_DENIED = {1044, 1142, 1143, 1227, 1290, 1370, 1410, 1792, 1836}
_UNKNOWN_DATABASE = 1049
_DENIED_WORDS = re.compile(r"command denied|access denied|does not have the correct permissions|read[- ]only", re.I)


class LostError(UnavailableError):
    """The connection broke. Whether the statement that it was sent has run is not known."""


class LateError(UnavailableError):
    """No answer came in time. Whether the statement has run, or will, is not known."""


class UnreachableError(UnavailableError):
    """Nobody answers there."""


class ClashError(UnavailableError):
    """Another client wrote the same at the same time; the server undid the statement."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a result, as the server describes it.

    Attributes:
        name: as the query names it.
        type: "VARCHAR", "DECIMAL", … or "TINYINT", which BOOLEAN is here.
        table: that it is a column of; "" for an expression.
        column: its name in that table.
    """

    name: str
    type: str
    table: str
    column: str


class Connection:
    """A connection, on one database (`name`, `name/branch` or `name/commit`). For one thread at a time."""

    def __init__(self, address: Address, database: str, *, observe: Observer) -> None:
        self._address, self._observe = address, observe
        self.database = database
        self._raw: Any = None
        try:
            self._raw = pymysql.Connection(**_arguments(address), database=database, defer_connect=True)
            self._raw.connect()
        except (pymysql.err.Error, OSError) as error:
            raise _error(error, "connect", address) from None
        # The greeting had little time; an answer may need more.
        self._raw._read_timeout = address.answer_seconds

    @property
    def usable(self) -> bool:
        """Whether it stands, as far as is known without asking."""
        return bool(self._raw.open)

    def use(self, database: str) -> None:
        """Change to another database, branch or commit."""
        if database != self.database:
            self.run(f"USE `{database}`")
            self.database = database

    def run(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        return self.run_bound(bind(sql, params), shown=sql)

    def run_bound(self, statement: str, *, shown: str) -> list[Row]:
        """Run a statement that has its values in it; `shown` stands for it in errors."""
        cursor = Cursor(self._raw)
        with _translated(self, shown):
            self._observe(shown)
            cursor.execute(statement)
            return list(cursor.fetchall())

    def stream(self, sql: str, params: Sequence[Value] = ()) -> Stream:
        """Run one query and return its rows as they come. Nothing else may run until the last was taken."""
        cursor = SSCursor(self._raw)
        statement = bind(sql, params)
        with _translated(self, sql):
            self._observe(sql)
            cursor.execute(statement)
            return Stream(self, cursor, sql)

    def close(self) -> None:
        """Drop it; the server undoes an open transaction and frees its locks."""
        self._raw._force_close()  # close() would wait for the rest of a result

    def error(self, error: Exception, sql: str) -> StoreError | DataError:
        """Return the error of our tree for one of the driver."""
        if isinstance(error, UnicodeDecodeError):
            self.close()
            return DataError(f"a text in the result is not UTF-8: {error.object[:40]!r} ({error.reason})\n  SQL: {sql}")
        return _error(error, sql, self._address)


class Stream:
    """A result: its fields and its first rows, known at once, and the rest."""

    def __init__(self, connection: Connection, cursor: Any, sql: str) -> None:
        self._connection, self._cursor, self._sql = connection, cursor, sql
        self.fields = tuple(_field(each) for each in cursor._result.fields)  # its description lacks the charset
        self.first: list[Row] = list(cursor.fetchmany(FIRST_ROWS))
        self.complete = len(self.first) < FIRST_ROWS

    def rest(self) -> Iterator[Row]:
        """Yield the rows behind the first ones.

        Raises:
            LostError: the server went away in between; it says after how many rows.
        """
        done = len(self.first)
        while not self.complete:
            try:
                rows = self._cursor.fetchmany(FIRST_ROWS)
            except (pymysql.err.Error, OSError, UnicodeDecodeError) as error:
                self.abandon()
                found = self._connection.error(error, self._sql)
                if isinstance(found, LostError):
                    found = LostError(f"{found} It was lost after {done:,} rows: read again")
                raise found from None
            self.complete = len(rows) < FIRST_ROWS
            done += len(rows)
            yield from rows

    def abandon(self) -> None:
        """Leave the rest unread, and drop the connection with it."""
        self._connection.close()
        if self._cursor._result is not None:
            self._cursor._result.unbuffered_active = False  # else the driver reads on when it is freed
        self.complete = True


class _translated:  # noqa: N801 # a context manager, read as a verb
    """Turn the driver's errors into ours, without the chain that would show its arguments."""

    def __init__(self, connection: Connection, sql: str) -> None:
        self._connection, self._sql = connection, sql

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, pymysql.err.Error | OSError | UnicodeDecodeError):
            raise self._connection.error(error, self._sql) from None


def _arguments(address: Address) -> dict[str, object]:
    arguments: dict[str, object] = {
        "host": address.host, "port": address.port, "user": address.user, "password": address.password,
        "charset": "utf8mb4", "autocommit": True, "conv": {**encoders, **_DECODERS}, "local_infile": False,
        "connect_timeout": CONNECT_SECONDS, "read_timeout": CONNECT_SECONDS, "write_timeout": address.answer_seconds,
    }  # fmt: skip
    if address.tls == "off":
        return arguments | {"ssl_disabled": True}
    verify = address.tls == "verify"
    context: dict[str, object] = {"check_hostname": verify, "verify_mode": "required" if verify else "none"}
    files = {"ca": address.tls_ca, "cert": address.tls_cert, "key": address.tls_key}
    return arguments | {"ssl": context | {name: path for name, path in files.items() if path}}


def _error(error: Exception, sql: str, address: Address) -> StoreError:
    code, said = _code_of(error)
    where = f"the Dolt server at {address.server}"
    if code in _UNREACHABLE:
        if "certificate" in said.lower() or "ssl" in said.lower():
            return UnavailableError(f"cannot trust {where} ({address.url}): {said}. {_TLS_HELP}")
        return UnreachableError(f"cannot reach {where} ({address.url}): {said}. {_REACH_HELP}")
    if code == 2026:
        return UnavailableError(f"{where} ({address.url}) offers no TLS. {_TLS_HELP}")
    if code == 2013 and "timed out" in said:
        return LateError(
            f"{where} ({address.url}) did not answer in time ({said}); the URL's timeout=SECONDS gives more."
        )
    if code in _LOST or "online garbage collection" in said:
        return LostError(f"the connection to {where} was lost ({said or 'it is closed'}).")
    if code in _CLASH:
        return ClashError(f"{where}: {said}. Other clients write to the same rows: try again")
    if code in _REFUSED_USER:
        return UnavailableError(
            f"{where} does not let {address.user!r} in ({address.url}). The password comes from {PASSWORD_VARIABLE} "
            "or the URL"
        )
    if code == _UNKNOWN_DATABASE:
        return MissingError(f"{where} has no database {address.database!r} with a branch main ({address.url}): {said}")
    if code in _DENIED or _DENIED_WORDS.search(said):
        return ReadOnlyError(f"{address.url} may only be read by {address.user!r} here ({said})\n  SQL: {sql}")
    if "would be stomped by merge" in said or "not committed an active merge" in said:
        return UnfitError(
            f"{address.url}: what another client did not commit is in the way ({said}). See g6o-eval adopt"
        )
    return QueryError(f"{address.url}: {said}", sql=sql)


# Tried on 1.88.1: without room it ends itself, tells nobody, and does not start again before there is some.
_REACH_HELP = "Is it running, and is the port right? If it ended, its log says why; a full disk ends it"
_TLS_HELP = (
    "Name the file of its authority (?tls_ca=FILE), or, on a network that you trust, ?tls=encrypt to believe any "
    "certificate or ?tls=off"
)


def _code_of(error: Exception) -> tuple[int, str]:
    if isinstance(error, pymysql.err.InterfaceError):
        return 2006, "it is closed"
    if isinstance(error, pymysql.err.Error) and len(error.args) == 2:
        return int(error.args[0]), str(error.args[1])
    if isinstance(error, OSError):
        return 2003, str(error)
    return 0, str(error)


_TEXT_SIZES = ((255, "TINY"), (65_535, ""), (16_777_215, "MEDIUM"))
_BINARY_CHARSET = 63
_NAMES: dict[int, str] = {
    FIELD_TYPE.DECIMAL: "DECIMAL", FIELD_TYPE.NEWDECIMAL: "DECIMAL", FIELD_TYPE.TINY: "TINYINT",
    FIELD_TYPE.SHORT: "SMALLINT", FIELD_TYPE.INT24: "MEDIUMINT", FIELD_TYPE.LONG: "INT", FIELD_TYPE.LONGLONG: "BIGINT",
    FIELD_TYPE.FLOAT: "FLOAT", FIELD_TYPE.DOUBLE: "DOUBLE", FIELD_TYPE.TIMESTAMP: "TIMESTAMP", FIELD_TYPE.DATE: "DATE",
    FIELD_TYPE.NEWDATE: "DATE", FIELD_TYPE.TIME: "TIME", FIELD_TYPE.DATETIME: "DATETIME", FIELD_TYPE.YEAR: "YEAR",
    FIELD_TYPE.BIT: "BIT", FIELD_TYPE.JSON: "JSON", FIELD_TYPE.ENUM: "ENUM", FIELD_TYPE.SET: "SET",
    FIELD_TYPE.GEOMETRY: "GEOMETRY", FIELD_TYPE.NULL: "",
}  # fmt: skip
# By whether it is binary.
_SHORT_TEXTS = {
    FIELD_TYPE.VARCHAR: ("VARCHAR", "VARBINARY"),
    FIELD_TYPE.VAR_STRING: ("VARCHAR", "VARBINARY"),
    FIELD_TYPE.STRING: ("CHAR", "BINARY"),
}


def _field(raw: Any) -> Field:
    return Field(raw.name, _type_of(raw), raw.org_table, raw.org_name)


def _type_of(raw: Any) -> str:
    binary = raw.charsetnr == _BINARY_CHARSET
    if raw.type_code in _NAMES:
        return _NAMES[raw.type_code]
    if raw.type_code in _SHORT_TEXTS:
        return _SHORT_TEXTS[raw.type_code][binary]
    size = raw.length if binary else raw.length // 4  # a text's length is given in bytes of utf8mb4
    prefix = next((name for most, name in _TEXT_SIZES if size <= most), "LONG")
    return f"{prefix}{'BLOB' if binary else 'TEXT'}"


def _number(text: str) -> float:
    return float(text) + 0.0  # the engines disagree about the sign of zero


_INTEGERS = (
    FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.YEAR,
)  # fmt: skip
# What is not named stays text (DECIMAL, dates, JSON) or bytes.
_DECODERS: dict[int, Callable[[str], Value]] = dict(
    chain.from_iterable((((each, int) for each in _INTEGERS), ((each, _number) for each in (4, 5))))
)
