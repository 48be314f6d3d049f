"""The short way of plain items: from logstart to three reports without the fixture machinery.

A *plain* item is one whose difference nobody could see: its test asks for nothing but `example`,
`prediction` and `score`, it carries no marks but ours, and nobody else hooks into what is left out.
The item before it, of the same test, has taken pytest's way, so fixtures of wider scope stand.
Every other item, and every doubt, takes pytest's way. Two private names of pytest are used:
`caplog_records_key` and `Function._fixtureinfo`; where one is missing, all items take pytest's way.
"""

from __future__ import annotations

import bdb
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

import pytest
from _pytest import logging as pytest_logging

from g6o_eval.involved import ITEMS
from g6o_eval.items import Items
from g6o_eval.settling import SPEC_KEY, example_key, judging_of, settled, test_of

caplog_records_key: Any = getattr(pytest_logging, "caplog_records_key", None)
Phase: TypeAlias = Literal["setup", "call", "teardown"]
_FIXTURES = frozenset({"example", "prediction", "score"})
_MARKS = frozenset({"eval", "parametrize"})
_WAITING = frozenset({"capturemanager", "logging-plugin", ITEMS})
"""Whose setup hooks are called while an item waits for its prediction."""
_KNOWN = _WAITING | {
    *("runner", "skipping", "unittest", "tmpdir", "threadexception", "unraisableexception"),
    *("fixtures", "setuponly", "setupplan", "anyio", "hypothesispytest", "timeout", "g6o-short"),
}
"""Plugins whose hooks do nothing in what plain items leave out."""
_LEFT_OUT = ("runtest_setup", "runtest_teardown", "runtest_makereport", "fixture_setup", "fixture_post_finalizer")
_SHOWS_ALL = ("usepdb", "trace", "setuponly", "setupshow", "setupplan", "fulltrace", "log_level", "log_cli_level")
_CONTROL = (pytest.skip.Exception, bdb.BdbQuit)  # pytest makes the first of a unittest.SkipTest


def register(config: pytest.Config, items: Items) -> None:
    """Let this session's plain items take the short way, unless something says that all take pytest's."""
    if caplog_records_key is None or not config.getini("g6o_short") or not config.pluginmanager.has_plugin("logging"):
        return
    told = [config.getoption(name, None) for name in _SHOWS_ALL]
    if not any([*told, config.getini("log_cli"), config.getini("log_level")]):
        config.pluginmanager.register(Short(config, items), "g6o-short")


class Short:
    """Runs plain items."""

    def __init__(self, config: pytest.Config, items: Items) -> None:
        self._items = items
        self._ready: tuple[object, str] | None = None  # the test whose fixtures of wider scope stand
        self._next: pytest.Item | None = None  # for which they were left standing
        self._plain: dict[tuple[object, str], bool] = {}
        setup = config.hook.pytest_runtest_setup.get_hookimpls()
        self._wait = config.pluginmanager.subset_hook_caller(
            "pytest_runtest_setup", [impl.plugin for impl in setup if impl.plugin_name not in _WAITING]
        )

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note that an item has been set up in pytest's way."""
        if SPEC_KEY in item.stash:
            test = test_of(item)
            if test not in self._plain:
                self._plain[test] = _only_our_fixtures(item) and _only_known_hooks(item)
            self._ready = test if self._plain[test] else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run an item if it is plain; otherwise leave it to pytest."""
        test, follows = self._ready, item is self._next
        self._ready, self._next = None, nextitem
        if not follows or SPEC_KEY not in item.stash or test_of(item) != test or not _only_our_marks(item):
            return None
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        if self._phase(item, "setup", hook=hook, body=partial(self._set_up, item)):
            self._phase(item, "call", hook=hook, body=partial(hook.pytest_runtest_call, item=item))
        ending = bool(item.session.shouldfail or item.session.shouldstop)
        if ending or nextitem is None or nextitem.parent is not item.parent:  # fixtures of wider scope end here
            end = partial(hook.pytest_runtest_teardown, item=item, nextitem=None if ending else nextitem)
        else:
            end, self._ready = partial(_tear_down, item), test
        self._phase(item, "teardown", hook=hook, body=end)
        item.funcargs = {}  # type: ignore[attr-defined]  # of pytest.Function
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _set_up(self, item: Any) -> None:
        __tracebackhide__ = True
        if judging_of(item).made(example_key(item)):
            item.stash[caplog_records_key] = {}  # made by pytest's logging in the hook that is left out
        else:
            os.environ["PYTEST_CURRENT_TEST"] = f"{item.nodeid} (setup)".replace("\x00", "(null)")
            self._wait(item=item)
        found = settled(item).candidate
        example = item.callspec.params["example"]
        item.funcargs = {"example": example, "prediction": found.prediction, "score": found.score}

    def _phase(self, item: pytest.Item, when: Phase, *, hook: Any, body: Callable[[], object]) -> bool:
        """Run one phase and report it; return whether it passed."""
        call: pytest.CallInfo[Any] = pytest.CallInfo.from_call(
            body, when, reraise=(pytest.exit.Exception, KeyboardInterrupt)
        )
        if call.excinfo is None and when != "call":  # nobody's hook has anything to add to an empty phase
            report = pytest.TestReport.from_item_and_call(item, call)
            self._items.reports.complete(item, report)
        else:
            report = hook.pytest_runtest_makereport(item=item, call=call)
        hook.pytest_runtest_logreport(report=report)
        if call.excinfo is not None and not (isinstance(call.excinfo.value, _CONTROL) or hasattr(report, "wasxfail")):
            hook.pytest_exception_interact(node=item, call=call, report=report)
        return bool(report.passed)


def _tear_down(item: pytest.Item) -> None:
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    del item.stash[caplog_records_key]


def _only_our_marks(item: pytest.Item) -> bool:
    return _MARKS.issuperset(mark.name for mark in item.iter_markers())


def _only_our_fixtures(item: Any) -> bool:
    """Whether the test's arguments are ours, and whatever else it pulls in (autouse) outlives the item."""
    known = getattr(item, "_fixtureinfo", None)
    if known is None or type(item) is not pytest.Function or set(item.callspec.params) != {"example"}:
        return False
    return _FIXTURES.issuperset(known.argnames) and all(
        name == "request" or (name in known.name2fixturedefs and _stays(name, known.name2fixturedefs[name][-1]))
        for name in item.fixturenames
    )


def _stays(name: str, definition: Any) -> bool:
    if name in _FIXTURES:
        return str(definition.func.__module__) == "g6o_eval.plugin"  # not another fixture of that name
    return definition.scope != "function" and definition.params is None


def _only_known_hooks(item: pytest.Item) -> bool:
    """Whether nobody hooks into what a plain item leaves out."""
    impls = [impl for name in _LEFT_OUT for impl in getattr(item.ihook, f"pytest_{name}").get_hookimpls()]
    impls += [i for i in item.ihook.pytest_runtest_protocol.get_hookimpls() if not (i.wrapper or i.hookwrapper)]
    return all(impl.plugin_name in _KNOWN for impl in impls)
