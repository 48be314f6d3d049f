"""Uncommitted rows in our tables: show them, and commit them.

A daemon that writes compiled_prompts and never commits is normal. While its rows are uncommitted,
no promotion can write that table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import known_migrations, own_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncommitted:
    """What differs in one table between the last commit and what readers see.

    Attributes:
        table: of ours.
        columns: of both kinds of rows.
        added: rows that no commit holds; of a changed row, what it is.
        removed: rows of the last commit that are gone; of a changed row, what it was.
    """

    table: str
    columns: tuple[str, ...]
    added: tuple[Row, ...]
    removed: tuple[Row, ...]


def uncommitted(store: Store) -> tuple[Uncommitted, ...]:
    """Return what is uncommitted in our tables, by table; rows of other tables are not looked at."""
    ours, head = own_tables(known_migrations()), store.head()
    return tuple(_compare(store, table, head, None) for table in store.dirty() if table in ours)


def others(store: Store) -> tuple[str, ...]:
    """Return the other tables that have uncommitted rows; nobody of us writes or commits them."""
    return tuple(sorted(set(store.dirty()) - own_tables(known_migrations())))


def adopt(store: Store, tables: Sequence[str], *, by: str) -> tuple[str, tuple[Uncommitted, ...]]:
    """Commit what stands in these tables; return the commit, and what it holds of each.

    Another client may have written since they were shown: what is returned is what was committed.

    Raises:
        RefusedError: a table has no uncommitted rows any more.
        ReadOnlyError: the store may only be read.
    """
    before = store.head()
    commit = store.adopt(tables, f"Adopt uncommitted rows of {', '.join(sorted(tables))} (by {by})")
    return commit, tuple(_compare(store, table, before, commit) for table in sorted(tables))


def _compare(store: Store, table: str, before: str, after: str | None) -> Uncommitted:
    old = _rows(store, table, before)
    new = _rows(store, table, after)
    was, now = Counter(old[1]), Counter(new[1])
    return Uncommitted(
        table=table,
        columns=new[0] or old[0],
        added=_sorted(now - was),
        removed=_sorted(was - now),
    )


def _rows(store: Store, table: str, at: str | None) -> tuple[tuple[str, ...], list[Row]]:
    if table not in store.tables(at=at):
        return (), []
    quoted = f"SELECT * FROM {table}"  # noqa: S608 # a table of own_tables()
    found = store.read(quoted, at=at)
    return tuple(column.name for column in found.columns), [tuple(row) for row in found]


def _sorted(rows: Counter[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows.elements(), key=lambda row: tuple(map(repr, row))))
