"""Preflight of a program: what can be wrong with it before a call is paid for."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from g6o_eval.errors import DeclarationError, LeakError
from g6o_eval.eval import Eval

_TOLD = "the program would be told the answer. Take it out of inputs"


def check_program(spec: Eval, program: Any) -> None:
    """Check that a program can be run on, and learned from, the Eval's Examples.

    Raises:
        DeclarationError: it has no named predictor, or its forward() does not take exactly the
            inputs of the dataset.
        LeakError: an input of the dataset is what the program should answer.
    """
    predictors = list(program.named_predictors())
    if not predictors:
        raise DeclarationError(
            f"eval {spec.name!r}: the program {type(program).__name__} has no named predictor, so there is no prompt "
            "to compile or publish; assign a dspy.Predict or dspy.ChainOfThought to self in __init__"
        )
    for problem in _leaks(spec, predictors):
        raise LeakError(f"eval {spec.name!r}: {problem}")
    for problem in _misfits(spec, program):
        raise DeclarationError(f"eval {spec.name!r}: {problem}; the dataset's inputs are {spec.dataset.inputs!r}")


def _leaks(spec: Eval, predictors: list[tuple[str, Any]]) -> Iterator[str]:
    labels = getattr(spec.metric, "labels", ())
    for name in spec.dataset.inputs:
        if name in labels:
            yield f"the input {name!r} is a label of the metric: {_TOLD}"
        for path, predictor in predictors:
            if name in predictor.signature.output_fields:
                yield f"the input {name!r} is an output field of predictor {path!r}: {_TOLD}"


def _misfits(spec: Eval, program: Any) -> Iterator[str]:
    taken, needed = _parameters(program)
    where = f"{type(program).__name__}.forward()"
    for name in needed:
        if name not in spec.dataset.inputs:
            yield f"{where} asks for {name!r}, which is no input of the dataset"
    for name in spec.dataset.inputs:
        if taken is not None and name not in taken:
            yield f"{where} does not take the input {name!r}"


def _parameters(program: Any) -> tuple[frozenset[str] | None, tuple[str, ...]]:
    """Return the names that forward() takes (None: any) and those that it needs.

    A forward that takes `**kwargs`, as those of dspy.Predict and dspy.ChainOfThought do, hands
    them to its first predictor, if that is the only one.
    """
    # Of the class: dspy warns whoever reads `forward` of an instance.
    _, *parameters = inspect.signature(type(program).forward).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    needed = tuple(p.name for p in named if p.default is p.empty)
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        return frozenset(p.name for p in named), needed
    predictors = [predictor for _, predictor in program.named_predictors()]
    if len(predictors) > 1:
        return None, needed
    asked = tuple(predictors[0].signature.input_fields)
    return frozenset(asked), asked
