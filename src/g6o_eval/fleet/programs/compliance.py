"""Compliance: what an orchestrating agent reads before it reports, so that every claim keeps its chain of custody.

A claim without the session it comes from, how much of that was read, the way it came here and how far it can
be trusted is hearsay. What is optimized are the instructions that all workflows share; what is published is
them with each workflow's own limits. The program's output is the agent's report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import dspy
from pydantic import BaseModel

from g6o_eval.budget import Budget
from g6o_eval.constraint import Assert, Suggest, check
from g6o_eval.dataset import Dataset
from g6o_eval.eval import Eval
from g6o_eval.fleet.agent_text import check_text, with_hole_filled
from g6o_eval.fleet.cards import CARDS, Card
from g6o_eval.fleet.made_up.custody import TABLE
from g6o_eval.gate import Gate
from g6o_eval.optimizer import Guidance
from g6o_eval.score import Score

# ── Signature ──

TrustLevel = Literal["verified", "projected", "untrusted"]
"""verified: derived from the messages themselves; projected: from records of them; untrusted: somebody said so."""
TRUST: tuple[TrustLevel, ...] = get_args(TrustLevel)


class Claim(BaseModel):
    """One claim with its chain of custody."""

    statement: str
    source_session_id: str
    message_count: int
    derivation_path: str
    trust_level: TrustLevel


class ReportWithCustody(dspy.Signature):  # type: ignore[metaclass]  # dspy says one of its own
    """You orchestrate workflow {{WORKFLOW}} in session {{SESSION_ID}}: others did the work, you report it.

    Your children handed in `reports`. Say what was reached in `claims`. Whoever reads you cannot ask back:
    each claim has to carry the session that it comes from, how many of its messages were read, the
    way from there to you, and how far it can be trusted. Do not make a claim stronger than what you were
    told, and leave out what you cannot trace.

    Take the `statement` of each claim from the `statement` of `reports`, word for word.
    """

    reports: list[dict[str, Any]] = dspy.InputField(desc="what the children handed in")  # type: ignore[no-untyped-call]
    claims: list[Claim] = dspy.OutputField(desc="what was reached")  # type: ignore[no-untyped-call]


# ── Program ──


def build_program() -> Any:
    """Return the hand-written program, a new one at each call."""
    return dspy.Predict(ReportWithCustody)


# ── Examples ──

DATASET = Dataset(
    f"SELECT id, root, reports, claims FROM {TABLE}",  # noqa: S608  # a constant
    key="id",
    inputs=("reports",),
    group="root",
)

# ── Metric ──

CUSTODY = ("source_session_id", "message_count", "derivation_path", "trust_level")
"""The four fields that chain_of_custody_required asks of every claim."""


@dataclass(frozen=True, slots=True)
class CustodyMetric:
    """How much of the wanted custody arrived: the mean, over the wanted claims, of the share of right fields.

    A wanted claim is looked up by its statement, and by its source where several have that statement. One
    that was not made counts 0; so does each claim too many, a repeated one among them, as if one more had
    been wanted. Where nothing was wanted and nothing is claimed the report is right.
    """

    labels: tuple[str, ...] = ("claims",)

    def __call__(self, example: Any, prediction: Any) -> Score:
        """Return the score of one report."""
        left = list(prediction.claims)
        pairs = [(_taken(left, wanted), wanted) for wanted in example.claims]
        wrong = [_differing(claim, wanted) for claim, wanted in pairs if claim is not None]
        feedback = f"{len(pairs) - len(wrong)} of {len(pairs)} claims are missing, {len(left)} are too many."
        if any(wrong):
            feedback += f" Wrong in some claim: {', '.join(sorted({name for names in wrong for name in names}))}."
        total = len(pairs) + len(left)
        right = sum(1 - len(names) / len(CUSTODY) for names in wrong)
        return Score(right / total if total else 1.0, feedback=feedback)


def _taken(left: list[Claim], wanted: Mapping[str, Any]) -> Claim | None:
    """Take the claim that was wanted out of those that are left; None when it was not made."""
    found = [claim for claim in left if claim.statement == wanted["statement"]]
    if not found:
        return None
    claim = next((one for one in found if one.source_session_id == wanted["source_session_id"]), found[0])
    left.remove(claim)
    return claim


def _differing(claim: Claim, wanted: Mapping[str, Any]) -> list[str]:
    return [name for name in CUSTODY if getattr(claim, name) != wanted[name]]


# ── Constraints ──

MAX_STATEMENT_WORDS = 30
MIN_MESSAGES, MAX_MESSAGES = 1, 100_000
"""A claim that rests on no message is hearsay; the longest recorded session has 1,674."""


def source_problem(prediction: Any, *, reports: Sequence[Mapping[str, Any]]) -> str | None:
    """Return which claim comes from a session that handed in nothing."""
    known = {report["session"] for report in reports}
    unknown = [claim for claim in prediction.claims if claim.source_session_id not in known]
    return f"no report comes from {unknown[0].source_session_id!r}" if unknown else None


def count_problem(prediction: Any, *, low: int, high: int) -> str | None:
    """Return which claim rests on no message, or on more than a session has."""
    wrong = [claim for claim in prediction.claims if not low <= claim.message_count <= high]
    return f"{wrong[0].statement!r} rests on {wrong[0].message_count} messages" if wrong else None


def path_problem(prediction: Any) -> str | None:
    """Return which claim does not say the way from its source: the path has to begin there."""
    lost = [claim for claim in prediction.claims if not claim.derivation_path.startswith(claim.source_session_id)]
    return f"the path {lost[0].derivation_path!r} does not begin at {lost[0].source_session_id!r}" if lost else None


def trust_problem(prediction: Any, *, reports: Sequence[Mapping[str, Any]]) -> str | None:
    """Return which claim is trusted more than its report was: trust is handed on, never raised.

    A claim in other words is held against all reports of its session, the most trusted of them counts.
    """
    for claim in prediction.claims:
        own = [report for report in reports if report["session"] == claim.source_session_id]
        same = [report for report in own if report["statement"] == claim.statement] or own
        given = min((report["trust"] for report in same), key=TRUST.index, default=claim.trust_level)
        if TRUST.index(claim.trust_level) < TRUST.index(given):
            return f"{claim.statement!r} was {given} and is called {claim.trust_level}"
    return None


def words_problem(prediction: Any, *, limit: int) -> str | None:
    """Return which statement is too long."""
    long = [claim for claim in prediction.claims if len(claim.statement.split()) > limit]
    return f"a statement has {len(long[0].statement.split())} words" if long else None


CONSTRAINTS = (
    Assert(
        "known-source",
        "Take the `source_session_id` of each claim from the `session` of `reports`, word for word.",
        check(source_problem, inputs=("reports",)),
    ),
    Assert(
        "message-count",
        "Give the `message_count` of each claim as a number between {low} and {high}.",
        check(count_problem, low=MIN_MESSAGES, high=MAX_MESSAGES),
    ),
    Assert(
        "path-from-source",
        "Begin the `derivation_path` of each claim with its source session, as the `path` of the report does: "
        "take it from the `path` of `reports`.",
        check(path_problem),
    ),
    Assert(
        "trust-is-not-raised",
        "Take the `trust_level` of each claim from the `trust` of `reports`; never make it stronger.",
        check(trust_problem, inputs=("reports",)),
    ),
    Suggest(
        "short-statements", "Keep each statement within {limit} words.", check(words_problem, limit=MAX_STATEMENT_WORDS)
    ),
)
"""Together they are the fleet's rule chain_of_custody_required."""

