from __future__ import annotations

from dataclasses import replace

import pytest

from g6o_eval.report.exit_code import exit_code
from g6o_eval.report.facts import Unjudged
from g6o_eval.run import Run
from support.runs import FACTS, make_run

PASS, FAIL, OPEN = make_run("a", "2"), make_run("b", "5"), make_run("c", "1")
PARTIAL = make_run("d", "2", standing="partial")
PARTIAL_FAIL = make_run("e", "5", standing="partial")
EXPLORATORY = make_run("f", "2", standing="exploratory")
READ_ONLY = make_run("g", "2", standing="not stored (read-only)")


@pytest.mark.parametrize(
    ("runs", "stopped", "code"),
    [
        ([], False, 0),
        ([PASS], False, 0),
        ([PASS, EXPLORATORY, READ_ONLY], False, 0),
        ([PASS, OPEN], False, 24),
        ([PASS, PARTIAL], False, 24),
        ([], True, 22),
        ([OPEN], True, 22),
        ([OPEN, PASS, FAIL], True, 20),
        ([PARTIAL_FAIL], False, 20),
    ],
)
def test_the_smallest_code_that_applies_wins(runs: list[Run], stopped: bool, code: int) -> None:
    assert exit_code(runs, stopped_by_budget=stopped) == code


@pytest.mark.parametrize("stopped", [True, False])
def test_the_facts_know_whether_a_budget_stopped_an_eval(stopped: bool) -> None:
    facts = replace(FACTS, unjudged=(Unjudged(eval_name="a", reason="x", stopped=stopped),))

    assert facts.stopped_by_budget is stopped
