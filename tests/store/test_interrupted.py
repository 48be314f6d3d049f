"""Work that is killed at every statement, or done by several processes at once, on each engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from g6o_eval.errors import UnavailableError
from g6o_eval.store.address import parse_address
from g6o_eval.store.choose import open_store
from g6o_eval.store.embedded import EmbeddedStore
from g6o_eval.store.ledger import history, live
from g6o_eval.store.port import Store
from g6o_eval.store.schema import HARNESS, SENTINEL, SENTINEL_DDL, Migration, migrate
from g6o_eval.store.server import ServerStore
from support.dolt_server import DoltServer
from support.faults import Faults, Kill, die_before, die_during, in_a_child, watch_embedded
from support.promoter import artifact, promote

PROMOTER = Path(__file__).parent.parent / "support" / "promoter.py"


def shop(last: int) -> tuple[Migration, ...]:
    """Return `last` migrations: each makes two tables and gives the first one a column more."""
    return tuple(
        Migration(
            owner="shop", number=number, name=f"step {number}",
            statements=(
                f"CREATE TABLE a{number} (k BIGINT NOT NULL PRIMARY KEY)",
                f"CREATE TABLE b{number} (k BIGINT NOT NULL PRIMARY KEY)",
                f"ALTER TABLE a{number} ADD COLUMN label VARCHAR(9)",
            ),
        )
        for number in range(1, last + 1)
    )  # fmt: skip


def opened(url: str, faults: Faults) -> Store:
    """Open a store whose statements are counted from here on."""
    if url.startswith("dolt://"):
        store: Store = ServerStore(parse_address(url), busy_seconds=10, observe=faults)
        faults.statements.clear()  # opening is no part of the work
        return store
    store = EmbeddedStore(Path(url.removeprefix("doltlite:///")), url=url, busy_seconds=10)
    watch_embedded(faults)
    return store


def migrate_to(number: int) -> Callable[[Store], object]:
    return lambda store: migrate(store, shop(number))


def work_and_die(url: str, faults: Faults, work: Callable[[Store], object]) -> None:
    work(opened(url, faults))


def statements_of(url: str, work: Callable[[Store], object]) -> list[str]:
    """Do some work and return its statements."""
    faults = Faults()
    try:
        with closing(opened(url, faults)) as store:
            work(store)
            return list(faults.statements)
    finally:
        sys.setprofile(None)


def what_stands(store: Store, number: int) -> tuple[set[str], bool]:
    """Return which tables of a migration are there, and whether it is recorded."""
    at = store.head()  # one commit for both: a server ends a merge that it has begun, whoever died
    sql = f"SELECT number FROM {SENTINEL} WHERE owner = 'shop' AND number = ?"
    return {f"a{number}", f"b{number}"} & store.tables(at=at), bool(list(store.read(sql, (number,), at=at)))


@pytest.mark.parametrize("kill", [die_before, die_during])
def test_a_migration_killed_at_any_statement_leaves_all_or_nothing_and_the_next_one_succeeds(
    empty_store: Store, store_url: str, kill: Kill
) -> None:
    count = len(statements_of(store_url, migrate_to(1)))
    killed = 0

    for at in range(1, count + 1):
        number = at + 1
        work = partial(work_and_die, store_url, Faults(at, kill), migrate_to(number))

        killed += bool(in_a_child(work))

        assert what_stands(empty_store, number) in ((set(), False), ({f"a{number}", f"b{number}"}, True)), at
        assert empty_store.dirty() == (), at
        migrate(empty_store, shop(number))
        assert what_stands(empty_store, number) == ({f"a{number}", f"b{number}"}, True), at
        assert [each.name for each in empty_store.read(f"SELECT * FROM a{number}").columns] == ["k", "label"]

    assert count > 7
    assert killed == count if kill is die_before else killed


@pytest.mark.parametrize("kill", [die_before, die_during])
def test_a_promoter_of_an_embedded_store_killed_at_any_statement_leaves_the_old_or_the_new(
    tmp_path: Path, kill: Kill
) -> None:
    url = f"doltlite:///{tmp_path / 'evals.db'}"
    store = open_store(url, root=tmp_path)
    migrate(store, HARNESS)
    promote(store, "triage", "start", by="ann")
    count = len(statements_of(url, lambda counted: promote(counted, "triage", "counted", by="ann")))
    before, killed = state(store), 0

    for at in range(1, count + 1):
        program = f"at {at}"
        work = partial(promote, name="triage", program=program, by="killed")

        killed += bool(in_a_child(partial(work_and_die, url, Faults(at, kill), work)))

        assert state(store) in (before, (artifact("triage", program).program_digest, [f"text of {program}"])), at
        promote(store, "triage", f"after {at}", by="ann")
        before = state(store)
        assert before[1] == [f"text of after {at}"]
        assert store.dirty() == ()

    assert count > 7
    assert killed == count if kill is die_before else killed
    assert [entry.seq for entry in history(store, "triage")] == list(range(1, len(history(store, "triage")) + 1))


def state(store: Store) -> tuple[str, list[str]]:
    """Return the live program and the texts that consumers read, at one commit."""
    at = store.head()
    entry = live(store, "triage", at=at)
    assert entry is not None
    rows = store.read("SELECT compiled_prompt FROM compiled_prompts WHERE prompt_id = 'triage:p'", at=at)
    return str(entry.program_digest), [str(text) for (text,) in rows]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[DoltServer]:
    """A server that this test may kill, with a database `evals`."""
    server = DoltServer(tmp_path / "own")
    server.start()
    server.run("CREATE DATABASE evals")
    server.run(SENTINEL_DDL, "CALL DOLT_COMMIT('-Am', 'Make the store')", database="evals")
    yield server
    server.kill()


def test_a_server_that_dies_before_a_statement_of_a_migration_that_writes_leaves_all_or_nothing(
    own_server: DoltServer,
) -> None:
    def die_and_return() -> None:
        own_server.kill()
        own_server.start()

    faults = Faults()
    store = opened(own_server.url("evals"), faults)
    migrate(store, shop(1))
    reads = ("SELECT", "USE", "SHOW")
    points = [place for place, statement in enumerate(faults.statements, 1) if not statement.startswith(reads)]
    said = {}

    for number, at in enumerate(points, 2):
        faults.set(at, die_and_return)
        said[at] = outcome(store, number)
        faults.set(None)

        there = said[at] == "migrated"
        assert what_stands(store, number) == ({f"a{number}", f"b{number}"} if there else set(), there), at
        assert store.dirty() == (), at
        migrate(store, shop(number))
        assert what_stands(store, number)[1], at

    assert set(said.values()) == {"migrated", "nothing"}
    migrate(store, shop(len(points) + 2))  # any later change deletes the branch of one that died
    assert own_server.run("SELECT name FROM dolt_branches", database="evals") == [("main",)]


def outcome(store: Store, number: int) -> str:
    """Migrate, and return "migrated", "nothing" when the error says that nothing was written, else the error."""
    try:
        migrate(store, shop(number))
    except UnavailableError as error:
        return "nothing" if str(error).endswith("Nothing was written by 'Migrate the schema'") else str(error)
    return "migrated"


def test_of_three_processes_that_migrate_at_once_exactly_one_does_and_all_end_well(
    empty_store: Store, store_url: str
) -> None:
    command = [sys.executable, str(PROMOTER), "migrate", store_url]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == '"ready"\n'
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    said = sorted(process.communicate(timeout=60)[0].strip() for process in running)

    assert [process.returncode for process in running] == [0, 0, 0]
    assert said == ["0", "0", str(len(HARNESS))]
    assert empty_store.dirty() == ()
    assert migrate(empty_store, HARNESS) == ()
