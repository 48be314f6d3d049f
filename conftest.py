"""This repository's own pytest settings: the sample telemetry is prepared before its evals are read."""

from __future__ import annotations

import pytest

from g6o_eval.fleet.sample import prepare_sample
from g6o_eval.store.port import Store

pytest_plugins = ["pytester"]


def pytest_g6o_prepare(config: pytest.Config, store: Store) -> None:
    """Load evals/data/ into the store, once."""
    prepare_sample(store, config.rootpath / "evals" / "data")
