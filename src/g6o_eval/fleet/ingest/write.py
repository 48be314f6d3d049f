"""Sources into the store: one change per run, one commit, and none when nothing is new.

A run that dies leaves nothing behind, on either engine, and the next one begins again: what was not
committed was never there. Two runs at once follow each other, and the second finds the first one's work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from g6o_eval.fleet.cards import load_cards
from g6o_eval.fleet.ingest.forest import Node, Place, plant
from g6o_eval.fleet.ingest.held import read_asked, read_known
from g6o_eval.fleet.ingest.kilo import UNCHANGED
from g6o_eval.fleet.ingest.labels import read_labels
from g6o_eval.fleet.ingest.pool import Task, read_all, workers_for
from g6o_eval.fleet.ingest.reading import Reading
from g6o_eval.fleet.ingest.report import Report
from g6o_eval.fleet.ingest.rows import COLUMNS, ROWS_OF, place_columns
from g6o_eval.fleet.ingest.shared_rows import (
    CLEAR_PUNCHES,
    SHARED_COLUMNS,
    daemons_faults,
    put,
    put_children,
    verdict_rows,
)
from g6o_eval.fleet.ingest.source import find_sources
from g6o_eval.fleet.ingest.state import COLUMNS as STATE_COLUMNS
from g6o_eval.fleet.ingest.state import SELECT as SELECT_STATE
from g6o_eval.fleet.ingest.state import Look, biggest_of_each, look_at, state_of
from g6o_eval.fleet.tables import OF_A_SESSION
from g6o_eval.store.port import Change, Row, Store

BATCH = 2_000
"""Rows of a table that are kept before they are handed to the store."""
OTHER_COPY = "another copy of the task holds more"
"""A backup or an export of a task that is imported too, or was before."""
LOCK = "ingest"
WAIT_SECONDS = 3_600.0
"""How long a run waits for another one of the same store: as long as a large one takes."""
_SELECT_LABELS = "SELECT session_id, category, source FROM session_labels"


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is.

    Attributes:
        done: sources that are done.
        total: sources in all.
        read_bytes: read of what has to be read.
        total_bytes: to read in all.
    """

    done: int
    total: int
    read_bytes: int
    total_bytes: int


Progress = Callable[[Step], None]


def ingest(
    store: Store,
    paths: Sequence[Path],
    *,
    progress: Progress = lambda step: None,
    workers: int | None = None,
) -> Report:
    """Read all sources at the paths, and write what is new, in one commit.

    A source that looks as it did when it was read is not opened; one whose content is the same is
    left alone; one that went on is read again whole. The store's fleet tables must exist.

    Args:
        store: where to.
        paths: task folders, folders of them, and what else `find_sources` knows.
        progress: called with each source that is done.
        workers: processes that read; 0 reads in this one, None takes as many as are worth it.

    Raises:
        OSError: a path cannot be listed.
        DataError: a path holds no sessions, or a truth file is wrong; nothing was written.
        StoreError: the store said no; nothing was written.
        ReaderKilledError: a process that reads was killed from outside; nothing was written.
    """
    started, report = time.monotonic(), Report()
    best, others = biggest_of_each(look_at(find_sources(paths)))
    labels = list(dict.fromkeys(row for path in paths for row in read_labels(path)))
    _note(report, others, lambda look: OTHER_COPY)
    state = state_of(store.read(SELECT_STATE))
    if all(state.knows(look) for look in best) and set(labels) <= set(store.read(_SELECT_LABELS)):
        _note(report, best, lambda look: state.refused(look) or UNCHANGED)
        progress(Step(len(best), len(best), 0, 0))
    else:
        with store.lock(LOCK, timeout_seconds=WAIT_SECONDS), store.change(f"Ingest {len(best)} sources") as change:
            run = _Run(change, report)
            run.read(best, progress=progress, workers=workers)
            run.close()
            run.label(labels)
    report.commit = store.head()
    report.seconds = time.monotonic() - started
    return report


def _note(report: Report, looks: Iterable[Look], reason: Callable[[Look], str]) -> None:
    """Count sources that are not read, each with its reason."""
    for look in looks:
        report.note(Reading(session_id=look.source.session_id, refused=reason(look)))


