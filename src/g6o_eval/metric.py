"""Metrics that fit many evals. A metric takes (example, prediction) and says how good it is.

A metric that knows the right answer may say so: `answer(example)` returns {output field: value}. Optimizers
make labelled demos of it, and `g6o_eval.testing` holds it against constant answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from g6o_eval.score import Score


@dataclass(frozen=True, slots=True)
class Exact:
    """1 when the prediction's field equals the example's label, else 0; the feedback names both.

    Attributes:
        label: the example's field that holds the answer.
        field: the prediction's field.
    """

    label: str
    field: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The example's fields that are answers: they may not be inputs."""
        return (self.label,)

    def answer(self, example: Mapping[str, Any]) -> dict[str, Any]:
        """Return the right answer, by output field: labelled demos are made of it."""
        return {self.field: example[self.label]}

    def __call__(self, example: Mapping[str, Any], prediction: object) -> Score:
        """Score one prediction."""
        wanted, got = example[self.label], getattr(prediction, self.field)
        if got == wanted:
            return Score(1.0, feedback="Correct.")
        return Score(0.0, feedback=f"Wrong: {self.field} is {got!r}, the answer is {wanted!r}.")


def exact(label: str, *, field: str | None = None) -> Exact:
    """Return the metric that compares a label with the output field of the same name, or `field`."""
    return Exact(label, field or label)
