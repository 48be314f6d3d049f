"""What this process knows of the session's evals: where data comes from, and one Judging per Eval."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from g6o_eval.errors import DeclarationError, MissingError
from g6o_eval.eval import Eval
from g6o_eval.involved import is_worker, worker_input
from g6o_eval.store.choose import Choice, choose_store, open_store
from g6o_eval.store.port import Store

if TYPE_CHECKING:  # they import dspy: only once an eval is collected
    from g6o_eval.steps.judging import Conditions, Judging
    from g6o_eval.store.examples import Splits

EVALS_KEY: pytest.StashKey[Evals] = pytest.StashKey()


class Evals:
    """The evals of this session, in this process.

    Attributes:
        config: pytest's.
        models: role → the model asked for.
        choice: which store, and who said so.
        pinned: the revision at which all Examples are read; None until it is known.
        selected: eval name → key of each example whose items will run, in order → items that are still to come.
        items: eval name → number of items that take an example and will run.
        deselected: number of such items that were left out.
        problems: what is wrong with markers and declarations; reported together after collection.
        elsewhere: names of the Evals that xdist's workers collected.
        left_out: names of the Evals that --eval-changed-only leaves out.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.choice: Choice = choose_store(config.getoption("g6o_store"), os.environ, config.getini("g6o_store"))
        self.models = models(config)
        self.pinned: str | None = worker_input(config).get("at")
        self.selected: dict[str, dict[str, int]] = {}
        self.items: dict[str, int] = {}
        self.deselected: dict[str, int] = {}
        self.problems: list[str] = []
        self.elsewhere: frozenset[str] = frozenset()
        self.left_out: tuple[str, ...] = ()
        self._store: Store | None = None
        self._judgings: dict[str, Judging] = {}
        self._specs: dict[str, Eval] = {}
        self._files: dict[str, list[Path]] = {}
        self._splits: dict[str, Splits] = {}
        self._conditions: Conditions | None = None

    # ── the store ──

    @property
    def opened(self) -> bool:
        """Whether the store is open: nothing but evals ever opens it."""
        return self._store is not None

    @property
    def store(self) -> Store:
        """The store, opened at the first use; a worker and `--collect-only` never write or create it."""
        if self._store is None:
            looking = is_worker(self.config) or self.config.option.collectonly
            self._store = open_store(self.choice.url, root=self.config.rootpath, read_only=looking, create=not looking)
        return self._store

    def prepare(self) -> None:
        """Let the project fill the store, and pin the revision that everything is read at."""
        if self.pinned is not None or self.config.option.collectonly:
            return
        if is_worker(self.config):
            raise DeclarationError(
                "under -n the controller must know where evals are: add their folder to g6o_evals in the pytest "
                f"ini file (it says {self.config.getini('g6o_evals')!r})"
            )
        if not self.store.read_only:
            from g6o_eval.store.schema import known_migrations, migrate

            migrate(self.store, known_migrations())
            self.config.hook.pytest_g6o_prepare(config=self.config, store=self.store)
        self.pinned = self.store.head()

    def stop(self) -> None:
        """Start no further prediction."""
        for judging in self._judgings.values():
            judging.stop()

    def close(self) -> None:
        """Release the store."""
        if self._store is not None:
            self._store.close()

    # ── one eval ──

    def add(self, spec: Eval, path: Path) -> None:
        """Note that a test file carries the marker of an Eval."""
        known = self._specs.setdefault(spec.name, spec)
        if known is not spec:
            self.problems.append(f"two Evals are named {spec.name!r}; the second is used in {path}. Rename one")
        files = self._files.setdefault(spec.name, [])
        if path not in files:
            files.append(path)

    @property
    def specs(self) -> Mapping[str, Eval]:
        """Name → Eval, of all that were collected."""
        return self._specs

    def splits(self, spec: Eval) -> Splits:
        """Return an Eval's Examples, read once."""
        if spec.name not in self._splits:
            from g6o_eval.store.examples import read_examples

            self.prepare()
            at = self.pinned or self.store.head()
            self._splits[spec.name] = read_examples(self.store, spec.dataset, at=at, eval_name=spec.name)
        return self._splits[spec.name]

    def judging(self, spec: Eval) -> Judging:
        """Return the Judging of an Eval, one per process."""
        if spec.name not in self._judgings:
            from g6o_eval.steps.judging import Judging

            self._judgings[spec.name] = Judging(
                spec, self.conditions(), self.splits(spec), test_files=self._files[spec.name]
            )
        return self._judgings[spec.name]

    @property
    def judgings(self) -> Mapping[str, Judging]:
        """Name → Judging, of the Evals that this process itself has begun with."""
        return self._judgings

    def conditions(self) -> Conditions:
        """Return what every Eval of this session is judged under."""
        if self._conditions is None:
            from g6o_eval.steps.judging import Conditions

            self.prepare()
            option = self.config.option
            self._conditions = Conditions(
                root=self.config.rootpath,
                store=self.store,
                at=self.pinned or self.store.head(),
                models=self.models,
                concurrency=option.g6o_concurrency,
                compile=option.g6o_compile,
                baseline_ref=option.g6o_baseline,
                say=self.say,
            )
        return self._conditions

    def say(self, line: str) -> None:
        """Show one line of progress, past pytest's capture."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        with contextlib.nullcontext() if capture is None else capture.global_and_fixture_disabled():  # -p no:capture
            if reporter is not None and not is_worker(self.config):
                reporter.ensure_newline()
                reporter.write_line(line)
            else:  # a worker has no terminal of its own; its stderr is the controller's
                os.write(2, f"{line}\n".encode())

    def select(self, name: str, key: str) -> None:
        """Note that an item will ask for this example."""
        keys = self.selected.setdefault(name, {})
        keys[key] = keys.get(key, 0) + 1
        self.items[name] = self.items.get(name, 0) + 1

    def released(self, name: str, key: str) -> bool:
        """Note that an item of this example has ended; return whether it was the last one."""
        self.selected[name][key] -= 1
        return self.selected[name][key] <= 0


def models(config: pytest.Config) -> dict[str, str]:
    """Return role → model: the ini's, overridden by --eval-lm.

    Raises:
        RoleError: a line has another form, or its role is unknown.
    """
    from g6o_eval.lm.roles import parse_roles

    found = parse_roles(config.getini("g6o_lm"), source="ini g6o_lm")
    return found | parse_roles(config.getoption("g6o_lm") or (), source="--eval-lm")


def no_store_yet(evals: Evals, spec: Eval) -> str | None:
    """Return why an Eval's Examples cannot be listed without creating a store; None when they can."""
    try:
        evals.splits(spec)
    except MissingError as error:
        return str(error)
    return None
