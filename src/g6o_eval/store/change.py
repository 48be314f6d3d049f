"""An open change of the embedded store: its writes, and how they become one commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from g6o_eval.errors import QueryError, StoreError, UnfitError
from g6o_eval.store.batches import batches
from g6o_eval.store.doltlite import Connection
from g6o_eval.store.port import Row, Value


class EmbeddedChange:
    """See Change. Lives inside one BEGIN IMMEDIATE of its connection.

    Attributes:
        commit: see Change.commit.
    """

    def __init__(self, connection: Connection) -> None:
        self.commit: str | None = None
        self._connection: Connection | None = connection
        self._touched: set[str] = set()
        self._dirty_before = dirty_tables(connection)

    def read(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """See Change.read."""
        return self._run(sql, params)

    def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        """See Change.execute."""
        self._run(sql, params)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
        """See Change.insert."""
        return self._run_each(_insert(table, columns), rows, width=len(columns))

    def upsert(self, table: str, columns: Sequence[str], rows: Iterable[Row], *, key: Sequence[str]) -> int:
        """See Change.upsert."""
        kept = [column for column in columns if column not in key]
        action = ", ".join(f"{quoted(c)} = excluded.{quoted(c)}" for c in kept)
        then = f"DO UPDATE SET {action}" if kept else "DO NOTHING"
        return self._run_each(
            _insert(table, columns), rows, width=len(columns), then=f" ON CONFLICT ({_list(key)}) {then}"
        )

    def finish(self, message: str) -> None:
        """Turn what was written into one commit and end the change.

        Raises:
            UnfitError: a table it wrote to holds uncommitted rows of another client.
        """
        connection, self._connection = self._open(), None
        if foreign := self._touched & self._dirty_before:
            names = ", ".join(sorted(foreign))
            raise UnfitError(
                f"{connection.name}: another client left uncommitted rows in {names}, which this change writes to. "
                "Nothing was written. Commit or discard them there first (dolt_status shows them)"
            )
        # dolt_status also knows what a statement's text does not tell, such as a table's second name.
        own = dirty_tables(connection) - self._dirty_before
        if not own:
            return  # whoever opened the change rolls back: a write that changed nothing leaves nothing
        self.commit = commit_tables(connection, own, message)

    def _run(self, sql: str, params: Sequence[Value]) -> list[Row]:
        connection = self._open()
        self._prepare(connection, sql)
        return connection.run(sql, params)

    def _run_each(self, head: str, rows: Iterable[Row], *, width: int, then: str = "") -> int:
        connection, count = self._open(), 0
        alone = f"{head} ({', '.join('?' * width)}){then}"
        self._prepare(connection, alone)
        for batch in batches(rows, width):
            count += len(batch.rows)
            if batch.text:
                connection.run_text(f"{head} {batch.text}{then}", shown=alone)
            else:
                connection.run_each(alone, batch.rows)
        return count

    def _prepare(self, connection: Connection, sql: str) -> None:
        statement = connection.prepare(sql)
        if statement.control or statement.tail.strip("; \t\r\n"):
            raise QueryError("a change takes one statement at a time, and none that begins, ends or attaches", sql=sql)
        self._touched |= statement.writes

    def _open(self) -> Connection:
        if self._connection is None:
            raise StoreError("this change has ended: open another one with store.change(message)")
        return self._connection


def commit_tables(connection: Connection, tables: Iterable[str], message: str) -> str:
    """Commit these tables as they stand, and nothing else; ends the transaction. Return the commit."""
    for (table,) in connection.run("SELECT table_name FROM dolt_status WHERE staged = 1"):
        connection.run("SELECT dolt_reset(?)", (table,))  # another client's; its rows stay, uncommitted
    for table in sorted(tables):
        connection.run("SELECT dolt_add(?)", (table,))
    # dolt_commit also ends the SQL transaction and opens another one: nothing may be written after it.
    (row,) = connection.run("SELECT dolt_commit('-m', ?)", (message,))
    connection.run("COMMIT")
    return str(row[0])


def dirty_tables(connection: Connection) -> frozenset[str]:
    """Return the tables whose rows or schema differ from the last commit."""
    found = connection.run("SELECT DISTINCT table_name FROM dolt_status")
    return frozenset(name for (names,) in found for name in str(names).split(" -> "))  # a renamed table has both


def quoted(name: str) -> str:
    """Return an identifier for this engine."""
    return '"' + name.replace('"', '""') + '"'


def _list(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {quoted(table)} ({_list(columns)}) VALUES"
