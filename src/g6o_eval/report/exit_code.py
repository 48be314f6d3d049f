"""The exit codes that g6o_eval adds to pytest's own; set last, and only over 0."""

from __future__ import annotations

from collections.abc import Sequence

from g6o_eval.report.facts import word
from g6o_eval.run import Run

GATE_FAILED = 20
STOPPED_BY_BUDGET = 22
INCONCLUSIVE = 24


def exit_code(runs: Sequence[Run], *, stopped_by_budget: bool, unjudged: bool = False) -> int:
    """Return the smallest code that applies, or 0 when every gate passed on all its items.

    A partial run that would have passed counts as inconclusive, and so does an Eval of which no item
    gave a score: some of the proof is missing, or all of it.
    """
    words = {word(run) for run in runs}
    if "fail" in words:
        return GATE_FAILED
    if stopped_by_budget:
        return STOPPED_BY_BUDGET
    return INCONCLUSIVE if unjudged or words & {"inconclusive", "partial"} else 0
