"""A text that tells more gets better plans, and one that a line is taken from falls back to what it was."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from typing import Any

import pytest

from g6o_eval.dataset import group_of, key_of
from g6o_eval.fleet.diagnosis import CATEGORIES, DiagnosisCategory
from g6o_eval.fleet.programs.recovery import RECOVERIES
from g6o_eval.fleet.programs.recovery_guide import DECOYS, lines_of
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.roles import build_lm
from g6o_eval.optimize.guidance import with_line
from g6o_eval.predict import predict_all
from g6o_eval.prompt.constrain import constrained
from g6o_eval.score import Scores
from g6o_eval.store.examples import read_examples
from g6o_eval.store.port import Store

EXAMPLES = 12


def mean(category: DiagnosisCategory, lines: tuple[str, ...], store: Store) -> float:
    """Return the mean of the plans that the offline LM makes with the hand-written text and these lines."""
    spec = RECOVERIES[category]
    examples = read_examples(store, spec.dataset, at=store.head(), eval_name=spec.name).test[:EXAMPLES]
    program: Any = constrained(spec.program(), spec.constraints)
    for line in lines:
        program = with_line(spec, program, line)
    results = predict_all(spec, program, examples, lm=build_lm("offline", role="task", meter=Meter()), concurrency=1)
    scores = Scores({each.key: (each.score,) for each in results}, {key_of(each): group_of(each) for each in examples})
    assert scores.errors == 0
    return scores.mean or 0.0


@pytest.mark.parametrize("category", CATEGORIES)
def test_lines_that_tell_facts_make_better_plans_and_decoys_do_not(
    category: DiagnosisCategory, sample_store: Store
) -> None:
    telling = tuple(line for line in lines_of(category) if line not in DECOYS)[-5:]

    plain, told = mean(category, (), sample_store), mean(category, telling, sample_store)

    assert told > plain + 0.2
    assert all(mean(category, (decoy,), sample_store) <= plain for decoy in DECOYS)


@pytest.mark.parametrize("category", CATEGORIES)
def test_without_what_ended_the_session_a_plan_cannot_refuse_it(
    category: DiagnosisCategory, sample_store: Store
) -> None:
    lines = lines_of(category)
    ended = next(line for line in lines if "{{KILL_REASON}}" in line)
    task = next(line for line in lines if "{{TASK}}" in line)

    both, without = mean(category, (ended, task), sample_store), mean(category, (task,), sample_store)

    assert both > without
