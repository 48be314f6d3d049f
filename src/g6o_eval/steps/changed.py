"""Whether an Eval is, in everything a verdict is about, what is live; and what changed since."""

from __future__ import annotations

from g6o_eval.errors import MissingError
from g6o_eval.run import Run, Subject
from g6o_eval.steps.baseline import LIVE, Baseline
from g6o_eval.steps.judging import Judging
from g6o_eval.steps.subject import subject_of
from g6o_eval.store.ledger import live
from g6o_eval.store.port import Store
from g6o_eval.store.results import read_run

_OF_THE_COMPARISON = ("baseline", "baseline_digest")
_SPOKEN = {
    "gate": "the gate",
    "metric_hash": "the metric",
    "dataset_hash": "the dataset's declaration",
    "examples_hash": "the Examples",
}


def is_live(judging: Judging) -> bool:
    """Whether judging this Eval again could only repeat what made it live. Makes no LM call."""
    conditions = judging.conditions
    run = live_run(conditions.store, judging.spec.name)
    if run is None:
        return False
    candidate = judging.candidate()
    subject = subject_of(
        judging.spec,
        judging.test_files,
        candidate=candidate,
        baseline=Baseline(LIVE, candidate.program_digest, candidate.program),
        splits=judging.splits,
        models=conditions.models,
    )
    return not set(run.subject.differences(subject)).difference(_OF_THE_COMPARISON)


def live_run(store: Store, eval_name: str) -> Run | None:
    """Return the run that proved what is live; None when nothing is, or its run is gone."""
    entry = live(store, eval_name)
    if entry is None or entry.run_id is None:
        return None
    try:
        return read_run(store, entry.run_id)
    except MissingError:
        return None


def changes_since(run: Run | None, subject: Subject) -> tuple[str, ...]:
    """Say which rules of judging are others than those that what is live was judged by."""
    if run is None:
        return ()
    different = run.subject.differences(subject)
    told = []
    for name, spoken in _SPOKEN.items():
        if name == "gate" and name in different:
            told.append(f"the gate changed since the live promotion: {_gate_changes(run.subject, subject)}")
        elif name in different:
            told.append(f"{spoken} changed since the live promotion")
    return tuple(told)


def _gate_changes(before: Subject, after: Subject) -> str:
    fields = [name for name in after.gate if before.gate.get(name) != after.gate[name]]
    return ", ".join(f"{name} {before.gate.get(name)} → {after.gate[name]}" for name in fields)
