"""An import that dies, that races with another, or that loses its server: on both engines, no row lost or twice.

G6O_TEST_IMPORT_KILLS says how often it is killed, for each engine; a long run is made by hand.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from g6o_eval.errors import UnavailableError
from g6o_eval.fleet.ingest.write import Step, ingest
from g6o_eval.fleet.made_up.population import Size, populate
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import SENTINEL, SENTINEL_DDL, known_migrations, migrate
from support.dolt_server import DoltServer

IMPORTER = Path(__file__).parent.parent / "support" / "importer.py"
KILLS = int(os.environ.get("G6O_TEST_IMPORT_KILLS", "3"))
SEED = int(os.environ.get("G6O_TEST_IMPORT_SEED", "1"))
NOT_OURS = frozenset({SENTINEL})


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty sessions, 2 MB."""
    folder = tmp_path_factory.mktemp("fleet")
    populate(folder, seed=5, size=Size(sessions=40, bytes=2_000_000))
    for file in folder.rglob("*.json"):
        os.utime(file, (1_769_000_000, 1_769_000_000))  # not written a moment ago
    return folder


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What one import gives that nothing happens to, and how long it took."""

    rows: dict[str, list[Row]]
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(fleet: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    store = open_store("doltlite:///x.db", root=tmp_path_factory.mktemp("store"))
    migrate(store, known_migrations())
    report = ingest(store, [fleet], workers=0)
    found = everything(store)
    store.close()
    return Undisturbed(found, report.seconds)


@pytest.fixture(scope="module")
def wanted(undisturbed: Undisturbed) -> dict[str, list[Row]]:
    return undisturbed.rows


@pytest.fixture
def migrated(empty_store: Store) -> Store:
    """A store of each engine with the tables of the harness and the fleet."""
    migrate(empty_store, known_migrations())
    return empty_store


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[DoltServer]:
    """A server that this test may kill, with a database `evals`."""
    server = DoltServer(tmp_path / "own")
    server.start()
    server.run("CREATE DATABASE evals")
    server.run(SENTINEL_DDL, "CALL DOLT_COMMIT('-Am', 'Make the store')", database="evals")
    yield server
    server.kill()


def everything(store: Store) -> dict[str, list[Row]]:
    tables = sorted(store.tables() - NOT_OURS)
    return {table: sorted((tuple(map(plain, row)) for row in store.read(f"SELECT * FROM {table}")), key=repr)
            for table in tables}  # fmt: skip


def plain(value: object) -> str | int | None:
    """Return a value as both engines agree on it."""
    if isinstance(value, float):
        return f"{value:.9g}"
    return value if isinstance(value, int) or value is None else str(value)


def importer(url: str, root: Path, fleet: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(IMPORTER), url, str(root), str(fleet), "0"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def answer(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_killed_anywhere_it_is_whole_when_it_is_run_again(
    migrated: Store, store_url: str, tmp_path: Path, fleet: Path, undisturbed: Undisturbed
) -> None:
    rng, before, died = random.Random(SEED), migrated.head(), 0

    for _ in range(KILLS):
        child = importer(store_url, tmp_path, fleet)
        assert answer(child) == "begun"
        time.sleep(rng.uniform(0.0, undisturbed.seconds))
        child.kill()
        died += child.wait() == -9
        if migrated.head() == before:  # nothing of a killed run is seen
            assert list(migrated.read("SELECT COUNT(*) FROM agent_sessions")) == [(0,)]
    ingest(migrated, [fleet])

    assert died
    assert everything(migrated) == undisturbed.rows
    assert ingest(migrated, [fleet]).commit == migrated.head()


def test_two_imports_at_once_write_everything_once(
    migrated: Store, store_url: str, tmp_path: Path, fleet: Path, wanted: dict[str, list[Row]]
) -> None:
    children = [importer(store_url, tmp_path, fleet) for _ in range(2)]
    answers = [[answer(child), answer(child)] for child in children]

    assert [child.wait(timeout=60) for child in children] == [0, 0]
    assert sorted(answers) == sorted([["begun", str(len(wanted["agent_sessions"]))], ["begun", "0"]])
    assert everything(migrated) == wanted


def test_a_server_that_restarts_in_the_middle_leaves_nothing_of_the_run(
    own_server: DoltServer, fleet: Path, wanted: dict[str, list[Row]], tmp_path: Path
) -> None:
    store = open_store(own_server.url("evals"), root=tmp_path)
    migrate(store, known_migrations())

    def restart(step: Step) -> None:
        if step.done == step.total // 2:
            own_server.kill()
            own_server.start()

    with pytest.raises(UnavailableError) as error:
        ingest(store, [fleet], progress=restart, workers=0)
    rows = list(store.read("SELECT COUNT(*) FROM agent_sessions"))
    ingest(store, [fleet])

    assert "Nothing was written by 'Ingest 4" in str(error.value)
    assert rows == [(0,)]
    assert everything(store) == wanted
    store.close()
