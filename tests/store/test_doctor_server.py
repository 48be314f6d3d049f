"""The doctor at a real server: each defect is planted, found and named, and the exit code says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner
from ulid import ULID

from g6o_eval.cli import group
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Store
from g6o_eval.store.schema import SENTINEL, known_migrations, migrate
from support.dolt_server import DoltServer

Ask = Callable[..., tuple[int, dict[str, str]]]
RUN = ("run_id", "eval_name", "program_digest", "baseline_digest", "test_hash", "outcome", "body", "body_sha256")


@pytest.fixture
def store(server_url: str, tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(server_url, root=tmp_path)) as opened:
        migrate(opened, known_migrations())
        yield opened


@pytest.fixture
def ask(tmp_path: Path, server_url: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run the doctor; return its exit code, and what it found wrong: name → what it found."""

    def run(url: str = server_url) -> tuple[int, dict[str, str]]:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        done = CliRunner().invoke(group, ["doctor", "--json", "--store", url])
        checks = json.loads(done.output)["checks"]
        return done.exit_code, {each["name"]: each["found"] for each in checks if each["state"] == "fail"}

    return run


def test_a_healthy_server_passes(store: Store, ask: Ask) -> None:
    assert ask() == (0, {})


def test_a_database_without_our_tables_is_told_what_it_lacks(server_url: str, ask: Ask) -> None:
    code, failed = ask()

    assert (code, list(failed)) == (1, ["tables"])
    assert failed["tables"].startswith("lacks g6o_eval 1: runs, scores, artifacts, ledger")


def test_a_database_of_a_newer_version_is_told_to_upgrade(store: Store, ask: Ask) -> None:
    with store.change("A newer version") as change:
        change.insert(SENTINEL, ("owner", "number", "name"), [("g6o_eval", 99, "from the future")])

    code, failed = ask()

    assert code == 1
    assert "A newer version wrote it: upgrade the package" in failed["tables"]


def test_rows_of_ours_that_nobody_committed_are_named(
    store: Store, dolt_server: DoltServer, database: str, ask: Ask
) -> None:
    row = "INSERT INTO compiled_prompts VALUES ('x', 'M', 'S', 't', '2026-01-02 03:04:05', '3.4.1')"
    dolt_server.run(row, "CREATE TABLE daemons (k BIGINT PRIMARY KEY)", database=database)

    assert ask() == (1, {"our tables": "compiled_prompts"})


def test_a_run_whose_machine_had_another_clock_is_named(store: Store, ask: Ask) -> None:
    ahead = str(ULID.from_datetime(datetime.now(timezone.utc) + timedelta(minutes=5)))
    with store.change("A run from the future") as change:
        change.insert("g6o_runs", RUN, [(ahead, "triage", "p", "b", "t", "pass", "{}", "s")])

    code, failed = ask()

    assert (code, list(failed)) == (1, ["newest run ahead"])
    assert 290 < float(failed["newest run ahead"].removesuffix(" s")) <= 300


@pytest.mark.parametrize(
    ("right", "failed"), [("SELECT", {}), ("INSERT", {"rights": "{user}@%: none of the roles (INSERT)"})]
)  # fmt: skip
def test_a_user_needs_the_right_to_read(
    right: str, failed: dict[str, str], store: Store, dolt_server: DoltServer, database: str, ask: Ask
) -> None:
    user = f"doctor_{right.lower()}"
    dolt_server.run(f"CREATE USER '{user}'@'%'", f"GRANT {right} ON {database}.* TO '{user}'@'%'")

    code, found = ask(dolt_server.url(database, user))
    dolt_server.run(f"DROP USER '{user}'@'%'")

    assert code == bool(failed)
    assert {name: found[name] for name in failed} == {name: text.format(user=user) for name, text in failed.items()}
    assert found if failed else not found


def test_a_server_that_is_away_and_a_database_that_is_not_there_are_named(dolt_server: DoltServer, ask: Ask) -> None:
    code, failed = ask(dolt_server.url("no_such"))

    assert code == 1
    assert failed["store"].startswith(f"the Dolt server at 127.0.0.1:{dolt_server.port} has no database 'no_such'")


def test_a_server_that_lends_its_files_is_named(tmp_path: Path, ask: Ask) -> None:
    server = DoltServer(tmp_path / "own", system_variables="  secure_file_priv: ''\n")
    server.start()
    try:
        server.run("CREATE DATABASE evals")
        with closing(open_store(server.url("evals"), root=tmp_path)) as store:
            migrate(store, known_migrations())

        code, failed = ask(server.url("evals"))
    finally:
        server.kill()

    assert code == 1
    assert failed == {"secure_file_priv": '"": every user reads and writes files as the server'}
