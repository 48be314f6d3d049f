"""A Session as rows of the tables that the daemon keeps too, and how they are put beside the daemon's own."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice
from types import MappingProxyType

from g6o_eval.fleet.cards import Card, CardVerdict, card_of_mode, evaluate
from g6o_eval.fleet.daemon.rows import MODE_AS_CHILD, child_row
from g6o_eval.fleet.ingest.forest import Place
from g6o_eval.fleet.ingest.text import milliseconds
from g6o_eval.fleet.punches import punches_of
from g6o_eval.fleet.session import Punch, Session, SessionStatus
from g6o_eval.fleet.vocabulary import SESSION_TOTAL
from g6o_eval.store.port import Change, Row

SHARED_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "punches": (
            "task_id", "punch_type", "punch_key", "observed_at", "source_hash", "cost", "tokens_input", "tokens_output",
            "tokens_reasoning", "ts", "file", "source_index", "part",
        ),
        "tasks": ("task_id", "mode", "model", "status", "cost_usd", "started_at", "completed_at", "parent_task_id"),
        "checkpoints": ("task_id", "card_id", "status", "validated_at", "missing_punches", "violations"),
        "child_rels": ("parent_id", "child_id", "method", "confidence"),
    }
)  # fmt: skip
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType({"tasks": ("task_id",), "child_rels": ("parent_id", "child_id")})
"""Table → what the daemon, too, holds to be one row; rows of these tables replace what has their key."""
CLEAR_PUNCHES = "DELETE FROM punches WHERE task_id = ? AND file IS NOT NULL"
"""Takes away what was punched of a session that is read again; the daemon's own punches have no file."""

_TASK_STATUS: Mapping[SessionStatus, str] = MappingProxyType(
    {
        "completed": "completed",
        "failed": "failed",
        "interrupted": "abandoned",
        "delegated": "running",
        "unknown": "running",
    }
)
"""The daemon has four words; `running` is its own default for a session whose end it did not see."""
NO_TIME = "no time anywhere: neither punches nor a task"
"""The tables need one, and the time of reading is none of the session's."""
_ASKED_AT_ONCE = 200


def punch_rows(session: Session) -> list[Row]:
    """Return the rows of `punches`; none of a session without any time, for the table needs one.

    The session's price stands in one of them (SESSION_TOTAL): the sum over its punches is what it cost.
    A punch whose own time is unknown has the session's first in `observed_at`, and no `ts`.
    """
    born = born_at(session)
    return [] if born is None else [_punch_row(session, punch, born) for punch in punches_of(session)]


def task_rows(session: Session) -> list[Row]:
    """Return the row of `tasks` but for its last column, the parent; none for a session without any time."""
    born = born_at(session)
    if born is None:
        return []
    status = _TASK_STATUS[session.status]
    ended = None if status == "running" or session.completed_at is None else second(session.completed_at)
    mode, model = (session.mode or "unknown")[:100], (session.model or "unknown")[:200]
    return [(session.session_id, mode, model, status, session.usage.usd, second(born), ended)]


def verdict_rows(tasks: Sequence[Row], punches: Sequence[Row], cards: Mapping[str, Card]) -> list[Row]:
    """Return the rows of `checkpoints`: the verdict over a session whose mode has a card.

    Args:
        tasks: what `task_rows` gave.
        punches: what `punch_rows` gave.
        cards: to judge by.
    """
    return [
        _verdict_row(
            str(task_id), evaluate(card, [_punch_of(row) for row in punches]), max(str(row[3]) for row in punches)
        )
        for task_id, mode, *_ in tasks
        if punches and (card := card_of_mode(str(mode), cards)) is not None
    ]


def put(change: Change, table: str, rows: Sequence[Row]) -> int:
    """Write rows of a shared table beside the daemon's; return how many were written.

    Punches of a session that was read before are taken away first: CLEAR_PUNCHES.
    """
    if table == "checkpoints":
        return _put_verdicts(change, rows)
    if table not in KEYS:
        return change.insert(table, SHARED_COLUMNS[table], rows)
    return change.upsert(table, SHARED_COLUMNS[table], rows, key=KEYS[table])


def put_children(change: Change, places: Mapping[str, Place], tasks: Sequence[Row]) -> Counter[str]:
    """Write who asked for whom, by session ids; return how many rows of each table were written.

    A link of ours whose child has another parent meanwhile is taken away; the daemon's have no method.

    Args:
        change: to write in.
        places: of the sessions that were read, and of those whose place moved.
        tasks: of the sessions that were read, as `task_rows` gave them.
    """
    of_task = {str(row[0]): row for row in tasks}
    for parent, child in change.read("SELECT parent_id, child_id FROM child_rels WHERE method IS NOT NULL"):
        if str(child) in places and places[str(child)].parent_id != parent:
            change.execute("DELETE FROM child_rels WHERE parent_id = ? AND child_id = ?", (parent, child))
    for session_id in places.keys() - of_task.keys():
        change.execute(
            "UPDATE tasks SET parent_task_id = ? WHERE task_id = ?", (places[session_id].parent_id, session_id)
        )
    rows: dict[str, list[Row]] = {
        "tasks": [(*row, places[task_id].parent_id) for task_id, row in of_task.items()],
        "child_rels": [
            (place.parent_id, child, place.method, place.confidence)
            for child, place in places.items()
            if place.parent_id is not None
        ],
    }
    return Counter({table: put(change, table, some) for table, some in rows.items() if some})


