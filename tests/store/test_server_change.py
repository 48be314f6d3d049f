"""How a change reaches main of a server: in how many statements, and what refuses it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from g6o_eval.errors import StoreError, UnfitError
from g6o_eval.store.address import parse_address
from g6o_eval.store.schema import HARNESS, migrate
from g6o_eval.store.server import ServerStore
from support.dolt_server import DoltServer
from support.promoter import promote

Run = Callable[..., list[Any]]

TABLE = "CREATE TABLE own (k BIGINT NOT NULL PRIMARY KEY, v BIGINT, UNIQUE (v))"
PROMOTION = (
    "SELECT GET_LOCK", "CALL DOLT_BRANCH(?, ?)", "USE", "START TRANSACTION", "SELECT eval_name, seq",
    "SELECT artifact_digest, body", "INSERT INTO `g6o_artifacts`", "INSERT INTO `g6o_ledger`",
    "INSERT INTO `compiled_prompts`", "COMMIT", "CALL DOLT_COMMIT", "USE", "CALL DOLT_MERGE('--no-ff'",
    "SELECT HAS_ANCESTOR", "CALL DOLT_BRANCH('-D'", "DELETE FROM dolt_branch_control", "SELECT RELEASE_LOCK",
    "CALL DOLT_TAG",
)  # fmt: skip
ONE_ROW = (
    "INSERT INTO dolt_tests VALUES ('one', 'strict', 'SELECT COUNT(*) FROM own', 'expected_single_value', '<=', '1')"
)
LEFT = (
    "SELECT name FROM dolt_branches WHERE name <> 'main'",
    "SELECT branch FROM dolt_branch_control WHERE `database` = DATABASE()",
    "SELECT source FROM dolt_merge_status WHERE is_merging",
)


@pytest.fixture
def statements() -> list[str]:
    """What the store under test has sent, values left out."""
    return []


@pytest.fixture
def server_store(server_url: str, statements: list[str]) -> Iterator[ServerStore]:
    store = ServerStore(parse_address(server_url), busy_seconds=5, observe=statements.append)
    migrate(store, HARNESS)
    with store.change("Make a table") as change:
        change.execute(TABLE)
    yield store
    store.close()


@pytest.fixture
def run(dolt_server: DoltServer, database: str) -> Run:
    """Run statements as another client of the same database; return the rows of the last."""
    return lambda *statements: dolt_server.run(*statements, database=database)


def leftovers(run: Run) -> list[Any]:
    return [row for sql in LEFT for row in run(sql)]


@pytest.fixture
def strict_run(tmp_path: Path) -> Iterator[Run]:
    """Run statements on a server of this test alone, whose tests refuse a second row in `own`."""
    server = DoltServer(tmp_path / "own")  # the tests that a server runs are set for all its databases at once
    server.start()
    server.run("CREATE DATABASE evals")
    server.run(TABLE, ONE_ROW, "CALL DOLT_COMMIT('-Am', 'Make')", database="evals")
    server.run("SET GLOBAL dolt_commit_verification_groups = 'strict'")
    yield partial(server.run, database="evals")
    server.kill()


@pytest.fixture
def strict_store(strict_run: Run, statements: list[str]) -> Iterator[ServerStore]:
    ((port,),) = strict_run("SELECT @@port")
    store = ServerStore(parse_address(f"dolt://root@127.0.0.1:{port}/evals"), observe=statements.append)
    yield store
    store.close()


def leave_open(run: Run, branch: str) -> None:
    """Die in a merge that the server's tests refuse, and take the tests away."""
    run(
        f"CALL DOLT_CHECKOUT('-b', '{branch}')", "INSERT INTO own VALUES (1, 10)", "CALL DOLT_COMMIT('-Am', 'Dead')",
        "CALL DOLT_CHECKOUT('main')", "INSERT INTO own VALUES (2, 20)", "CALL DOLT_COMMIT('-Am', 'Meanwhile')",
        f"CALL DOLT_MERGE('--no-ff', '{branch}', '-m', 'Dead')",
    )  # fmt: skip
    run("SET GLOBAL dolt_commit_verification_groups = ''")


def add(store: ServerStore, key: int, value: int, meanwhile: Callable[[], object] = lambda: None) -> str | None:
    with store.change(f"Add {key}") as change:
        change.insert("own", ("k", "v"), [(key, value)])
        meanwhile()
    return change.commit


