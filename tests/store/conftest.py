"""The store under test, once per engine: every test that takes `store_url` runs on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from g6o_eval.store.choose import open_store
from g6o_eval.store.doltlite import Connection
from g6o_eval.store.embedded import fit_library
from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import HARNESS, SENTINEL_DDL, migrate
from support.dolt_server import DoltServer
from support.server_fixtures import database as database
from support.server_fixtures import dolt_server as dolt_server

Foreign = Callable[..., list[Row]]

ENGINES = ("embedded", "server")


@pytest.fixture
def server_url(dolt_server: DoltServer, database: str) -> str:
    """The URL of a database with nothing but the sentinel, as an embedded file is born."""
    commit = "CALL DOLT_COMMIT('-Am', 'Make the store')"
    dolt_server.run(SENTINEL_DDL, commit, database=database)
    return dolt_server.url(database)


@pytest.fixture(params=ENGINES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of its own for this test."""
    if request.param == "embedded":
        return f"doltlite:///{tmp_path / 'evals.db'}"
    return str(request.getfixturevalue("server_url"))


@pytest.fixture
def empty_store(store_url: str, tmp_path: Path) -> Iterator[Store]:
    """A store without a table of ours but the sentinel."""
    store = open_store(store_url, root=tmp_path)
    yield store
    store.close()


@pytest.fixture
def store(empty_store: Store) -> Store:
    """A store with the harness's tables."""
    migrate(empty_store, HARNESS)
    return empty_store


@pytest.fixture
def untyped_store(tmp_path: Path) -> Iterator[Store]:
    """A store that keeps what does not fit its column, as only the embedded engine does: readers must refuse it."""
    opened = open_store(f"doltlite:///{tmp_path / 'untyped.db'}", root=tmp_path)
    migrate(opened, HARNESS)
    yield opened
    opened.close()


@pytest.fixture
def foreign(request: pytest.FixtureRequest, store_url: str) -> Iterator[Foreign]:
    """Run a statement as a client of the same database that knows nothing of our rules."""
    if store_url.startswith("dolt://"):
        server: DoltServer = request.getfixturevalue("dolt_server")
        database = request.getfixturevalue("database")
        yield lambda sql: server.run(sql, database=database)
        return
    path = store_url.removeprefix("doltlite:///")
    client = Connection(fit_library(), path, mode="create", name=path, busy_seconds=5)
    yield client.run
    client.close()


@pytest.fixture
def foreign_rows(store: Store, foreign: Foreign) -> None:
    """A table `outside` with a row that another client wrote and never committed."""
    with store.change("Make a table of somebody else") as change:
        change.execute("CREATE TABLE outside (k BIGINT NOT NULL PRIMARY KEY)")
    foreign("INSERT INTO outside VALUES (1)")
