"""Measures: worked examples, what has no value and why, and what a measure must tell apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.facts import Facts
from g6o_eval.fleet.measures import (
    EDITING_MODES,
    MEASURES,
    MIN_PEERS,
    Measured,
    Setting,
    measure,
    measure_all,
)

PEERS = (1.0, 2.0, 2.0, 4.0, 8.0, 9.0)


def facts(**fields: Any) -> Facts:
    return Facts(**{"status": "completed", "requests": 3, "calls": 4, "completed": 4, "mode": "code", **fields})


def value(name: str, found: Facts, **setting: Any) -> Measured:
    return measure(found, Setting(**setting))[name]


def none(reason: str) -> Measured:
    return Measured(reason=reason)


@pytest.mark.parametrize(
    ("name", "found", "setting", "measured"),
    [
        ("punch_card_pass_rate", facts(card_rules=5, card_kept=3), {}, Measured(value=0.6)),
        ("punch_card_pass_rate", facts(card_rules=5, card_kept=5), {}, Measured(value=1.0)),
        ("punch_card_pass_rate", facts(), {}, none("its mode has no punch card")),
        ("punch_card_pass_rate", facts(mode=None), {}, none("its mode is not known")),
        ("cost_efficiency", facts(usd=2.0), {"budget_usd": 8.0}, Measured(value=0.75)),
        ("cost_efficiency", facts(usd=9.0), {"budget_usd": 8.0}, Measured(value=0.0)),
        ("cost_efficiency", facts(usd=1.0), {"mode_usd": PEERS}, Measured(value=1.0)),
        ("cost_efficiency", facts(usd=2.0), {"mode_usd": PEERS}, Measured(value=0.7)),
        ("cost_efficiency", facts(usd=9.0), {"mode_usd": PEERS}, Measured(value=0.0)),
        (
            "cost_efficiency",
            facts(usd=1.0),
            {"mode_usd": PEERS[:MIN_PEERS]},
            none("4 other sessions of its mode have a price, 5 are needed"),
        ),
        (
            "cost_efficiency",
            facts(usd=1.0, without_cost=1),
            {"budget_usd": 8.0},
            none("1 of its 3 requests have no price"),
        ),
        ("cost_efficiency", facts(requests=0), {"budget_usd": 8.0}, none("it made no request")),
        ("task_completion_rate", facts(todo_total=4, todo_done=3), {}, Measured(value=0.75)),
        ("task_completion_rate", facts(children_asked=4, children_returned=1), {}, Measured(value=0.25)),
        ("task_completion_rate", facts(), {}, Measured(value=1.0)),
        ("task_completion_rate", facts(status="interrupted"), {}, Measured(value=0.0)),
        ("task_completion_rate", facts(status="unknown", unanswered=True), {}, Measured(value=0.0)),
        (
            "task_completion_rate",
            facts(status="unknown"),
            {},
            none("it has no list of things to do, and its log just ends"),
        ),
        ("fitter_recovery_success_rate", facts(), {"recovers": "success"}, Measured(value=1.0)),
        ("fitter_recovery_success_rate", facts(), {"recovers": "partial"}, Measured(value=0.5)),
        ("fitter_recovery_success_rate", facts(), {"recovers": "failure"}, Measured(value=0.0)),
        ("fitter_recovery_success_rate", facts(), {}, none("it took up no stopped session's work")),
        ("tool_adherence", facts(edits=1), {}, Measured(value=1.0)),
        ("tool_adherence", facts(edits=30), {}, Measured(value=1.0)),
        ("tool_adherence", facts(edits=60), {}, Measured(value=0.5)),
        ("tool_adherence", facts(edits=0), {}, Measured(value=0.0)),
        ("tool_adherence", facts(edits=0, mode="ask"), {}, Measured(value=1.0)),
        ("tool_adherence", facts(edits=2, forbidden_calls=2, mode="architect"), {}, Measured(value=0.5)),
        ("tool_adherence", facts(edits=44), {"expected_edits": (40, 50)}, Measured(value=1.0)),
        ("tool_adherence", facts(edits=20), {"expected_edits": (40, 50)}, Measured(value=0.5)),
        ("tool_adherence", facts(calls=0), {}, none("it called no tool")),
        (
            "tool_adherence",
            facts(mode=None),
            {},
            none("its mode is not known, and nobody said how many edits its task takes"),
        ),
        ("self_report_accuracy", facts(claim_required=5, claim_wrong=0), {}, Measured(value=1.0)),
        ("self_report_accuracy", facts(claim_required=5, claim_wrong=3), {}, Measured(value=0.4)),
        ("self_report_accuracy", facts(), {}, none("its report claims nothing that can be checked")),
    ],
)
def test_a_measure_is_what_its_definition_says(
    name: str, found: Facts, setting: dict[str, Any], measured: Measured
) -> None:
    assert value(name, found, **setting) == measured


COUNTS = st.integers(0, 50)
ANY_FACTS = st.builds(
    Facts,
    status=st.sampled_from(["completed", "delegated", "failed", "interrupted", "unknown"]),
    usd=st.floats(0, 100),
    requests=COUNTS,
    without_cost=st.integers(0, 2),
    calls=COUNTS,
    edits=COUNTS,
    mode=st.none() | st.sampled_from(["code", "ask", "architect"]),
    card_rules=st.just(8),
    card_kept=st.integers(0, 8),
    forbidden_calls=COUNTS,
    children_asked=COUNTS,
    children_returned=COUNTS,
    todo_total=st.none() | st.just(5),
    todo_done=st.none() | st.integers(0, 5),
    claim_required=st.none() | st.just(5),
    claim_wrong=st.none() | st.integers(0, 5),
    unanswered=st.booleans(),
)


@given(found=ANY_FACTS, budget=st.none() | st.floats(0.01, 10), recovers=st.none() | st.just("success"))
def test_every_measure_lies_in_0_to_1_or_says_why_not(found: Facts, budget: float | None, recovers: Any) -> None:
    measured = measure(found, Setting(budget_usd=budget, recovers=recovers))

    assert measured.keys() == MEASURES.keys()
    for each in measured.values():
        assert (each.value is None) is bool(each.reason)
        assert each.value is None or 0 <= each.value <= 1


def test_no_measure_is_another_one_under_its_name() -> None:
    """Two measures that agree on all of these sessions would be one measure with two names."""
    sessions = {
        "a": facts(
            card_rules=4, card_kept=1, usd=1, todo_total=4, todo_done=3, claim_required=2, claim_wrong=1, edits=60
        ),
        "b": facts(
            card_rules=4, card_kept=4, usd=2, todo_total=5, todo_done=1, claim_required=3, claim_wrong=1, edits=2
        ),
        "c": facts(card_rules=4, card_kept=3, usd=3, status="interrupted", claim_required=4, claim_wrong=0, edits=90),
        **{str(number): facts(usd=number) for number in range(6)},
    }
    measured = measure_all(sessions, {"a": "success", "b": "failure", "c": "partial"})

    columns = {name: tuple(measured[each][name].value for each in "abc") for name in MEASURES}
    assert len(set(columns.values())) == len(MEASURES)
    assert all(len(set(column)) > 1 for column in columns.values()), "a constant measures nothing"


def test_a_measure_reads_the_session_and_not_its_label() -> None:
    """A session that was stopped and one that was not differ in nothing that only the label says."""
    names = {"punch_card_pass_rate", "cost_efficiency", "tool_adherence", "self_report_accuracy"}
    stopped, ended = facts(status="interrupted", usd=1, edits=1), facts(status="completed", usd=1, edits=1)
    setting = Setting(budget_usd=4)

    first, second = measure(stopped, setting), measure(ended, setting)

    assert {name for name in MEASURES if first[name] == second[name]} == {*names, "fitter_recovery_success_rate"}


def test_prices_are_compared_within_a_mode_and_only_where_they_are_known() -> None:
    sessions = {str(number): facts(usd=number, mode="code") for number in range(6)}
    sessions["dear"] = facts(usd=1_000, mode="orchestrator")
    sessions["unknown"] = facts(usd=0, without_cost=1)

    measured = measure_all(sessions, {})

    assert measured["0"]["cost_efficiency"].value == 1
    assert measured["5"]["cost_efficiency"].value == 0
    assert measured["dear"]["cost_efficiency"].value is None
    assert measured["unknown"]["cost_efficiency"].value is None


def test_editing_modes_are_slugs() -> None:
    assert all(mode == mode.lower() and " " not in mode for mode in EDITING_MODES)
