"""What the model of the role judge says of a recovery plan: asked only where somebody plays that role."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import dspy

from g6o_eval.lm.roles import JUDGE
from g6o_eval.prompt.render import make_adapter

JUDGED_SHARE = 0.2
"""Most that a judge can take away: a share of what the rules give. It can add nothing, so it never decides alone."""


class JudgePlan(dspy.Signature):  # type: ignore[metaclass]  # dspy says one of its own
    """Say how far the plan would bring the task to its end without ending as the session before did.

    Give soundness as a number between 0 and 1. What the plan says of itself is no evidence.
    """

    task: str = dspy.InputField(desc="what has to be done")  # type: ignore[no-untyped-call]
    summary: str = dspy.InputField(desc="why the session before was stopped")  # type: ignore[no-untyped-call]
    plan: str = dspy.InputField(desc="what the next agent means to do")  # type: ignore[no-untyped-call]
    soundness: float = dspy.OutputField(desc="of the plan")  # type: ignore[no-untyped-call]


def judged_factor(example: Any, plan: Mapping[Any, Sequence[str]]) -> float:
    """Return the factor on a plan's score, in [1 − JUDGED_SHARE, 1]; 1 where nobody plays the judge.

    Raises:
        ValueError: the judge's number does not lie in [0, 1]: the plan has no score then.
    """
    lm = JUDGE.get()
    if lm is None:
        return 1.0
    text = "\n".join(f"{part}: {'; '.join(texts)}" for part, texts in plan.items())
    with dspy.context(lm=lm, adapter=make_adapter("chat"), callbacks=[], disable_history=True):
        said = dspy.Predict(JudgePlan)(task=example["task"], summary=example["summary"], plan=text)
    soundness = float(said.soundness)
    if not (math.isfinite(soundness) and 0 <= soundness <= 1):
        raise ValueError(f"the judge gave {said.soundness!r} as soundness, which is outside [0, 1]")
    return 1 - JUDGED_SHARE * (1 - soundness)
