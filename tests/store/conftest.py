"""The store under test, once per engine. A new engine joins ENGINES and gets every contract test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from g6o_eval.store.choose import open_store
from g6o_eval.store.doltlite import Connection
from g6o_eval.store.embedded import fit_library
from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import HARNESS, migrate

Foreign = Callable[..., list[Row]]

ENGINES: dict[str, Callable[[Path], str]] = {
    "embedded": lambda folder: f"doltlite:///{folder / 'evals.db'}",
}


@pytest.fixture(params=sorted(ENGINES))
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of its own for this test."""
    return ENGINES[request.param](tmp_path)


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
def foreign(store_url: str) -> Iterator[Foreign]:
    """Run a statement as a client of the same database that knows nothing of our rules."""
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
