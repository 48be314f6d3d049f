"""The store on a Dolt server: reads from its main branch or at a commit, changes through a branch."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from g6o_eval.errors import DataError, MissingError, QueryError, ReadOnlyError, StoreError, UnavailableError
from g6o_eval.store.address import Address
from g6o_eval.store.connection import Connection, Field, LateError, LostError, Observer, Stream
from g6o_eval.store.port import Column, Kind, Row, Rows, Value
from g6o_eval.store.server_change import (
    MAIN,
    ServerChange,
    change_lock,
    commit_tables,
    dirty_tables,
    lock_name,
    take_lock,
)
from g6o_eval.store.sessions import Sessions
from g6o_eval.store.sql import check_one_select, plain_type, quoted, renamed_columns

BUSY_SECONDS = 30.0
"""How long a change waits for another process before it gives up."""

_COMMIT = re.compile(r"[0-9a-v]{32}")
# Expressions of these types are named, so that a Dataset refuses them; of all others the type is not declared.
_NEVER_HIDDEN = ("DECIMAL", "DATE", "TIME", "DATETIME", "TIMESTAMP", "YEAR", "BIT")
# SHOW GRANTS is refused to all who have no right to the database `mysql`; these show everybody their own.
_RIGHTS = """
SELECT scope, privilege_type FROM (
    SELECT grantee, '*' AS scope, privilege_type FROM information_schema.user_privileges
    UNION SELECT grantee, table_schema, privilege_type FROM information_schema.schema_privileges
    UNION SELECT grantee, table_schema, privilege_type FROM information_schema.table_privileges
) AS rights WHERE grantee = CONCAT("'", REPLACE(CURRENT_USER(), '@', "'@'"), "'")
"""


class ServerStore:
    """A database on a Dolt server, on its main branch.

    Every statement goes out with a time limit, over connections that are kept. Reads are repeated
    when the server was lost before their first row; what writes is not.
    """

    kind: Kind = "server"

    def __init__(
        self,
        address: Address,
        *,
        read_only: bool = False,
        busy_seconds: float = BUSY_SECONDS,
        observe: Observer = lambda statement: None,
    ) -> None:
        self.url, self._address, self._busy_seconds = address.url, address, busy_seconds
        self._sessions = Sessions(address, observe=observe)
        self._main = f"{address.database}/{MAIN}"
        self._writing = threading.RLock()
        self._in_change = False
        self.read_only = not may_write(self._run(_RIGHTS), address.database) or read_only

    def head(self) -> str:
        """See Store.head."""
        return str(self._run("SELECT DOLT_HASHOF('main')")[0][0])

    def branch(self) -> str:
        """See Store.branch."""
        return str(self._run("SELECT ACTIVE_BRANCH()")[0][0])

    def dirty(self) -> tuple[str, ...]:
        """See Store.dirty."""
        return tuple(sorted(self._sessions.repeat(dirty_tables, self._main)))

    def tables(self, *, at: str | None = None) -> frozenset[str]:
        """See Store.tables."""
        database = self._database(at)
        found = self._sessions.insist(lambda: self._tables(database, at))
        return frozenset(
            str(name) for name, kind in found if kind == "BASE TABLE" and not str(name).startswith("dolt_")
        )

    def read(self, sql: str, params: Sequence[Value] = (), *, at: str | None = None) -> Rows:
        """See Store.read."""
        check_one_select(sql)
        database = self._database(at)
        return self._sessions.insist(lambda: self._read(database, at, bound=(sql, params)))

    @contextmanager
    def change(self, message: str) -> Iterator[ServerChange]:
        """See Store.change."""
        self._check_writable(f"{message!r}")
        with self._writing:
            if self._in_change:
                raise StoreError(f"cannot write {message!r}: this thread has a change of {self.url} open already")
            change = ServerChange(self._sessions, self._address, busy_seconds=self._busy_seconds)
            self._sessions.insist(change.begin)
            self._in_change = True
            try:
                yield change
                change.finish(message)
            except (LostError, LateError) as error:
                raise UnavailableError(f"{error} Nothing was written by {message!r}") from None
            finally:
                self._in_change = False
                change.leave()

    def adopt(self, tables: Sequence[str], message: str) -> str:
        """See Store.adopt."""
        self._check_writable("what another client left")
        lock = change_lock(self._address)
        with self._writing:
            connection = self._sessions.insist(lambda: self._locked(lock, self._busy_seconds))
            try:
                commit = commit_tables(connection, tables, message)
                connection.run("SELECT RELEASE_LOCK(?)", (lock,))
            except BaseException:
                connection.close()  # which frees the lock
                raise
            self._sessions.give(connection)
        return commit

    def label(self, name: str, commit: str, message: str) -> None:
        """See Store.label."""
        self._check_writable(f"label {name!r}")
        self._sessions.repeat(lambda connection: _put_tag(connection, name, commit, message), self._main)

    @contextmanager
    def lock(self, name: str, *, timeout_seconds: float = 30.0) -> Iterator[None]:
        """See Store.lock."""
        if self.read_only:
            raise ReadOnlyError(f"cannot lock {name!r}: {self.url} may only be read")
        full = lock_name(self._address, name)
        connection = self._sessions.insist(lambda: self._locked(full, timeout_seconds))
        try:
            yield
            if connection.run("SELECT RELEASE_LOCK(?)", (full,)) != [(1,)]:
                raise UnavailableError(f"the lock {name!r} of {self.url} was lost while it was held")
        except BaseException:
            connection.close()  # which frees it
            raise
        self._sessions.give(connection)

    def close(self) -> None:
        """See Store.close."""
        self._sessions.close()

    # ── reading ──

    def _run(self, sql: str) -> list[Row]:
        return self._sessions.repeat(lambda connection: connection.run(sql), self._main)

    def _database(self, at: str | None) -> str:
        """Return what to connect to for a read: main, or one commit, which the server lets nobody write."""
        if at is None:
            return self._main
        if _COMMIT.fullmatch(at):
            return f"{self._address.database}/{at}"
        try:
            found = self._sessions.repeat(lambda connection: connection.run("SELECT DOLT_HASHOF(?)", (at,)), self._main)
        except QueryError:
            raise self._no_commit(at) from None
        ((commit,),) = found
        return f"{self._address.database}/{commit!s}"

    def _take(self, database: str, at: str | None) -> Connection:
        try:
            return self._sessions.take(database)
        except MissingError:
            if at is None:
                raise
            raise self._no_commit(at) from None

    def _no_commit(self, at: str) -> MissingError:
        return MissingError(f"{self.url} has no commit {at!r}")

    def _tables(self, database: str, at: str | None) -> list[Row]:
        connection = self._take(database, at)
        try:
            return connection.run("SHOW FULL TABLES")
        finally:
            self._sessions.give(connection)

    def _read(self, database: str, at: str | None, *, bound: tuple[str, Sequence[Value]]) -> Rows:
        connection = self._take(database, at)
        try:
            stream = connection.stream(*bound)
        except BaseException:
            self._sessions.give(connection)
            raise
        try:
            columns = self._columns(stream.fields, database, renamed=renamed_columns(bound[0]))
        except BaseException:
            stream.abandon()
            raise
        if stream.complete:
            self._sessions.give(connection)
            return Rows(columns, iter(stream.first))
        rows = self._rows(stream, connection)
        next(rows)  # begun, so that it also cleans up when nobody reads it
        return Rows(columns, rows)

    def _rows(self, stream: Stream, connection: Connection) -> Iterator[Row]:
        try:
            yield ()
            yield from stream.first
            yield from stream.rest()
            self._sessions.give(connection)
        finally:
            if not stream.complete:
                stream.abandon()

    def _columns(self, fields: Sequence[Field], database: str, *, renamed: frozenset[str]) -> tuple[Column, ...]:
        small = {field.table for field in fields if field.type == "TINYINT" and field.table}
        declared = {table: self._declared(table, database) for table in small}
        return tuple(Column(field.name, _declared_type(field, declared, renamed)) for field in fields)

    def _declared(self, table: str, database: str) -> dict[str, str]:
        """Return column → declared type. Of a table's second name, or a query in brackets, nothing is known."""
        with self._sessions.one(database) as connection:
            try:
                rows = connection.run(f"SHOW COLUMNS FROM {quoted(table)}")
            except (QueryError, DataError):
                return {}
        return {str(row[0]): str(row[1]) for row in rows}

    # ── writing ──

    def _check_writable(self, what: str) -> None:
        if self.read_only:
            raise ReadOnlyError(f"cannot write {what}: {self.url} may only be read")

    def _locked(self, name: str, seconds: float) -> Connection:
        connection = self._sessions.take(self._main)
        try:
            take_lock(connection, name, seconds, address=self._address)
        except BaseException:
            connection.close()
            raise
        return connection


