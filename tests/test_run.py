from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from g6o_eval.budget import Spend
from g6o_eval.gate import Gate, judge
from g6o_eval.run import Run, Subject
from g6o_eval.score import Score, Scores

GATE = Gate(max_drop=0.1)
SCORES = Scores(
    {f"e{index:02}": (Score(1.0, feedback="Correct."), Score(0.5, broken=("short",))) for index in range(30)}
    | {"e99": (Score(error="ValueError: x"),)},
    {"e00": "s0", "e01": "s0"},
)
SUBJECT = Subject(
    eval_name="triage",
    program_digest="a" * 64,
    prompt_digest="b" * 64,
    code_hash="c" * 64,
    gate=GATE.to_json(),
    metric_hash="d" * 64,
    dataset_hash="e" * 64,
    examples_hash="f" * 64,
    test_hash="0" * 64,
    baseline="live",
    baseline_digest="1" * 64,
    models={"task": "offline"},
    adapter="chat",
    dspy_version="3.4.1",
    g6o_version="0.1.0",
)
RUN = Run(
    run_id="01JD8Z0000000000000000000A",
    subject=SUBJECT,
    verdict=judge(GATE, SCORES, SCORES),
    scores=SCORES,
    baseline_scores=SCORES,
    same_program=False,
    standing="stored",
    data_branch="main",
    data_commit="3fa9c1",
    git_commit="9b1deb4",
    git_clean=True,
    store_kind="embedded",
    offline=True,
    answered={"task": ("offline",)},
    collected=31,
    reported=31,
    failed_items=0,
    spend=Spend(calls=62),
    compile_spend=Spend(calls=400, usd=None, seconds=3.1),
    look=1,
    at="2026-11-22T10:00:00+00:00",
    notes=("prompt changed: snapshots/triage/prompt.txt",),
)


@pytest.mark.parametrize(
    "run",
    [
        RUN,
        replace(RUN, baseline_scores=None, compile_spend=None, git_commit=None, same_program=True, notes=()),
        replace(RUN, verdict=judge(Gate(min_mean=0.5), Scores({}), None), scores=Scores({})),
    ],
)
def test_a_run_survives_json(run: Run) -> None:
    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run


def test_the_outcome_can_be_computed_again_from_what_is_stored() -> None:
    """What promote does: a verdict that its own scores do not give is refused."""
    read = Run.from_json(json.loads(json.dumps(RUN.to_json())))

    assert judge(read.gate, read.scores, read.baseline_scores, failed_items=read.failed_items) == RUN.verdict


def test_a_run_knows_its_gate() -> None:
    assert RUN.gate == GATE


def test_a_standing_is_changed_on_a_copy() -> None:
    partial = RUN.with_standing("partial")

    assert (partial.standing, RUN.standing) == ("partial", "stored")
    assert replace(partial, standing="stored") == RUN


def test_equal_subjects_have_no_differences() -> None:
    assert SUBJECT.differences(Subject.from_json(json.loads(json.dumps(SUBJECT.to_json())))) == ()


@pytest.mark.parametrize("field", [f.name for f in fields(Subject)])
def test_each_field_of_a_subject_makes_a_difference(field: str) -> None:
    """A field that was left out of the comparison could change between judging and promoting."""
    changed: Any = {"other": 1} if field in {"gate", "models"} else "other"

    assert SUBJECT.differences(replace(SUBJECT, **{field: changed})) == (field,)


def test_differences_come_in_the_order_of_declaration() -> None:
    other = replace(SUBJECT, g6o_version="9", adapter="json", eval_name="x")

    assert SUBJECT.differences(other) == ("eval_name", "adapter", "g6o_version")
