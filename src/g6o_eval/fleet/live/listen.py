"""Follows a server: events are kept raw, sessions are written as rows when they settle.

What the store has never depends on having listened all the time: after every (re)connect the server is asked
for what was missed, and a session of which the beginning was not heard is asked for before it is written.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from g6o_eval.errors import UnavailableError
from g6o_eval.fleet.ingest.events import Event, parse_event, raw_row
from g6o_eval.fleet.ingest.mirror import Mirror
from g6o_eval.fleet.ingest.opencode import SOURCE, session_of
from g6o_eval.fleet.live.asker import Asker
from g6o_eval.fleet.live.events import TooLong
from g6o_eval.fleet.live.server import Server
from g6o_eval.fleet.live.stream import Connected, Ended, Stream
from g6o_eval.fleet.live.writing import held_digest, write_heard
from g6o_eval.fleet.session import Session
from g6o_eval.store.port import Row, Store

GARBAGE = "event that is no JSON of type and properties"
TOO_LONG = "event that is too long to be held; its session is asked for instead"
UNWRITTEN = "session changed, but its beginning could not be asked for"
_SESSIONS_AT_ONCE = 50
"""Sessions of one commit while the server is asked for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When to write, and how much to hold.

    Attributes:
        events: of one commit, at most.
        seconds: between two commits, at most, when there is something to write.
        quiet_seconds: after which a session that says nothing more is written, settled or not.
        held_chars: text of sessions that is held; beyond it the longest untouched are written and dropped.
        retry_seconds: until a store that could not be reached is tried again.
        closing_seconds: that a store which is away is waited for when listening has ended.
        keep_raw: whether events are kept as they came.
    """

    events: int = 2_000
    seconds: float = 5.0
    quiet_seconds: float = 60.0
    held_chars: int = 64_000_000
    retry_seconds: float = 0.5
    closing_seconds: float = 30.0
    keep_raw: bool = True


@dataclass(slots=True)
class Heard:
    """What was done.

    Attributes:
        events: taken, of any kind.
        raw: events kept that were not there before.
        sessions: written, each time counted.
        commits: made.
        connections: to the stream.
        asked: times that the server was asked for a session.
        left_out: reason → how many.
    """

    events: int = 0
    raw: int = 0
    sessions: int = 0
    commits: int = 0
    connections: int = 0
    asked: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


class Listener:
    """Takes events from a stream into a store. One thread; `stopped` is asked often."""

    def __init__(
        self, store: Store, server: Server, *, pace: Pace | None = None, notice: Callable[[str], None] = lambda _: None
    ) -> None:
        self.heard = Heard()
        self._store, self._notice = store, notice
        self._pace = pace or Pace()
        self._mirror = Mirror()
        self._asker = Asker(server, self._mirror, notice=notice)
        self.heard.left_out = self._asker.left_out
        self._raw: dict[str, Row] = {}
        self._touched: dict[str, float] = {}
        self._written = {
            str(session_id): str(digest)
            for session_id, digest in store.read(
                "SELECT session_id, source_digest FROM agent_sessions WHERE source = ?", (SOURCE,)
            )
        }
        self._due = 0.0

    def follow(self, stream: Stream, stopped: Callable[[], bool]) -> Heard:
        """Take and write until stopped, or until the stream ends; what was taken is written at the end.

        Raises:
            UnavailableError: the server refuses; or, at the end, the store stayed away: it says what is lost.
            StoreError: the store said no.
        """
        self._due = time.monotonic() + self._pace.seconds
        while not stopped():
            items = stream.backlog.take(min(0.5, self._pace.seconds), most=self._pace.events)
            for item in items:
                if isinstance(item, str):
                    self._hear(item)
                elif isinstance(item, TooLong):
                    self._refuse(item, stopped)
                elif isinstance(item, Connected):
                    self._catch_up(stopped)
                elif isinstance(item, Ended):
                    self.heard.connections = stream.connections
                    self._finish()
                    if item.error is not None:
                        raise item.error
                    return self.heard
            self._write_when_due(stopped)
        self.heard.connections = stream.connections
        for item in stream.backlog.take(0.0, most=1_000_000):
            if isinstance(item, str):
                self._hear(item)
            elif isinstance(item, TooLong):
                self._refuse(item, stopped)
        self._finish()
        return self.heard

    def _catch_up(self, stopped: Callable[[], bool]) -> None:
        for count, _ in enumerate(self._asker.missed(stopped), start=1):
            self.heard.asked = self._asker.asked
            if count % _SESSIONS_AT_ONCE == 0:
                self._write_when_due(stopped)

    def _refuse(self, event: TooLong, stopped: Callable[[], bool]) -> None:
        """Ask for what an event would have told, where it does not name its session for all that run."""
        self.heard.events += 1
        self.heard.left_out[TOO_LONG] += 1
        if event.session_id is None:
            self._catch_up(stopped)
        else:
            self._mirror.doubt(event.session_id)
            self._touched[event.session_id] = time.monotonic()

    def _finish(self) -> None:
        """Write all that waits, also into a store that comes back in time."""
        until = time.monotonic() + self._pace.closing_seconds
        while True:
            try:
                self._write(closing=True)
            except UnavailableError as error:
                if time.monotonic() + self._pace.retry_seconds > until:
                    raise self._unwritten(error) from None
                self._away(error)
            else:
                return

    def _unwritten(self, error: UnavailableError) -> UnavailableError:
        sessions = sum(held.changed for held in self._mirror.sessions.values())
        return UnavailableError(
            f"{error}\nNot written: {len(self._raw):,} events, and what is new in {sessions:,} sessions. Listen again "
            "and the server is asked for the sessions; it sends no event twice"
        )

    def _away(self, error: UnavailableError) -> None:
        self._notice(f"cannot write, again in {self._pace.retry_seconds:g} s: {error}")
        time.sleep(self._pace.retry_seconds)

    def _hear(self, data: str) -> None:
        self.heard.events += 1
        event = parse_event(data)
        if event is None:
            self.heard.left_out[GARBAGE] += 1
            return
        if event.type.startswith("server."):
            return  # heartbeats and greetings
        self._mirror.take(event)
        if event.session_id is not None:
            self._touched[event.session_id] = time.monotonic()
        self._keep(event)

    def _keep(self, event: Event) -> None:
        if self._pace.keep_raw:
            row = raw_row(event, observed_at=datetime.now(timezone.utc))
            self._raw.setdefault(str(row[0]), row)

    def _write_when_due(self, stopped: Callable[[], bool]) -> None:
        if time.monotonic() < self._due and len(self._raw) < self._pace.events:
            return
        while not stopped():
            try:
                self._write()
            except UnavailableError as error:
                self._away(error)
            else:
                self._due = time.monotonic() + self._pace.seconds
                return

    def _write(self, *, closing: bool = False) -> None:
        """Write what waits: events, sessions that are due, sessions that must make room."""
        quiet = time.monotonic() - self._pace.quiet_seconds
        due = [
            session_id
            for session_id, held in self._mirror.sessions.items()
            if held.changed and (closing or held.settled or self._touched.get(session_id, 0.0) < quiet)
        ]
        room = self._mirror.size - self._pace.held_chars
        for session_id, held in self._mirror.sessions.items() if room > 0 else ():
            if room <= 0:
                break
            room -= held.size
            due += [session_id] if held.changed and session_id not in due else []
        for start in range(0, max(1, len(due)), _SESSIONS_AT_ONCE):
            self._commit(due[start : start + _SESSIONS_AT_ONCE])
        self._make_room()

    def _commit(self, due: Sequence[str]) -> None:
        whole = [
            session_id for session_id in due if self._mirror.sessions[session_id].whole or self._asker.ask(session_id)
        ]
        self.heard.left_out[UNWRITTEN] += len(due) - len(whole)
        self.heard.asked = self._asker.asked
        sessions = [found for session_id in whole if (found := self._session(session_id)) is not None]
        if sessions or self._raw:
            fresh, commit = write_heard(self._store, self._raw, sessions)
            self.heard.commits += commit is not None
            self.heard.raw += fresh
            self.heard.sessions += len(sessions)
            self._raw.clear()
        self._written |= {session.session_id: session.source_digest for session in sessions}
        for session_id in whole:
            self._mirror.sessions[session_id].changed = False

    def _session(self, session_id: str) -> Session | None:
        """Return a held session, None when it is empty or the store has just this."""
        held = self._mirror.sessions[session_id]
        document = [*held.document(), *held.odd]
        digest = held_digest(held, document)
        if self._written.get(session_id) == digest:
            return None
        found = session_of({**held.info, "id": session_id}, document, digest=digest, size_bytes=held.size)
        return found if isinstance(found, Session) else None

    def _make_room(self) -> None:
        """Drop the sessions that are written and gone, and those longest untouched when there are too many."""
        for session_id, held in list(self._mirror.sessions.items()):
            if not held.changed and (held.deleted or self._mirror.size > self._pace.held_chars):
                self._mirror.drop(session_id)
                self._touched.pop(session_id, None)
