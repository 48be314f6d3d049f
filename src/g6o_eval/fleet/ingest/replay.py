"""Sessions from the events in `raw_sse_events`, whoever stored them: this listener or the agents' daemon."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from g6o_eval.fleet.ingest.events import TABLE, parse_event
from g6o_eval.fleet.ingest.mirror import Held, Mirror
from g6o_eval.fleet.ingest.opencode import session_of
from g6o_eval.fleet.ingest.rewrite import rewrite
from g6o_eval.fleet.session import Session
from g6o_eval.store.port import Change, Store

_AT_ONCE = 50
"""Sessions of one commit."""


@dataclass(slots=True)
class Replayed:
    """What a replay did.

    Attributes:
        events: read.
        sessions: written.
        left: sessions that gave nothing, or of which the store holds as much or more.
    """

    events: int = 0
    sessions: int = 0
    left: int = 0


def replay_events(store: Store) -> Replayed:
    """Write every session of which the events tell more than the store holds; one session at a time is held."""
    done = Replayed()
    ids = [str(row[0]) for row in store.read(f"SELECT DISTINCT session_id FROM {TABLE} ORDER BY session_id")]  # noqa: S608
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        with store.change(f"Replay the events of {len(some)} sessions") as change:
            for session_id in some:
                found = _replay(change, session_id, done)
                if found is None or _size(found) <= _stored_size(change, session_id):
                    done.left += 1
                else:
                    rewrite(change, [found])
                    done.sessions += 1
    return done


def _replay(change: Change, session_id: str, done: Replayed) -> Session | None:
    mirror = Mirror()
    digest = hashlib.sha256()
    # The mirror takes events in any order, but streamed pieces of text: those only grow in this one.
    rows = change.read(
        f"SELECT source_hash, payload_json FROM {TABLE} WHERE session_id = ? "  # noqa: S608 # a constant
        "ORDER BY event_ts, observed_at, source_hash",
        (session_id,),
    )
    for source_hash, payload in rows:
        done.events += 1
        event = parse_event(str(payload))
        if event is not None:
            mirror.take(event)
            digest.update(str(source_hash).encode())
    held = mirror.sessions.get(session_id, Held(info={"id": session_id}))
    found = session_of({**held.info, "id": session_id}, held.document(), digest=digest.hexdigest())
    return found if isinstance(found, Session) else None


def _size(session: Session) -> int:
    return len(session.messages) + len(session.tool_calls)


def _stored_size(change: Change, session_id: str) -> int:
    """Return how many messages and calls the store has of a session, -1 when it has none of it."""
    if not change.read("SELECT session_id FROM agent_sessions WHERE session_id = ?", (session_id,)):
        return -1
    tables = ("agent_messages", "agent_tool_calls")
    counts = (change.read(f"SELECT COUNT(*) FROM {table} WHERE session_id = ?", (session_id,)) for table in tables)  # noqa: S608
    return sum(int(rows[0][0] or 0) for rows in counts)
