"""Items: one per Example; predicted ahead, scored once, reported with everything a verdict needs."""

from __future__ import annotations

import atexit
import gc
import os
import types
from collections.abc import Generator
from pathlib import Path
from typing import Any

import dspy
import pytest

from g6o_eval.collected import EVALS_KEY, Evals, no_store_yet
from g6o_eval.dataset import group_of, key_of
from g6o_eval.errors import G6oError
from g6o_eval.eval import Eval
from g6o_eval.gate import too_few
from g6o_eval.involved import is_worker
from g6o_eval.lm.meter import BudgetStop
from g6o_eval.predict import Predicted
from g6o_eval.redact import redact
from g6o_eval.report.failure import failure_text
from g6o_eval.routing import Routing
from g6o_eval.score import Score
from g6o_eval.steps.changed import is_live
from g6o_eval.steps.judging import Judging, Settled

JUDGING_KEY: pytest.StashKey[Judging] = pytest.StashKey()
SPEC_KEY: pytest.StashKey[Eval] = pytest.StashKey()
"""Set on the items that take an example and will run: asked for many times an item."""
SETTLED_KEY: pytest.StashKey[Settled] = pytest.StashKey()

HIDDEN = (str(Path(dspy.__file__).parent), str(Path(__file__).parent))


class ScoringError(G6oError):
    """The metric gave no score for this item's prediction."""


# ── collection ──


def parametrize(metafunc: pytest.Metafunc, evals: Evals, spec: Eval) -> None:
    """Give the test one item per Example of the test split, named by its key."""
    if evals.config.option.collectonly and (why := no_store_yet(evals, spec)) is not None:
        skip = pytest.mark.skip(reason=f"no Examples to list yet: {why}")
        metafunc.parametrize("example", [pytest.param(None, marks=skip, id="no-store-yet")], indirect=True)
        return
    try:
        examples = evals.splits(spec).test
    except G6oError as error:
        _problem(evals, f"{metafunc.definition.nodeid}: {error}")
        return
    metafunc.parametrize("example", examples, ids=[key_of(example) for example in examples], indirect=True)


def _problem(evals: Evals, text: str) -> None:
    if is_worker(evals.config):  # a UsageError would end the worker without its message reaching anybody
        raise pytest.Collector.CollectError(text)
    evals.problems.append(text)


def refuse_problems(evals: Evals) -> None:
    """End the session when an Eval cannot be used, with all reasons at once."""
    if evals.problems:
        raise pytest.UsageError("\n".join(dict.fromkeys(evals.problems)))


def leave_out(evals: Evals, items: list[pytest.Item]) -> None:
    """Deselect the items that make predictions nobody asked for."""
    option = evals.config.option
    if getattr(option, "update_snapshots", False) and not option.g6o_compile:
        _deselect(evals.config, items, dict.fromkeys(evals.specs, True))
    elif option.g6o_changed_only and not option.g6o_compile:
        live = {name: is_live(evals.judging(spec)) for name, spec in evals.specs.items()}
        _deselect(evals.config, items, live)


def _deselect(config: pytest.Config, items: list[pytest.Item], unwanted: dict[str, bool]) -> None:
    gone = [
        item for item in items if (spec := spec_of(item)) is not None and takes_example(item) and unwanted[spec.name]
    ]
    if gone:
        kept = set(map(id, gone))
        items[:] = [item for item in items if id(item) not in kept]
        config.hook.pytest_deselected(items=gone)


def note_selected(evals: Evals, items: list[pytest.Item]) -> None:
    """Note which examples will be asked for, and get the collector out of the way of the run."""
    if evals.config.option.collectonly or evals.problems:
        return
    for item in items:
        spec = spec_of(item)
        if spec is not None and takes_example(item):
            item.stash[SPEC_KEY] = spec
            evals.select(spec.name, example_key(item))
    if evals.selected:
        _freeze_gc()


def _freeze_gc() -> None:
    """Take what exists by now (dspy, pytest, the items) out of the collector's sight, and all of it at exit."""
    if "PYTEST_CURRENT_TEST" not in os.environ and gc.get_freeze_count() == 0:  # not inside another pytest
        gc.freeze()
        atexit.register(gc.freeze)


def warnings_of(evals: Evals) -> list[str]:
    """Return a line for each Eval whose gate no equal prompt could reach with so few examples."""
    lines = []
    for name in evals.selected:
        spec = evals.specs[name]
        units = len({group_of(example) for example in evals.splits(spec).test})
        if (why := too_few(spec.gate, units)) is not None:
            lines.append(f"{name}: {why}")
    return lines


def spec_of(item: pytest.Item) -> Eval | None:
    """Return the Eval whose marker an item carries."""
    mark = item.get_closest_marker("eval")
    return mark.args[0] if mark is not None else None


def takes_example(item: pytest.Item) -> bool:
    """Whether an item is one of those that a program is predicted and scored for."""
    return "example" in getattr(item, "fixturenames", ()) and getattr(item, "callspec", None) is not None


# ── running ──


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


def settled(item: pytest.Item) -> Settled:
    """Return the item's prediction and score, made once; raise what the program or the metric raised."""
    __tracebackhide__ = True
    if SETTLED_KEY not in item.stash:
        item.stash[SETTLED_KEY] = _settle(item)
    found = item.stash[SETTLED_KEY]
    _raise_errors(found.candidate)
    return found


