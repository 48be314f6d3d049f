"""Labels and measures every session of a store, and pairs stopped ones with their recoveries: one change, or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Literal

from g6o_eval.fleet.facts import Facts, Recorded, facts_of_punches, last_gates, was_killed
from g6o_eval.fleet.measures import MEASURES_VERSION, Measured, measure_all
from g6o_eval.fleet.outcome import RULES_VERSION, Labelled, decide
from g6o_eval.fleet.outcome_tables import (
    FACT_COLUMNS,
    MEASURE_COLUMNS,
    OUTCOME_COLUMNS,
    PAIR_COLUMNS,
    known_of,
)
from g6o_eval.fleet.pairs import PAIRS_VERSION, Attempt, Pair, pairs_of
from g6o_eval.fleet.session import Punch
from g6o_eval.fleet.shared_tables import PUNCH_TYPES
from g6o_eval.store.port import Change, Row, Store, Value

_SELECT_FACTS = f"SELECT {', '.join(FACT_COLUMNS)} FROM session_facts"  # noqa: S608 # names of columns
_SELECT_SESSIONS = """
    SELECT session_id, parent_session_id, prompt_sha256, started_at, completed_at FROM agent_sessions
"""
# Rows of ours have a file and say what the log says already; the daemon's and a gate runner's have none.
_SELECT_PUNCHES = """
    SELECT task_id, punch_type, punch_key, observed_at, ts FROM punches WHERE file IS NULL
    ORDER BY task_id, observed_at, ts, source_hash
"""
_SELECT_CARDS = """
    SELECT c.task_id, c.status, CASE WHEN t.punch_card_id = c.card_id THEN 1 ELSE 0 END
    FROM checkpoints c LEFT JOIN tasks t ON t.task_id = c.task_id ORDER BY c.task_id, c.validated_at, c.card_id
