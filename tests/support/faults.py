"""Fault points: a process that dies at one statement of its work, and not at some moment."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from g6o_eval.store.statement import Statement

Kill = Callable[[], None]
_DURING_SECONDS = 0.0005


class Faults:
    """Counts the statements of a piece of work, and ends the process at one of them."""

    def __init__(self, at: int | None = None, kill: Kill = lambda: None) -> None:
        self.statements: list[str] = []
        self._at, self._kill, self._start = at, kill, ""

    def set(self, at: int | None, kill: Kill = lambda: None) -> None:
        """Count anew, and end at this statement."""
        self.statements.clear()
        self._at, self._kill, self._start = at, kill, ""

    def at_first(self, start: str, kill: Kill) -> None:
        """End at the next statement that begins so; what others were waited for is forgotten."""
        self._at, self._start, self._kill = None, start, kill

    def __call__(self, statement: str) -> None:
        self.statements.append(statement)
        if len(self.statements) == self._at or (self._start and statement.startswith(self._start)):
            self._start = ""
            self._kill()


def watch_embedded(faults: Faults) -> None:
    """Count what the embedded engine runs from here on in this thread, each row of many included."""

    def see(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is Statement.run.__code__:
            faults(frame.f_locals["self"].sql)

    sys.setprofile(see)


def die_before() -> None:
    """Die before the statement is sent."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_during() -> None:
    """Die half a millisecond from now, when the statement is on its way or at work."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, _DURING_SECONDS)


def in_a_child(work: Callable[[], object]) -> int:
    """Run something in a copy of this process; return by which signal it ended, 0 when by none."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])
