"""Card exit: the text that an agent reads before it says that it is done, one per punch card.

What is optimized are the instructions that all cards share; what is published is them with each card's own
rules. The program's output is the agent's exit report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args

import dspy

from g6o_eval.budget import Budget
from g6o_eval.constraint import Assert, check
from g6o_eval.dataset import Dataset
from g6o_eval.errors import DeclarationError
from g6o_eval.eval import Eval
from g6o_eval.fleet.agent_text import check_text, with_hole_filled
from g6o_eval.fleet.cards import Card, Pattern, check_card
from g6o_eval.fleet.exits import TABLE, exit_ids, passable
from g6o_eval.fleet.session import PunchType
from g6o_eval.gate import Gate
from g6o_eval.optimizer import Guidance
from g6o_eval.score import Score

# ── Signature ──

CARD_HOLE = "{{CARD}}"
"""What we fill when we publish; {{SESSION_ID}} is filled by the daemon when an agent is sent out."""


class ReportExit(dspy.Signature):  # type: ignore[metaclass]  # dspy says one of its own
    """You are about to end session {{SESSION_ID}}, which works under the punch card {{CARD}}.

    Hold your `deeds`, that is everything you did in this session, against the card. What stands under
    `required` must have happened; what stands under `forbidden` must not. In a rule, % stands for any text.

    Check yourself first: .kilocode/tools/check_punch_card.sh {{SESSION_ID}} {{CARD}}

    Then report in three lists, each entry a rule as it is written on the card: what is `done`, what is
    `missing`, and which forbidden rule you have `broken`. An honest report of a missing rule is worth
    more than a claim that somebody has to take back.
    """

    required: list[str] = dspy.InputField(desc="what the card asks for")  # type: ignore[no-untyped-call]
    forbidden: list[str] = dspy.InputField(desc="what the card forbids")  # type: ignore[no-untyped-call]
    deeds: list[str] = dspy.InputField(desc="what was done in the session, and how often")  # type: ignore[no-untyped-call]
    done: list[str] = dspy.OutputField(desc="required rules that are met")  # type: ignore[no-untyped-call]
    missing: list[str] = dspy.OutputField(desc="required rules that are not met")  # type: ignore[no-untyped-call]
    broken: list[str] = dspy.OutputField(desc="forbidden rules that were broken")  # type: ignore[no-untyped-call]


# ── Program ──


def build_program() -> Any:
    """Return the hand-written program, a new one at each call."""
    return dspy.Predict(ReportExit)


# ── Examples ──

INPUTS = ("required", "forbidden", "deeds")

DATASET = Dataset(
    f"SELECT id, root, card_id, required, forbidden, deeds, done, missing, broken FROM {TABLE}",  # noqa: S608  # constant
    key="id",
    inputs=INPUTS,
    group="root",
)

# ── Metric ──


@dataclass(frozen=True, slots=True)
class ExitMetric:
    """The share of the card's rules about which the report says what the punches say.

    A required rule is right when it is named as done or as missing, whichever is true, and not as
    both; a forbidden one when it is named as broken exactly if it was. The punches were judged by
    the one evaluator (`cards.evaluate`).
    """

    labels: tuple[str, ...] = ("done", "missing", "broken")

    def __call__(self, example: Any, prediction: Any) -> Score:
        """Return the score of one report."""
        done, missing, broken = set(prediction.done), set(prediction.missing), set(prediction.broken)
        wrong = [rule for rule in example.required if (rule in done, rule in missing) != self._truth(example, rule)]
        wrong += [rule for rule in example.forbidden if (rule in broken) != (rule in example.broken)]
        rules = len(example.required) + len(example.forbidden)
        if not wrong:
            return Score(1.0, feedback=f"All {rules} rules are reported as they are.")
        return Score(1 - len(wrong) / rules, feedback=f"Reported wrongly: {', '.join(wrong)}.")

    @staticmethod
    def _truth(example: Any, rule: str) -> tuple[bool, bool]:
        return rule in example.done, rule in example.missing


# ── Constraints ──


def required_problem(prediction: Any, *, required: Sequence[str]) -> str | None:
    """Return which required rule the report does not name, or names twice."""
    for rule in required:
        count = [*prediction.done, *prediction.missing].count(rule)
        if count != 1:
            return f"{rule} is named {count} times"
    return None


def forbidden_problem(prediction: Any, *, forbidden: Sequence[str]) -> str | None:
    """Return which forbidden rule the report names as if it were asked for."""
    named = [rule for rule in forbidden if rule in prediction.done or rule in prediction.missing]
    return f"{named[0]} is forbidden, not required" if named else None


def extra_problem(prediction: Any, *, required: Sequence[str], forbidden: Sequence[str]) -> str | None:
    """Return what the report names that the card does not ask."""
    asked = {*required, *forbidden}
    extra = [rule for rule in (*prediction.done, *prediction.missing) if rule not in asked]
    extra += [rule for rule in prediction.broken if rule not in forbidden]
    return f"{extra[0]!r} is not asked" if extra else None


CONSTRAINTS = (
    Assert(
        "every-required-rule",
        "Put every one of the `required` into either `done` or `missing`.",
        check(required_problem, inputs=("required",)),
    ),
    Assert(
        "forbidden-is-not-required",
        "Never name an entry of `forbidden` as done or missing.",
        check(forbidden_problem, inputs=("forbidden",)),
    ),
    Assert(
        "nothing-else",
        "Put into `broken` only entries of `forbidden`, and name no rule that the card does not have.",
        check(extra_problem, inputs=("required", "forbidden")),
    ),
)

GUIDANCE = (
    "Put into `done` every one of the `required` that `deeds` shows, and "
    "into `missing` every one of the `required` that `deeds` does not show.",
    "Put into `broken` every one of the `forbidden` that `deeds` shows.",
    "A gate that failed and never passed later is missing.",
    "Ask for help when you are not sure.",
)
"""What may be added to the instructions."""

# ── Publication ──

REPORTS_TO = {
    1: "Nobody asked for this session but a person: write the report so that a person can act on it.",
    2: "The session that asked for this one reads your report: hand it back as your result, and nothing else.",
}
"""Depth → what a text says to sessions at that depth, beside what it says to all."""
BY_DEPTH = ("execute-subtask", "plant-orchestrate")
"""Cards that sessions of several depths work under."""
FORMULAS: Mapping[str, Mapping[str, str]] = MappingProxyType({})
"""Formula → card → what its text says to sessions of that formula: {"release": {"execute-subtask": "Say …"}}."""

_RULE = re.compile(rf"\b(?:{'|'.join(get_args(PunchType))}):[^\s`]+")


def publish(program: Any, *, formulas: Mapping[str, Mapping[str, str]] = FORMULAS) -> dict[str, str]:
    """Return the exit text of every card that can be passed, by prompt id: for all, and for formulas and depths.

    Raises:
        DataError: a card asks for what it forbids, or has no rules.
        DeclarationError: a text would mislead (`check_text`), or names a rule that is not of its card.
    """
    texts = {}
    for card_id, card in sorted(passable().items()):
        text = exit_text(program.signature.instructions, card)
        for prompt_id, lines in _variants(card_id, formulas):
            texts[prompt_id] = "\n\n".join([text, *lines])
            check_text(prompt_id, texts[prompt_id])
            _check_rules(prompt_id, texts[prompt_id], card)
    return texts


def _variants(card_id: str, formulas: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield each prompt id of a card with the lines that its text has more."""
    by_formula = {formula: lines[card_id] for formula, lines in formulas.items() if card_id in lines}
    by_depth = REPORTS_TO if card_id in BY_DEPTH else {}
    for formula in (None, *by_formula):
        for depth in (None, *by_depth):
            lines = [by_formula[formula]] if formula is not None else []
            yield exit_ids(card_id, formula=formula, depth=depth)[0], lines + ([by_depth[depth]] if depth else [])