"""
"""Verdicts on cards, and whether a dispatch gave the card to the session."""
_SELECT_SPAWNS = "SELECT session_id, ts, prompt_sha256, child_session_id FROM spawns"
_SELECT_TASKS = "SELECT task_id, bead_id, cost_usd FROM tasks"
ASKED_MS = 120_000
"""A child that starts so soon after its parent asked for one was asked for. Source: the window in which
the fleet's own session monitor joins a child to its parent's asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabelled:
    """What a run of `relabel` found.

    Attributes:
        labels: session → its label.
        facts: session → the facts that its label rests on, what others recorded included.
        pairs: stopped sessions and their recoveries.
        measured: session → measure → value.
        changed: rows that were written.
        commit: the commit; None when nothing had changed.
    """

    labels: Mapping[str, Labelled]
    facts: Mapping[str, Facts]
    pairs: tuple[Pair, ...]
    measured: Mapping[str, Mapping[str, Measured]]
    changed: int
    commit: str | None

    def by_rule(self) -> list[tuple[str, str, int]]:
        """Return (outcome, rule, sessions), the largest outcome and rule first."""
        counts = Counter((label.outcome, label.rule) for label in self.labels.values())
        totals = Counter(label.outcome for label in self.labels.values())
        return [
            (outcome, rule, count)
            for (outcome, rule), count in sorted(
                counts.items(), key=lambda item: (-totals[item[0][0]], item[0][0], -item[1], item[0][1])
            )
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is known of every session.

    Attributes:
        facts: session → its facts, what others recorded included.
        labels: session → its label.
        names: session that left a log → other sessions that its first prompt names.
        beads: session that left a log → its work item, None when nobody said.
    """

    facts: Mapping[str, Facts]
    labels: Mapping[str, Labelled]
    names: Mapping[str, frozenset[str]]
    beads: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What others recorded of one session."""

    punches: list[Punch] = field(default_factory=list)
    cards: list[Literal["pass", "fail"]] = field(default_factory=list)

    def recorded(self) -> Recorded:
        return Recorded(punches=tuple(self.punches), card=self.cards[-1] if self.cards else None)


def relabel(store: Store, *, budget_usd: float | None = None) -> Relabelled:
    """Label and measure all sessions by the rules of this version, in one commit; none when all of it stands already.

    A session that the daemon recorded and that left no log is labelled by its punches.

    Args:
        store: its fleet tables must exist.
        budget_usd: what one session may cost, for its cost efficiency; None: it is held against its mode's.

    Raises:
        StoreError: the store said no; nothing was written.
    """
    with store.change(f"Label sessions by {RULES_VERSION}") as change:
        judged = read_judged(change.read)
        pairs = pairs_of(list(_attempts(change, judged)))
        outcomes = [(name, each.outcome, each.rule, each.version) for name, each in judged.labels.items()]
        changed = sync(change, "session_outcomes", OUTCOME_COLUMNS, outcomes, key_columns=1)
        changed += sync(change, "recovery_pairs", PAIR_COLUMNS, map(_pair_row, pairs), key_columns=1)
        recovers = {pair.recovery_id: pair.outcome for pair in pairs}
        measured = measure_all(judged.facts, recovers, budget_usd=budget_usd)
        changed += sync(change, "session_measures", MEASURE_COLUMNS, _measure_rows(measured), key_columns=2)
    return Relabelled(
        labels=judged.labels, facts=judged.facts, pairs=pairs, measured=measured, changed=changed, commit=change.commit
    )


def read_judged(read: Callable[[str], Iterable[Row]]) -> Judged:
    """Return the facts and the label of every session, as the store holds them at this moment; writes nothing."""
    known = {each.session_id: each for each in map(known_of, read(_SELECT_FACTS))}
    seen = _read_seen(read, known)
    tasks = {str(task_id): (bead, usd) for task_id, bead, usd in read(_SELECT_TASKS)}
    facts = {
        name: with_recorded(each.facts, seen[name].recorded()) if name in seen else each.facts
        for name, each in known.items()
    }
    for name in seen.keys() - known.keys():
        facts[name] = facts_of_punches(seen[name].recorded(), usd=_float(tasks.get(name, (None, None))[1]))
    return Judged(
        facts=facts,
        labels={name: decide(each) for name, each in sorted(facts.items())},
        names={name: each.names for name, each in known.items()},
        beads={name: _text(tasks.get(name, (None, None))[0]) or each.bead_id for name, each in known.items()},
    )


def with_recorded(facts: Facts, recorded: Recorded) -> Facts:
    """Return the facts of a log together with what others recorded.

    A gate that the log shows counts as the log shows it: the daemon reads no exit codes.
    """
    return replace(
        facts,
        killed=facts.killed or was_killed(recorded.punches),
        gates={**last_gates(recorded.punches), **facts.gates},
        card=recorded.card or facts.card,
        card_given=facts.card_given or recorded.card is not None,
    )


def sync(change: Change, table: str, columns: Sequence[str], rows: Iterable[Row], *, key_columns: int) -> int:
    """Make a table hold exactly these rows, touching only those that differ; return how many were.

    Args:
        change: an open change.
        table: its name.
        columns: their order in the rows; the key first.
        rows: what it shall hold.
        key_columns: how many of the columns are the key.
    """
    there = {row[:key_columns]: row for row in change.read(f"SELECT {', '.join(columns)} FROM {table}")}  # noqa: S608
    wanted = {row[:key_columns]: row for row in rows}
    key = columns[:key_columns]
    gone = [each for each in there if each not in wanted]
    for values in gone:
        holes = " AND ".join(f"{name} = ?" for name in key)
        change.execute(f"DELETE FROM {table} WHERE {holes}", values)  # noqa: S608 # names of columns
    fresh = [row for each, row in wanted.items() if there.get(each) != row]
    if fresh:
        change.upsert(table, columns, fresh, key=key)
    return len(gone) + len(fresh)


def _attempts(change: Change, judged: Judged) -> Iterator[Attempt]:
    asked = _Asked(change.read(_SELECT_SPAWNS))
    for session_id, parent, prompt, started_at, completed_at in change.read(_SELECT_SESSIONS):
        name, start = str(session_id), _int(started_at)
        if name not in judged.names:
            continue
        found = judged.facts[name]
        delegated = asked.by(parent, child=name, prompt=prompt, start=start)
        yield Attempt(
            session_id=name,
            outcome=judged.labels[name].outcome,
            stopped=found.killed or found.status not in ("completed", "delegated"),
            started_at=start,
            ended_at=_int(completed_at),
            parent_id=None if delegated else _text(parent),
            bead_id=judged.beads[name],
            prompt_sha256=_text(prompt),
            names=judged.names[name],
        )


class _Asked:
    """Which children sessions asked for themselves: ordinary delegation, no recovery."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._children: set[tuple[Value, Value]] = set()
        self._prompts: set[tuple[Value, Value]] = set()
        self._times: dict[Value, list[int]] = {}
        for session_id, ts, prompt, child in rows:
            self._children.add((session_id, child))
            self._prompts.add((session_id, prompt))
            if isinstance(ts, int):
                self._times.setdefault(session_id, []).append(ts)

    def by(self, parent: Value, *, child: str, prompt: Value, start: int | None) -> bool:
        """Tell whether a parent asked for a child: by name, by its prompt, or just before it started."""
        if (parent, child) in self._children or (parent, prompt) in self._prompts:
            return True
        return start is not None and any(0 <= start - ts <= ASKED_MS for ts in self._times.get(parent, ()))


def _read_seen(read: Callable[[str], Iterable[Row]], known: Container[str]) -> dict[str, _Seen]:
    """Return what others recorded of each session.

    The verdict on the card of a session's mode stands for itself only where there is no log: with one,
    facts.py has judged it, and it counts as given only when a dispatch gave it.
    """
    seen: dict[str, _Seen] = {}
    for place, (task_id, punch_type, key, observed_at, ts) in enumerate(read(_SELECT_PUNCHES)):
        kind = next((each for each in PUNCH_TYPES if each == punch_type), None)
        if kind is not None:
            at = ts if isinstance(ts, int) else _epoch_ms(observed_at)
            punch = Punch(punch_type=kind, punch_key=str(key), ts=at, file="", index=place)  # type: ignore[arg-type]  # one of PunchType's words
            seen.setdefault(str(task_id), _Seen()).punches.append(punch)
    for task_id, status, given in read(_SELECT_CARDS):
        if status in ("pass", "fail") and (given or str(task_id) not in known):
            seen.setdefault(str(task_id), _Seen()).cards.append("pass" if status == "pass" else "fail")
    return seen


def _epoch_ms(text: Value) -> int | None:
    """Return the epoch milliseconds of a naive UTC DATETIME as either engine writes it; None of anything else."""
    try:
        return int(datetime.fromisoformat(str(text)).replace(tzinfo=timezone.utc).timestamp() * 1_000)
    except ValueError:
        return None


def _pair_row(pair: Pair) -> Row:
    return (pair.stopped_id, pair.recovery_id, pair.method, pair.gap_seconds, pair.outcome, PAIRS_VERSION)


def _measure_rows(measured: Mapping[str, Mapping[str, Measured]]) -> Iterator[Row]:
    for session_id, values in measured.items():
        for name, found in values.items():
            yield (session_id, name, found.value, found.reason, MEASURES_VERSION)


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _int(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _float(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
