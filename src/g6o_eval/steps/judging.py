"""The judging of one Eval in this process: made ready once, then one prediction per example and side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g6o_eval.budget import Spend
from g6o_eval.dataset import group_of, key_of
from g6o_eval.errors import G6oError, RoleError
from g6o_eval.eval import Eval
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.roles import build_lm
from g6o_eval.predict import Ahead, Call, Predicted, Side
from g6o_eval.prompt.publish import prompt_text
from g6o_eval.run import Subject
from g6o_eval.steps.baseline import Baseline, baseline_of
from g6o_eval.steps.candidate import PROMPT_FILE, Candidate, candidate_of, compiled, hand_written
from g6o_eval.steps.subject import subject_of
from g6o_eval.store.examples import Splits
from g6o_eval.store.port import Store

if TYPE_CHECKING:
    from g6o_eval.optimize.search import Compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all Evals of a session are judged under.

    Attributes:
        root: of the checkout.
        store: where Examples are read and the live artifact stands.
        at: the revision the Examples are read at, the same for every process of the session.
        models: role → model asked for.
        concurrency: predictions in flight per Eval.
        compile: whether each Eval is compiled first.
        baseline_ref: "git:<ref>", or None for the live artifact.
        say: shows one line of progress to a person.
    """

    root: Path
    store: Store
    at: str
    models: Mapping[str, str]
    concurrency: int
    compile: bool
    baseline_ref: str | None
    say: Callable[[str], None]

    @property
    def snapshots(self) -> Path:
        """The folder with one folder per Eval."""
        return self.root / "snapshots"


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one example: the candidate's prediction, and the baseline's when it was run."""

    candidate: Predicted
    baseline: Predicted | None


@dataclass(slots=True)
class Ready:
    """An Eval that can be predicted."""

    candidate: Candidate
    baseline: Baseline
    subject: Subject
    sides: tuple[Side, ...]
    ahead: Ahead
    compiled: Compiled | None
    pairs: dict[str, tuple[Call, ...]] = field(default_factory=dict)


class Judging:
    """One Eval in this process.

    Attributes:
        spec: the Eval.
        test_files: whose tests carry its marker.
        conditions: of the session.
        splits: its Examples.
        meter: counts the calls of judging.
        asked: role → the part of these calls that went to its model.
        compile_meter: counts those of the compile before it.
    """

    def __init__(self, spec: Eval, conditions: Conditions, splits: Splits, *, test_files: Sequence[Path]) -> None:
        self.spec, self.splits, self.test_files = spec, splits, tuple(test_files)
        self.meter = Meter(spec.budget)
        self.asked = {role: Meter(whole=self.meter) for role in ("task", "judge")}
        self.compile_meter = Meter(spec.budget)
        self.conditions = conditions
        self._examples = {key_of(example): example for example in splits.test}
        self._ready: Ready | None = None
        self._started = False
        self._failed: G6oError | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the test split, in order."""
        return tuple(self._examples)

    @property
    def groups(self) -> dict[str, str]:
        """Key → group over the test split."""
        return {key: group_of(example) for key, example in self._examples.items()}

    def candidate(self) -> Candidate:
        """Return the program that is judged, without judging it: no LM call, unless it is compiled here."""
        if self.conditions.compile:
            return self.ready().candidate
        return candidate_of(self.spec, self.conditions.snapshots)

    def ready(self) -> Ready:
        """Compile if asked, load the baseline, and say what the verdict is about; once.

        Raises:
            G6oError: it cannot be judged; the same error at every call.
        """
        if self._failed is not None:
            raise self._failed.with_traceback(None)  # or it would grow at every call
        if self._ready is None:
            try:
                self._ready = self._make_ready()
            except G6oError as error:
                self._failed = error
                raise
        return self._ready

    def start(self, keys: Sequence[str]) -> None:
        """Queue the predictions of these examples, candidate and baseline in turn."""
        ready = self.ready()
        self._started = True
        self._announce_cost(len(keys) * len(ready.sides))
        fresh = {key: tuple(Call(side, self._examples[key]) for side in ready.sides) for key in keys}
        ready.pairs.update(fresh)
        ready.ahead.add(call for calls in fresh.values() for call in calls)

    def settled(self, key: str) -> Settled:
        """Wait for an example's predictions and return them."""
        ready = self.ready()
        if key not in ready.pairs:
            self.start([key])
        results = [ready.ahead.result(call) for call in ready.pairs[key]]
        return Settled(results[0], results[1] if len(results) > 1 else None)

    def made(self, key: str) -> bool:
        """Whether an example's predictions are there, so that asking for them does not wait."""
        calls = None if self._ready is None else self._ready.pairs.get(key)
        return calls is not None and all(call.result is not None for call in calls)

    def forget(self, key: str) -> None:
        """Let go of an example's predictions."""
        self.ready().pairs.pop(key, None)

    @property
    def problem(self) -> str | None:
        """Why it cannot be judged; None as long as nothing speaks against it."""
        return None if self._failed is None else str(self._failed)

    @property
    def idle(self) -> bool:
        """Whether no prediction was queued yet."""
        return not self._started

    def announcement(self) -> dict[str, Any]:
        """Return, as JSON, what the verdict is about and what was compiled: said once per process."""
        ready = self.ready()
        prompt = self.conditions.snapshots / self.spec.name / PROMPT_FILE
        text = prompt_text(self.spec, ready.candidate.program)
        return {
            "subject": ready.subject.to_json(),
            "keys": list(self.keys),
            "groups": self.groups,
            "two_sided": len(ready.sides) > 1,
            "baseline_problem": ready.baseline.problem,
            "program": ready.candidate.text,
            "prompt": text,
            "budget": None if self.spec.budget is None else [self.spec.budget.usd, self.spec.budget.calls],
            "prompt_changed": not prompt.exists() or prompt.read_text(encoding="utf-8") != text,
            "compile": None if ready.compiled is None else _compile_facts(ready.compiled),
        }

    def stop(self) -> None:
        """Start no further call."""
        if self._ready is not None:
            self._ready.ahead.stop(KeyboardInterrupt("the session ended"))

    def spend(self) -> Spend:
        """Return what judging used so far."""
        return self.meter.spend()

    def _make_ready(self) -> Ready:
        conditions, spec = self.conditions, self.spec
        if "task" not in conditions.models:
            raise RoleError(
                "no model plays the role task. Say --eval-lm task=MODEL (offline, openai/gpt-4o-mini …), "
                "or set g6o_lm = task=MODEL in the pytest ini file"
            )
        lm = build_lm(conditions.models["task"], role="task", meter=self.asked["task"])
        result, candidate = self._compile() if conditions.compile else (None, candidate_of(spec, conditions.snapshots))
        baseline = baseline_of(spec, conditions.store, root=conditions.root, ref=conditions.baseline_ref)
        subject = subject_of(
            spec,
            self.test_files,
            candidate=candidate,
            baseline=baseline,
            splits=self.splits,
            models=conditions.models,
        )
        programs: list[Any] = [candidate.program]
        if (
            baseline.program is not None
            and baseline.digest != candidate.program_digest
            and spec.gate.max_drop is not None
        ):
            programs.append(baseline.program)
        judge = conditions.models.get("judge")
        judge_lm = None if judge is None else build_lm(judge, role="judge", meter=self.asked["judge"])
        sides = tuple(Side(spec, program, lm, judge_lm) for program in programs)
        return Ready(candidate, baseline, subject, sides, Ahead(conditions.concurrency), result)

    def _compile(self) -> tuple[Compiled | None, Candidate]:
        if self.spec.optimizer is None:
            self.conditions.say(f"{self.spec.name}: nothing to compile: the Eval has no optimizer")
            return None, hand_written(self.spec)
        from g6o_eval.optimize.search import Means, compile_program  # a session without --compile needs none of it

        meter = self.compile_meter
        lm = build_lm(self.conditions.models["task"], role="task", meter=meter)
        result = compile_program(
            self.spec,
            hand_written(self.spec).program,
            self.splits,
            means=Means(
                lm=lm,
                meter=meter,
                concurrency=self.conditions.concurrency,
                progress=lambda line: self.conditions.say(f"{self.spec.name}: {line}"),
            ),
        )
        return result, compiled(self.spec, result.program)

    def _announce_cost(self, calls: int) -> None:
        model = self.conditions.models["task"]
        cap = "no cap" if self.spec.budget is None else f"cap {self.spec.budget}"
        self.conditions.say(f"{self.spec.name}: judging with {model}: at least {calls} calls, {cap}")


def _compile_facts(result: Compiled) -> dict[str, Any]:
    return {
        "spend": result.spend.to_json(),
        "stopped": result.stopped,
        "changed": result.changed,
        "trials": len(result.trials),
    }
