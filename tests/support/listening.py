"""A listener beside a server that misbehaves, and what the store must hold in the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from g6o_eval.fleet.ingest.opencode import session_of
from g6o_eval.fleet.ingest.rows import COLUMNS, call_rows, message_rows, session_row
from g6o_eval.fleet.live.events import EVENT_CHARS
from g6o_eval.fleet.live.listen import Heard, Listener, Pace
from g6o_eval.fleet.live.server import Server
from g6o_eval.fleet.live.stream import Stream
from g6o_eval.fleet.session import Session
from g6o_eval.store.port import Row, Store
from support.serve import Json, Script, ServeServer, usual

QUICK = Pace(seconds=0.05, retry_seconds=0.01)
FIRST = usual("ses_a", turns=2)


@contextmanager
def serving(script: Script, *, port: int = 0) -> Iterator[ServeServer]:
    server = ServeServer(script, port=port)
    try:
        yield server
    finally:
        server.close()


def listen(
    store: Store,
    url: str,
    until: Callable[[Listener], bool],
    *,
    pace: Pace = QUICK,
    notices: list[str] | None = None,
    event_chars: int = EVENT_CHARS,
) -> Heard:
    """Listen until a condition holds; fail when it never does."""
    server = Server(url, environ={})
    said_so: list[str] = [] if notices is None else notices
    stream = Stream(server, notice=said_so.append, first_seconds=0.01, event_chars=event_chars)
    listener = Listener(store, server, pace=pace, notice=said_so.append)
    limit = time.monotonic() + 15
    stream.start()
    try:
        return listener.follow(stream, lambda: until(listener) or time.monotonic() > limit)
    finally:
        stream.close()
        server.close()
        assert time.monotonic() < limit, f"never came: {listener.heard} {said_so}"


def rows(store: Store, sql: str) -> list[Row]:
    return list(store.read(sql))


def expected(*documents: Json) -> tuple[list[Row], list[Row], list[Row]]:
    """Return what the tables hold when all is well: heads without digest and census, messages, calls."""
    found = [session_of(each["info"], each["messages"], digest="") for each in documents]
    sessions = sorted((each for each in found if isinstance(each, Session)), key=lambda each: each.session_id)
    columns = COLUMNS["agent_sessions"]
    places = [columns.index(name) for name in ("session_id", "mode", "model", "status", "total_cost")]
    heads: list[Row] = [tuple(row[place] for place in places) for row in map(session_row, sessions)]
    return heads, [row for s in sessions for row in message_rows(s)], [row for s in sessions for row in call_rows(s)]


def stored(store: Store) -> tuple[list[Row], list[Row], list[Row]]:
    return (
        rows(store, "SELECT session_id, mode, model, status, total_cost FROM agent_sessions ORDER BY session_id"),
        rows(store, "SELECT * FROM agent_messages ORDER BY session_id, source_index, part"),
        rows(store, "SELECT * FROM agent_tool_calls ORDER BY session_id, source_index, part"),
    )


def heard_all(count: int) -> Callable[[Listener], bool]:
    return lambda listener: listener.heard.events >= count


def settled(server: ServeServer) -> Callable[[Listener], bool]:
    """Hold once every stream was sent, everything was asked for and written, and nothing more came for a moment."""
    last: list[tuple[int, float]] = [(-1, 0.0)]

    def holds(listener: Listener) -> bool:
        changed = any(held.changed for held in listener._mirror.sessions.values())
        if not server.drained.is_set() or changed or listener.heard.asked < len(server.script.documents):
            return False
        if last[0][0] != listener.heard.events:
            last[0] = (listener.heard.events, time.monotonic())
        return time.monotonic() - last[0][1] > 0.08

    return holds
