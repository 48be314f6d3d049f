"""Runs that a test wants to report on: few words in, every field filled."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from g6o_eval.budget import Spend
from g6o_eval.gate import Gate, judge
from g6o_eval.report.facts import Facts
from g6o_eval.run import Run, Subject
from g6o_eval.score import Score, Scores, to_score

VECTORS: dict[str, dict[str, Any]] = {
    vector["name"].split()[0]: vector
    for vector in json.loads((Path(__file__).parents[1] / "data" / "gate_vectors.json").read_text("utf-8"))
}
FACTS = Facts(
    store_url="doltlite:///.g6o/evals.db",
    read_only=False,
    data_branch="main",
    data_commit="3fa9c1d2e0",
)


def make_run(name: str, vector: str = "2", *, subject: dict[str, Any] | None = None, **changes: Any) -> Run:
    """Return the stored run of a vector of tests/data/gate_vectors.json against the hand-written program.

    Changes are fields of Run; `scores`, `baseline_scores`, `same_program`, `failed_items` are judged.
    """
    data = VECTORS[vector]
    scores = changes.pop("scores", _scores(data, "candidate"))
    baseline = changes.pop("baseline_scores", _scores(data, "baseline"))
    same = changes.pop("same_program", False)
    gate = changes.pop("gate", Gate(**data["gate"]))
    failed = changes.get("failed_items", 0)
    run = Run(
        run_id="01JD8Z0000000000000000000A",
        subject=replace(_SUBJECT, eval_name=name, gate=gate.to_json(), **subject or {}),
        verdict=judge(gate, scores, baseline, failed_items=failed, same_program=same),
        scores=scores,
        baseline_scores=baseline,
        same_program=same,
        standing="stored",
        data_branch="main",
        data_commit="3fa9c1d2e0",
        git_commit="9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
        git_clean=True,
        store_kind="embedded",
        offline=False,
        answered={"task": ("gpt-4.1-mini",)},
        collected=len(scores),
        reported=len(scores),
        failed_items=0,
        spend=Spend(calls=2 * len(scores), usd=0.1),
        compile_spend=None,
        look=1,
        at="2026-11-22T10:00:00Z",
    )
    return replace(run, **changes)


def all_right(count: int) -> Scores:
    """Return so many scores of 1."""
    return Scores({f"e{index:03}": (Score(1.0),) for index in range(count)})


def _scores(data: dict[str, Any], side: str) -> Scores:
    by_key = {key: tuple(map(to_score, repeats)) for key, repeats in data[side].items()}
    return Scores(by_key, data["groups"])


_SUBJECT = Subject(
    eval_name="",
    program_digest="a1" * 32,
    prompt_digest="b2" * 32,
    code_hash="c3" * 32,
    gate={},
    metric_hash="d4" * 32,
    dataset_hash="e5" * 32,
    examples_hash="f6" * 32,
    test_hash="07" * 32,
    baseline="hand-written",
    baseline_digest="7c1e" * 16,
    models={"task": "openai/gpt-4.1-mini"},
    adapter="chat",
    dspy_version="3.4.1",
    g6o_version="0.1.0",
)
