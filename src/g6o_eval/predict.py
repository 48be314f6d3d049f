"""Predict and score many Examples concurrently. Errors are data; a budget stop is not an error.

Daemon threads from a queue, not a ThreadPoolExecutor: that joins its threads at exit, so Ctrl-C
would wait for every LM call in flight.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import dspy

from g6o_eval.constraint import Assert
from g6o_eval.dataset import key_of
from g6o_eval.eval import Eval
from g6o_eval.lm.meter import EXCHANGES, BudgetStop, Exchange
from g6o_eval.lm.roles import JUDGE
from g6o_eval.prompt.repeat import repeating_adapter
from g6o_eval.score import Score, to_score

Written = list[tuple[str, str]]
SINK: contextvars.ContextVar[Written | None] = contextvars.ContextVar("g6o_sink", default=None)
"""What the prediction made in this context printed and logged: (stream, text)."""

_TICK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Predicted:
    """One prediction and its score.

    Attributes:
        key: of the example.
        prediction: what the program returned; None when it raised.
        score: of the prediction; carries the error when there is no value.
        seconds: of the program alone, without the metric.
        error: what the program raised, or BudgetStop when it was not asked any more.
        trace: (predictor, inputs, outputs) of every LM call of the program, in order.
        exchanges: what was sent to the engine and what it answered.
        written: what the program and the metric printed and logged.
    """

    key: str
    prediction: Any | None
    score: Score
    seconds: float = 0.0
    error: BaseException | None = None
    trace: list[Any] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    written: Written = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Side:
    """A program with the LM that it is run with, and the one that its metric may ask."""

    spec: Eval
    program: Any
    lm: Any
    judge: Any | None = None
    adapter: Any = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Make the adapter of all its calls."""
        object.__setattr__(self, "adapter", repeating_adapter(self.spec.adapter))

    def predict(self, example: dspy.Example) -> Predicted:
        """Run the program on one example and score what it says."""
        trace: list[Any] = []
        exchanges: list[Exchange] = []
        written: Written = []
        SINK.set(written)
        EXCHANGES.set(exchanges)
        JUDGE.set(self.judge)
        start = time.perf_counter()
        prediction, error = None, None
        try:
            with dspy.context(lm=self.lm, adapter=self.adapter, trace=trace, callbacks=[], disable_history=True):
                prediction = self.program(**example.inputs())  # type: ignore[no-untyped-call]  # dspy is untyped
        except Exception as caught:  # noqa: BLE001  # whatever a user's program raises is this example's error
            error = caught
        seconds = time.perf_counter() - start
        score = score_of(self.spec, example, prediction) if error is None else Score(error=describe(error))
        return Predicted(key_of(example), prediction, score, seconds, error, trace, exchanges, written)


def score_of(spec: Eval, example: dspy.Example, prediction: Any) -> Score:
    """Score one prediction: the metric's value, unless it breaks an Assert; broken clauses in the feedback."""
    try:
        score = to_score(spec.metric(example, prediction))
    except Exception as error:  # noqa: BLE001  # a metric that raises has no score, whatever it raised
        return Score(error=f"the metric raised {describe(error)}")
    broken = [(c, problem) for c in spec.constraints if (problem := c.check.problem(prediction, example)) is not None]
    if score.value is None or not broken:
        return score
    names = tuple(c.name for c, _ in broken if isinstance(c, Assert))
    said = " ".join(f"Broken: {c.clause} ({problem})." for c, problem in broken)
    return Score(0.0 if names else score.value, feedback=f"{score.feedback} {said}".strip(), broken=names)


def describe(error: BaseException) -> str:
    """Return type and message of an error, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


class Call:
    """A prediction that is wanted: made once, whoever asks and however often."""

    __slots__ = ("_done", "abandoned", "example", "result", "side", "started")

    def __init__(self, side: Side, example: dspy.Example) -> None:
        self.side, self.example = side, example
        self.started: float | None = None
        self.abandoned = False
        self.result: Predicted | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def settle(self, result: Predicted) -> None:
        """Take the first result offered; later ones (of a call that timed out) are dropped."""
        if self.result is None:
            self.result = result
            self._done.release()

    def refuse(self, error: BaseException) -> None:
        """Settle without a prediction."""
        self.settle(Predicted(key_of(self.example), None, Score(error=describe(error)), error=error))

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for the result; Ctrl-C and SIGALRM interrupt it in the main thread."""
        if self.result is None and self._done.acquire(timeout=seconds):
            self._done.release()
        return self.result is not None


