"""Connections to one server, kept and reused, and how often a lost one is tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from g6o_eval.errors import UnavailableError
from g6o_eval.store.address import Address
from g6o_eval.store.connection import ClashError, Connection, LostError, Observer, UnreachableError

RETRY_SECONDS = 3.0
"""How long a server that went away, or a clash, is tried again: a restart takes 0.1 to 0.2 s."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.3  # seconds
_KEPT = 4

_Result = TypeVar("_Result")


class Sessions:
    """A store's connections. Threads share it; each connection belongs to one of them at a time."""

    def __init__(self, address: Address, *, observe: Observer) -> None:
        self._address, self._observe = address, observe
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    def take(self, database: str) -> Connection:
        """Return a connection on a database: one that is idle, else a new one. Give it back, or close it."""
        with self._lock:
            if self._closed:
                raise UnavailableError(f"the store {self._address.url} is closed")
            same = (each for each in self._idle if each.database == database)
            found = next(same, self._idle[-1] if self._idle else None)
            if found is not None:
                self._idle.remove(found)
        if found is None:
            return Connection(self._address, database, observe=self._observe)
        try:
            found.use(database)
        except BaseException:
            self.give(found)
            raise
        return found

    def give(self, connection: Connection) -> None:
        """Take a connection back; it must have no transaction, lock or result open."""
        with self._lock:
            if connection.usable and not self._closed and len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def one(self, database: str) -> Iterator[Connection]:
        """Lend a connection for the block; one on which anything but a statement failed is dropped."""
        connection = self.take(database)
        try:
            yield connection
        except Exception:
            self.give(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self.give(connection)

    def repeat(self, work: Callable[[Connection], _Result], database: str) -> _Result:
        """Do what may be done twice: again, on a new connection, when it was lost or clashed.

        Raises:
            UnavailableError: it went on for RETRY_SECONDS.
        """

        def once() -> _Result:
            with self.one(database) as connection:
                return work(connection)

        return self.insist(once)

    def insist(self, work: Callable[[], _Result]) -> _Result:
        """Do what may be done twice and takes its connections itself; see repeat."""
        pause, until = _FIRST_PAUSE, 0.0
        while True:
            try:
                return work()
            except (LostError, ClashError, UnreachableError):
                self._drop_idle()  # they were lost with it
                until = until or time.monotonic() + RETRY_SECONDS
                if time.monotonic() + pause > until:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def close(self) -> None:
        """Close what is idle; connections that are lent are closed when they come back."""
        with self._lock:
            self._closed = True
        self._drop_idle()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
