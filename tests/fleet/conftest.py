from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from g6o_eval.fleet.sample import prepare_sample
from g6o_eval.fleet.tables import MIGRATIONS
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Store
from g6o_eval.store.schema import HARNESS, migrate
from support.dolt_server import DoltServer, session_server

_NUMBERS = count(1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An embedded store with the fleet's tables."""
    opened = open_store("doltlite:///fleet.db", root=tmp_path)
    migrate(opened, (*HARNESS, *MIGRATIONS))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def dolt_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DoltServer:
    """The one Dolt server of this session: the same that the tests of the store use."""
    base = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        return session_server(base.parent / "dolt", os.getppid())
    return session_server(base / "dolt", os.getpid())


@pytest.fixture
def database(dolt_server: DoltServer) -> Iterator[str]:
    """An empty database of its own for this test."""
    name = f"f_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{next(_NUMBERS)}"
    dolt_server.run(f"CREATE DATABASE {name}")
    yield name
    dolt_server.run(f"DROP DATABASE {name}")


@pytest.fixture(params=["embedded", "server"])
def fleet_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store with the fleet's tables, on each engine."""
    url = "doltlite:///fleet.db"
    if request.param == "server":
        server: DoltServer = request.getfixturevalue("dolt_server")
        url = server.url(request.getfixturevalue("database"))
    opened = open_store(url, root=tmp_path)
    migrate(opened, (*HARNESS, *MIGRATIONS))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An embedded store with the repository's sample in it; for reading: importing it takes seconds."""
    opened = open_store("doltlite:///sample.db", root=tmp_path_factory.mktemp("sample"))
    prepare_sample(opened, Path(__file__).parents[2] / "evals" / "data")
    yield opened
    opened.close()