class Ahead:
    """Makes calls ahead of whoever wants them: in the order given, so many at a time.

    Attributes:
        concurrency: calls in flight at most; a call that timed out does not count any more.
        limit: results nobody has asked for yet at most, so that `-x` has not paid for everything. Once it is
            reached, calls start again when half of them were asked for: a thread that sleeps after each call
            of its own doubles what the threads cost.
    """

    def __init__(self, concurrency: int, *, limit: int | None = None) -> None:
        self.concurrency = concurrency
        self.limit = max(4 * concurrency, 256) if limit is None else limit
        self._todo: deque[Call] = deque()
        self._urgent: Call | None = None
        self._unclaimed = 0
        self._paused = False
        self._workers = 0
        self._stopped: BaseException | None = None
        self._change = threading.Condition()
        self._context = contextvars.copy_context()

    def add(self, calls: Iterable[Call]) -> None:
        """Queue calls and start as many threads as they need."""
        with self._change:
            self._todo.extend(calls)
            self._hire(min(self.concurrency - self._workers, len(self._todo)))

    def result(self, call: Call) -> Predicted:
        """Return a queued call's result, waiting for it at most `Eval.timeout_seconds` from its start."""
        if call.started is None:
            with self._change:
                self._urgent = call
                self._resume()
                self._change.notify()
        allowed = call.side.spec.timeout_seconds
        while not call.wait(self._patience(call, allowed)):
            if call.started is not None and time.monotonic() - call.started >= allowed:
                self._give_up(call, allowed)
        with self._change:
            self._unclaimed -= 1
            if self._unclaimed <= self.limit // 2:
                self._resume()
        assert call.result is not None
        return call.result

    def stop(self, reason: BaseException) -> None:
        """Start nothing more; calls that did not start are settled with the reason."""
        with self._change:
            self._stopped = reason
            waiting, self._todo = list(self._todo), deque()
            self._change.notify_all()
        for call in waiting:
            call.refuse(reason)

    def _resume(self) -> None:
        """Let calls start again: half of what was made ahead was asked for, or what is asked for was not made."""
        if self._paused and self._unclaimed < self.limit:
            self._paused = False
            self._change.notify_all()

    def _is_full(self) -> bool:
        self._paused = self._paused or self._unclaimed >= self.limit
        return self._paused

    def _patience(self, call: Call, allowed: float) -> float:
        if call.started is None:
            return _TICK_SECONDS
        return max(0.0, min(allowed, call.started + allowed - time.monotonic()))

    def _give_up(self, call: Call, allowed: float) -> None:
        call.refuse(TimeoutError(f"no answer within {allowed:g} seconds (Eval.timeout_seconds)"))
        with self._change:  # its thread is still busy with it, and ends after it
            call.abandoned = True
            self._workers -= 1
            self._hire(1 if self._todo else 0)

    def _hire(self, count: int) -> None:
        self._workers += max(0, count)
        for _ in range(count):
            threading.Thread(target=self._work, name="g6o-predict", daemon=True).start()

    def _work(self) -> None:
        while (call := self._take()) is not None:
            self._context.copy().run(self._make, call)
            with self._change:
                if call.abandoned:
                    return

    def _take(self) -> Call | None:
        with self._change:
            while self._todo and self._urgent is None and self._is_full():
                self._change.wait()
            if not self._todo:
                self._workers -= 1
                return None
            call = self._pick()
            call.started = time.monotonic()
            self._unclaimed += 1
            return call

    def _pick(self) -> Call:
        urgent, self._urgent = self._urgent, None
        if urgent is not None and urgent.started is None and urgent in self._todo:
            self._todo.remove(urgent)
            return urgent
        return self._todo.popleft()

    def _make(self, call: Call) -> None:
        try:
            call.settle(call.side.predict(call.example))
        except BudgetStop as stop:  # never an Exception: optimizers and metrics swallow those
            call.refuse(stop)
            self.stop(stop)
        except BaseException as error:  # noqa: BLE001  # SystemExit of a user's program must not kill the thread unseen
            call.refuse(error)


def predict_all(
    spec: Eval, program: Any, examples: Sequence[dspy.Example], *, lm: Any, concurrency: int
) -> list[Predicted]:
    """Predict and score examples, in the order given.

    Raises:
        BudgetStop: the LM's meter said no; what was in flight is dropped.
    """
    side = Side(spec, program, lm)
    calls = [Call(side, example) for example in examples]
    ahead = Ahead(concurrency, limit=len(calls))
    ahead.add(calls)
    with stopping(ahead):
        results = [ahead.result(call) for call in calls]
    for result in results:
        if isinstance(result.error, BudgetStop):
            raise result.error
    return results


@contextlib.contextmanager
def stopping(ahead: Ahead) -> Iterator[None]:
    """Start no further call once the block is left by an exception, Ctrl-C among them."""
    try:
        yield
    except BaseException as error:
        ahead.stop(error)
        raise
