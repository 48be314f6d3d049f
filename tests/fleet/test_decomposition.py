"""The decomposition program: its checks, its metric, and what each clause does to the offline LM's answers."""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.dataset import KEY_FIELD
from g6o_eval.fleet.made_up.epics import MAX_AREAS, MIN_AREAS, make_epics
from g6o_eval.fleet.programs.decomposition import (
    CONSTRAINTS,
    DECOMPOSITION,
    INPUTS,
    DecompositionMetric,
    Subtask,
    rand_index,
)
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.roles import build_lm
from g6o_eval.predict import Predicted, predict_all
from g6o_eval.prompt.constrain import constrained

BY_NAME = {constraint.name: constraint for constraint in CONSTRAINTS}
ASKED = {"areas": ["auth", "docs"], "criteria": ["one", "two", "three"]}


def subtask(**changed: Any) -> Subtask:
    fields: dict[str, Any] = {"title": "t", "area": "auth", "cost_usd": 0.5, "depends_on": [], "covers": []}
    return Subtask(**(fields | changed))


def plan(*subtasks: Subtask) -> SimpleNamespace:
    return SimpleNamespace(subtasks=list(subtasks))


GOOD = plan(
    subtask(covers=["one"]),
    subtask(covers=["two"], depends_on=[1]),
    subtask(area="docs", covers=["three"], depends_on=[1, 2]),
)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_good_plan_breaks_no_rule(name: str) -> None:
    assert BY_NAME[name].check.problem(GOOD, ASKED) is None