def daemons_faults(change: Change) -> Counter[str]:
    """Return reason → rows of the daemon's that are left as they are, and that no reader should believe."""
    links = change.read("SELECT parent_id, child_id FROM child_rels WHERE method IS NULL")
    modes = sum(
        child_row({"parent_id": one, "child_id": two}, ("parent_id", "child_id")) == MODE_AS_CHILD for one, two in links
    )
    return Counter({f"child_rels: {MODE_AS_CHILD}": modes} if modes else {})


def second(ts: int) -> str:
    """Return a time in epoch milliseconds as the daemon's DATETIME columns hold it: UTC, no zone, whole seconds."""
    return datetime.fromtimestamp(ts // 1000, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def born_at(session: Session) -> int | None:
    """Return when a session began, epoch milliseconds: its first time, else what its id tells, else None.

    An id tells it when it is a UUID of version 7, or the milliseconds themselves (Cline, early Roo).
    """
    if session.started_at is not None:
        return session.started_at
    if re.fullmatch(r"1[0-9]{12}", session.session_id):
        return int(session.session_id)
    version_7 = re.fullmatch(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", session.session_id)
    return milliseconds(int(version_7[1] + version_7[2], 16)) if version_7 else None


def source_hash(session_id: str, punch: Punch) -> str:
    """Return the key of a punch: the hash of its place in the source, see `shared_tables`."""
    place = f"g6o:{session_id}:{punch.file}:{punch.index}:{punch.part}:{punch.punch_type}"
    return hashlib.sha256(place.encode()).hexdigest()


def _punch_row(session: Session, punch: Punch, born: int) -> Row:
    usage = session.usage
    total = punch.punch_key == SESSION_TOTAL
    spent: Row = (usage.usd, usage.tokens_in_total, usage.tokens_out, usage.tokens_reasoning)
    observed_at = second(born if punch.ts is None else punch.ts)
    return (
        *(session.session_id, punch.punch_type, punch.punch_key, observed_at, source_hash(session.session_id, punch)),
        *(spent if total else (None, None, None, None)),
        *(punch.ts, punch.file, punch.index, punch.part),
    )


def _punch_of(row: Row) -> Punch:
    kind, key, ts, file, index, part = row[1], row[2], row[9], row[10], row[11], row[12]
    return Punch(punch_type=kind, punch_key=key, ts=ts, file=file, index=index, part=part)  # type: ignore[arg-type]


def _verdict_row(task_id: str, verdict: CardVerdict, validated_at: str) -> Row:
    missing = [_as_json(rule.punch_type, rule.like, rule.description) for rule in verdict.missing]
    violations = [
        {**_as_json(rule.punch_type, rule.like, rule.description), "count": count} for rule, count in verdict.violations
    ]
    return (task_id, verdict.card_id, verdict.status, validated_at, _json(missing), _json(violations))


def _as_json(punch_type: str, pattern: str, description: str) -> dict[str, object]:
    return {"punch_type": punch_type, "punch_key_pattern": pattern, "description": description}


def _json(found: Sequence[object]) -> str | None:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else None


def _put_verdicts(change: Change, rows: Sequence[Row]) -> int:
    """Let each new verdict stand in the place of the last, which goes to `checkpoint_history`."""
    earlier: dict[Row, list[Row]] = {}
    for found in _of_tasks(change, "SELECT task_id, card_id, status, validated_at, missing_punches, violations "
                                   "FROM checkpoints", rows):  # fmt: skip
        earlier.setdefault(found[:2], []).append(found)
    kept = Counter(found[:2] for found in _of_tasks(change, "SELECT task_id, card_id FROM checkpoint_history", rows))
    fresh: list[Row] = []
    history: list[Row] = []
    for row in rows:
        before = earlier.get(row[:2])
        if before is None:
            fresh.append(row)
        elif any((*old[2:3], *old[4:]) != (*row[2:3], *row[4:]) for old in before):
            first = kept[row[:2]] + 1
            history += [(*old[:2], seq, *old[2:]) for seq, old in enumerate(sorted(before, key=str), start=first)]
            change.execute(
                "UPDATE checkpoints SET status = ?, validated_at = ?, missing_punches = ?, violations = ? "
                "WHERE task_id = ? AND card_id = ?",
                (*row[2:], *row[:2]),
            )
    if history:
        columns = ("task_id", "card_id", "seq", "status", "validated_at", "missing_punches", "violations")
        change.insert("checkpoint_history", columns, history)
    changed = len({row[:2] for row in history})
    return changed + (change.insert("checkpoints", SHARED_COLUMNS["checkpoints"], fresh) if fresh else 0)


def _of_tasks(change: Change, select: str, rows: Iterable[Row]) -> Iterator[Row]:
    ids = iter(dict.fromkeys(row[0] for row in rows))
    while some := list(islice(ids, _ASKED_AT_ONCE)):
        yield from change.read(f"{select} WHERE task_id IN ({', '.join('?' * len(some))})", some)
