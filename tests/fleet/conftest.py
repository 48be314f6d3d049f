from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from g6o_eval.fleet.sample import prepare_sample
from g6o_eval.fleet.tables import MIGRATIONS
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Store
from g6o_eval.store.schema import HARNESS, migrate
from support.dolt_server import DoltServer
from support.server_fixtures import database as database
from support.server_fixtures import dolt_server as dolt_server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An embedded store with the fleet's tables."""
    opened = open_store("doltlite:///fleet.db", root=tmp_path)
    migrate(opened, (*HARNESS, *MIGRATIONS))
    yield opened
    opened.close()


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