def _settle(item: pytest.Item) -> Settled:
    __tracebackhide__ = True
    judging = judging_of(item)
    try:
        if judging.idle:
            judging.start(list(item.config.stash[EVALS_KEY].selected[judging.spec.name]))
        return judging.settled(example_key(item))
    except G6oError as error:  # the Eval cannot be judged: the message says it all, at every item
        pytest.fail(f"{judging.spec.name} cannot be judged: {error}", pytrace=False)


def example_key(item: pytest.Item) -> str:
    """Return the key of the example that an item takes."""
    return key_of(item.callspec.params["example"])  # type: ignore[attr-defined]  # pytest's own items have it


def _raise_errors(predicted: Predicted) -> None:
    __tracebackhide__ = True
    if isinstance(predicted.error, BudgetStop):
        pytest.skip(f"stopped by budget: {predicted.error.reason}")
    if predicted.error is not None:
        raise predicted.error.with_traceback(_users_frames(predicted.error.__traceback__))
    if predicted.score.error is not None:
        raise ScoringError(predicted.score.error)


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


class Items:
    """Hooks around the items of evals; registered once an eval is involved."""

    def __init__(self, evals: Evals) -> None:
        self._evals = evals
        self._routing = Routing()
        self._announced: set[str] = set()
        self._sent: set[tuple[str, str]] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Route logs and the terminal's streams; pytest's own come at the first item, when they stand."""
        self._routing.logs(session.config)
        self._routing.streams()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Start no further call and restore streams and logs when the run ends, Ctrl-C included."""
        try:
            return (yield)
        finally:
            self._evals.stop()
            self._routing.undo()

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count what is left out: a verdict of the rest is partial."""
        for item in items:
            spec = spec_of(item)
            if spec is not None and takes_example(item):
                self._evals.deselected[spec.name] = self._evals.deselected.get(spec.name, 0) + 1

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Predict and score also when the test asks for neither; after the skip marks had their say."""
        __tracebackhide__ = True
        if SPEC_KEY in item.stash:
            self._routing.streams()
            settled(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run the test, then fail it if the prediction broke an Assert."""
        __tracebackhide__ = True
        result = yield
        if SETTLED_KEY in item.stash:
            score = item.stash[SETTLED_KEY].candidate.score
            if score.broken:
                pytest.fail(f"broke {', '.join(score.broken)}: {score.feedback}", pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put on the report what a person reads and what the verdict needs."""
        report = yield
        if SPEC_KEY not in item.stash:
            return report
        found = item.stash.get(SETTLED_KEY, None)
        if call.when == "setup" and found is not None:
            _write_properties(item, report, found.candidate)
        if report.failed and found is not None:
            judging = judging_of(item)
            report.sections.append(("eval", failure_text(judging.spec, found.candidate)))
        if call.when == "teardown":
            report.g6o = self._payload(item, found)  # type: ignore[attr-defined]  # travels with the report
            self._forget(item)
        return report

    def _forget(self, item: pytest.Item) -> None:
        """Let go of a prediction after the last test that asks for it: 16,000 would fill the memory."""
        if SETTLED_KEY in item.stash:
            del item.stash[SETTLED_KEY]
            name, key = item.stash[SPEC_KEY].name, example_key(item)
            if self._evals.released(name, key):
                judging_of(item).forget(key)

    def _payload(self, item: pytest.Item, found: Settled | None) -> dict[str, Any]:
        """Return what the controller needs of an item, as JSON; the heavy part once per Eval."""
        judging = judging_of(item)
        name = judging.spec.name
        key = example_key(item)
        payload: dict[str, Any] = {"eval": name, "key": key}
        if found is None:  # skipped, or it could not be made ready
            return payload
        if (name, key) not in self._sent:
            self._sent.add((name, key))
            payload["score"] = _wire(found.candidate)
            payload["baseline"] = None if found.baseline is None else _wire(found.baseline)
        if name not in self._announced:
            self._announced.add(name)
            payload["announce"] = judging.announcement() | {
                "collected": self._evals.items[name],
                "deselected": self._evals.deselected.get(name, 0),
            }
        payload["spend"] = judging.spend().to_json()
        payload["answered"] = list(judging.meter.answered())
        return payload


def _write_properties(item: pytest.Item, report: pytest.TestReport, predicted: Predicted) -> None:
    properties = [
        ("g6o_eval", judging_of(item).spec.name),
        ("g6o_example", predicted.key),
        ("g6o_score", predicted.score.value),
        ("g6o_error", redact(predicted.score.error or "")),
        ("g6o_seconds", round(predicted.seconds, 6)),
    ]
    item.user_properties.extend(properties)
    report.user_properties = list(item.user_properties)
    for stream in dict.fromkeys(stream for stream, _ in predicted.written):
        text = "".join(text for s, text in predicted.written if s == stream)
        report.sections.append((f"Captured {stream} prediction", text))


def _wire(predicted: Predicted) -> list[Any]:
    score: Score = predicted.score
    stop = predicted.error.reason if isinstance(predicted.error, BudgetStop) else None
    error = None if score.error is None else redact(score.error)
    return [score.value, error, redact(score.feedback), list(score.broken), stop]
