"""What only the server engine does: users, networks, other clients, and a server that is not there."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from g6o_eval.errors import (
    DataError,
    G6oError,
    MissingError,
    QueryError,
    ReadOnlyError,
    StoreError,
    UnavailableError,
    UnfitError,
)
from g6o_eval.store.address import parse_address
from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import live, record_rollback
from g6o_eval.store.port import Row
from g6o_eval.store.schema import HARNESS, migrate
from g6o_eval.store.server import ServerStore, may_write
from support.dolt_server import DoltServer, free_port
from support.promoter import artifact, promote

SECRET = "hunter2"


@pytest.fixture
def server_store(server_url: str) -> Iterator[ServerStore]:
    store = ServerStore(parse_address(server_url))
    migrate(store, HARNESS)
    yield store
    store.close()


@pytest.fixture
def make_user(dolt_server: DoltServer) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def make(*grants: str, password: str = "") -> str:
        name = f"u{len(made)}_{time.monotonic_ns()}"[:30]
        made.append(name)
        dolt_server.run(
            f"CREATE USER {name}@'%' IDENTIFIED BY '{password}'", *(g.format(f"{name}@'%'") for g in grants)
        )
        return name

    yield make
    for name in made:
        dolt_server.run(f"DROP USER {name}@'%'")


def no_server(url: str) -> str:
    start = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        open_store(url, root=Path())
    assert time.monotonic() - start < 5
    return str(caught.value)


def test_a_server_that_is_not_there_is_named_within_five_seconds() -> None:
    port = free_port()

    said = no_server(f"dolt://ci:{SECRET}@127.0.0.1:{port}/evals")

    assert said == (
        f"cannot reach the Dolt server at 127.0.0.1:{port} (dolt://ci@127.0.0.1:{port}/evals): Can't connect to MySQL "
        "server on '127.0.0.1' ([Errno 111] Connection refused). Is it running, and is the port right? If it ended, "
        "its log says why; a full disk ends it"
    )


def test_a_server_that_accepts_and_says_nothing_is_given_up_within_five_seconds() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]

        said = no_server(f"dolt://ci@127.0.0.1:{port}/evals")

    assert f"the Dolt server at 127.0.0.1:{port}" in said
    assert "timed out" in said


def test_a_database_that_is_not_there_is_missing_and_not_made(dolt_server: DoltServer) -> None:
    with pytest.raises(MissingError) as caught:
        open_store(dolt_server.url("no_such"), root=Path())

    assert str(caught.value) == (
        f"the Dolt server at 127.0.0.1:{dolt_server.port} has no database 'no_such' with a branch main "
        f"({dolt_server.url('no_such')}): database not found: no_such/main"
    )
    assert ("no_such",) not in dolt_server.run("SHOW DATABASES")


def test_a_database_without_our_tables_has_nothing_live_and_gets_them_from_a_migration(
    dolt_server: DoltServer, database: str
) -> None:
    store = open_store(dolt_server.url(database), root=Path())

    assert store.tables() == frozenset()
    assert live(store, "triage") is None
    migrate(store, HARNESS)
    assert store.tables() >= {"g6o_migrations", "g6o_ledger", "compiled_prompts"}


def test_a_wrong_password_is_refused_and_never_shown(dolt_server: DoltServer, make_user: Callable[..., str]) -> None:
    user = make_user(password="right")
    url = f"dolt://{user}:{SECRET}@127.0.0.1:{dolt_server.port}/evals"

    with pytest.raises(UnavailableError) as caught:
        open_store(url, root=Path())

    assert str(caught.value) == (
        f"the Dolt server at 127.0.0.1:{dolt_server.port} does not let {user!r} in "
        f"(dolt://{user}@127.0.0.1:{dolt_server.port}/evals). The password comes from G6O_STORE_PASSWORD or the URL"
    )


def test_the_password_comes_from_the_environment_and_stands_in_no_repr(
    dolt_server: DoltServer,
    server_url: str,
    database: str,
    make_user: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = make_user(f"GRANT SELECT ON {database}.* TO {{}}", password=SECRET)
    monkeypatch.setenv("G6O_STORE_PASSWORD", SECRET)

    store = open_store(dolt_server.url(database, user), root=Path())

    assert store.branch() == "main"
    assert SECRET not in repr(vars(store)) + store.url


def test_a_user_who_may_only_select_reads_everything_and_writes_nothing(
    server_store: ServerStore, dolt_server: DoltServer, database: str, make_user: Callable[..., str]
) -> None:
    promote(server_store, "triage", "A", by="ann")
    reader = open_store(
        dolt_server.url(database, make_user(f"GRANT SELECT ON {database}.* TO {{}}")), root=Path()
    )  # fmt: skip

    with pytest.raises(ReadOnlyError) as caught:
        promote(reader, "triage", "B", by="eve")
    with pytest.raises(ReadOnlyError):
        record_rollback(reader, "triage", by="eve", reason="")

    wanted = artifact("triage", "B").program_digest[:12]
    assert str(caught.value) == f"cannot write 'Promote triage {wanted}': {reader.url} may only be read"
    assert reader.read_only
    assert live(reader, "triage") == live(server_store, "triage")
    assert len(list(reader.read("SELECT * FROM compiled_prompts", at=reader.head()))) == 1


def test_a_user_whose_right_to_call_is_missing_writes_nothing_and_is_told(
    server_store: ServerStore, dolt_server: DoltServer, database: str, make_user: Callable[..., str]
) -> None:
    user = make_user(f"GRANT SELECT, INSERT ON {database}.* TO {{}}")
    store = open_store(dolt_server.url(database, user), root=Path())
    before = server_store.head()

    with pytest.raises(ReadOnlyError, match=f"may only be read by '{user}' here"):
        promote(store, "triage", "A", by="eve")

    assert server_store.head() == before
    assert server_store.dirty() == ()
    promote(server_store, "triage", "A", by="ann")


def test_a_promoter_without_rights_on_other_databases_leaves_no_branch_and_no_row_of_rights(
    server_store: ServerStore, dolt_server: DoltServer, database: str, make_user: Callable[..., str]
) -> None:
    user = make_user(f"GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON {database}.* TO {{}}")
    store = open_store(dolt_server.url(database, user), root=Path())

    promote(store, "triage", "A", by=user)
    promote(store, "triage", "B", by=user)

    assert not store.read_only
    assert dolt_server.run("SELECT name FROM dolt_branches", database=database) == [("main",)]
    control = f"SELECT branch FROM dolt_branch_control WHERE `database` = '{database}'"
    assert dolt_server.run(control, database=database) == []


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        ([("*", "USAGE"), ("evals", "SELECT")], False),
        ([("evals", "SELECT"), ("evals", "INSERT")], True),
        ([("other", "INSERT"), ("evals", "SELECT")], False),
        ([("*", "INSERT")], True),
        ([("EVALS", "INSERT")], True),
        ([("*", "USAGE")], True),
    ],
)
def test_who_may_write_is_read_from_the_rights(rights: list[Row], expected: bool) -> None:
    assert may_write(rights, "evals") is expected


def test_a_table_of_ours_that_a_daemon_left_dirty_is_named_with_the_remedy(
    server_store: ServerStore, dolt_server: DoltServer, database: str
) -> None:
    row = "('daemon:x', 'm', 's', 'old', '2026-01-01 00:00:00', '3')"
    dolt_server.run(f"INSERT INTO compiled_prompts VALUES {row}", database=database)
    before = server_store.head()

    with pytest.raises(UnfitError) as caught:
        promote(server_store, "triage", "A", by="ann")
    adopted = server_store.adopt(("compiled_prompts",), "Adopt")
    promote(server_store, "triage", "A", by="ann")

    assert str(caught.value) == (
        f"{server_store.url}: another client left uncommitted rows in compiled_prompts, which this change writes to. "
        "Nothing was written. Look at them and commit them: g6o-eval adopt"
    )
    assert adopted != before
    assert len(list(server_store.read("SELECT * FROM compiled_prompts", at=server_store.head()))) == 2
    assert server_store.dirty() == ()


def test_a_daemon_that_writes_all_the_time_and_never_commits_disturbs_no_promotion(
    server_store: ServerStore, dolt_server: DoltServer, database: str
) -> None:
    dolt_server.run("CREATE TABLE beats (k BIGINT NOT NULL PRIMARY KEY)", database=database)
    stop = threading.Event()
    written: list[int] = []

    def beat() -> None:
        client = dolt_server.client(database)
        while not stop.is_set():
            client.cursor().execute(f"INSERT INTO beats VALUES ({len(written)})")
            written.append(1)
        client.close()

    daemon = threading.Thread(target=beat)
    daemon.start()
    for number in range(10):
        promote(server_store, "triage", f"{number}", by="ann")
    stop.set()
    daemon.join()

    assert server_store.dirty() == ("beats",)
    assert list(server_store.read("SELECT COUNT(*) FROM beats")) == [(len(written),)]
    assert "beats" not in server_store.tables(at=server_store.head())


def test_a_read_goes_on_after_the_server_came_back(tmp_path: Path) -> None:
    server = DoltServer(tmp_path / "own")
    server.start()
    server.run("CREATE DATABASE evals")
    store = open_store(server.url("evals"), root=Path())
    server.kill()

    with pytest.raises(UnavailableError, match=f"cannot reach the Dolt server at 127.0.0.1:{server.port}"):
        store.head()
    server.start()

    assert len(store.head()) == 32
    server.kill()


def test_a_server_that_goes_in_the_middle_of_a_read_is_an_error_with_the_count(tmp_path: Path) -> None:
    server = DoltServer(tmp_path / "own")
    server.start()
    server.run("CREATE DATABASE evals")
    store = open_store(server.url("evals"), root=Path())
    with store.change("Fill") as change:
        change.execute("CREATE TABLE wide (k BIGINT NOT NULL PRIMARY KEY, text LONGTEXT)")
        change.insert("wide", ("k", "text"), ((k, "x" * 2_000) for k in range(20_000)))

    rows = iter(store.read("SELECT k, text FROM wide"))
    first = [next(rows) for _ in range(1_500)]
    server.kill()
    with pytest.raises(UnavailableError) as caught:
        list(rows)

    assert len(first) == 1_500
    assert str(caught.value).startswith(f"the connection to the Dolt server at 127.0.0.1:{server.port} was lost (")
    assert "000 rows: read again" in str(caught.value)


def test_a_long_read_that_nobody_finishes_costs_one_connection_and_no_wait(server_store: ServerStore) -> None:
    with server_store.change("Fill") as change:
        change.execute("CREATE TABLE many (k BIGINT NOT NULL PRIMARY KEY)")
        change.insert("many", ("k",), ((k,) for k in range(5_000)))

    for _ in range(3):
        rows = server_store.read("SELECT k FROM many ORDER BY k")
        del rows
    begun = iter(server_store.read("SELECT k FROM many ORDER BY k"))
    assert next(begun) == (0,)
    del begun

    assert [k for (k,) in server_store.read("SELECT k FROM many ORDER BY k")] == list(range(5_000))


def test_65536_bytes_are_refused_by_the_readers_column(server_store: ServerStore) -> None:
    columns = ("prompt_id", "module_name", "signature_name", "compiled_prompt", "compiled_at", "dspy_version")
    row: Row = ("t:x", "m", "s", "x" * 65_536, "2026-01-01 00:00:00", "3")

    with pytest.raises(QueryError, match="too large for column"), server_store.change("Too much") as change:
        change.insert("compiled_prompts", columns, [row])
    with server_store.change("Just enough") as change:
        change.insert("compiled_prompts", columns, [(*row[:3], "é" * 32_767 + "x", *row[4:])])

    ((size,),) = server_store.read("SELECT LENGTH(compiled_prompt) FROM compiled_prompts")
    assert size == 65_535


HOSTILE = [
    "x'; DROP TABLE g6o_ledger; --", "\\'; DROP TABLE g6o_ledger", "a`b", 'a"b', "\\", "%s %d", "?", "é🎉", "a/b", "--",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_prompt_id_and_eval_name_are_only_text(server_store: ServerStore, name: str) -> None:
    promote(server_store, "other", "O", by="ann")

    with server_store.change("Hostile") as change:
        change.insert("g6o_artifacts", ("artifact_digest", "eval_name", "program_digest", "prompt_digest", "body",
                                        "body_sha256"), [("d", name, "p", "q", name, "s")])  # fmt: skip

    found = list(server_store.read("SELECT eval_name, body FROM g6o_artifacts WHERE eval_name = ?", (name,)))
    assert found == [(name, name)]
    assert live(server_store, "other") is not None


@pytest.mark.parametrize("name", ["a`b", "a/b", "a.b", "a\\b", "", " ", "x\0", "x" * 65, "evals`.`other"])
def test_a_hostile_table_name_is_refused_before_it_is_sent(server_store: ServerStore, name: str) -> None:
    before = server_store.head()

    with pytest.raises(DataError) as caught, server_store.change("Hostile") as change:
        change.insert(name, ("k",), [(1,)])

    assert str(caught.value) == (
        f"{name!r} cannot be the name of a table or column: use up to 64 characters, "
        "none of them a control character, `, ., / or \\"
    )
    assert server_store.head() == before


@pytest.mark.parametrize(
    "sql",
    ["CALL DOLT_CHECKOUT('main')", "USE other", "SET autocommit = 1", "CREATE DATABASE x", "DROP DATABASE x",
     "GRANT ALL ON *.* TO x", "CREATE USER x", "LOCK TABLES x WRITE", "/*! DROP TABLE g6o_ledger */",
     "DELETE FROM g6o_ledger /*! ; DROP TABLE g6o_ledger */"],
)  # fmt: skip
def test_a_change_cannot_leave_its_branch(server_store: ServerStore, sql: str) -> None:
    with pytest.raises(QueryError) as caught, server_store.change("Sneaky") as change:
        change.execute(sql)

    assert str(caught.value) == (
        f"a change takes one statement at a time, and none that begins, ends or attaches\n  SQL: {sql}"
    )


def test_a_read_cannot_write_a_file(server_store: ServerStore) -> None:
    with pytest.raises(QueryError) as caught:
        server_store.read("SELECT 1 INTO OUTFILE '/tmp/x'")

    assert str(caught.value).startswith("expected one SELECT that changes nothing")


def test_a_change_inside_a_change_is_refused(server_store: ServerStore) -> None:
    with pytest.raises(StoreError) as caught, server_store.change("Outer"), server_store.change("Inner"):
        pass

    assert str(caught.value) == (
        f"cannot write 'Inner': this thread has a change of {server_store.url} open already"
    )  # fmt: skip


def test_two_migrations_at_once_are_one(server_url: str) -> None:
    said: list[object] = []

    def run() -> None:
        try:
            said.append(migrate(open_store(server_url, root=Path()), HARNESS))
        except G6oError as error:
            said.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(len(each) for each in said if isinstance(each, tuple)) == [0, 0, 0, len(HARNESS)]
    assert len(said) == 4
    assert open_store(server_url, root=Path()).dirty() == ()


def test_many_threads_share_a_store(server_store: ServerStore) -> None:
    problems: list[object] = []

    def work(number: int) -> None:
        try:
            promote(server_store, f"eval-{number}", "A", by="ann")
            assert live(server_store, f"eval-{number}") is not None
        except (G6oError, AssertionError) as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[DoltServer]:
    """A server with a certificate for 127.0.0.1 that it signed itself: tls.crt in the test's folder."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not on PATH")
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    made = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(["openssl", *made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = DoltServer(tmp_path / "own", listener=f"  tls_key: {key}\n  tls_cert: {certificate}\n")
    server.start()
    server.run("CREATE DATABASE evals")
    yield server
    server.kill()


def test_tls_verifies_unless_told_otherwise(tls_server: DoltServer, tmp_path: Path) -> None:
    url = tls_server.url("evals")

    with pytest.raises(UnavailableError) as caught:
        open_store(f"{url}?tls=verify", root=Path())

    assert str(caught.value).startswith(
        f"cannot trust the Dolt server at 127.0.0.1:{tls_server.port} ({url}?tls=verify)"
    )
    for options in (f"tls_ca={tmp_path / 'tls.crt'}", "tls=encrypt", "tls=off"):
        assert open_store(f"{url}?{options}", root=Path()).branch() == "main"


def test_a_server_without_tls_is_refused_where_tls_was_asked_for(server_url: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        open_store(f"{server_url}?tls=encrypt", root=Path())

    assert str(caught.value) == (
        f"the Dolt server at {server_url.split('@')[1].split('/')[0]} ({server_url}?tls=encrypt) offers no TLS. Name "
        "the file of its authority (?tls_ca=FILE), or, on a network that you trust, ?tls=encrypt to believe any "
        "certificate or ?tls=off"
    )


def test_a_certificate_file_that_is_not_there_is_named(server_url: str) -> None:
    with pytest.raises(UnavailableError, match=r"No such file"):
        open_store(f"{server_url}?tls_ca=/no/such/file", root=Path())
