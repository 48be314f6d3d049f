"""The one compile loop: proposals in, the best on dev out. It never sees the test split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dspy

from g6o_eval.budget import Spend
from g6o_eval.dataset import group_of, key_of
from g6o_eval.errors import DataError, DeclarationError
from g6o_eval.eval import Eval
from g6o_eval.lm.meter import BudgetStop, Meter
from g6o_eval.optimize.bootstrap import propose
from g6o_eval.optimize.guidance import propose_guidance
from g6o_eval.optimize.proposal import Proposal
from g6o_eval.optimizer import Bootstrap
from g6o_eval.predict import Predicted, predict_all
from g6o_eval.prompt.state import dump_program
from g6o_eval.score import Scores
from g6o_eval.store.examples import Splits

HAND_WRITTEN = "hand-written"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One program that was scored on the whole dev split.

    Attributes:
        name: of the proposal: "hand-written", "3: 5 own, 2 labelled".
        mean: over the dev groups, in [0, 1], an error counting 0; None: no example got a score.
        n: dev examples.
        errors: dev examples without a score.
        problem: the first error, as an example of them; None without one.
    """

    name: str
    mean: float | None
    n: int
    errors: int
    problem: str | None = None

    def __str__(self) -> str:
        mean = "no score" if self.mean is None else f"{self.mean:.3f}"
        errors = f", {self.errors} errors: {self.problem}" if self.errors else ""
        return f"{self.name}: {mean} on {self.n} dev examples{errors}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What a compile came to.

    Attributes:
        program: the best one on dev; the hand-written one when nothing was better.
        trials: every program that was scored, in order, the hand-written first.
        spend: of the whole compile.
        stopped: why it ended early, with the best so far; None when it went through.
        changed: whether the program is another than the hand-written one.
    """

    program: Any
    trials: tuple[Trial, ...]
    spend: Spend
    stopped: str | None
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a compile may use.

    Attributes:
        lm: what the program runs with; its calls go through the meter.
        meter: of this compile alone.
        concurrency: predictions in flight.
        progress: shows one line to a person.
    """

    lm: Any
    meter: Meter
    concurrency: int
    progress: Progress = lambda line: None


@dataclass(slots=True)
class _Search:
    """The state of one compile."""

    spec: Eval
    means: Means
    best: Any
    best_mean: float = 0.0

    def predict(self, program: Any, examples: Sequence[dspy.Example]) -> list[Predicted]:
        return predict_all(self.spec, program, examples, lm=self.means.lm, concurrency=self.means.concurrency)

    def run(self, splits: Splits) -> Iterator[Trial]:
        """Score the hand-written program, then each new proposal, keeping the best so far."""
        hand_written = self.best
        seen = {dump_program(self.spec, hand_written)}
        trial = self._try(Proposal(HAND_WRITTEN, hand_written), splits.dev)
        self.best_mean = trial.mean or 0.0
        yield trial
        for proposal in self._proposals(hand_written, splits.train):
            state = dump_program(self.spec, proposal.program)
            if state in seen:
                self.means.progress(f"{proposal.name}: the same program as one before, not scored again")
                continue
            seen.add(state)
            trial = self._try(proposal, splits.dev)
            # Above, not equal: a tie goes to the earlier one, which is the simpler one.
            if trial.mean is not None and trial.mean > self.best_mean:
                self.best, self.best_mean = proposal.program, trial.mean
            yield trial

    def _proposals(self, program: Any, train: Sequence[dspy.Example]) -> Iterator[Proposal]:
        settings = self.spec.optimizer
        assert settings is not None
        if isinstance(settings, Bootstrap):
            return propose(self.spec, settings, program, train, run=self.predict)
        return propose_guidance(self.spec, settings, program, best=lambda: self.best)

    def _try(self, proposal: Proposal, dev: Sequence[dspy.Example]) -> Trial:
        results = self.predict(proposal.program, dev)
        scores = Scores(
            {result.key: (result.score,) for result in results}, {key_of(example): group_of(example) for example in dev}
        )
        problems = [result.score.error for result in results if result.score.error is not None]
        trial = Trial(
            name=proposal.name,
            mean=None if scores.errors == len(scores) else scores.mean,
            n=len(scores),
            errors=scores.errors,
            problem=problems[0] if problems else None,
        )
        self.means.progress(str(trial))
        return trial


def compile_program(spec: Eval, program: Any, splits: Splits, *, means: Means) -> Compiled:
    """Search for a better program within the meter's budget.

    Args:
        spec: the Eval, with an optimizer.
        program: the hand-written program, its constraints written in.
        splits: train gives demos, dev chooses; test is not read.
        means: what it may use.

    Raises:
        DeclarationError: the Eval has no optimizer.
        DataError: train or dev has no example.
        SecretError: a demo would hold a secret.
    """
    _check(spec, splits)
    say = means.progress
    say(_expected(spec, program, splits))
    search = _Search(spec, means, program)
    trials: list[Trial] = []
    stopped = None
    try:
        for trial in search.run(splits):
            trials.append(trial)  # one by one: what was scored before a stop is kept
    except BudgetStop as stop:
        stopped = stop.reason
        say(f"stopped: {stopped}; the best so far is kept")
    changed = search.best is not program
    say(_outcome(trials, search.best_mean, changed=changed))
    return Compiled(
        program=search.best, trials=tuple(trials), spend=means.meter.spend(), stopped=stopped, changed=changed
    )


def _check(spec: Eval, splits: Splits) -> None:
    if spec.optimizer is None:
        raise DeclarationError(f"eval {spec.name!r} has no optimizer, so it cannot be compiled")
    for split, examples in (("train", splits.train), ("dev", splits.dev)):
        if not examples:
            raise DataError(f"eval {spec.name!r} has no examples in split {split!r}, so it cannot be compiled")


def _expected(spec: Eval, program: Any, splits: Splits) -> str:
    assert spec.optimizer is not None
    predictors = len(program.named_predictors())
    train = len(splits.train) if isinstance(spec.optimizer, Bootstrap) else 0
    runs = train + len(splits.dev) * (1 + spec.optimizer.candidates)
    return f"compiling: at most {runs:,} predictions, about {runs * predictors:,} calls, capped by {spec.budget}"


def _outcome(trials: Sequence[Trial], best_mean: float, *, changed: bool) -> str:
    if changed:
        return f"changed: {best_mean:.3f} on dev, hand-written {trials[0].mean or 0.0:.3f}"
    if not trials or trials[0].mean is None:
        return "no change: the hand-written program got no score on dev"
    return f"no change: none of {len(trials) - 1} proposals beat the hand-written program's {best_mean:.3f} on dev"