@pytest.mark.parametrize(
    ("name", "bad", "problem"),
    [
        ("subtask-count", plan(subtask()), "there are 1 subtasks"),
        ("subtask-count", plan(*[subtask()] * 8), "there are 8 subtasks"),
        ("cost-per-subtask", plan(subtask(), subtask(cost_usd=2.01)), "subtask 2 costs 2.01"),
        ("cost-per-subtask", plan(subtask(cost_usd=-1)), "subtask 1 costs -1.0"),
        ("cost-per-subtask", plan(subtask(cost_usd=math.nan)), "subtask 1 costs nan"),
        ("cost-per-subtask", plan(subtask(cost_usd=math.inf)), "subtask 1 costs inf"),
        ("total-cost", plan(*[subtask(cost_usd=1.5)] * 3), "the costs add up to 4.50"),
        ("total-cost", plan(subtask(cost_usd=5), subtask(cost_usd=-3)), "a cost of -3.0 makes no sum"),
        ("total-cost", plan(subtask(cost_usd=math.nan)), "a cost of nan makes no sum"),
        ("scope", plan(subtask(), subtask(area="billing")), "subtask 2 lies in 'billing'"),
        ("scope", plan(subtask(area="")), "subtask 1 lies in ''"),
        ("coverage", plan(subtask(covers=["one", "two"])), "nothing covers 'three'"),
        ("coverage", plan(subtask(covers=["one", "two", "three", "four"])), "'four' is no criterion"),
        (
            "no-overlap",
            plan(subtask(covers=["one"]), subtask(), subtask(covers=["one"])),
            "subtasks 1 and 3 both cover 'one'",
        ),
        ("no-circle", plan(subtask(depends_on=[1])), "subtask 1 depends on 1"),
        ("no-circle", plan(subtask(depends_on=[2]), subtask(depends_on=[1])), "subtask 1 depends on 2"),
        ("no-circle", plan(subtask(depends_on=[0])), "subtask 1 depends on 0"),
        ("no-circle", plan(subtask(depends_on=[-1])), "subtask 1 depends on -1"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_told_which(name: str, bad: Any, problem: str) -> None:
    assert BY_NAME[name].check.problem(bad, ASKED) == problem


@pytest.mark.parametrize(
    ("name", "edge"),
    [
        ("total-cost", plan(*[subtask(cost_usd=2.0)] * 2)),
        ("cost-per-subtask", plan(subtask(cost_usd=0.05), subtask(cost_usd=2.0))),
        ("subtask-count", plan(*[subtask()] * 3)),
        ("subtask-count", plan(*[subtask()] * 7)),
    ],
)
def test_a_plan_at_the_edge_breaks_no_rule(name: str, edge: Any) -> None:
    assert BY_NAME[name].check.problem(edge, ASKED) is None


@pytest.mark.parametrize("name", BY_NAME)
def test_the_numbers_of_the_clause_are_those_of_the_check(name: str) -> None:
    rule = BY_NAME[name]

    moved = dataclasses.replace(
        rule,
        check=dataclasses.replace(rule.check, numbers={key: value + 1 for key, value in rule.check.numbers.items()}),
    )

    assert all(str(number) in rule.clause for number in rule.check.numbers.values())
    assert (moved.clause != rule.clause) == bool(rule.check.numbers)


@lru_cache
def examples() -> list[dspy.Example]:
    epics = make_epics(40, seed=3)
    return [
        dspy.Example(**epic, **{KEY_FIELD: epic["id"]}).with_inputs(*INPUTS)  # type: ignore[no-untyped-call]  # dspy
        for epic in epics
    ]


@lru_cache
def answers(told: frozenset[str]) -> list[Predicted]:
    """What the offline LM says when the prompt has these clauses only."""
    spec = dataclasses.replace(DECOMPOSITION, constraints=())
    program = constrained(spec.program(), [BY_NAME[name] for name in sorted(told)])
    return predict_all(spec, program, examples(), lm=build_lm("offline", role="task", meter=Meter()), concurrency=1)


def pass_rate(told: frozenset[str], name: str) -> float:
    problems = [
        BY_NAME[name].check.problem(result.prediction, example)
        for result, example in zip(answers(told), examples(), strict=True)
    ]
    return problems.count(None) / len(problems)


@pytest.mark.parametrize("name", BY_NAME)
def test_without_its_clause_the_offline_lm_breaks_a_rule_as_often_as_without_any(name: str) -> None:
    everything = frozenset(BY_NAME)

    told, untold = pass_rate(everything, name), pass_rate(everything - {name}, name)
    nothing_told = pass_rate(frozenset(), name)

    assert told == 1.0
    assert untold <= 0.5
    assert untold == pytest.approx(nothing_told, abs=0.25)


def test_an_answer_that_breaks_a_rule_scores_nothing_and_is_told_the_clause() -> None:
    without_scope = tuple(rule for rule in CONSTRAINTS if rule.name != "scope")
    spec = dataclasses.replace(DECOMPOSITION, constraints=CONSTRAINTS)
    lm = build_lm("offline", role="task", meter=Meter())

    [result] = predict_all(spec, constrained(spec.program(), without_scope), examples()[:1], lm=lm, concurrency=1)

    assert (result.score.value, result.score.broken) == (0.0, ("scope",))
    assert "Broken: Take the `area` of each subtask from `areas`, word for word. (subtask 1 lies in" in (
        result.score.feedback
    )


# ── the metric ──


def scored(example: dict[str, Any], subtasks: list[Subtask]) -> float:
    value = DecompositionMetric()(SimpleNamespace(**example), plan(*subtasks)).value
    assert value is not None
    return value


def test_the_truth_beats_one_subtask_for_all_and_one_for_each() -> None:
    for epic in make_epics(30, seed=9):
        truth = [Subtask(**each) for each in epic["subtasks"]]
        all_in_one = [subtask(covers=epic["criteria"])]
        one_each = [subtask(covers=[criterion]) for criterion in epic["criteria"]]

        assert scored(epic, truth) > max(scored(epic, all_in_one), scored(epic, one_each))
        assert scored(epic, []) < 0.3


def test_the_metric_moves_when_answers_are_swapped_between_epics() -> None:
    one, other = make_epics(2, seed=9)
    swapped = [Subtask(**each) for each in other["subtasks"]]

    assert scored(one, [Subtask(**each) for each in one["subtasks"]]) > scored(one, swapped)


GROUPINGS = st.lists(st.lists(st.sampled_from("abcdef"), unique=True, max_size=4), max_size=4)


@given(GROUPINGS, GROUPINGS)
def test_the_rand_index_is_a_share(made: list[list[str]], wanted: list[list[str]]) -> None:
    assert 0 <= rand_index(made, wanted) <= 1


@given(st.permutations("abcdef"), st.integers(1, 5))
def test_the_rand_index_of_a_partition_with_itself_is_one(order: list[str], cut: int) -> None:
    groups = [order[:cut], order[cut:]]

    assert rand_index(groups[::-1], groups) == 1


def test_the_rand_index_is_the_share_of_pairs_that_agree() -> None:
    assert rand_index([["a", "b"], ["c"]], [["a"], ["b", "c"]]) == pytest.approx(1 / 3)
    assert rand_index([["a", "b", "c"]], [["a"], ["b", "c"]]) == pytest.approx(1 / 3)
    assert rand_index([["a"], ["b"], ["c"]], [["a"], ["b", "c"]]) == pytest.approx(2 / 3)
    assert rand_index([["a"]], [["a"]]) == 1
    assert rand_index([[]], [["a"]]) == 0


@pytest.mark.parametrize(("count", "worth"), [(2, 0.2), (1, 0.15), (3, 0.15), (5, 0.05), (6, 0.0), (9, 0.0)])
def test_each_subtask_too_many_or_too_few_costs_a_quarter_of_the_count(count: int, worth: float) -> None:
    epic = {"subtasks": [{"covers": ["one"]}, {"covers": ["two"]}]}

    value = scored(epic, [subtask(covers=["one", "two"], title="none")] * count)

    assert value == pytest.approx(worth)


def test_no_subtask_is_worth_nothing_but_its_count() -> None:
    assert scored({"subtasks": [{"covers": ["one"]}]}, []) == pytest.approx(0.2 * 0.75)


def test_a_title_counts_by_a_word_of_four_letters_that_it_shares_with_its_work() -> None:
    epic = {"subtasks": [{"covers": ["auth tokens expire"]}]}

    def worth(title: str) -> float:
        return scored(epic, [subtask(covers=["auth tokens expire"], title=title)])

    assert worth("Auth") == pytest.approx(1.0)
    assert worth("the auth, first") == pytest.approx(1.0)
    assert worth("cache") == worth("") == pytest.approx(0.8)


def test_the_feedback_tells_grouping_count_and_titles() -> None:
    epic = {"subtasks": [{"covers": ["one"]}, {"covers": ["two"]}]}

    told = DecompositionMetric()(SimpleNamespace(**epic), plan(subtask(covers=["one", "two"]))).feedback

    assert told == (
        "0% of the pairs of criteria are grouped as they belong. 1 subtasks where the work has 2 parts. "
        "0% of the titles name their work."
    )


def test_what_was_left_out_agrees_with_nothing() -> None:
    assert rand_index([["a"]], [["a"], ["b"]]) == 0
    assert rand_index([], [["a"]]) == 0


# ── made-up epics ──


def test_the_truth_of_a_made_up_epic_keeps_every_rule() -> None:
    for epic in make_epics(100, seed=1):
        truth = plan(*(Subtask(**each) for each in epic["subtasks"]))

        assert MIN_AREAS <= len(epic["areas"]) <= MAX_AREAS
        assert [rule.check.problem(truth, epic) for rule in CONSTRAINTS] == [None] * len(CONSTRAINTS)


def test_the_same_seed_gives_the_same_epics() -> None:
    assert list(make_epics(5, seed=1)) == list(make_epics(5, seed=1)) != list(make_epics(5, seed=2))
