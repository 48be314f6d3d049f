"""An item's prediction: asked for once, waited for, and its error raised as the item's own."""

from __future__ import annotations

import types
from pathlib import Path

import dspy
import pytest

from g6o_eval.collected import EVALS_KEY
from g6o_eval.dataset import key_of
from g6o_eval.errors import G6oError
from g6o_eval.eval import Eval
from g6o_eval.lm.meter import BudgetStop
from g6o_eval.predict import Predicted
from g6o_eval.steps.candidate import Candidate
from g6o_eval.steps.judging import Judging, Settled

JUDGING_KEY: pytest.StashKey[Judging] = pytest.StashKey()
SPEC_KEY: pytest.StashKey[Eval] = pytest.StashKey()
"""Set on the items that take an example and will run: asked for many times an item."""
SETTLED_KEY: pytest.StashKey[Settled] = pytest.StashKey()

HIDDEN = (str(Path(dspy.__file__).parent), str(Path(__file__).parent))


def spec_of(item: pytest.Item) -> Eval | None:
    """Return the Eval whose marker an item carries."""
    mark = item.get_closest_marker("eval")
    return mark.args[0] if mark is not None and mark.args else None


def takes_example(item: pytest.Item) -> bool:
    """Whether an item is one of those that a program is predicted and scored for."""
    return "example" in getattr(item, "fixturenames", ()) and getattr(item, "callspec", None) is not None


def test_of(item: pytest.Item) -> tuple[object, str]:
    """Return what is the same for all items of one test function: its collector and its name."""
    return item.parent, item.originalname  # type: ignore[attr-defined]  # pytest's own items have it


def judging_of(item: pytest.Item) -> Judging:
    """Return the Judging behind an item's marker.

    Raises:
        pytest.UsageError: the item has no eval marker.
    """
    if JUDGING_KEY not in item.stash:
        spec = spec_of(item)
        if spec is None:
            raise pytest.UsageError(f"{item.nodeid} asks for a fixture of g6o_eval but carries no eval marker")
        item.stash[JUDGING_KEY] = item.config.stash[EVALS_KEY].judging(spec)
    return item.stash[JUDGING_KEY]


def candidate_of_item(item: pytest.Item) -> Candidate:
    """Return the program that is judged; fail the item with the reason when there is none."""
    judging = judging_of(item)
    try:
        return judging.candidate()
    except G6oError as error:
        problem = f"{judging.spec.name} cannot be judged: {error}"
    pytest.fail(problem, pytrace=False)


def settled(item: pytest.Item) -> Settled:
    """Return the item's prediction and score, made once; raise what the program or the metric raised."""
    __tracebackhide__ = True
    if SETTLED_KEY not in item.stash:
        item.stash[SETTLED_KEY] = _settle(item)
    found = item.stash[SETTLED_KEY]
    _raise_errors(found.candidate)
    return found


def _settle(item: pytest.Item) -> Settled:
    again = False
    try:
        judging = judging_of(item)
        again = judging.problem is not None
        if judging.idle:
            judging.start(list(item.config.stash[EVALS_KEY].selected[judging.spec.name]))
        return judging.settled(example_key(item))
    except G6oError as error:
        problem = f"{item.stash[SPEC_KEY].name} cannot be judged: {error}"
    if again:  # one item has failed with it; hundreds more would bury it
        pytest.skip(problem)
    pytest.fail(problem, pytrace=False)  # out here, so that pytest shows no chain of errors


def example_key(item: pytest.Item) -> str:
    """Return the key of the example that an item takes."""
    return key_of(item.callspec.params["example"])  # type: ignore[attr-defined]  # pytest's own items have it


def _raise_errors(predicted: Predicted) -> None:
    __tracebackhide__ = True
    if isinstance(predicted.error, BudgetStop):
        skip = pytest.skip.Exception(f"stopped by budget: {predicted.error.reason}")
        skip._use_item_location = True  # as pytest sets it for fixtures: -rs names the test, not this line
        raise skip
    if predicted.error is not None and not isinstance(predicted.error, Exception):  # SystemExit would end pytest
        _fail(f"the program raised {predicted.score.error}")
    if predicted.error is not None:
        raise predicted.error.with_traceback(_users_frames(predicted.error.__traceback__))
    if predicted.score.error is not None:
        _fail(predicted.score.error)


def _fail(problem: str) -> None:  # not hidden: pytest remarks on it when all entries of a traceback are
    pytest.fail(problem, pytrace=False)


def _users_frames(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Drop our frames and dspy's, but never the last: what is left starts in the user's program."""
    kept: list[types.TracebackType] = []
    while trace is not None:
        if trace.tb_next is None or not trace.tb_frame.f_code.co_filename.startswith(HIDDEN):
            kept.append(trace)
        trace = trace.tb_next
    for entry in reversed(kept):
        trace = types.TracebackType(trace, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return trace