def test_a_promotion_of_known_ids_is_eighteen_statements_in_this_order(
    server_store: ServerStore, statements: list[str]
) -> None:
    promote(server_store, "other", "O", by="ann")
    promote(server_store, "triage", "A", by="ann")
    statements.clear()

    promote(server_store, "triage", "B", by="ann")

    begun = statements.index("SELECT GET_LOCK(?, ?)")
    assert [each for each, start in zip(statements[begun:], PROMOTION, strict=True) if not each.startswith(start)] == []


def test_a_row_that_another_client_committed_meanwhile_refuses_the_change_and_nothing_stays(
    server_store: ServerStore, run: Run
) -> None:
    def meanwhile() -> None:
        run("INSERT INTO own VALUES (1, 20)", "CALL DOLT_COMMIT('-Am', 'Quicker')")

    with pytest.raises(StoreError) as caught:
        add(server_store, 1, 10, meanwhile)

    assert str(caught.value) == (
        f"{server_store.url}: main refused 'Add 1': Merge conflict detected, @autocommit transaction rolled back. "
        "@autocommit must be disabled so that merge conflicts can be resolved using the dolt_conflicts and "
        "dolt_schema_conflicts tables before manually committing the transaction. Alternatively, to commit "
        "transactions with merge conflicts, set @@dolt_allow_commit_conflicts = 1. Nothing was written"
    )
    assert list(server_store.read("SELECT k, v FROM own")) == [(1, 20)]
    assert (server_store.dirty(), leftovers(run)) == ((), [])
    assert add(server_store, 2, 30) == server_store.head()


def test_a_unique_key_that_another_clients_commit_broke_refuses_the_change_and_nothing_stays(
    server_store: ServerStore, run: Run
) -> None:
    def meanwhile() -> None:
        run("INSERT INTO own VALUES (2, 10)", "CALL DOLT_COMMIT('-Am', 'Quicker')")

    with pytest.raises(StoreError, match=r"main refused 'Add 1': Committing this transaction resulted in .*violations"):
        add(server_store, 1, 10, meanwhile)

    assert list(server_store.read("SELECT k, v FROM own")) == [(2, 10)]
    assert (server_store.dirty(), leftovers(run)) == ((), [])
    assert add(server_store, 3, 30) == server_store.head()


def test_a_merge_that_returns_no_hash_is_aborted_and_nothing_stays(
    strict_store: ServerStore, strict_run: Run, statements: list[str]
) -> None:
    def meanwhile() -> None:
        strict_run("INSERT INTO own VALUES (2, 20)", "CALL DOLT_COMMIT('-Am', 'Quicker')")

    with pytest.raises(StoreError) as caught:
        add(strict_store, 1, 10, meanwhile)

    assert str(caught.value) == (
        f"{strict_store.url}: main refused 'Add 1': commit verification failed: one (Assertion failed: "
        "expected_single_value less than or equal to 1, got 2) (0 conflicts). Nothing was written"
    )
    assert "CALL DOLT_MERGE('--abort')" in statements
    assert list(strict_store.read("SELECT k, v FROM own")) == [(2, 20)]
    assert list(strict_store.read("SELECT k, v FROM own", at=strict_store.head())) == [(2, 20)]
    assert (strict_store.dirty(), leftovers(strict_run)) == ((), [])
    strict_run("DELETE FROM own", "CALL DOLT_COMMIT('-Am', 'Room')")
    assert add(strict_store, 1, 10) == strict_store.head()


def test_a_merge_that_a_dead_change_left_open_is_undone_by_the_next(strict_store: ServerStore, strict_run: Run) -> None:
    leave_open(strict_run, "g6o/change")
    assert (strict_run(LEFT[2]), strict_store.dirty()) == ([("g6o/change",)], ("own",))

    commit = add(strict_store, 3, 30)

    assert commit == strict_store.head()
    assert list(strict_store.read("SELECT k, v FROM own")) == [(2, 20), (3, 30)]
    assert (strict_store.dirty(), leftovers(strict_run)) == ((), [])


def test_a_merge_that_another_client_left_open_is_not_touched_and_is_an_error(
    strict_store: ServerStore, strict_run: Run
) -> None:
    leave_open(strict_run, "theirs")

    with pytest.raises(UnfitError) as caught, strict_store.change("Another table") as change:
        change.execute("CREATE TABLE another (k BIGINT NOT NULL PRIMARY KEY)")

    assert str(caught.value) == (
        f"{strict_store.url}: what another client did not commit is in the way (merging is not possible because you "
        "have not committed an active merge). See g6o-eval adopt"
    )
    assert strict_run(LEFT[2]) == [("theirs",)]
    assert strict_store.dirty() == ("own",)
