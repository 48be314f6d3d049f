"""The pytest plugin: options, markers, fixtures, and hooks that delegate.

It is loaded in every pytest session of every project it is installed for, so it imports neither
dspy nor pymysql; whatever needs them is imported once an eval has been collected.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from g6o_eval import hookspec
from g6o_eval.involved import ITEMS, involves_evals, is_worker

if TYPE_CHECKING:
    from g6o_eval.collected import Evals
    from g6o_eval.eval import Eval

# litellm and dspy fetch a price map from the network at their first use unless this is set.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

DEFAULT_CONCURRENCY = 8
"""Predictions in flight per Eval: what dspy itself takes by default."""


def parse_concurrency(text: str) -> int:
    """Return the number that --eval-concurrency gives, from 1 to 1024."""
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise pytest.UsageError(f"--eval-concurrency {text!r}: expected a whole number from 1 to 1024")
    return int(text)


OPTIONS: dict[str, dict[str, Any]] = {
    "--compile": {
        "action": "store_true",
        "dest": "g6o_compile",
        "help": "compile a new candidate for each selected Eval within its budget, then judge it",
    },
    "--eval-store": {
        "metavar": "URL",
        "dest": "g6o_store",
        "help": "read Examples from and record verdicts in this store: doltlite:///FILE or dolt://USER@HOST:PORT/DB "
        "(else $G6O_STORE, ini g6o_store, doltlite:///.g6o/evals.db)",
    },
    "--eval-lm": {
        "action": "append",
        "metavar": "ROLE=MODEL",
        "dest": "g6o_lm",
        "help": "let MODEL (offline, openai/gpt-4o-mini …) play ROLE (task, reflection, judge, teacher); "
        "repeatable; verdicts of such a run are not stored",
    },
    "--eval-concurrency": {
        "type": parse_concurrency,
        "metavar": "N",
        "dest": "g6o_concurrency",
        "default": DEFAULT_CONCURRENCY,
        "help": f"keep at most N predictions of an Eval in flight (default {DEFAULT_CONCURRENCY})",
    },
    "--eval-baseline": {
        "metavar": "git:REF",
        "dest": "g6o_baseline",
        "help": "compare with the candidate of another commit instead of what is live; such verdicts are not stored",
    },
    "--eval-changed-only": {
        "action": "store_true",
        "dest": "g6o_changed_only",
        "help": "leave out the evals that are, in everything a verdict is about, what is live",
    },
}
"""Option → argparse's settings. Help texts: what it does, in the imperative, without a full stop."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and the ini keys."""
    group = parser.getgroup("g6o-eval", "evals of DSPy programs (g6o_eval)")
    for name, settings in OPTIONS.items():
        group.addoption(name, **settings)
    parser.addini("g6o_store", "URL of the store (see --eval-store)", default="")
    parser.addini("g6o_lm", "lines of ROLE=MODEL (see --eval-lm)", type="linelist", default=[])
    parser.addini("g6o_evals", "folders that hold evals", type="linelist", default=["evals"])
    parser.addini("g6o_short", "run plain items without pytest's fixture machinery", type="bool", default=True)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add pytest_g6o_prepare."""
    pluginmanager.add_hookspecs(hookspec)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and what only some sessions need."""
    config.addinivalue_line("markers", "eval(spec): run this test once per Example of the Eval; spec is an Eval")
    if involves_evals(config):
        _evals(config)
    if config.pluginmanager.hasplugin("syrupy"):  # registered last, so that its `snapshot` overrides syrupy's
        from g6o_eval import snapshot

        config.pluginmanager.register(snapshot, "g6o-snapshot")
    if config.pluginmanager.hasplugin("xdist") and involves_evals(config):
        from g6o_eval.sharing import shared

        if (plugin := shared(config)) is not None:
            config.pluginmanager.register(plugin, "g6o-sharing")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which store the session reads, when it involves evals."""
    if not involves_evals(config):
        return []
    choice = _evals(config).choice
    from g6o_eval.store.choose import without_password

    return [f"evals: store {without_password(choice.url)} (from {choice.source})"]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Prepare the store, and keep the garbage collector out of the way meanwhile.

    `import dspy` leaves some 600,000 objects, which the collector would walk again and again.
    """

    if not involves_evals(session.config):
        return (yield)
    if not is_worker(session.config):
        with _as_usage_errors():
            _evals(session.config).prepare()
    off = gc.isenabled()
    gc.disable()
    try:
        return (yield)
    finally:
        if off:
            gc.enable()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item per Example of the marked Eval's test split."""
    mark = metafunc.definition.get_closest_marker("eval")
    if mark is None:
        return
    from g6o_eval.items import Items, note_problem, parametrize

    evals = _evals(metafunc.config)
    if not metafunc.config.pluginmanager.has_plugin(ITEMS):
        metafunc.config.pluginmanager.register(Items(evals), ITEMS)
    spec = _spec_of(mark)
    if spec is None:
        given = ", ".join([*map(repr, mark.args), *(f"{k}={v!r}" for k, v in mark.kwargs.items())])
        note_problem(
            evals,
            f"{metafunc.definition.nodeid}: the eval marker takes one Eval, as in pytest.mark.eval(TRIAGE); "
            f"got pytest.mark.eval({given})",
        )
        return
    evals.add(spec, metafunc.definition.path)
    if "example" in metafunc.fixturenames:
        parametrize(metafunc, evals, spec)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this session does not judge, and refuse what is declared wrongly."""
    if config.pluginmanager.has_plugin(ITEMS):
        from g6o_eval.collected import EVALS_KEY
        from g6o_eval.items import leave_out, refuse_problems

        evals = config.stash[EVALS_KEY]
        refuse_problems(evals)
        with _as_usage_errors():
            leave_out(evals, items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Note what will run: -k, -m, --lf and --deselect have been applied."""
    if (items := session.config.pluginmanager.get_plugin(ITEMS)) is not None:
        from g6o_eval import short
        from g6o_eval.collected import EVALS_KEY
        from g6o_eval.items import note_selected

        note_selected(session.config.stash[EVALS_KEY], session.items)
        short.register(session.config, items)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say before any call is paid which gates cannot be reached with so few examples."""
    if not config.pluginmanager.has_plugin(ITEMS):
        return []
    from g6o_eval.collected import EVALS_KEY
    from g6o_eval.items import warnings_of

    return warnings_of(config.stash[EVALS_KEY])


def _spec_of(mark: pytest.Mark) -> Eval | None:
    from g6o_eval.eval import Eval

    spec = mark.args[0] if len(mark.args) == 1 and not mark.kwargs else None
    return spec if isinstance(spec, Eval) else None


def _evals(config: pytest.Config) -> Evals:
    from g6o_eval.collected import EVALS_KEY, Evals

    if EVALS_KEY not in config.stash:
        with _as_usage_errors():
            evals = config.stash[EVALS_KEY] = Evals(config)
        if not is_worker(config):
            from g6o_eval.verdicts import Verdicts

            config.pluginmanager.register(Verdicts(evals), "g6o-verdicts")
    return config.stash[EVALS_KEY]


class _as_usage_errors:  # noqa: N801  # used as a context manager
    """Turn an error of ours into pytest's own: one clean line, exit code 4."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from g6o_eval.errors import G6oError

        if isinstance(error, G6oError):
            raise pytest.UsageError(str(error)) from error


