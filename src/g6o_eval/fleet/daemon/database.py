"""A database of the agents' daemon, read and never written, as rows of ours.

Rows that are here already stay as they are: a session that was read from its own log is better known
than what the daemon saw of it. A second import of the same database writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from g6o_eval.errors import RefusedError
from g6o_eval.fleet.daemon import rows as rows_of
from g6o_eval.fleet.daemon.rows import Found, integer_of, text_of, time_of
from g6o_eval.fleet.daemon.tasks import FLAGS, Seen, task_rows
from g6o_eval.fleet.ingest.shared_rows import SHARED_COLUMNS
from g6o_eval.store.port import Change, Row, Store, Value

ABSENT = "table absent"
THERE = "already there"
REPEATED = "written twice"
LOGGED = "session was read from its own log"
STREAMED = "streamed copy of a message"
WRITTEN = "written"
READ = "read"
OURS = "left: read from a log by g6o-eval; ingest the log"
"""Without their log they would stand as the daemon's, and in the way of the log when it comes."""
CUT = "left: kept in part only; its events and the logs are whole"
"""Texts are cut at their first streamed piece, calls lack arguments and times: `listen --replay` reads the events."""
FILE = "daemon"
"""What `import_issues` says instead of a file: the daemon's database."""

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "punches": (
        "punch_id", "task_id", "punch_type", "punch_key", "observed_at", "source_hash", "cost", "tokens_input",
        "tokens_output", "tokens_reasoning", "file",
    ),
    "punch_cards": (
        "card_id", "workflow_name", "punch_type", "punch_key_pattern", "required", "forbidden", "enforced",
        "description",
    ),
    "checkpoints": (
        "checkpoint_id", "task_id", "card_id", "status", "validated_at", "missing_punches", "violations",
    ),
    "tasks": (
        "task_id", "parent_task_id", "mode", "model", "status", "cost_usd", "started_at", "completed_at",
    ),
    "sessions": (
        "session_id", "mode", "model", "status", "total_cost", "started_at", "completed_at", "outcome",
    ),
    "tool_calls": ("session_id", "tool_name", "args_summary", "status", "error", "ts"),
    "messages": ("session_id",),
    "child_rels": ("parent_id", "child_id"),
    "child_relationships": ("parent_task_id", "child_task_id"),
    "raw_sse_events": ("source_hash", "session_id", "event_type", "event_ts", "observed_at", "payload_json"),
    "diagnosis_classifications": (
        "session_id", "category", "confidence", "evidence", "classified_at", "classifier_version",
    ),
}  # fmt: skip
_PUNCHES = SHARED_COLUMNS["punches"][:9]
_TASKS = SHARED_COLUMNS["tasks"]
_HISTORY = ("task_id", "card_id", "seq", "status", "validated_at", "missing_punches", "violations")
_REPEATED_CALLS = "call recorded twice by a catch-up"


