"""Recovery: the text that an agent gets which takes over from a stopped session, one per category.

What is optimized and published is that text; the program's output is the plan that an agent makes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import dspy

from g6o_eval.budget import Budget
from g6o_eval.constraint import Assert, Suggest, check
from g6o_eval.dataset import Dataset, Shares
from g6o_eval.eval import Eval
from g6o_eval.fleet.agent_text import check_text
from g6o_eval.fleet.diagnosis import CATEGORIES, DiagnosisCategory
from g6o_eval.fleet.programs.recovery_guide import PARTS, facts_of, lines_of
from g6o_eval.fleet.programs.recovery_metric import (
    MAX_STEPS,
    MAX_WORDS,
    MIN_STEPS,
    RecoveryMetric,
    leftovers,
    texts_of,
)
from g6o_eval.fleet.programs.recovery_template import SUGGESTED, TEMPLATES, placeholders_in
from g6o_eval.gate import Gate
from g6o_eval.optimizer import Guidance

# ── Signatures: one shape, and what single categories are told beside it ──


class Recover(dspy.Signature):  # type: ignore[metaclass]  # dspy says one of its own
    """Plan how to take over from a stopped session."""

    summary: str = dspy.InputField(desc="what was found wrong")  # type: ignore[no-untyped-call]
    suggested_action: str = dspy.InputField(desc="what the diagnosis suggests")  # type: ignore[no-untyped-call]
    tool_activity: str = dspy.InputField(desc="one line per tool")  # type: ignore[no-untyped-call]
    task: str = dspy.InputField(desc="what the session was asked")  # type: ignore[no-untyped-call]
    repeated: str = dspy.InputField(desc="the call it made again and again")  # type: ignore[no-untyped-call]
    files: str = dspy.InputField(desc="the files it touched")  # type: ignore[no-untyped-call]
    limits: str = dspy.InputField(desc="of this run")  # type: ignore[no-untyped-call]
    kill_reason: str = dspy.InputField(desc="how it was stopped")  # type: ignore[no-untyped-call]
    first_steps: list[str] = dspy.OutputField(desc="what to do first, in order")  # type: ignore[no-untyped-call]
    will_not_repeat: list[str] = dspy.OutputField(desc="calls and approaches that ended the session")  # type: ignore[no-untyped-call]
    within_limits: list[str] = dspy.OutputField(desc="limits of this run")  # type: ignore[no-untyped-call]
    stops_when: str = dspy.OutputField(desc="when to stop")  # type: ignore[no-untyped-call]


class RecoverStuckOnApproval(Recover):  # noqa: D101  # its docstring is the text
    __doc__ = TEMPLATES["stuck_on_approval"]


class RecoverInfiniteRetry(Recover):  # noqa: D101  # its docstring is the text
    __doc__ = TEMPLATES["infinite_retry"]

    failing_tool: str = dspy.InputField(desc="the tool that failed most")  # type: ignore[no-untyped-call]
    last_error: str = dspy.InputField(desc="its last error")  # type: ignore[no-untyped-call]
    retry_count: int | str = dspy.InputField(desc="how often it failed")  # type: ignore[no-untyped-call]


class RecoverScopeCreep(Recover):  # noqa: D101  # its docstring is the text
    __doc__ = TEMPLATES["scope_creep"]


class RecoverContextExhaustion(Recover):  # noqa: D101  # its docstring is the text
    __doc__ = TEMPLATES["context_exhaustion"]


class RecoverModelConfusion(Recover):  # noqa: D101  # its docstring is the text
    __doc__ = TEMPLATES["model_confusion"]

    failing_tool: str = dspy.InputField(desc="the tool that failed most")  # type: ignore[no-untyped-call]
    last_error: str = dspy.InputField(desc="its last error")  # type: ignore[no-untyped-call]


SIGNATURES: Mapping[DiagnosisCategory, Any] = MappingProxyType(
    {
        "stuck_on_approval": RecoverStuckOnApproval,
        "infinite_retry": RecoverInfiniteRetry,
        "scope_creep": RecoverScopeCreep,
        "context_exhaustion": RecoverContextExhaustion,
        "model_confusion": RecoverModelConfusion,
    }
)

# ── Program ──

NOT_TOLD = "none"
"""What stands for a fact that the text does not tell."""


class Recovery(dspy.Module):
    """An agent that makes a plan with a text: it knows the facts that the text has placeholders for, and no others.

    Without this a text that forgets the error would be judged as if the agent had seen it.
    """

    def __init__(self, category: DiagnosisCategory) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # dspy is untyped
        self.plan: Any = dspy.Predict(SIGNATURES[category])

    def forward(self, **facts: Any) -> Any:
        """Make the plan."""
        told = {name.lower() for name in placeholders_in(self.plan.signature.instructions)}
        return self.plan(**{name: fact if name in told else NOT_TOLD for name, fact in facts.items()})


# ── Examples ──


def build_dataset(category: DiagnosisCategory) -> Dataset:
    """Return the stopped sessions of a category, by what somebody who knows said of them.

    Most go to test: nothing is learned from train, and a gate needs examples.
    """
    facts = facts_of(category)
    columns = ", ".join(f"c.{name}" for name in facts if name != "suggested_action")
    return Dataset(
        f"""
        SELECT c.session_id, s.root_session_id, '{SUGGESTED[category]}' AS suggested_action, {columns}
        FROM recovery_cases c
        JOIN agent_sessions s ON s.session_id = c.session_id
        JOIN session_labels l ON l.session_id = c.session_id
        WHERE l.category = '{category}'
        """,  # noqa: S608  # constants
        key="session_id",
        inputs=facts,
        group="root_session_id",
        shares=Shares(train=0.1, dev=0.25, test=0.65),
    )


# ── Metric: recovery_metric.py. Constraints: with its numbers ──


def _steps(prediction: Any, *, low: int, high: int) -> str | None:
    count = len(texts_of(prediction)["first_steps"])
    return None if low <= count <= high else f"{count} first steps, allowed {low} to {high}"


def _words(prediction: Any, *, limit: int) -> str | None:
    plan = texts_of(prediction)
    count = sum(len(text.split()) for part in PARTS for text in plan[part])
    return None if count <= limit else f"{count} words, allowed {limit}"


def _clean(prediction: Any) -> str | None:
    left = leftovers(texts_of(prediction))
    return f"the plan holds {', '.join(map(repr, left))}" if left else None


CONSTRAINTS = (
    Assert("few-steps", "Plan between {low} and {high} first steps.", check(_steps, low=MIN_STEPS, high=MAX_STEPS)),
    Assert("no-leftovers", "Leave no placeholder and no session's id in the plan.", check(_clean)),
    Suggest("short-plan", "Keep the whole plan within {limit} words.", check(_words, limit=MAX_WORDS)),
)

# ── Publication ──


def publish(category: DiagnosisCategory, program: Any) -> dict[str, str]:
    """Return the text that the daemon fills and puts before an agent: instructions, then clauses.

    Raises:
        DeclarationError: the text asks for something that nobody fills, or names a session.
    """
    predictor = program.plan
    text = predictor.signature.instructions.strip() + "\n"
    prompt_id = f"fitter-dispatch:{category}"
    check_text(prompt_id, text, filled=[f"{{{{{name}}}}}" for name in placeholders_in(text)])
    return {prompt_id: text}


# ── Evals ──


def build_eval(category: DiagnosisCategory) -> Eval:
    """Return the Eval of one category.

    One for each, not one for all: each has its own prompt id, so that a proof speaks for exactly one
    text, a compile that helps one category cannot carry along another that it harms, and each is
    promoted and rolled back alone. With the offline LM the five take a few seconds together.
    """
    return Eval(
        name=f"recovery-{category.replace('_', '-')}",
        program=partial(Recovery, category),
        dataset=build_dataset(category),
        metric=RecoveryMetric(category),
        constraints=CONSTRAINTS,
        optimizer=Guidance(lines=lines_of(category), most=5),
        budget=Budget(calls=800, usd=5),
        gate=Gate(min_mean=0.60, max_drop=0.10),
        publish=partial(publish, category),
    )


RECOVERIES: Mapping[DiagnosisCategory, Eval] = MappingProxyType(
    {category: build_eval(category) for category in CATEGORIES}
)
"""Category → its Eval."""
