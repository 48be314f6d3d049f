"""Decomposition: from an objective and what must hold, the subtasks that agents can work on side by side."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dspy
from pydantic import BaseModel

from g6o_eval.budget import Budget
from g6o_eval.constraint import Assert, check
from g6o_eval.dataset import Dataset
from g6o_eval.eval import Eval
from g6o_eval.fleet.made_up.epics import TABLE
from g6o_eval.gate import Gate
from g6o_eval.optimizer import Guidance
from g6o_eval.score import Score

# ── Signature ──


class Subtask(BaseModel):
    """One piece of work for one agent."""

    title: str
    area: str
    cost_usd: float
    depends_on: list[int]
    covers: list[str]


class Decompose(dspy.Signature):  # type: ignore[metaclass]  # dspy says one of its own
    """Split an objective into subtasks that different agents can work on.

    Each subtask stays within one area, costs what one session may cost, and says which of the
    criteria hold when it is done. What belongs together stays together.
    """

    objective: str = dspy.InputField(desc="what is to be reached")  # type: ignore[no-untyped-call]
    areas: list[str] = dspy.InputField(desc="the parts of the project that may be touched")  # type: ignore[no-untyped-call]
    criteria: list[str] = dspy.InputField(desc="what must hold when all of it is done")  # type: ignore[no-untyped-call]
    subtasks: list[Subtask] = dspy.OutputField(desc="in the order of work")  # type: ignore[no-untyped-call]


# ── Program ──


def build_program() -> Any:
    """Return the hand-written program, a new one at each call."""
    return dspy.Predict(Decompose)


# ── Examples ──

INPUTS = ("objective", "areas", "criteria")

DATASET = Dataset(
    f"SELECT id, project, objective, areas, criteria, subtasks FROM {TABLE}",  # noqa: S608  # a constant
    key="id",
    inputs=INPUTS,
    group="project",
)

# ── Metric ──

GROUPING_SHARE, COUNT_SHARE, TITLE_SHARE = 0.6, 0.2, 0.2
"""What it is worth that criteria that belong together are together, that there are as many subtasks as
the work has parts, and that titles speak of their own work; they add up to 1."""


@dataclass(frozen=True, slots=True)
class DecompositionMetric:
    """How close the split is to the split that somebody who knows the work made.

    Grouping is the Rand index over pairs of criteria (Rand 1971): the share of pairs that stand
    together in both decompositions, or apart in both. The count loses a quarter per subtask too many or
    too few. A title counts when it shares a word of four letters or more with its own criteria.
    """

    labels: tuple[str, ...] = ("subtasks",)

    def __call__(self, example: Any, prediction: Any) -> Score:
        """Return the score of one prediction."""
        made, wanted = prediction.subtasks, example.subtasks
        grouping = rand_index([subtask.covers for subtask in made], [subtask["covers"] for subtask in wanted])
        count = max(0.0, 1 - abs(len(made) - len(wanted)) / 4)
        titles = sum(map(_speaks_of_its_work, made)) / len(made) if made else 0.0
        value = GROUPING_SHARE * grouping + COUNT_SHARE * count + TITLE_SHARE * titles
        feedback = (
            f"{grouping:.0%} of the pairs of criteria are grouped as they belong. "
            f"{len(made)} subtasks where the work has {len(wanted)} parts. {titles:.0%} of the titles name their work."
        )
        return Score(min(1.0, value), feedback=feedback)


def rand_index(made: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> float:
    """Return the share, in [0, 1], of pairs of wanted entries that are together in both or apart in both.

    A pair with an entry that was not made agrees with nothing.
    """
    entries = sorted({entry for group in wanted for entry in group})
    pairs = list(itertools.combinations(entries, 2))
    if not pairs:
        return float(any(set(entries) <= set(group) for group in made))
    agreeing = sum(_together(made, pair) == _together(wanted, pair) and _known(made, pair) for pair in pairs)
    return agreeing / len(pairs)


def _together(groups: Sequence[Sequence[str]], pair: tuple[str, str]) -> bool:
    return any(pair[0] in group and pair[1] in group for group in groups)


def _known(groups: Sequence[Sequence[str]], pair: tuple[str, str]) -> bool:
    return all(any(entry in group for group in groups) for entry in pair)


def _speaks_of_its_work(subtask: Subtask) -> bool:
    return bool(_long_words(subtask.title) & _long_words(" ".join(subtask.covers)))


def _long_words(text: str) -> set[str]:
    return {word for word in text.lower().replace(",", " ").split() if len(word) > 3}


# ── Constraints ──

MIN_SUBTASKS, MAX_SUBTASKS = 3, 7
MIN_COST_USD, MAX_COST_USD, MAX_TOTAL_USD = 0.05, 2.0, 4.0
"""The fleet's measured cost curve: beyond $2 a session pays for its own length; an epic's share of a night is $4."""


def count_problem(prediction: Any, *, low: int, high: int) -> str | None:
    """Return what is wrong with the number of subtasks."""
    count = len(prediction.subtasks)
    return None if low <= count <= high else f"there are {count} subtasks"


def cost_problem(prediction: Any, *, low: float, high: float) -> str | None:
    """Return which subtask's cost is no number between low and high; NaN is none."""
    wrong = [(at, each.cost_usd) for at, each in _numbered(prediction) if not low <= each.cost_usd <= high]
    return None if not wrong else f"subtask {wrong[0][0]} costs {wrong[0][1]}"


