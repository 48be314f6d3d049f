"""Properties that a metric must have to judge anything: functions that raise AssertionError where one is missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from g6o_eval.eval import Metric
from g6o_eval.score import to_score

Gold: TypeAlias = Callable[[Any], Mapping[str, Any]]
"""The right answer to an example: output field → value."""

_SAME = 1e-9
"""Scores that differ by less than this are equal: the rounding of a sum of floats."""


def metric_moves(metric: Metric, examples: Sequence[Any], *, gold: Gold | None = None) -> None:
    """Check that a metric looks at the prediction: it moves when the right answers of examples are swapped.

    Args:
        metric: (example, prediction) → score.
        examples: at least two, with different right answers.
        gold: the right answer to an example; None: what `metric.answer` says.

    Raises:
        AssertionError: each example scores the same whichever answer it gets.
        ValueError: the examples all have one answer, or nothing says what the answers are.
    """
    answers = _answers(metric, examples, gold)
    for example in examples:
        found = [_value(metric, example, answer) for answer in answers]
        if max(found) - min(found) > _SAME:
            return
    raise AssertionError(
        f"the metric does not move when predictions are swapped: each of {len(examples)} examples scores the same with "
        f"all {len(answers)} answers (the first one {_value(metric, examples[0], answers[0]):.3f}). It judges the "
        "example, not the prediction"
    )


def metric_ignores(
    metric: Metric,
    examples: Sequence[Any],
    *,
    fields: Sequence[str],
    gold: Gold | None = None,
    paraphrase: Callable[[str], str] | None = None,
) -> None:
    """Check that a metric does not move when fields that have nothing to do with the answer say the same otherwise.

    Args:
        metric: (example, prediction) → score.
        examples: at least one; the fields hold texts.
        fields: of the examples, irrelevant to the answer.
        gold: the right answer to an example; None: what `metric.answer` says.
        paraphrase: says a text otherwise; None: `shouted`.

    Raises:
        AssertionError: the score of one example moved; it names the field.
        ValueError: a field is no text, or nothing says what the answers are.
    """
    say = paraphrase or shouted
    for example in examples:
        answer = _answer(metric, example, gold)
        before = _value(metric, example, answer)
        for field in fields:
            if not isinstance(example[field], str):
                raise ValueError(f"the field {field!r} holds {example[field]!r}; only texts can be said otherwise")
            after = _value(metric, example.copy(**{field: say(example[field])}), answer)
            if abs(after - before) > _SAME:
                raise AssertionError(
                    f"the metric moves with the field {field!r}, which has nothing to do with the answer: "
                    f"{before:.3f} for {example[field]!r}, {after:.3f} for {say(example[field])!r}"
                )


def gold_beats_constants(
    metric: Metric, examples: Sequence[Any], *, gold: Gold | None = None, constants: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Check that right answers score higher than any answer that is always the same.

    Every right answer is tried as the constant, beside those that are given.

    Args:
        metric: (example, prediction) → score.
        examples: at least two, with different right answers.
        gold: the right answer to an example; None: what `metric.answer` says.
        constants: further answers: "banana", an empty list, what is well written.

    Raises:
        AssertionError: a constant answer scores as high on average; it is named.
        ValueError: the examples all have one answer, or nothing says what the answers are.
    """
    answers = _answers(metric, examples, gold)
    best = _mean([_value(metric, example, answer) for example, answer in zip(examples, answers, strict=True)])
    for constant in (*constants, *answers):
        found = _mean([_value(metric, example, constant) for example in examples])
        if found > best - _SAME:
            raise AssertionError(
                f"an answer that is always the same does as well as the right ones: {dict(constant)!r} scores "
                f"{found:.3f} on {len(examples)} examples, the right answers {best:.3f}"
            )


def metrics_differ(metrics: Mapping[str, Metric], examples: Sequence[Any], *, gold: Gold) -> None:
    """Check that no metric is another one under a second name: some pair tells any two of them apart.

    Every example is scored with the right answer of every example.

    Raises:
        AssertionError: two metrics gave all the same scores; both are named.
        ValueError: the examples all have one answer.
    """
    answers = [dict(gold(example)) for example in examples]
    if not any(answer != answers[0] for answer in answers):
        raise ValueError(f"{len(answers)} examples with one answer cannot show anything; give at least two answers")
    pairs = [(example, answer) for example in examples for answer in answers]
    series = {name: [_value(metric, *pair) for pair in pairs] for name, metric in metrics.items()}
    for one, two in itertools.combinations(sorted(series), 2):
        if all(abs(left - right) <= _SAME for left, right in zip(series[one], series[two], strict=True)):
            raise AssertionError(
                f"the metrics {one!r} and {two!r} are one under two names: the same score for each of {len(pairs)} "
                "pairs of example and answer"
            )


def shouted(text: str) -> str:
    """Return a text with its cases swapped and something polite around it: the same, said otherwise."""
    return f"please note: {text.swapcase()} - thank you"


def _answers(metric: Metric, examples: Sequence[Any], gold: Gold | None) -> list[dict[str, Any]]:
    answers = [_answer(metric, example, gold) for example in examples]
    if not any(answer != answers[0] for answer in answers):
        raise ValueError(f"{len(answers)} examples with one answer cannot show anything; give at least two answers")
    return answers


def _answer(metric: Metric, example: Any, gold: Gold | None) -> dict[str, Any]:
    say = gold or getattr(metric, "answer", None)
    if say is None:
        raise ValueError(f"nothing says what the right answers are: {metric!r} has no `answer`; give gold=…")
    return dict(say(example))


def _value(metric: Metric, example: Any, answer: Mapping[str, Any]) -> float:
    import dspy

    score = to_score(metric(example, dspy.Prediction(**answer)))  # type: ignore[no-untyped-call]  # dspy is untyped
    if score.value is None:
        raise AssertionError(f"the metric has no score for {dict(answer)!r}: {score.error}")
    return score.value


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