# ── fixtures ──


@pytest.fixture
def example(request: pytest.FixtureRequest) -> Any:
    """The dspy.Example of this item: all columns of its row, inputs marked."""
    if not hasattr(request, "param"):
        raise pytest.UsageError(f"{request.node.nodeid} asks for `example` but carries no eval marker")
    return request.param


@pytest.fixture
def prediction(request: pytest.FixtureRequest, example: Any) -> Any:
    """What the candidate answered for this item's example; made once, whoever asks."""
    __tracebackhide__ = True
    from g6o_eval.settling import settled

    return settled(request.node).candidate.prediction


@pytest.fixture
def score(request: pytest.FixtureRequest, example: Any) -> Any:
    """The Score of this item's prediction."""
    __tracebackhide__ = True
    from g6o_eval.settling import settled

    return settled(request.node).candidate.score


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Any:
    """The candidate: the program that this session judges."""
    __tracebackhide__ = True
    from g6o_eval.settling import candidate_of_item

    return candidate_of_item(request.node).program


@pytest.fixture
def prompt(request: pytest.FixtureRequest) -> str:
    """The text that the candidate publishes, as prompt.txt holds it."""
    __tracebackhide__ = True
    from g6o_eval.prompt.publish import prompt_text
    from g6o_eval.settling import candidate_of_item, judging_of

    return prompt_text(judging_of(request.node).spec, candidate_of_item(request.node).program)
