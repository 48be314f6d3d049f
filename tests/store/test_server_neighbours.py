"""Other databases of the same server come and go: that is no business of ours."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

from g6o_eval.fleet.tables import MIGRATIONS
from g6o_eval.store.choose import open_store
from g6o_eval.store.schema import HARNESS, migrate
from support.dolt_server import DoltServer

ROUNDS = 4


def test_a_migration_does_not_mind_databases_that_are_dropped_beside_it(
    dolt_server: DoltServer, database: str, tmp_path: Path
) -> None:
    ended = threading.Event()

    def come_and_go() -> None:
        for number in range(10_000):
            if ended.is_set():
                return
            dolt_server.run(f"CREATE DATABASE {database}_other_{number}")
            dolt_server.run(f"DROP DATABASE {database}_other_{number}")

    neighbour = threading.Thread(target=come_and_go)
    neighbour.start()
    try:
        for number in range(ROUNDS):
            name = f"{database}_{number}"
            dolt_server.run(f"CREATE DATABASE {name}")
            with closing(open_store(dolt_server.url(name), root=tmp_path)) as store:
                applied = migrate(store, (*HARNESS, *MIGRATIONS))
            dolt_server.run(f"DROP DATABASE {name}")

            assert len(applied) == len(HARNESS) + len(MIGRATIONS)
    finally:
        ended.set()
        neighbour.join()