def may_write(rights: Sequence[Row], database: str) -> bool:
    """Return whether a user with these rights (scope, privilege) may insert somewhere in a database.

    The rights of a role do not show: whoever has none of their own is taken for a writer, and the server decides.
    """
    if all(privilege == "USAGE" for _, privilege in rights):
        return True
    scopes = {str(scope).replace("\\_", "_").lower() for scope, privilege in rights if privilege == "INSERT"}
    return bool(scopes & {"*", "%", database.lower()})


def _put_tag(connection: Connection, name: str, commit: str, message: str) -> None:
    put = "CALL DOLT_TAG(?, ?, '-m', ?)"
    try:
        connection.run(put, (name, commit, message))
    except QueryError as error:
        if "already exists" not in str(error):
            raise
        # A tag cannot be moved. What the other one needs is asked before this one goes.
        connection.run("SELECT DOLT_HASHOF(?)", (commit,))
        connection.run("CALL DOLT_TAG('-d', ?)", (name,))
        connection.run(put, (name, commit, message))


def _declared_type(field: Field, declared: dict[str, dict[str, str]], renamed: frozenset[str]) -> str:
    # The server names the table of a plain column only; under a new name it looks like an expression.
    if not field.table and field.name not in renamed:
        return field.type if field.type in _NEVER_HIDDEN else ""
    if field.type != "TINYINT":
        return field.type
    # BOOLEAN is TINYINT(1). Where the width is not known it is taken for one: a 2 is then refused, not believed.
    width = declared.get(field.table, {}).get(field.column, "tinyint(1)")
    return "BOOLEAN" if width == "tinyint(1)" else plain_type(width)
