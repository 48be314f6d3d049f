"""The metrics of the other four programs, on the sample: the right answers win, and no gate lets a constant through."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from collections.abc import Callable
from typing import Any

import dspy
import pytest

from g6o_eval.dataset import group_of, key_of
from g6o_eval.eval import Eval
from g6o_eval.fleet.programs.card_exit import CARD_EXIT
from g6o_eval.fleet.programs.compliance import COMPLIANCE, Claim
from g6o_eval.fleet.programs.decomposition import DECOMPOSITION, Subtask
from g6o_eval.fleet.programs.diagnosis import DIAGNOSIS
from g6o_eval.gate import Gate, judge
from g6o_eval.predict import score_of
from g6o_eval.score import Scores
from g6o_eval.store.examples import read_examples
from g6o_eval.store.port import Store
from g6o_eval.testing import gold_beats_constants, metric_moves

Right = Callable[[Any], dict[str, Any]]
PROGRAMS: dict[str, tuple[Eval, Right, dict[str, Any]]] = {
    "card-exit": (
        CARD_EXIT,
        lambda example: {name: example[name] for name in ("done", "missing", "broken")},
        {"done": ["banana"], "missing": ["banana"], "broken": []},
    ),
    "compliance": (
        COMPLIANCE,
        lambda example: {"claims": [Claim(**claim) for claim in example.claims]},
        {"claims": []},
    ),
    "decomposition": (
        DECOMPOSITION,
        lambda example: {"subtasks": [Subtask(**each) for each in example.subtasks]},
        {"subtasks": [Subtask(title="banana", area="banana", cost_usd=1, depends_on=[], covers=["banana"])] * 4},
    ),
    "diagnosis": (
        DIAGNOSIS,
        lambda example: {"category": example.category, "confidence": 0.95, "evidence": example.kill_reason},
        {"category": "infinite_retry", "confidence": 0.9, "evidence": "banana banana banana"},
    ),
}
"""Eval's name → the Eval, its right answer to an example, and an answer that is always the same."""


def examples(store: Store, spec: Eval) -> Any:
    return read_examples(store, spec.dataset, at=store.head(), eval_name=spec.name).test


@pytest.mark.parametrize("name", PROGRAMS)
def test_right_answers_beat_every_constant_and_swapped_ones_move_the_metric(name: str, sample_store: Store) -> None:
    spec, right, constant = PROGRAMS[name]
    found = examples(sample_store, spec)

    metric_moves(spec.metric, found[:12], gold=right)
    gold_beats_constants(spec.metric, found[:12], gold=right, constants=(constant,))


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("answer", ["right", "always the same"])
def test_the_gate_passes_right_answers_and_fails_a_constant(name: str, answer: str, sample_store: Store) -> None:
    spec, right, constant = PROGRAMS[name]
    found = examples(sample_store, spec)

    answers = [dspy.Prediction(**(right(each) if answer == "right" else constant)) for each in found]  # type: ignore[no-untyped-call]
    scores = {key_of(each): (score_of(spec, each, said),) for each, said in zip(found, answers, strict=True)}
    gate = Gate(min_mean=spec.gate.min_mean)
    verdict = judge(gate, Scores(scores, {key_of(each): group_of(each) for each in found}), None)

    assert verdict.outcome == ("pass" if answer == "right" else "fail")