class _Run:
    """One import, inside an open change."""

    def __init__(self, change: Change, report: Report) -> None:
        self.report = report
        self._change = change
        self._known = read_known(change)
        self._state = state_of(change.read(SELECT_STATE))
        issues = change.read("SELECT session_id, file, source_index, reason FROM import_issues")
        self._issues = set(issues)
        self._flawed = {row[0] for row in issues}
        self._sessions: dict[str, tuple[Node, Row]] = {}
        self._cards = load_cards(change)
        self._tasks: list[Row] = []  # wait, as session rows do, until all parents are known
        self._waiting: dict[str, list[Row]] = {table: [] for table in (*ROWS_OF, "checkpoints", "import_state")}

    def read(self, looks: Sequence[Look], *, progress: Progress, workers: int | None) -> None:
        """Read what is not known yet, and write it; session rows wait until all parents are known."""
        known = [look for look in looks if self._state.knows(look)]
        _note(self.report, known, lambda look: self._state.refused(look) or UNCHANGED)
        stamps = {look.source: look for look in looks if not self._state.knows(look)}
        tasks = [Task(look.source, self._digest(look), max(0, look.size_bytes)) for look in stamps.values()]
        size, read, done = sum(task.size_bytes for task in tasks), 0, len(known)
        progress(Step(done, len(looks), 0, size))
        for task, reading in read_all(tasks, workers=workers_for(tasks) if workers is None else workers):
            self._take(stamps[task.source], reading)
            read, done = read + task.size_bytes, done + 1
            progress(Step(done, len(looks), read, size))

    def close(self) -> None:
        """Write what waits: rows, then sessions at their places, then older ones whose place moved."""
        for table in self._waiting:
            self._flush(table)
        older = [known.node for session_id, known in self._known.items() if session_id not in self._sessions]
        places = plant([*older, *(node for node, _ in self._sessions.values())], read_asked(self._change))
        rows = [row + place_columns(places[session_id]) for session_id, (_, row) in self._sessions.items()]
        if rows:
            self.report.rows["agent_sessions"] += self._change.insert("agent_sessions", COLUMNS["agent_sessions"], rows)
        moved: list[str] = []
        for node in older:
            if places[node.session_id] != self._known[node.session_id].place:
                moved.append(node.session_id)
                self._move(node.session_id, places[node.session_id])
        links = {session_id: places[session_id] for session_id in (*self._sessions, *moved)}
        self.report.rows += put_children(self._change, links, self._tasks)
        self.report.issues += daemons_faults(self._change)

    def label(self, labels: Iterable[Row]) -> None:
        """Write the labels that are not there yet."""
        there = set(self._change.read(_SELECT_LABELS))
        fresh = [row for row in labels if row not in there]
        if fresh:
            columns = COLUMNS["session_labels"]
            self.report.rows["session_labels"] += self._change.upsert(
                "session_labels", columns, fresh, key=("session_id",)
            )

    def _digest(self, look: Look) -> str | None:
        known = self._known.get(look.source.session_id)
        return None if known is None else known.digest

    def _take(self, look: Look, reading: Reading) -> None:
        before = self._known.get(reading.session_id)
        if reading.node and before and (before.completed_at or 0) > (reading.completed_at or 0):
            reading = Reading(session_id=reading.session_id, refused=OTHER_COPY, digest=reading.digest)
        self.report.note(reading)
        if reading.node is not None:
            self._replace(reading, reading.node)
        else:
            rows = reading.rows.get("import_issues", [])
            self._add("import_issues", [row for row in rows if row[:4] not in self._issues])
        self._remember(look, reading)

    def _replace(self, reading: Reading, node: Node) -> None:
        session_id = reading.session_id
        if session_id in self._known or session_id in self._flawed:
            for table in OF_A_SESSION:
                self._change.execute(f"DELETE FROM {table} WHERE session_id = ?", (session_id,))  # noqa: S608
            self._change.execute(CLEAR_PUNCHES, (session_id,))
        for table, rows in reading.rows.items():
            if table == "tasks":
                self._tasks += rows
            else:
                self._add(table, rows)
        self._add("checkpoints", verdict_rows(reading.rows["tasks"], reading.rows["punches"], self._cards))
        self._sessions[session_id] = (node, reading.row)

    def _remember(self, look: Look, reading: Reading) -> None:
        """Keep what the source looked like, unless it must be read again anyhow."""
        if look.stamp is None or reading.must_be_read_again or reading.session_id != look.source.session_id:
            return
        stamp, refused = look.stamp, None if reading.unchanged else reading.refused
        if reading.node is None and self._state.holds(reading.session_id, stamp.text):
            return
        if reading.node is not None and reading.session_id in self._state.sessions:
            self._change.execute(
                "DELETE FROM import_state WHERE session_id = ? AND (refused IS NULL OR stamp = ?)",
                (reading.session_id, stamp.text),
            )
        self._add("import_state", [(reading.session_id, stamp.text, int(stamp.settled), refused)])

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
        if not self._waiting[table]:
            return
        if table == "import_state":
            self._change.insert(table, STATE_COLUMNS, self._waiting[table])
        elif table in SHARED_COLUMNS:
            self.report.rows[table] += put(self._change, table, self._waiting[table])
        else:
            self.report.rows[table] += self._change.insert(table, COLUMNS[table], self._waiting[table])
        self._waiting[table] = []