def total_problem(prediction: Any, *, total: float) -> str | None:
    """Return whether the costs add up to too much; a cost that is negative or no number makes no sum."""
    costs = [each.cost_usd for each in prediction.subtasks]
    if unusable := [cost for cost in costs if not (math.isfinite(cost) and cost >= 0)]:
        return f"a cost of {unusable[0]} makes no sum"
    return None if math.fsum(costs) <= total else f"the costs add up to {math.fsum(costs):.2f}"


def scope_problem(prediction: Any, *, areas: Sequence[str]) -> str | None:
    """Return which subtask lies outside the areas."""
    outside = [(at, each.area) for at, each in _numbered(prediction) if each.area not in areas]
    return None if not outside else f"subtask {outside[0][0]} lies in {outside[0][1]!r}"


def coverage_problem(prediction: Any, *, criteria: Sequence[str]) -> str | None:
    """Return which criterion no subtask covers, or what is covered that nobody asked for."""
    covered = {entry for each in prediction.subtasks for entry in each.covers}
    if left := [criterion for criterion in criteria if criterion not in covered]:
        return f"nothing covers {left[0]!r}"
    if extra := sorted(covered - set(criteria)):
        return f"{extra[0]!r} is no criterion"
    return None


def overlap_problem(prediction: Any) -> str | None:
    """Return what two subtasks both cover."""
    seen: dict[str, int] = {}
    for at, each in _numbered(prediction):
        for entry in dict.fromkeys(each.covers):
            if entry in seen:
                return f"subtasks {seen[entry]} and {at} both cover {entry!r}"
            seen[entry] = at
    return None


def order_problem(prediction: Any) -> str | None:
    """Return which dependency is not an earlier subtask: with earlier ones only there is no circle."""
    for at, each in _numbered(prediction):
        if late := [other for other in each.depends_on if not 1 <= other < at]:
            return f"subtask {at} depends on {late[0]}"
    return None


def _numbered(prediction: Any) -> Iterator[tuple[int, Subtask]]:
    return enumerate(prediction.subtasks, start=1)


CONSTRAINTS = (
    Assert(
        "subtask-count",
        "Give between {low} and {high} `subtasks`.",
        check(count_problem, low=MIN_SUBTASKS, high=MAX_SUBTASKS),
    ),
    Assert(
        "cost-per-subtask",
        "Give the `cost_usd` of each subtask as a number between {low} and {high}.",
        check(cost_problem, low=MIN_COST_USD, high=MAX_COST_USD),
    ),
    Assert("total-cost", "Keep the sum of all `cost_usd` at most {total}.", check(total_problem, total=MAX_TOTAL_USD)),
    Assert(
        "scope", "Take the `area` of each subtask from `areas`, word for word.", check(scope_problem, inputs=("areas",))
    ),
    Assert(
        "coverage",
        "Put every one of the `criteria`, word for word, into the `covers` of some subtask.",
        check(coverage_problem, inputs=("criteria",)),
    ),
    Assert("no-overlap", "Put none of the `criteria` into the `covers` of two subtasks.", check(overlap_problem)),
    Assert(
        "no-circle",
        "Let `depends_on` name only earlier subtasks by their number, the first being 1.",
        check(order_problem),
    ),
)

GUIDANCE = (
    "Give one of the `subtasks` for every one of the `areas`.",
    "Put each of the `criteria` into the `covers` of the subtask whose `area` it names.",
    "Name the hardest part first.",
    "Write each title as an order.",
)
"""What may be added to the instructions."""

# ── Eval ──

DECOMPOSITION = Eval(
    name="decomposition",
    program=build_program,
    dataset=DATASET,
    metric=DecompositionMetric(),
    constraints=CONSTRAINTS,
    optimizer=Guidance(lines=GUIDANCE, most=3),
    budget=Budget(calls=500, usd=5),
    gate=Gate(min_mean=0.60, max_drop=0.10),
    prompt_id="decomposition:planner",
)
