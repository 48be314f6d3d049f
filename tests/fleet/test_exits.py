"""The end of a session under a card: its row, its depth, and the ids that its text is looked up by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from g6o_eval.errors import DataError
from g6o_eval.fleet.cards import CARDS, Card, evaluate
from g6o_eval.fleet.exits import MAX_DEPTH, deeds_of, depth_of, exit_case, exit_ids, make_exit_cases, passable
from g6o_eval.fleet.session import Punch, PunchType

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "exit_ids.json").read_text(encoding="utf-8"))


def punch(punch_type: PunchType, key: str) -> Punch:
    return Punch(punch_type=punch_type, punch_key=key, ts=None, file="x", index=0)


@pytest.mark.parametrize("vector", VECTORS["ids"], ids=lambda vector: vector["ids"][0])
def test_ids_go_from_the_most_specific_to_the_card(vector: dict[str, Any]) -> None:
    assert list(exit_ids(vector["card"], formula=vector["formula"], depth=vector["depth"])) == vector["ids"]


def test_a_depth_that_no_session_has_gets_no_id() -> None:
    with pytest.raises(DataError) as refused:
        exit_ids("execute-subtask", depth=0)

    assert str(refused.value) == "depth must be at least 1, got 0: count it with depth_of"


@pytest.mark.parametrize("vector", VECTORS["depths"], ids=lambda vector: vector["session"])
def test_depth_counts_from_the_session_that_nobody_asked_for(vector: dict[str, Any]) -> None:
    assert depth_of(vector["session"], vector["parents"]) == vector["depth"]


@pytest.mark.parametrize("parents", [{"a": "a"}, {"a": "b", "b": "a"}, {f"{at}": f"{at + 1}" for at in range(99)}])
def test_parents_that_go_in_a_circle_are_refused(parents: dict[str, str]) -> None:
    session = next(iter(parents))

    with pytest.raises(DataError) as refused:
        depth_of(session, parents)

    assert str(refused.value) == (
        f"session {session!r} stands deeper than {MAX_DEPTH} levels: its parents go in a circle"
    )


def test_deeds_are_counted() -> None:
    punches = [punch("gate_pass", "mypy"), punch("tool_call", "read_file"), punch("gate_pass", "mypy")]

    assert deeds_of(punches) == ["gate_pass:mypy, 2 times", "tool_call:read_file, once"]


def test_a_case_says_of_every_rule_what_the_evaluator_says() -> None:
    card = CARDS["execute-subtask"]
    punches = [punch("gate_pass", "mypy"), punch("child_spawn", "code")]

    case = exit_case("one", "root", card, punches)

    verdict = evaluate(card, punches)
    assert case["done"] == ["gate_pass:mypy"]
    assert case["missing"] == [str(rule) for rule in verdict.missing]
    assert case["broken"] == ["child_spawn:%"]
    assert sorted(case["done"] + case["missing"]) == sorted(case["required"])


def test_an_empty_card_gives_no_case() -> None:
    with pytest.raises(DataError, match="card 'empty' has no rules: every session would pass"):
        exit_case("one", "root", Card(card_id="empty", workflow="w", patterns=()), [])


def test_cards_that_nobody_can_pass_are_left_out() -> None:
    assert set(CARDS) - set(passable()) == {"fitter-line-health", "validate-plant"}


def test_made_up_cases_hold_all_kinds_and_are_the_same_for_the_same_seed() -> None:
    cases = list(make_exit_cases(60, seed=1))

    assert cases == list(make_exit_cases(60, seed=1)) != list(make_exit_cases(60, seed=2))
    assert {case["card_id"] for case in cases} == set(passable())
    for kind in ("done", "missing", "broken"):
        assert any(case[kind] for case in cases)
        assert any(not case[kind] for case in cases)