GUIDANCE = (
    "Give one of the `claims` for every one of the `reports`, and no other.",
    "Write for a person who has a minute.",
    "Take the `message_count` of each claim from the `messages` of `reports`.",
    "Say thank you to your children.",
)
"""What may be added to the instructions."""

# ── Publication ──

WORKFLOW_HOLE = "{{WORKFLOW}}"


def workflows(cards: Mapping[str, Card] = CARDS) -> dict[str, Card]:
    """Return the cards of workflows whose agents delegate: they ask for a child's return."""
    asked = "child_complete:child_return"
    return {card_id: card for card_id, card in cards.items() if any(str(rule) == asked for rule in card.required)}


def publish(program: Any) -> dict[str, str]:
    """Return the text of every orchestrating workflow, by prompt id.

    Raises:
        DeclarationError: a text would mislead (`check_text`).
    """
    texts = {
        f"orchestration-compliance:{card_id}": _text(program.signature.instructions, card)
        for card_id, card in sorted(workflows().items())
    }
    for prompt_id, text in texts.items():
        check_text(prompt_id, text)
    return texts


def _text(instructions: str, card: Card) -> str:
    kept_off = [f"- {rule.description or rule} ({rule})" for rule in card.forbidden]
    told = with_hole_filled(instructions, WORKFLOW_HOLE, card.card_id)
    return "\n".join([told, "", "What you must leave to your children:", *(kept_off or ["- nothing"])])


# ── Eval ──

COMPLIANCE = Eval(
    name="compliance",
    program=build_program,
    dataset=DATASET,
    metric=CustodyMetric(),
    constraints=CONSTRAINTS,
    optimizer=Guidance(lines=GUIDANCE, most=3),
    budget=Budget(calls=1_500, usd=5),
    gate=Gate(min_mean=0.50, max_drop=0.10),
    publish=publish,
)
