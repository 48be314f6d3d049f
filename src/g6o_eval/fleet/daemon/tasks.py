"""One task per session, from what the daemon's tables say of it and from its punches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from g6o_eval.fleet.daemon.rows import Found, name_of, number_of, session_id_of, text_of, time_of
from g6o_eval.store.port import Row

LAST_TURN = "price was the last turn's, summed from its punches"
DOUBLED = "price counted a governor_kill once more"
REPLAYED = "all punches within seconds: a replay"
WRONG_END = "abandoned, though its model stopped by itself"
NO_START = "no start anywhere"
FLAGS = {
    LAST_TURN: "the daemon overwrites a session's price with each turn's",
    DOUBLED: "the daemon's governor_kill carries the price of the whole session",
    REPLAYED: "observed_at is when the daemon read the events, not when they happened: durations mean nothing",
    WRONG_END: "the daemon waits for the finish 'end', which no model sends",
}
"""What is noted with a session → why."""

_STATUS = ("running", "completed", "failed", "abandoned")
_DONE = frozenset({"stop", "end_turn"})
_REPLAY_SECONDS, _REPLAY_PUNCHES = 5.0, 10
"""So many punches in so short a time are no agent at work: the quickest real step takes seconds."""
_CLOSE_USD = 0.01
"""Prices that differ by less are the same: DECIMAL columns round each turn."""


@dataclass(slots=True)
class _Punched:
    first: str = ""
    last: str = ""
    count: int = 0
    usd: float = 0.0
    kills: int = 0


@dataclass(slots=True)
class Seen:
    """What was read of the sessions so far."""

    _punched: dict[str, _Punched] = field(default_factory=dict)
    _sessions: dict[str, Found] = field(default_factory=dict)
    _tasks: dict[str, Found] = field(default_factory=dict)
    _flags: list[tuple[str, str]] = field(default_factory=list)

    def punch(self, row: Row) -> None:
        """Take a row that `punch_row` gave."""
        mine, at = self._punched.setdefault(str(row[0]), _Punched()), str(row[3])
        mine.first = min(mine.first or at, at)
        mine.last = max(mine.last, at)
        mine.count += 1
        mine.usd += row[5] if isinstance(row[5], float) else 0.0
        mine.kills += row[1] == "governor_kill"

    def session(self, found: Found) -> None:
        """Take a row of the daemon's `sessions`."""
        if (session_id := session_id_of(found["session_id"])) is not None:
            self._sessions[session_id] = found

    def task(self, found: Found) -> None:
        """Take a row of the daemon's `tasks`."""
        if (task_id := session_id_of(found["task_id"])) is not None:
            self._tasks[task_id] = found

    def flags(self) -> list[tuple[str, str]]:
        """Return (session id, one of FLAGS) of every session that `task_rows` found something wrong with."""
        return list(dict.fromkeys(self._flags))

    def ids(self) -> list[str]:
        """Return all sessions that any table speaks of, sorted."""
        return sorted({*self._punched, *self._sessions, *self._tasks})

    def about(self, session_id: str) -> tuple[Found, Found, _Punched]:
        """Return a session's row of `sessions`, of `tasks`, and the sum of its punches."""
        return (
            self._sessions.get(session_id, _NO_SESSION),
            self._tasks.get(session_id, _NO_TASK),
            self._punched.get(session_id, _Punched()),
        )

    def flag(self, session_id: str, flag: str) -> None:
        """Note what is wrong with the daemon's account of a session."""
        self._flags.append((session_id, flag))


_NO_SESSION: Found = dict.fromkeys(
    ("session_id", "mode", "model", "status", "total_cost", "started_at", "completed_at", "outcome")
)
_NO_TASK: Found = dict.fromkeys(
    ("task_id", "parent_task_id", "mode", "model", "status", "cost_usd", "started_at", "completed_at")
)


def task_rows(seen: Seen, counts: Counter[str]) -> Iterator[Row]:
    """Yield a row of `tasks` for each session, and flag what was wrong with it."""
    for session_id in seen.ids():
        session, task, punched = seen.about(session_id)
        started_at = time_of(task["started_at"]) or time_of(session["started_at"]) or punched.first
        if not started_at:
            counts[NO_START] += 1
            continue
        _flag_times(seen, session_id, punched)
        status = _status(seen, session_id)
        ended = time_of(task["completed_at"]) or time_of(session["completed_at"])
        mode, model = (_word(task[name], session[name]) for name in ("mode", "model"))
        parent = session_id_of(task["parent_task_id"])
        yield (
            session_id,
            name_of(mode, 100),
            name_of(model, 200),
            status,
            _price(seen, session_id),
            started_at,
            ended,
            parent,
        )
    counts.update(flag for _, flag in seen.flags())


def _price(seen: Seen, session_id: str) -> float:
    """Return what a session cost, USD: the sum of its turns where they are known, else the most that was said."""
    session, task, punched = seen.about(session_id)
    said = max(number_of(session["total_cost"]) or 0.0, number_of(task["cost_usd"]) or 0.0)
    if punched.kills:
        seen.flag(session_id, DOUBLED)
    if not punched.usd:
        return said
    if said and said < punched.usd - _CLOSE_USD:
        seen.flag(session_id, LAST_TURN)
    return punched.usd


def _status(seen: Seen, session_id: str) -> str:
    session, task, _ = seen.about(session_id)
    words = (text_of(task["status"]), text_of(session["status"]))
    status = next((word for word in words if word in _STATUS), "running")
    if text_of(session["outcome"]) in _DONE and status in ("abandoned", "running"):
        if status == "abandoned":
            seen.flag(session_id, WRONG_END)
        return "completed"
    return status


def _flag_times(seen: Seen, session_id: str, punched: _Punched) -> None:
    if punched.count < _REPLAY_PUNCHES:
        return
    span = datetime.fromisoformat(punched.last) - datetime.fromisoformat(punched.first)
    if span.total_seconds() <= _REPLAY_SECONDS:
        seen.flag(session_id, REPLAYED)


def _word(*values: object) -> str:
    return next((value for value in values if isinstance(value, str) and value and value != "unknown"), "unknown")
