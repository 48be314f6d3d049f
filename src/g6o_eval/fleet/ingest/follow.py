"""Keeps up with sources that are still being written: one commit for each quiet moment, or for each long noise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from g6o_eval.errors import UnavailableError
from g6o_eval.fleet.ingest.report import Report
from g6o_eval.fleet.ingest.source import find_sources
from g6o_eval.fleet.ingest.state import look_at
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.store.port import Store

Looks = frozenset[tuple[str, str]]
"""Session id and stamp of every source that can be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When to look and when to write, in seconds.

    Attributes:
        every: between two looks; a look costs one stat for each file.
        quiet: for so long nothing may have changed before it is written: an agent saves many times a minute.
        at_most: after so long it is written all the same.
    """

    every: float = 1.0
    quiet: float = 2.0
    at_most: float = 30.0


def follow(
    store: Store,
    paths: Sequence[Path],
    *,
    pace: Pace = Pace(),
    wrote: Callable[[Report], None] = lambda report: None,
    lost: Callable[[UnavailableError], None] = lambda error: None,
) -> None:
    """Import what is new, again and again, until KeyboardInterrupt, which comes through.

    `wrote` is called with the report of each run that wrote something, `lost` when the store could
    not be reached: then nothing was written and the next look tries again.

    Raises:
        OSError: a path cannot be listed when it begins.
        DataError: a path holds no sessions when it begins, or a truth file is wrong.
        StoreError: the store said no for another reason than being away.
    """
    watch = Debounce(pace)
    looks = _look(paths)
    while True:
        if watch.due(looks, time.monotonic()):
            try:
                report = ingest(store, paths)
            except UnavailableError as error:
                lost(error)
            else:
                watch.done(looks)
                if report.wrote:
                    wrote(report)
        time.sleep(pace.every)
        with suppress(OSError):  # a folder that is being swapped: the next look finds it
            looks = _look(paths)


class Debounce:
    """Says when something that keeps changing is to be written."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._written: Looks | None = None
        self._seen: Looks | None = None
        self._first_at = self._last_at = 0.0

    def due(self, looks: Looks, at: float) -> bool:
        """Return whether to write what is seen at a time in seconds; the first look always is."""
        if looks == self._written or self._written is None:
            self._seen = looks
            return self._written is None
        if looks != self._seen:
            self._first_at = at if self._seen == self._written else self._first_at
            self._seen, self._last_at = looks, at
        return at - self._last_at >= self._pace.quiet or at - self._first_at >= self._pace.at_most

    def done(self, looks: Looks) -> None:
        """Take note that this was written; what came since is found by the next look."""
        self._written = self._seen = looks


def _look(paths: Sequence[Path]) -> Looks:
    return frozenset((look.source.session_id, look.stamp.text) for look in look_at(find_sources(paths)) if look.stamp)
