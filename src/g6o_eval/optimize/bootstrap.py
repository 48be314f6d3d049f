"""Bootstrap: few-shot demos from the program's own good answers on train, and from train's labels.

Why not dspy.BootstrapFewShotWithRandomSearch: docs/decisions/bootstrap.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_origin

import dspy

from g6o_eval.artifact import canonical_json
from g6o_eval.dataset import key_of
from g6o_eval.eval import Eval
from g6o_eval.optimize.proposal import Proposal
from g6o_eval.optimizer import Bootstrap
from g6o_eval.predict import Predicted
from g6o_eval.prompt.demo import demo_of

Run = Callable[[Any, Sequence[dspy.Example]], list[Predicted]]
Demo = Mapping[str, Any]

_BATCH = 16
"""Train examples per look at whether the pool is full; not the concurrency, which must change nothing."""
_POOL = 4
"""Good answers that are enough, as a multiple of max_demos."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What one train example shows: a demo per predictor path."""

    key: str
    demos: Mapping[str, Demo]


def propose(
    spec: Eval, settings: Bootstrap, program: Any, train: Sequence[dspy.Example], *, run: Run
) -> Iterator[Proposal]:
    """Yield programs that differ in their demos, from the seed alone.

    The first has labelled demos only, which cost no call. Then the hand-written program answers
    train, once for all candidates, until enough answers reach the threshold; every further
    candidate mixes some of those with labelled demos of other examples. Demos that the program
    brought along are replaced.
    """
    order = list(train)
    _seeded(settings, "train").shuffle(order)
    labelled = _labelled(spec, program, order)
    own: list[_Shown] | None = None
    for number in range(1, settings.candidates + 1):
        rng = _seeded(settings, str(number))
        if number == 1 and labelled:
            yield _with_demos(program, _picked(program, labelled, settings.max_demos, rng), number, own=0)
            continue
        if own is None:
            own = _own(spec, settings, program, order, run)
        few = _picked(program, own, rng.randint(1, settings.max_demos), rng)
        taken = {shown.key for shown in few}
        others = [shown for shown in labelled if shown.key not in taken]
        fill = _picked(program, others, rng.randint(0, settings.max_demos - len(few)), rng)
        yield _with_demos(program, [*few, *fill], number, own=len(few))


def _own(spec: Eval, settings: Bootstrap, program: Any, order: list[dspy.Example], run: Run) -> list[_Shown]:
    """Run the program on train until enough answers score at or above the threshold."""
    found: list[_Shown] = []
    for start in range(0, len(order), _BATCH):
        for result in run(program, order[start : start + _BATCH]):
            if result.score.value is not None and result.score.value >= settings.threshold:
                found.append(_traced(program, result))
        if len(found) >= _POOL * settings.max_demos:
            break
    return found


def _traced(program: Any, result: Predicted) -> _Shown:
    """Return what each predictor was asked and said last on the way to a good answer."""
    last = {id(predictor): {**inputs, **outputs} for predictor, inputs, outputs in result.trace}
    return _Shown(
        result.key,
        {
            path: demo_of(predictor.signature, last[id(predictor)], where=f"the answer to example {result.key!r}")
            for path, predictor in program.named_predictors()
            if id(predictor) in last
        },
    )


def _labelled(spec: Eval, program: Any, order: list[dspy.Example]) -> list[_Shown]:
    """Return demos made of examples alone; only for programs of one predictor, whose fields they are."""
    predictors = program.named_predictors()
    if len(predictors) != 1:
        return []
    path, predictor = predictors[0]
    signature = predictor.signature
    found = []
    for example in order:
        values = {name: example[name] for name in signature.fields if name in example} | _answer(spec, example)
        demo = demo_of(signature, values, where=f"example {key_of(example)!r}")
        if set(signature.input_fields) <= set(demo) and set(signature.output_fields) & set(demo):
            found.append(_Shown(key_of(example), {path: demo}))
    return found


def _answer(spec: Eval, example: dspy.Example) -> dict[str, Any]:
    """Return the right answer by output field, where the metric knows it: `metric.answer(example)`."""
    answer = getattr(spec.metric, "answer", None)
    return {} if answer is None else dict(answer(example))


def _picked(program: Any, pool: Sequence[_Shown], count: int, rng: random.Random) -> list[_Shown]:
    """Return so many of the pool, at random but with each closed answer in turn, so that none is missing."""
    mixed = list(pool)
    rng.shuffle(mixed)
    piles: dict[str, list[_Shown]] = {}
    for shown in mixed:
        piles.setdefault(_closed_answers(program, shown), []).append(shown)
    rounds = max(map(len, piles.values()), default=0)
    dealt = [pile[turn] for turn in range(rounds) for pile in piles.values() if turn < len(pile)]
    return dealt[:count]


def _closed_answers(program: Any, shown: _Shown) -> str:
    """Return the values of the output fields that have a closed set of answers."""
    return canonical_json(
        [
            [path, name, shown.demos[path].get(name)]
            for path, predictor in program.named_predictors()
            if path in shown.demos
            for name, field in predictor.signature.output_fields.items()
            if field.annotation is bool or get_origin(field.annotation) is Literal
        ]
    )


def _with_demos(program: Any, shown: Sequence[_Shown], number: int, *, own: int) -> Proposal:
    copy = program.deepcopy()
    for path, predictor in copy.named_predictors():
        predictor.demos = [dict(one.demos[path]) for one in shown if path in one.demos]
    return Proposal(f"{number}: {own} own, {len(shown) - own} labelled", copy)


def _seeded(settings: Bootstrap, purpose: str) -> random.Random:
    """Return a generator that a text seeds: the same in every process, whatever PYTHONHASHSEED is."""
    return random.Random(f"{settings.seed}:{purpose}")  # noqa: S311  # a search, no secret
