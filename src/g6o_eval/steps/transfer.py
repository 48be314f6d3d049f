"""A store's history into a file and back: for disaster recovery, and to move one store elsewhere.

Histories are never merged: a store takes a file only when all it holds already stands in it. And a
proof does not travel: what is live stays live, but the runs that came in are marked, and none of
them lets promote put anything else live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from ulid import ULID

from g6o_eval.errors import DataError, MissingError, RefusedError
from g6o_eval.steps.history_file import Checked, Header, check_file, file_rows, write_file
from g6o_eval.store.artifacts import artifact_in, publish_texts
from g6o_eval.store.entries import State, read_entries
from g6o_eval.store.origins import IMPORTS, Origin, record_origin
from g6o_eval.store.port import Change, Row, Store

KEYS: Mapping[str, tuple[str, ...]] = {
    "g6o_artifacts": ("artifact_digest",),
    "g6o_runs": ("run_id",),
    "g6o_scores": ("run_id", "side", "place", "repeat_number"),
    "g6o_ledger": ("eval_name", "seq"),
    IMPORTS: ("import_id",),
}
"""The tables that are carried, in the order of the file, and what identifies a row.

compiled_prompts is not among them: it is what the live artifacts publish, and is made anew.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a file got.

    Attributes:
        rows: table → how many.
        head: the commit that was read.
    """

    rows: Mapping[str, int]
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a store got.

    Attributes:
        rows: table → how many came in; all 0: the store held everything already.
        origin: the store the file was taken from.
        commit: of this store; None: nothing came in.
    """

    rows: Mapping[str, int]
    origin: str
    commit: str | None


def export_history(store: Store, path: Path) -> Exported:
    """Write the ledger, artifacts, runs and scores of the store's head commit into a file.

    Raises:
        MissingError: the store has no ledger.
        UnavailableError: the file cannot be written.
    """
    head = store.head()
    standing = store.tables(at=head)
    if "g6o_ledger" not in standing:
        raise MissingError(f"{store.url} has no history at commit {head[:12]}: no g6o_ledger. Nothing was written")
    tables = [table for table in KEYS if table in standing]
    columns = {table: _columns(store, table, head) for table in tables}
    counts = dict.fromkeys(tables, 0)

    def rows() -> Iterator[tuple[str, Row]]:
        for table in tables:
            for row in store.read(_select(table, columns[table]), at=head):
                counts[table] += 1
                yield table, row

    write_file(path, Header(url=store.url, kind=store.kind, head=head, at=_now(), columns=columns), rows())
    return Exported(rows=counts, head=head)


def import_history(store: Store, path: Path, *, by: str) -> Imported:
    """Bring a file's history into a store whose own history is a part of it; all of it in one commit.

    Args:
        store: with our tables.
        path: what export_history wrote.
        by: who imports.

    Raises:
        DataError: the file is broken (it names the line), or its tables are others than ours.
        RefusedError: the store holds what the file does not, or something else in its place.
    """
    checked = check_file(path)
    _check_columns(store, path, checked.header)
    with store.change(f"Import the history of {checked.header.url}") as change:
        before = _states(change)
        counts, runs = _take(change, store, path, checked.header)
        if any(counts.values()):
            for name, state in _states(change).items():
                _publish(change, name, before.get(name, State()), state)
            record_origin(change, _origin(checked, by), runs)
    return Imported(rows=counts, origin=checked.header.url, commit=change.commit)


def _take(change: Change, store: Store, path: Path, header: Header) -> tuple[dict[str, int], list[str]]:
    """Insert the rows that are missing; return how many of each table, and the runs among them."""
    counts, runs = dict.fromkeys(header.columns, 0), []
    standing = {table: _by_key(change, table, columns) for table, columns in header.columns.items()}
    for table, lines in groupby(file_rows(path), key=itemgetter(0)):
        if table == IMPORTS and not any(counts.values()):
            break  # how it came to others is no news to a store that has it all
        columns = tuple(header.columns[table])
        rows = (row for _, row in lines)
        missing = list(_missing(store, table, columns, rows, standing[table]))
        counts[table] += change.insert(table, columns, missing) if missing else 0
        runs += [str(row[columns.index("run_id")]) for row in missing if table == "g6o_runs"]
    for table, left in standing.items():
        if left and table != IMPORTS:  # how history came here is this store's own
            key = next(iter(left))
            raise RefusedError((_other(store, f"{len(left)} rows of {table} that the file does not have", key),))
    return counts, runs


def _missing(
    store: Store, table: str, columns: tuple[str, ...], rows: Iterator[Row], standing: dict[Row, Row]
) -> Iterator[Row]:
    """Yield the rows that do not stand yet; take those that do off `standing`."""
    key = _key_of(table, columns)
    for row in rows:
        found = standing.pop(key(row), None)
        if found is None:
            yield row
        elif found != row:
            raise RefusedError((_other(store, f"another row of {table} than the file", key(row)),))


def _other(store: Store, what: str, key: Row) -> str:
    return (
        f"{store.url} holds {what}, for example {'/'.join(map(str, key))}: another history. Histories are never "
        "merged. Import into a new store: --store doltlite:///PATH"
    )


def _publish(change: Change, name: str, before: State, state: State) -> None:
    """Make compiled_prompts what it was when the history ended there."""
    _check_ledger(change, name, state)
    if before.seq == state.seq:
        return
    leaving = artifact_in(change, str(before.live.artifact_digest)) if before.live else None
    live = artifact_in(change, str(state.live.artifact_digest)) if state.live else None
    publish_texts(change, live, leaving=leaving, at=state.live.at if state.live else "")


def _check_ledger(change: Change, name: str, state: State) -> None:
    numbers = [entry.seq for entry in read_entries(change.read, name)]
    if numbers != list(range(1, state.seq + 1)):
        raise DataError(
            f"the ledger of {name!r} would have the entries {numbers!r}: one is missing. Nothing was imported"
        )


def _states(change: Change) -> dict[str, State]:
    names = sorted(str(name) for (name,) in change.read("SELECT DISTINCT eval_name FROM g6o_ledger"))
    return {name: State.of(read_entries(change.read, name)) for name in names}


def _check_columns(store: Store, path: Path, header: Header) -> None:
    unknown = sorted(set(header.columns) - set(KEYS))
    for table, columns in header.columns.items():
        ours = () if table in unknown else _columns(store, table, None)
        if set(columns) != set(ours):
            raise DataError(
                f"{path}, line 1: {table} with the columns {', '.join(columns)}; this g6o_eval has "
                f"{', '.join(ours) or 'no such table'}. Nothing was imported. Import with the version that exported it"
            )


def _by_key(change: Change, table: str, columns: Sequence[str]) -> dict[Row, Row]:
    key = _key_of(table, columns)
    return {key(row): tuple(row) for row in change.read(_select(table, columns))}


def _key_of(table: str, columns: Sequence[str]) -> Callable[[Row], Row]:
    places = [columns.index(column) for column in KEYS[table]]
    return lambda row: tuple(row[place] for place in places)


def _columns(store: Store, table: str, at: str | None) -> tuple[str, ...]:
    return tuple(column.name for column in store.read(f"SELECT * FROM {table} WHERE 1 = 0", at=at).columns)  # noqa: S608 # of KEYS


def _select(table: str, columns: Sequence[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 # a table of KEYS and its own columns


def _origin(checked: Checked, by: str) -> Origin:
    header = checked.header
    return Origin(str(ULID()), header.url, header.kind, header.head, header.at, checked.sha256, _now(), by)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
