"""Writes Sessions into the store: one change per run, one commit, and none when nothing is new."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from g6o_eval.fleet.ingest.folder import biggest_of_each, find_folders
from g6o_eval.fleet.ingest.forest import Asked, Method, Node, Place, plant
from g6o_eval.fleet.ingest.kilo import read_folder
from g6o_eval.fleet.ingest.labels import read_labels
from g6o_eval.fleet.ingest.report import Report
from g6o_eval.fleet.ingest.rows import COLUMNS, ROWS_OF, issue_rows, place_columns, session_row
from g6o_eval.fleet.session import Refused, Session
from g6o_eval.fleet.tables import OF_A_SESSION
from g6o_eval.store.port import Change, Row, Store, Value

BATCH = 2_000
"""Rows of a table that are kept before they are handed to the store."""
OTHER_COPY = "another copy of the task holds more"
"""A backup or an export of a task that is imported too, or was before."""

Progress = Callable[[int, int], None]
"""Called with the folders done and the folders in all."""


def ingest(store: Store, paths: Sequence[Path], *, progress: Progress = lambda done, total: None) -> Report:
    """Read all task folders at the paths, and write what is new, in one commit.

    A folder that was read before and is the same is left alone; one that went on is read again
    whole. The store's fleet tables must exist.

    Raises:
        OSError: a path cannot be listed.
        DataError: a truth file is wrong; nothing was written.
        StoreError: the store said no; nothing was written.
    """
    started = time.monotonic()
    folders, others = biggest_of_each(folder for path in paths for folder in find_folders(path))
    with store.change(f"Ingest {len(folders)} task folders") as change:
        run = _Run(change)
        for folder in others:
            run.take(Refused(session_id=folder.name, reason=OTHER_COPY))
        for done, folder in enumerate(folders, start=1):
            run.take(read_folder(folder, known=run.digest_before(folder.name)))
            progress(done, len(folders))
        run.close()
        run.label(row for path in paths for row in read_labels(path))
    run.report.commit = store.head()
    run.report.seconds = time.monotonic() - started
    return run.report


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store held of a session before this run."""

    node: Node
    place: Place
    digest: str
    completed_at: int | None


class _Run:
    """One import, inside an open change."""

    def __init__(self, change: Change) -> None:
        self.report = Report()
        self._change = change
        self._known = _read_known(change)
        issues = change.read("SELECT session_id, file, source_index, reason FROM import_issues")
        self._issues = set(issues)
        self._flawed = {row[0] for row in issues}
        self._sessions: dict[str, tuple[Node, Row]] = {}
        self._waiting: dict[str, list[Row]] = {table: [] for table in ROWS_OF}

    def digest_before(self, session_id: str) -> str | None:
        """Return the source digest that a session was read with, None when it never was."""
        return self._known[session_id].digest if session_id in self._known else None

    def take(self, item: Session | Refused) -> None:
        """Write what a folder gave; session rows wait until all parents are known."""
        before = self._known.get(item.session_id)
        if isinstance(item, Session) and before and (before.completed_at or 0) > (item.completed_at or 0):
            item = Refused(session_id=item.session_id, reason=OTHER_COPY)
        self.report.note(item)
        if isinstance(item, Refused):
            rows = issue_rows(item.session_id, item.issues)
            self._add("import_issues", [row for row in rows if row[:4] not in self._issues])
            return
        if before is not None or item.session_id in self._flawed:
            for table in OF_A_SESSION:
                self._change.execute(f"DELETE FROM {table} WHERE session_id = ?", (item.session_id,))  # noqa: S608
        for table, rows_of in ROWS_OF.items():
            self._add(table, rows_of(item))
        self._sessions[item.session_id] = (_node_of(item), session_row(item))

    def close(self) -> None:
        """Write what waits: rows, then sessions at their places, then older ones whose place moved."""
        for table in self._waiting:
            self._flush(table)
        older = [known.node for session_id, known in self._known.items() if session_id not in self._sessions]
        places = plant([*older, *(node for node, _ in self._sessions.values())], _read_asked(self._change))
        rows = [row + place_columns(places[session_id]) for session_id, (_, row) in self._sessions.items()]
        if rows:
            self.report.rows["agent_sessions"] += self._change.insert("agent_sessions", COLUMNS["agent_sessions"], rows)
        for node in older:
            if places[node.session_id] != self._known[node.session_id].place:
                self._move(node.session_id, places[node.session_id])

    def label(self, labels: Iterable[Row]) -> None:
        """Write the labels that are not there yet."""
        there = set(self._change.read("SELECT session_id, category, source FROM session_labels"))
        fresh = [row for row in dict.fromkeys(labels) if row not in there]
        if fresh:
            columns = COLUMNS["session_labels"]
            self.report.rows["session_labels"] += self._change.upsert(
                "session_labels", columns, fresh, key=("session_id",)
            )

    def _move(self, session_id: str, place: Place) -> None:
        self._change.execute(
            "UPDATE agent_sessions SET parent_session_id = ?, parent_method = ?, root_session_id = ? "
            "WHERE session_id = ?",
            (*place_columns(place), session_id),
        )

    def _add(self, table: str, rows: Sequence[Row]) -> None:
        self._waiting[table] += rows
        if len(self._waiting[table]) >= BATCH:
            self._flush(table)

    def _flush(self, table: str) -> None:
        if self._waiting[table]:
            self.report.rows[table] += self._change.insert(table, COLUMNS[table], self._waiting[table])
            self._waiting[table] = []


def _read_known(change: Change) -> dict[str, _Known]:
    sql = """
        SELECT session_id, parent_session_id, parent_method, root_session_id, prompt_sha256, started_at,
               source_digest, completed_at
        FROM agent_sessions
    """
    known = {}
    for row in change.read(sql):
        session_id, parent, method, root, prompt, started_at, digest, completed_at = row
        node = Node(
            session_id=str(session_id),
            parent_id=_text(parent) if method == "history" else None,
            prompt_sha256=_text(prompt),
            started_at=_int(started_at),
        )
        place = Place(parent_id=_text(parent), method=_method(method), root_id=str(root))
        known[node.session_id] = _Known(node, place, str(digest), _int(completed_at))
    return known


def _read_asked(change: Change) -> list[Asked]:
    rows = change.read("SELECT session_id, source_index, ts, prompt_sha256, child_session_id FROM spawns")
    return [
        Asked(
            session_id=str(session_id),
            index=_int(index) or 0,
            ts=_int(ts),
            prompt_sha256=str(prompt),
            child_id=_text(child),
        )
        for session_id, index, ts, prompt, child in rows
    ]


def _node_of(session: Session) -> Node:
    return Node(
        session_id=session.session_id,
        parent_id=session.parent_id,
        prompt_sha256=session.prompt_sha256,
        started_at=session.started_at,
    )


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _int(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _method(value: Value) -> Method | None:
    return next((method for method in get_args(Method) if method == value), None)
