"""Whether an Eval is, in everything a verdict is about, what is live."""

from __future__ import annotations

from g6o_eval.run import Run
from g6o_eval.steps.baseline import LIVE, Baseline
from g6o_eval.steps.judging import Judging
from g6o_eval.steps.subject import subject_of
from g6o_eval.store.ledger import live
from g6o_eval.store.port import Store
from g6o_eval.store.results import run_behind

_OF_THE_COMPARISON = ("baseline", "baseline_digest")


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
    """Return the run that proved what is live; None when nothing is."""
    return run_behind(store, live(store, eval_name))
