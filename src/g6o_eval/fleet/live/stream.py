"""The stream of events as a queue: a thread reads it, comes back after every cut, and waits when nobody takes."""

from __future__ import annotations

import random
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from httpx_sse import SSEError

from g6o_eval.errors import UnavailableError
from g6o_eval.fleet.live.events import EVENT_CHARS, TooLong, read_events
from g6o_eval.fleet.live.server import Server

BACKLOG_CHARS = 32_000_000
"""Most text that waits to be taken: beyond it the socket is left full, and the server waits."""
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 30.0
"""Pause after the first failure in a row, and the longest. A server's `retry:` replaces the first."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The stream was opened, for the first time or again: what was missed can be asked for."""


@dataclass(frozen=True, slots=True)
class Ended:
    """No more will come; with the reason, when it is a failure that trying again cannot mend."""

    error: Exception | None = None


Item = str | TooLong | Connected | Ended
"""A str is the data of one event."""


class Backlog:
    """Items on their way from the thread that reads to the one that writes."""

    def __init__(self, limit: int = BACKLOG_CHARS) -> None:
        self._limit, self._size = limit, 0
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item) -> bool:
        """Add an item, waiting for room; False when nobody will take it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._size < self._limit)
            self._items.append(item)
            self._size += _size(item)
            self._changed.notify_all()
            return not self._closed

    def take(self, timeout_seconds: float, *, most: int) -> list[Item]:
        """Return what waits, at most so many; [] when nothing came in time."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items) or self._closed, timeout_seconds)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._size -= sum(map(_size, taken))
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Stream:
    """A thread that reads a server's events into a backlog until it is closed."""

    def __init__(
        self,
        server: Server,
        *,
        notice: Callable[[str], None],
        first_seconds: float = FIRST_SECONDS,
        seed: int = 0,
        event_chars: int = EVENT_CHARS,
    ) -> None:
        self.backlog = Backlog()
        self.connections = self.failures = 0
        self._server, self._notice, self._most = server, notice, event_chars
        self._first, self._in_a_row, self._last_id = first_seconds, 0, ""
        self._random = random.Random(seed)  # noqa: S311 # pauses are no secret
        self._stop = threading.Event()
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """End it, also in the middle of a read."""
        self._stop.set()
        self.backlog.close()
        if (response := self._response) is not None:
            _hang_up(response)
        self._thread.join(timeout=2)

    def pause_seconds(self) -> float:
        """Return how long to wait before the next attempt: twice as long each time, and never all at once."""
        longest = min(LONGEST_SECONDS, self._first * 2.0 ** max(0, self._in_a_row - 1))
        return self._random.uniform(longest / 2, longest)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
                said = "the server closed the stream"
            except UnavailableError as error:
                self.backlog.put(Ended(error))
                return
            except (httpx.HTTPError, SSEError, OSError, RuntimeError) as error:
                said = f"{type(error).__name__}: {error}"  # RuntimeError: the client was closed meanwhile
            self._response = None
            self.failures += 1
            self._in_a_row += 1
            pause = self.pause_seconds()
            if not self._stop.is_set():
                self._notice(f"lost the events of {self._server.url} ({said}); again in {pause:.1f} s")
            self._stop.wait(pause)
        self.backlog.put(Ended())

    def _listen(self) -> None:
        with self._server.events(self._last_id) as response:
            self._response = response
            self.connections += 1
            self.backlog.put(Connected())
            for event in read_events(response.iter_text(), most=self._most):
                self._in_a_row = 0
                if isinstance(event, TooLong):
                    self.backlog.put(event)
                    continue
                self._last_id = event.id
                if event.retry_ms is not None:
                    self._first = min(LONGEST_SECONDS, max(0.01, event.retry_ms / 1000))
                if event.data and not self.backlog.put(event.data):
                    return


def _size(item: Item) -> int:
    if isinstance(item, TooLong):
        return len(item.head) + 100
    return len(item) + 100 if isinstance(item, str) else 100


def _hang_up(response: httpx.Response) -> None:
    """Wake a thread that waits for more of a response."""
    stream = response.extensions.get("network_stream")
    found = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(found, socket.socket):
        try:
            found.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was down already
