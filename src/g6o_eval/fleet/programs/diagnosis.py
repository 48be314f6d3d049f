"""Diagnosis: from what a stopped session did and said, why it went wrong, how sure, and by what."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import dspy

from g6o_eval.budget import Budget
from g6o_eval.constraint import Assert, at_most_words, between
from g6o_eval.dataset import Dataset
from g6o_eval.eval import Eval
from g6o_eval.fleet.diagnosis import DiagnosisCategory
from g6o_eval.gate import Gate
from g6o_eval.optimizer import Guidance
from g6o_eval.score import Score

# ── Signature ──


class DiagnoseSession(dspy.Signature):  # type: ignore[metaclass]  # dspy says one of its own
    """Say why a coding agent's session had to be stopped.

    stuck_on_approval: it waits for a person, or only talks instead of working.
    infinite_retry: it repeats what fails, without changing anything that matters.
    context_exhaustion: it has lost what it knew, and reads the same things again.
    scope_creep: it works well, but on far more than it was asked for.
    model_confusion: it misuses its tools, takes back its own work, or mistakes the task.

    Judge by the main cause: a long session shows a little of everything.
    """

    tool_patterns: str = dspy.InputField(desc="calls and failures of each tool, repeats, notices")  # type: ignore[no-untyped-call]
    last_messages: str = dspy.InputField(desc="the end of the conversation, oldest first")  # type: ignore[no-untyped-call]
    kill_reason: str = dspy.InputField(desc="how the session was stopped")  # type: ignore[no-untyped-call]
    category: DiagnosisCategory = dspy.OutputField(desc="the main cause")  # type: ignore[no-untyped-call]
    confidence: float = dspy.OutputField(desc="how likely the category is right")  # type: ignore[no-untyped-call]
    evidence: str = dspy.OutputField(desc="words quoted from the inputs that show it")  # type: ignore[no-untyped-call]


# ── Program ──


def build_program() -> Any:
    """Return the hand-written program, a new one at each call."""
    return dspy.Predict(DiagnoseSession)


# ── Examples ──

INPUTS = ("tool_patterns", "last_messages", "kill_reason")

DATASET = Dataset(
    """
    SELECT d.session_id, s.root_session_id, d.tool_patterns, d.last_messages, d.kill_reason, l.category
    FROM session_digests d
    JOIN agent_sessions s ON s.session_id = d.session_id
    JOIN session_labels l ON l.session_id = d.session_id
    WHERE l.category <> 'none'
    """,
    key="session_id",
    inputs=INPUTS,
    group="root_session_id",
)
"""Sessions that went wrong, by what somebody who knows said of them; healthy ones have no cause."""

# ── Metric ──

QUOTE_WORDS = 3
"""Words in a row that must stand in an input to count as quoted."""
CATEGORY_SHARE, EVIDENCE_SHARE, CONFIDENCE_SHARE = 0.8, 0.1, 0.1
"""What the right category, quoted evidence and honest confidence are worth; they add up to 1."""


@dataclass(frozen=True, slots=True)
class DiagnosisMetric:
    """Mostly the category; a little for evidence that is quoted, and for confidence that is honest.

    Evidence counts only under the right category, by the share of its runs of QUOTE_WORDS words
    that stand in the inputs. Confidence counts by 1 − (confidence − right)², so that being sure
    and wrong costs most. One answer for all examples gets little more than its category's share.
    """

    labels: tuple[str, ...] = ("category",)

    def __call__(self, example: Any, prediction: Any) -> Score:
        """Return the score of one prediction; a confidence that is no number in [0, 1] is an error, never clamped."""
        right, confidence = prediction.category == example.category, prediction.confidence
        if problem := confidence_problem(confidence):
            return Score(error=problem)
        honest = 1 - (confidence - right) ** 2
        quoted = quoted_share(str(prediction.evidence), "\n".join(str(example[name]) for name in INPUTS))
        value = CATEGORY_SHARE * right + EVIDENCE_SHARE * right * quoted + CONFIDENCE_SHARE * honest
        return Score(min(1.0, value), feedback=_feedback(example, prediction, quoted=quoted))


def confidence_problem(confidence: object) -> str | None:
    """Return why a confidence cannot be used, or None when it is a number in [0, 1]."""
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        return f"the confidence is {confidence!r}, no number"
    if not (math.isfinite(confidence) and 0 <= confidence <= 1):
        return f"the confidence is {confidence!r}, not in [0, 1]"
    return None


def quoted_share(evidence: str, source: str) -> float:
    """Return the share, in [0, 1], of the evidence's runs of QUOTE_WORDS words that stand in the source."""
    words, text = evidence.lower().split(), " ".join(source.lower().split())
    runs = [" ".join(words[at : at + QUOTE_WORDS]) for at in range(len(words) - QUOTE_WORDS + 1)]
    return sum(run in text for run in runs) / len(runs) if runs else 0.0


def _feedback(example: Any, prediction: Any, *, quoted: float) -> str:
    if prediction.category != example.category:
        verdict = f"Wrong: the category is {example.category}, not {prediction.category}."
        return f"{verdict} Confidence {prediction.confidence} was too high."
    if quoted < 1:
        return f"Right: {example.category}. {1 - quoted:.0%} of the evidence is not quoted from the inputs."
    return f"Right: {example.category}. The evidence is quoted from the inputs."


# ── Constraints ──

MAX_EVIDENCE_WORDS = 30
MIN_CONFIDENCE, MAX_CONFIDENCE = 0.5, 0.95

CONSTRAINTS = (
    Assert(
        "short-evidence",
        "Quote at most {limit} words as {field}.",
        at_most_words("evidence", limit=MAX_EVIDENCE_WORDS),
    ),
    Assert(
        "honest-confidence",
        "Give {field} as a number between {low} and {high}.",
        between("confidence", low=MIN_CONFIDENCE, high=MAX_CONFIDENCE),
    ),
)

GUIDANCE = (
    "If it says 'permission', 'approve', 'approval', 'confirm', 'proceed', 'allow' or 'never answered', "
    "then stuck_on_approval.",
    "If it says 'same call' or 'error', then infinite_retry.",
    "If it says 'condense_context', 'sliding_window_truncation', 'context', 'again' or 'read', "
    "then context_exhaustion.",
    "If it says 'also', 'clean', 'refactor', 'feature', 'folders' or 'scope', then scope_creep.",
    "If it says 'mistakes', 'no_tool_used', 'required parameter', 'undo', 'Updated 1 path', 'not sure' or 'wrong', "
    "then model_confusion.",
    "Trust what was said last.",
)
"""What may be added to the instructions: the words that the rules of `fleet/diagnosis.py` look for, those that the
evidence is written with, and what dev missed. Demos do less, at three times the tokens: decisions/diagnosis.md."""

# ── Eval ──

DIAGNOSIS = Eval(
    name="diagnosis",
    program=build_program,
    dataset=DATASET,
    metric=DiagnosisMetric(),
    constraints=CONSTRAINTS,
    optimizer=Guidance(lines=GUIDANCE, most=5),
    budget=Budget(calls=1_500, usd=5),
    gate=Gate(min_mean=0.50, max_drop=0.10),
    prompt_id="diagnosis:classifier",
)
