"""Items: one per Example, of the test split; and the hooks around them."""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Generator

import pytest

from g6o_eval.collected import Evals, no_store_yet
from g6o_eval.dataset import group_of, key_of
from g6o_eval.errors import G6oError
from g6o_eval.eval import Eval
from g6o_eval.gate import too_few
from g6o_eval.involved import is_worker
from g6o_eval.item_reports import ItemReports
from g6o_eval.routing import Routing
from g6o_eval.settling import SETTLED_KEY, SPEC_KEY, example_key, settled, spec_of, takes_example, test_of
from g6o_eval.steps.changed import is_live

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
        note_problem(evals, f"{metafunc.definition.nodeid}: {error}")
        return
    metafunc.parametrize("example", examples, ids=[key_of(example) for example in examples], indirect=True)


def note_problem(evals: Evals, text: str) -> None:
    """Keep a reason why an Eval cannot be used, for `refuse_problems`."""
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
        evals.left_out = tuple(name for name, same in live.items() if same)


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
    firsts: dict[tuple[object, str], pytest.Item] = {}
    for item in items:
        spec = spec_of(item)
        if spec is not None and takes_example(item):
            item.stash[SPEC_KEY] = spec
            evals.select(spec.name, example_key(item))
            _copy_location(item, firsts.setdefault(test_of(item), item))
    if evals.selected:
        _freeze_gc()


def _copy_location(item: pytest.Item, like: pytest.Item) -> None:
    """Give an item the location of another of its test, with its own name: pytest takes 45 us to find it again."""
    path, line, name = like.location
    if name.endswith(like.name):
        item.location = (path, line, name.removesuffix(like.name) + item.name)


def _freeze_gc() -> None:
    """Take what exists by now (dspy, pytest, the items) out of the collector's sight, and all of it at exit."""
    if "PYTEST_CURRENT_TEST" not in os.environ and gc.get_freeze_count() == 0:  # not inside another pytest
        gc.freeze()
        atexit.register(gc.freeze)


def warnings_of(evals: Evals) -> list[str]:
    """Return a line for each Eval that is left out, or whose gate no equal prompt could reach with so few examples."""
    lines = [f"{name}: left out, it is what is live in everything that a verdict is about" for name in evals.left_out]
    for name in evals.selected:
        spec = evals.specs[name]
        units = len({group_of(example) for example in evals.splits(spec).test})
        if (why := too_few(spec.gate, units)) is not None:
            lines.append(f"{name}: {why}")
    return lines


# ── running ──


class Items:
    """Hooks around the items of evals; registered once an eval is involved.

    Attributes:
        reports: completes the reports of these items.
    """

    def __init__(self, evals: Evals) -> None:
        self._evals = evals
        self._routing = Routing()
        self.reports = ItemReports(evals)

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

    @pytest.hookimpl(wrapper=True, trylast=True)  # trylast: inside pytest's capture
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Predict and score also when the test asks for neither; after the skip marks had their say."""
        __tracebackhide__ = True
        if SPEC_KEY in item.stash:
            self._routing.streams()
        result = yield
        if SPEC_KEY in item.stash:
            settled(item)
        return result

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
        if SPEC_KEY in item.stash:
            self.reports.complete(item, report)
        return report
