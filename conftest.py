"""This repository's own pytest settings: the sample telemetry is prepared before its evals are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from g6o_eval.store.port import Store

pytest_plugins = ["pytester"]


def pytest_g6o_prepare(config: pytest.Config, store: Store) -> None:
    """Load evals/data/ into the store, once."""
    from g6o_eval.fleet.sample import prepare_sample  # the tests load this file too, and need no fleet

    prepare_sample(store, config.rootpath / "evals" / "data")