@dataclass(slots=True)
class LegacyReport:
    """What an import did.

    Attributes:
        counts: (table, what) → rows. What: read, written, already there, or the reason why a row was mended,
            flagged or left.
        commit: the store's commit after the run.
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    commit: str = ""

    def of(self, table: str) -> Counter[str]:
        """Return the counts of a table, to count in."""
        return self.counts.setdefault(table, Counter())

    def lines(self) -> list[tuple[str, str, int]]:
        """Return (table, what, how many), read and written first; zeros are left out."""
        first = {READ: 0, WRITTEN: 1, THERE: 2}
        return [
            (table, what, count)
            for table, counts in self.counts.items()
            for what, count in sorted(counts.items(), key=lambda item: (first.get(item[0], 3), item[0]))
            if count
        ]


def import_daemon(store: Store, source: Store) -> LegacyReport:
    """Read a daemon's database and write what is not here yet, in one commit.

    Raises:
        RefusedError: both are the same database; its tables are continued where they are.
        StoreError: one of the two said no; nothing was written.
    """
    if store.url.lower() == source.url.lower():
        raise RefusedError((f"{source.url} is the store itself: its tables are continued where they are",))
    report = LegacyReport()
    tables = source.tables()
    with store.change(f"Import the daemon's database {source.url}") as change:
        run = _Run(change, source, tables, report)
        run.punches()
        run.tasks()
        run.verdicts()
        run.children()
        run.plain("punch_cards", rows_of.card_row, key=3)
        run.plain("raw_sse_events", rows_of.event_row, key=1)
        run.plain("diagnosis_classifications", rows_of.diagnosis_row, key=1)
        run.flags()
    report.commit = store.head()
    return report


class _Run:
    """One import, inside an open change."""

    def __init__(self, change: Change, source: Store, tables: Iterable[str], report: LegacyReport) -> None:
        self._change, self._source, self._tables, self._report = change, source, frozenset(tables), report
        self._seen = Seen()

    def punches(self) -> None:
        """Import punches under their old hashes, so that a daemon that goes on knows them."""
        counts = self._report.of("punches")
        there = {row[0] for row in self._change.read("SELECT source_hash FROM punches")}
        logged = {row[0] for row in self._change.read("SELECT session_id FROM agent_sessions")}
        before, streamed = set[Value](), set[Row]()
        fresh: list[Row] = []
        for found in self._found("punches"):
            if found["file"] is not None:
                counts[OURS] += 1
                continue
            row = rows_of.punch_row(found, counts)
            if isinstance(row, str):
                counts[row] += 1
                continue
            if row[0] in logged or row[4] in before:
                counts[LOGGED if row[0] in logged else REPEATED] += 1
                continue
            before.add(row[4])
            if row[1] == "message" and row[:4] in streamed:
                counts[STREAMED] += 1
                continue
            streamed.add(row[:4])
            self._seen.punch(row)
            counts[THERE] += row[4] in there
            fresh += [] if row[4] in there else [row]
        self._insert("punches", _PUNCHES, fresh)

    def tasks(self) -> None:
        """Import one task per session that any table speaks of, its price summed from its punches."""
        counts = self._report.of("tasks")
        for found in self._found("sessions"):
            self._seen.session(found)
        for found in self._found("tasks"):
            self._seen.task(found)
        self._calls()
        there = {row[0] for row in self._change.read("SELECT task_id FROM tasks")}
        rows = list(task_rows(self._seen, counts))
        counts[THERE] += sum(row[0] in there for row in rows)
        self._insert("tasks", _TASKS, [row for row in rows if row[0] not in there])

    def _calls(self) -> None:
        counts = self._report.of("tool_calls")
        before = set[tuple[str, ...]]()
        for found in self._found("tool_calls"):
            call = tuple(
                text_of(found[name]) for name in ("session_id", "tool_name", "args_summary", "status", "error")
            )
            counts[_REPEATED_CALLS] += call in before and bool(call[2])
            before.add(call)
        counts[CUT] += counts[READ]
        said = self._report.of("messages")
        said[READ] += sum(1 for _ in self._found("messages"))
        said[CUT] += said[READ]

    def verdicts(self) -> None:
        """Import verdicts: the last of a card stands unless one is here already, the others are history."""
        counts = self._report.of("checkpoints")
        columns = "task_id, card_id, status, validated_at, missing_punches, violations"
        there = self._change.read(f"SELECT {columns} FROM checkpoints")  # noqa: S608 # a constant
        known = {*there, *self._change.read(f"SELECT {columns} FROM checkpoint_history")}  # noqa: S608
        seqs = Counter(row[:2] for row in self._change.read("SELECT task_id, card_id FROM checkpoint_history"))
        standing = {row[:2] for row in there}
        found = sorted(self._found("checkpoints"), key=lambda row: (time_of(row["validated_at"]) or "",
                                                                  integer_of(row["checkpoint_id"]) or 0))  # fmt: skip
        rows = list(self._good("checkpoints", found, partial(rows_of.verdict_row, counts=counts)))
        fresh = [row for row in dict.fromkeys(rows) if row not in known]
        counts[THERE] += len(rows) - len(fresh)
        last = {row[:2]: row for row in fresh if row[:2] not in standing}
        history: list[Row] = []
        for row in fresh:
            if last.get(row[:2]) is not row:
                seqs[row[:2]] += 1
                history.append((*row[:2], seqs[row[:2]], *row[2:]))
        self._insert("checkpoints", SHARED_COLUMNS["checkpoints"], list(last.values()))
        self._insert("checkpoint_history", _HISTORY, history)

    def children(self) -> None:
        """Import links between sessions; the names of modes that the daemon took for children are left."""
        there = set(self._change.read("SELECT parent_id, child_id FROM child_rels"))
        fresh: dict[Row, Row] = {}
        for table in ("child_rels", "child_relationships"):
            counts = self._report.of(table)
            for row in self._good(table, self._found(table), partial(rows_of.child_row, names=_COLUMNS[table])):
                counts[THERE] += row[:2] in there
                if row[:2] not in there:
                    fresh[row[:2]] = row
        self._insert("child_rels", SHARED_COLUMNS["child_rels"], list(fresh.values()))

    def plain(self, table: str, row_of: Callable[[Found, Counter[str]], Row | str], *, key: int) -> None:
        """Import a table whose rows stand for themselves; the first `key` columns of a row are its key."""
        counts, columns = self._report.of(table), _COLUMNS[table]
        order = (0, 2, 3) if table == "punch_cards" else tuple(range(key))
        names = ", ".join(columns[place] for place in order)
        there = set(self._change.read(f"SELECT {names} FROM {table}"))  # noqa: S608 # constants
        fresh: dict[Row, Row] = {}
        for row in self._good(table, self._found(table), lambda found: row_of(found, counts)):
            own = tuple(row[place] for place in order)
            counts[THERE] += own in there
            counts[REPEATED] += own in fresh
            if own not in there:
                fresh.setdefault(own, row)
        self._insert(table, columns, list(fresh.values()))

    def flags(self) -> None:
        """Note with each session what is wrong with the daemon's account of it."""
        there = set(self._change.read("SELECT session_id, file, source_index, reason FROM import_issues"))
        rows = [(session_id, FILE, -1, flag, FLAGS[flag]) for session_id, flag in self._seen.flags()]
        self._insert(
            "import_issues",
            ("session_id", "file", "source_index", "reason", "detail"),
            [row for row in rows if row[:4] not in there],
        )

    def _good(self, table: str, found: Iterable[Found], row_of: Callable[[Found], Row | str]) -> Iterator[Row]:
        for each in found:
            row = row_of(each)
            if isinstance(row, str):
                self._report.of(table)[row] += 1
            else:
                yield row

    def _found(self, table: str) -> Iterator[Found]:
        """Yield the rows of a table of the source, with all columns that we ask for."""
        if table not in self._tables:
            self._report.of(table)[ABSENT] += 1
            return
        has = {column.name for column in self._source.read(f"SELECT * FROM {table} LIMIT 0").columns}  # noqa: S608
        names = [name for name in _COLUMNS[table] if name in has]
        blank: dict[str, Value] = dict.fromkeys(_COLUMNS[table])
        for row in list(self._source.read(f"SELECT {', '.join(names)} FROM {table}")):  # noqa: S608 # constants
            self._report.of(table)[READ] += 1
            yield {**blank, **dict(zip(names, row, strict=True))}

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        if rows:
            self._report.of(table)[WRITTEN] += self._change.insert(table, columns, rows)
