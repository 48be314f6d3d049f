"""The store's port: what the rest of g6o_eval may ask of a Dolt database, whichever engine it is.

SQL is written once for both engines: `?` placeholders, no engine's own functions, and only the
column types of schema.py. Whatever differs between engines (committing, pinned reads, upserts,
locks, labels) is a method here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

Value = str | int | float | bytes | None
Row = tuple[Value, ...]
Kind = Literal["embedded", "server"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result.

    Attributes:
        name: as the query names it.
        type: the declared SQL type in upper case, without length: "VARCHAR", "JSON", "DECIMAL",
            "BOOLEAN" …; "" when the engine cannot say (an expression).
    """

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A result: its columns, known at once, and its rows, streamed once."""

    columns: tuple[Column, ...]
    rows: Iterator[Row]

    def __iter__(self) -> Iterator[Row]:
        return self.rows


class Change(Protocol):
    """An open change: what is written here becomes one commit, or nothing does."""

    @property
    def commit(self) -> str | None:
        """The commit it became, known when the block is left; None: it is open, or changed nothing."""

    def read(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Return all rows as this change sees them, its own writes included."""

    def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        """Run one statement: DDL, UPDATE or DELETE."""

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
        """Insert rows in batches; return how many. A duplicate key is a QueryError."""

    def upsert(self, table: str, columns: Sequence[str], rows: Iterable[Row], *, key: Sequence[str]) -> int:
        """Insert rows, replacing those whose `key` columns are equal; return how many were given."""


class Store(Protocol):
    """A Dolt database, opened on its main branch."""

    @property
    def kind(self) -> Kind:
        """Which engine this is; rules about proofs depend on it (map §4)."""

    @property
    def url(self) -> str:
        """The URL it was opened with, without a password: fit for a terminal."""

    @property
    def read_only(self) -> bool:
        """Whether writes are refused: opened so, or granted so."""

    def head(self) -> str:
        """Return the commit that main stands at."""

    def branch(self) -> str:
        """Return the name of the branch that is read and written."""

    def dirty(self) -> tuple[str, ...]:
        """Return the tables with rows that no commit holds, sorted; another client's are normal."""

    def tables(self, *, at: str | None = None) -> frozenset[str]:
        """Return the user's and our tables at a commit, or in the working set."""

    def read(self, sql: str, params: Sequence[Value] = (), *, at: str | None = None) -> Rows:
        """Run one SELECT and stream its rows, at a commit (read-only) or in the working set.

        Raises:
            QueryError: the statement failed, or `at` was given and it is no SELECT.
            MissingError: there is no such commit.
        """

    def change(self, message: str) -> AbstractContextManager[Change]:
        """Open a change. On leaving the block all of it is one commit on main, and only then seen.

        An exception inside the block undoes everything. A block that changed nothing makes no
        commit. Two changes of one store never overlap: the second waits for the first.

        Only what the change touched is committed: rows that another client left uncommitted in
        other tables stay as they are.

        Raises:
            ReadOnlyError: the store may only be read.
            UnavailableError: another process held the store for the whole waiting time.
            UnfitError: a table it touched has uncommitted rows of another client.
        """

    def adopt(self, tables: Sequence[str], message: str) -> str:
        """Commit uncommitted rows that another client left in these tables, all of them; return the commit.

        Rows in other tables stay uncommitted.

        Raises:
            ReadOnlyError: the store may only be read.
            RefusedError: one of the tables has none.
        """

    def label(self, name: str, commit: str, message: str) -> None:
        """Put a tag on a commit, moving it when it exists. Labels can be repaired, rows are the truth."""

    def lock(self, name: str, *, timeout_seconds: float = 30.0) -> AbstractContextManager[None]:
        """Hold a named lock between processes; freed when its holder dies.

        Raises:
            UnavailableError: somebody else held it for the whole time.
        """

    def close(self) -> None:
        """Release everything; a closed store refuses all calls."""
