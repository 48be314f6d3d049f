"""xdist: an Eval runs whole, on one worker, decided before anything runs.

So it is compiled once, its budget and concurrency need no shared ledger, and no example is predicted
twice. Built on xdist's public hooks and its exported LoadScheduling. The controller collects
nothing: each worker leaves a small file that says which tests are evals, in a folder that the
controller named in `workerinput`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScheduling  # type: ignore[import-untyped]  # xdist ships no types for it

from g6o_eval.collected import EVALS_KEY
from g6o_eval.involved import WORKER_INPUT, is_worker, worker_input


def shared(config: pytest.Config) -> Controller | Worker | None:
    """Return the plugin that this process needs for sharing evals between workers, if any."""
    if is_worker(config):
        return Worker(config) if worker_input(config) else None
    if not getattr(config.option, "numprocesses", None):
        return None
    if config.option.dist != "load":
        raise pytest.UsageError(
            f"--dist {config.option.dist} would give parts of one Eval to several workers; evals need --dist load"
        )
    return Controller(config)


class Controller:
    """Tells workers what to read, and schedules."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._folder = Path(tempfile.mkdtemp(prefix="g6o-"))

    def pytest_configure_node(self, node: Any) -> None:
        """Pin the revision once, for all workers."""
        evals = self._config.stash[EVALS_KEY]
        evals.prepare()
        node.workerinput[WORKER_INPUT] = {"at": evals.pinned, "folder": str(self._folder)}

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> EvalScheduling:
        """Schedule so that the items of an Eval stay together."""
        return EvalScheduling(self._folder, config, log)

    def pytest_testnodedown(self, node: Any) -> None:
        """Take the names of the Evals that a worker collected; a worker that crashed says nothing."""
        evals = self._config.stash[EVALS_KEY]
        evals.elsewhere |= frozenset(getattr(node, "workeroutput", {}).get(WORKER_INPUT, ()))

    def pytest_keyboard_interrupt(self) -> None:
        """Kill workers that wait for an LM after half a second; xdist would give them ten."""
        manager = self._config.pluginmanager.getplugin("dsession").nodemanager
        if manager is not None:  # None: no worker was started yet
            manager.EXIT_TIMEOUT = 0.5

    def pytest_unconfigure(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


class Worker:
    """Tells the controller which tests are evals."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._file = Path(worker_input(config)["folder"]) / config.workerinput["workerid"]  # type: ignore[attr-defined]  # a worker's config has it

    @pytest.hookimpl(tryfirst=True)  # before xdist tells the controller that collection is over
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Leave the file."""
        marks = {item.nodeid.partition("[")[0]: item.get_closest_marker("eval") for item in session.items}
        self._file.write_text(json.dumps({test: mark.args[0].name for test, mark in marks.items() if mark}))

    def pytest_sessionfinish(self) -> None:
        """Say which Evals were collected, those that nothing was selected of among them."""
        self._config.workeroutput[WORKER_INPUT] = sorted(self._config.stash[EVALS_KEY].specs)  # type: ignore[attr-defined]  # a worker's config has it


class EvalScheduling(LoadScheduling):  # type: ignore[misc]  # xdist ships no types for it
    """xdist's `load`, after each Eval was given whole to the worker with the fewest items so far."""

    collection: list[str] | None
    maxschedchunk: int | None

    def __init__(self, folder: Path, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._folder = folder
        self._given: set[int] = set()

    def schedule(self) -> None:
        """Give out the evals, then the ordinary tests in chunks, as workers get through."""
        if self.collection is not None or not self._check_nodes_have_same_collection():
            super().schedule()
            return
        ids: list[str] = next(iter(self.node2collection.values()))
        evals = self._evals(ids)
        if not evals:
            super().schedule()
            return
        self.collection, self.maxschedchunk = ids, self.maxschedchunk or len(ids)
        for indices in sorted(evals.values(), key=len, reverse=True):
            node = min(self.nodes, key=lambda node: len(self.node2pending[node]))
            self.node2pending[node].extend(indices)
            node.send_runtest_some(indices)
        self._given = {index for indices in evals.values() for index in indices}
        self.pending[:] = [index for index in range(len(ids)) if index not in self._given]
        for node in self.nodes:
            self.check_schedule(node)

    def remove_node(self, node: Any) -> str | None:
        """Drop what a crashed worker still had of its evals: on another, it would be paid for again."""
        rest = self.node2pending.get(node, [])
        rest[1:] = [index for index in rest[1:] if index not in self._given]
        crashed: str | None = super().remove_node(node)
        return crashed

    def _evals(self, ids: list[str]) -> dict[str, list[int]]:
        """Return eval name → indices of its items in the collection."""
        file = self._folder / self.nodes[0].workerinput["workerid"]
        tests: dict[str, str] = json.loads(file.read_text())
        evals: dict[str, list[int]] = {}
        for index, nodeid in enumerate(ids):
            if (name := tests.get(nodeid.partition("[")[0])) is not None:
                evals.setdefault(name, []).append(index)
        return evals
