"""Asks a server for what its events did not tell: sessions that were missed, and beginnings that were not heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from g6o_eval.fleet.ingest.mirror import Held, Mirror
from g6o_eval.fleet.ingest.text import identifier
from g6o_eval.fleet.ingest.tool_parts import TASK
from g6o_eval.fleet.ingest.ui import keys_of
from g6o_eval.fleet.live.server import Server

ODD = "element of another schema in the server's answer"
RUNNING_MS = 24 * 3600 * 1000
"""A session that is unfinished for longer, by the server's clock, is not asked for again by itself."""


class Asker:
    """Fills a mirror from a server's answers. What fails is told and tried again after the next connection.

    Attributes:
        asked: answers about a session.
        left_out: reason → how many; of a session those that its last answer did not have.
    """

    def __init__(self, server: Server, mirror: Mirror, *, notice: Callable[[str], None]) -> None:
        self.asked = 0
        self.left_out: Counter[str] = Counter()
        self._server, self._mirror, self._notice = server, mirror, notice
        self._odd: set[str] = set()
        """What was no session, in the words of `keys_of`."""
        self._seen: dict[str, int] = {}
        """Session → its `time.updated` when the server was last asked for it."""
        self._running: set[str] = set()
        """Sessions that were not at an end when the server was last asked for them."""

    def ask(self, session_id: str) -> bool:
        """Ask for all of a session that is held; False when there is no answer, or it is unknown."""
        try:
            messages = self._server.messages(session_id)
        except httpx.HTTPError as error:
            self._failed(session_id, error)
            return False
        self.asked += 1
        if messages is None:
            return False
        self._take(self._mirror.sessions[session_id].info, messages)
        return True

    def missed(self, stopped: Callable[[], bool]) -> Iterator[None]:
        """Ask for every session that the server may know more of, and for their children; yield after each."""
        try:
            waiting = self._infos(self._server.sessions())
        except httpx.HTTPError as error:
            self._failed("the list of sessions", error)
            return
        newest = max(map(_updated, waiting), default=0)
        met: set[str] = set()
        while waiting and not stopped():
            info = waiting.pop()
            if str(info["id"]) not in met and self._is_behind(info, newest=newest):
                waiting += self._learn(info)
                yield
            met.add(str(info["id"]))

    def _is_behind(self, info: Mapping[str, Any], *, newest: int) -> bool:
        """Say whether the server may know more of a session.

        `time.updated` is that of its last prompt: one that is not at an end goes on without a new one. One
        that is unfinished for a day was given up.
        """
        session_id, updated = str(info["id"]), _updated(info)
        if self._seen.get(session_id) != updated:
            return True
        held = self._mirror.sessions.get(session_id)
        running = session_id in self._running if held is None else not held.settled
        return running and updated > newest - RUNNING_MS

    def _learn(self, info: dict[str, Any]) -> list[dict[str, Any]]:
        """Take in one session as the server has it; return the `info` of its children."""
        session_id = str(info["id"])
        try:
            messages = self._server.messages(session_id)
            may_have = session_id not in self._seen or _has_task(messages or ())
            children = self._infos(self._server.children(session_id) if may_have else ())
        except httpx.HTTPError as error:
            self._failed(session_id, error)
            return []
        self.asked += 1
        if messages is not None:
            held = self._take(info, messages)
            self._seen[session_id] = _updated(info)
            (self._running.discard if held.settled else self._running.add)(session_id)
        return children

    def _take(self, info: Mapping[str, Any], messages: Sequence[object]) -> Held:
        known = self._mirror.sessions.get(str(info["id"]))
        before = len(known.odd) if known is not None else 0
        held = self._mirror.learn(info, messages)
        self.left_out[ODD] += max(0, len(held.odd) - before)
        return held

    def _infos(self, found: Iterable[object]) -> list[dict[str, Any]]:
        """Return what is a session's `info`; the rest is counted, once."""
        infos = []
        for each in found:
            if isinstance(each, dict) and identifier(each.get("id")) is not None:
                infos.append(each)
            elif (said := keys_of(each)) not in self._odd:
                self._odd.add(said)
                self.left_out[ODD] += 1
        return infos

    def _failed(self, what: str, error: httpx.HTTPError) -> None:
        self._notice(f"could not ask for {what!r}: {type(error).__name__}: {error}")


def _has_task(messages: Sequence[object]) -> bool:
    found = (message.get("parts") for message in messages if isinstance(message, dict))
    parts = (part for some in found if isinstance(some, list) for part in some)
    return any(isinstance(part, dict) and part.get("tool") == TASK for part in parts)


def _updated(info: Mapping[str, Any]) -> int:
    found = info.get("time")
    updated = found.get("updated") if isinstance(found, dict) else None
    return int(updated) if isinstance(updated, int | float) else 0
