"""Whether this session and this process have to do with evals; asked before anything of ours is loaded."""

from __future__ import annotations

from typing import Any

import pytest

ITEMS = "g6o-items"
"""Name of the plugin that an eval registers; without one collected, dspy is never imported."""

WORKER_INPUT = "g6o_eval"
"""Key of xdist's workerinput under which the controller says at which revision to read."""


def involves_evals(config: pytest.Config) -> bool:
    """Whether the paths asked for hold the project's evals: known before anything is collected."""
    folders = [(config.rootpath / folder).resolve() for folder in config.getini("g6o_evals")]
    asked = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    return any(
        folder.exists() and (path == folder or folder in path.parents or path in folder.parents)
        for folder in folders
        for path in asked
    )


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker of xdist."""
    return hasattr(config, "workerinput")


def worker_input(config: pytest.Config) -> dict[str, Any]:
    """Return what the controller told this worker; empty elsewhere."""
    given: dict[str, Any] = getattr(config, "workerinput", {}).get(WORKER_INPUT, {})
    return given
