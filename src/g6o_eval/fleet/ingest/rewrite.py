"""Writes Sessions over what the store holds of them, inside an open change.

For sources that name the parent of every session: places in the forest follow from that alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from g6o_eval.fleet.cards import load_cards
from g6o_eval.fleet.ingest.forest import Place
from g6o_eval.fleet.ingest.rows import COLUMNS, ROWS_OF, place_columns, session_row
from g6o_eval.fleet.ingest.shared_rows import CLEAR_PUNCHES, SHARED_COLUMNS, put, put_children, verdict_rows
from g6o_eval.fleet.session import Session
from g6o_eval.fleet.tables import OF_A_SESSION
from g6o_eval.store.port import Change, Row, Value

_AT_ONCE = 200
"""Sessions of one DELETE."""


def rewrite(change: Change, sessions: Sequence[Session]) -> Mapping[str, int]:
    """Replace all rows of these sessions, each id once; return table → rows written."""
    if not sessions:
        return {}
    _delete(change, [session.session_id for session in sessions])
    rows = {table: [row for session in sessions for row in rows_of(session)] for table, rows_of in ROWS_OF.items()}
    rows["checkpoints"] = _verdicts(change, rows)
    places = _places(change, sessions)
    rows["agent_sessions"] = [session_row(session) + place_columns(places[session.session_id]) for session in sessions]
    tasks = rows.pop("tasks")
    written: Counter[str] = Counter()
    for table, some in rows.items():
        if some and table in SHARED_COLUMNS:
            written[table] = put(change, table, some)
        elif some:
            written[table] = change.insert(table, COLUMNS[table], some)
    written += put_children(change, places, tasks)
    for session_id, place in places.items():
        if place.root_id != session_id:  # whoever came before it took it for their root
            change.execute(
                "UPDATE agent_sessions SET root_session_id = ? WHERE root_session_id = ?", (place.root_id, session_id)
            )
    return written


def _verdicts(change: Change, rows: Mapping[str, Sequence[Row]]) -> list[Row]:
    cards = load_cards(change)
    punches: dict[Value, list[Row]] = {}
    for row in rows["punches"]:
        punches.setdefault(row[0], []).append(row)
    return [verdict for task in rows["tasks"] for verdict in verdict_rows([task], punches.get(task[0], []), cards)]


def _delete(change: Change, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), _AT_ONCE):
        some = tuple(ids[start : start + _AT_ONCE])
        holes = ", ".join("?" * len(some))
        for table in OF_A_SESSION:
            change.execute(f"DELETE FROM {table} WHERE session_id IN ({holes})", some)  # noqa: S608 # a constant
        for session_id in some:
            change.execute(CLEAR_PUNCHES, (session_id,))


def _places(change: Change, sessions: Sequence[Session]) -> dict[str, Place]:
    """Return the place of each session; a parent that was never read is a root all the same."""
    parents: dict[str, str | None] = {session.session_id: session.parent_id for session in sessions}
    places = {}
    for session in sessions:
        chain = [session.session_id]
        while (parent := _parent(change, chain[-1], parents)) is not None and parent not in chain:
            chain.append(parent)
        own = session.parent_id if session.parent_id != session.session_id else None
        places[session.session_id] = Place(parent_id=own, method="history" if own else None, root_id=chain[-1])
    return places


def _parent(change: Change, session_id: str, parents: dict[str, str | None]) -> str | None:
    if session_id not in parents:
        found = change.read("SELECT parent_session_id FROM agent_sessions WHERE session_id = ?", (session_id,))
        parents[session_id] = str(found[0][0]) if found and found[0][0] is not None else None
    return parents[session_id]