def _check_rules(prompt_id: str, text: str, card: Card) -> None:
    named, own = [rule.rstrip(".,;:)") for rule in _RULE.findall(text)], {str(rule) for rule in card.patterns}
    if foreign := [rule for rule in named if rule not in own]:
        raise DeclarationError(f"the text of {prompt_id} names the rule {foreign[0]!r}, which its card does not have")


def exit_text(instructions: str, card: Card) -> str:
    """Return the instructions with the card's rules; the placeholder of the session stays for the daemon.

    Raises:
        DataError: the card asks for what it forbids, or has no rules.
        DeclarationError: the instructions do not say where the card is named.
    """
    check_card(card)
    parts = [with_hole_filled(instructions, CARD_HOLE, card.card_id), _listed("required", card.required)]
    return "\n\n".join([*parts, _listed("forbidden", card.forbidden)])


def _listed(heading: str, rules: Sequence[Pattern]) -> str:
    lines = [f"- {rule}" + (f" ({rule.description})" if rule.description else "") for rule in rules]
    return "\n".join([f"`{heading}` by this card:", *(lines or ["- nothing"])])


# ── Eval ──

CARD_EXIT = Eval(
    name="card-exit",
    program=build_program,
    dataset=DATASET,
    metric=ExitMetric(),
    constraints=CONSTRAINTS,
    optimizer=Guidance(lines=GUIDANCE, most=4),
    budget=Budget(calls=1_500, usd=5),
    gate=Gate(min_mean=0.60, max_drop=0.10),
    publish=publish,
)
