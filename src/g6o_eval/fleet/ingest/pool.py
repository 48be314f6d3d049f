"""Reads sources in several processes, in order, never far ahead of the one who takes what they give."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait

from g6o_eval.errors import G6oError
from g6o_eval.fleet.ingest.reading import Reading, read_source
from g6o_eval.fleet.ingest.source import Source

AHEAD = 4
"""Readings that wait for the writer, for each process: what bounds the memory, and still keeps all busy."""
_COLLECT_AFTER = 100_000
"""Objects that a reading process makes before it looks for cycles; Python's own number is 700."""
POOLED_BYTES = 16_000_000
"""What must be there to read before processes are started; starting one costs as much as reading 2 MB."""


class ReaderKilledError(G6oError):
    """A process that reads was killed from outside; nothing was written."""


@dataclass(frozen=True, slots=True)
class Task:
    """A source to read.

    Attributes:
        source: what to read.
        known: source digest of its last reading.
        size_bytes: how much there is to read.
    """

    source: Source
    known: str | None
    size_bytes: int


def read_all(tasks: Iterable[Task], *, workers: int) -> Iterator[tuple[Task, Reading]]:
    """Yield each task with what its source gave, in their order; 0 workers read in this process.

    Raises:
        ReaderKilledError: a process was killed from outside.
    """
    if not workers:
        for task in tasks:
            yield task, read_source(task.source, task.known)
        return
    # A forked process would share the store's connections.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin) as pool:
        try:
            yield from _in_order(pool, tasks, ahead=workers * AHEAD)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def workers_for(tasks: Iterable[Task]) -> int:
    """Return how many processes are worth it: one for each core, none for little."""
    return (os.cpu_count() or 1) if sum(task.size_bytes for task in tasks) >= POOLED_BYTES else 0


def _in_order(pool: ProcessPoolExecutor, tasks: Iterable[Task], *, ahead: int) -> Iterator[tuple[Task, Reading]]:
    waiting: deque[tuple[Task, Future[Reading]]] = deque()
    for task in tasks:
        with _told(task):
            future = pool.submit(read_source, task.source, task.known)
        waiting.append((task, future))
        if len(waiting) >= ahead:
            yield _first(waiting)
    while waiting:
        yield _first(waiting)


def _first(waiting: deque[tuple[Task, Future[Reading]]]) -> tuple[Task, Reading]:
    task, future = waiting.popleft()
    with _told(task):
        return task, future.result()


@contextmanager
def _told(task: Task) -> Iterator[None]:
    """Say what it means that the processes are gone."""
    try:
        yield
    except BrokenProcessPool:
        raise ReaderKilledError(
            f"a process that reads was killed from outside, as happens when memory runs out, before "
            f"{task.source.session_id!r} was read; nothing was written. Free memory, or import fewer folders at "
            "once, and run it again"
        ) from None


def _begin() -> None:
    """Leave Ctrl-C to the writer, and end with it: a killed writer closes no queue.

    What a reader makes has no cycles, but is much: the collector would look at it again and again.
    """
    gc.set_threshold(_COLLECT_AFTER)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
