"""Eval: the declaration. Everything about one program that is judged, in one value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from g6o_eval.budget import Budget
from g6o_eval.constraint import Constraint
from g6o_eval.dataset import Dataset
from g6o_eval.errors import DeclarationError
from g6o_eval.gate import Gate
from g6o_eval.optimizer import Optimizer
from g6o_eval.score import Score

Metric = Callable[[Any, Any], float | bool | Score]
Publish = Callable[[Any], Mapping[str, str]]
Adapter = Literal["chat", "json"]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_PROMPT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Eval:
    """One program, its Examples, how it is scored, and what it must reach.

    Attributes:
        name: the folder under snapshots/, the key of the ledger; `[a-z][a-z0-9_-]*`.
        program: makes the hand-written program, a new one at each call.
        dataset: its Examples.
        metric: (example, prediction) → float in [0, 1], bool or Score; it must look at the prediction.
        gate: what a candidate must reach to go live.
        prompt_id: under which consumers read the prompt; needed unless `publish` is given.
        constraints: rules that are written into the prompt and checked on the output.
        optimizer: how `--compile` searches; None: the program is hand-written for good.
        budget: of one compile, and again of the judging after it; needed with an optimizer.
        publish: (program) → {prompt_id: text}, pure; default: the rendered messages under prompt_id.
        adapter: how DSPy writes the messages.
        timeout_seconds: of one prediction.
    """

    name: str
    program: Callable[[], Any]
    dataset: Dataset
    metric: Metric
    gate: Gate
    prompt_id: str | None = None
    constraints: tuple[Constraint, ...] = ()
    optimizer: Optimizer | None = None
    budget: Budget | None = None
    publish: Publish | None = None
    adapter: Adapter = "chat"
    timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DeclarationError(f"Eval name {self.name!r} must match {_NAME.pattern}")
        self._check_callables()
        self._check_prompt_id()
        self._check_constraints()
        if self.optimizer is not None and self.budget is None:
            raise self._wrong("an optimizer needs a budget, for example Budget(calls=400)")
        if not (math.isfinite(self.timeout_seconds) and self.timeout_seconds > 0):
            raise self._wrong(f"timeout_seconds must be above 0, got {self.timeout_seconds!r}")

    def _check_callables(self) -> None:
        for name in ("program", "metric", "publish"):
            value = getattr(self, name)
            if not callable(value) and not (name == "publish" and value is None):
                raise self._wrong(f"{name} must be callable, got {value!r}")

    def _check_prompt_id(self) -> None:
        if (self.prompt_id is None) == (self.publish is None):
            raise self._wrong("give either prompt_id or publish, so that consumers can read the prompt")
        if self.prompt_id is not None:
            check_prompt_id(self.prompt_id, eval_name=self.name)

    def _check_constraints(self) -> None:
        names = [constraint.name for constraint in self.constraints]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise self._wrong(f"constraint names stand twice: {', '.join(twice)}")
        for constraint in self.constraints:
            if unknown := sorted(set(constraint.check.inputs) - set(self.dataset.inputs)):
                raise self._wrong(
                    f"constraint {constraint.name!r} looks at {', '.join(unknown)}, which the program is not given; "
                    f"its inputs are {', '.join(self.dataset.inputs)}"
                )

    def _wrong(self, what: str) -> DeclarationError:
        return DeclarationError(f"eval {self.name!r}: {what}")


def check_prompt_id(prompt_id: str, *, eval_name: str) -> None:
    """Raise DeclarationError unless the id fits the readers' column: 1 to 200 of `[A-Za-z0-9_.:-]`."""
    if not _PROMPT_ID.fullmatch(prompt_id):
        raise DeclarationError(f"eval {eval_name!r}: prompt id {prompt_id!r} must match {_PROMPT_ID.pattern}")
