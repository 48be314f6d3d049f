"""The meter: counts what reaches an engine, and says stop.

Standard library only: the plugin knows BudgetStop and Exchange without loading dspy.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from g6o_eval.budget import Budget, Spend


class BudgetStop(BaseException):
    """The budget is used up; no further call may start.

    A BaseException, because optimizers swallow every Exception of an evaluation as a score of 0.

    Attributes:
        reason: which limit, and how much of it was used.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call of an engine.

    Attributes:
        messages: (role, text) of what was sent, in order, the system message first.
        answer: what came back; None when the call failed.
        error: type and message of what went wrong, None when nothing did.
    """

    messages: tuple[tuple[str, str], ...]
    answer: str | None
    error: str | None = None


EXCHANGES: contextvars.ContextVar[list[Exchange] | None] = contextvars.ContextVar("g6o_exchanges", default=None)
"""Where engines of this package note what they sent and got, when the context holds a list."""


class Meter:
    """Exact account of LM calls, and the hard stop of a Budget. Safe to share between threads.

    It stands in front of the engine, so each retry and each of n answers is a call of its own.
    The stop is sticky: once a call was refused, every later one is, so that worker threads that
    drain a queue behind the stop cannot spend any more.

    Attributes:
        budget: of all calls that it counts; of the whole, for a part.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        *,
        whole: Meter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count from nothing.

        Args:
            budget: where to stop; only for a meter that is no part.
            whole: the meter that counts these calls too, and stops them.
            clock: seconds.
        """
        assert whole is None or budget is None, "the whole has the budget"
        self.budget: Budget | None = budget if whole is None else whole.budget
        self._whole = whole
        self._clock = clock
        self._lock = threading.Lock()
        self._spend = Spend()
        self._answered: set[str] = set()
        self._started: float | None = None
        self._ended = 0.0
        self._stopped: str | None = None

    def admit(self) -> None:
        """Count a call that is about to reach an engine.

        Raises:
            BudgetStop: it may not; it is not counted.
        """
        if self._whole is not None:
            self._whole.admit()
        with self._lock:
            if self._started is None:
                self._started = self._clock()
            self._ended = self._clock()
            if self._stopped is None and self._whole is None and self.budget is not None:
                self._stopped = self.budget.stop_reason(self._total())
            if self._stopped is not None:
                raise BudgetStop(self._stopped)
            self._spend += Spend(calls=1)

    def book(self, *, model: str | None, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        """Add what an admitted call used, once it ended.

        Args:
            model: what the engine said it is; None when the call failed.
            input_tokens: tokens sent.
            output_tokens: tokens received.
            usd: its price; None when it is not known.
        """
        if self._whole is not None:
            self._whole.book(model=model, input_tokens=input_tokens, output_tokens=output_tokens, usd=usd)
        with self._lock:
            self._ended = self._clock()
            self._spend += Spend(input_tokens=input_tokens, output_tokens=output_tokens, usd=usd)
            if model is not None:
                self._answered.add(model)

    def spend(self) -> Spend:
        """Return what was used so far; seconds from the first call to the end of the last."""
        with self._lock:
            return self._total()

    def answered(self) -> tuple[str, ...]:
        """Return the model names that the engines said they are, sorted."""
        with self._lock:
            return tuple(sorted(self._answered))

    def _total(self) -> Spend:
        seconds = 0.0 if self._started is None else self._ended - self._started
        return self._spend + Spend(seconds=seconds)
