"""What each role of `g6o-eval grants` may do on a real server, and must not. See docs/trust.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pymysql
import pytest
from click.testing import CliRunner

from g6o_eval.artifact import Artifact, Lineage
from g6o_eval.cli import group
from g6o_eval.errors import ReadOnlyError, RefusedError, StoreError
from g6o_eval.steps.adopt import adopt
from g6o_eval.steps.doctor import store_checks
from g6o_eval.steps.grants import Role, User, apply, statements
from g6o_eval.store.address import parse_address
from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import Order, live, record_promotion, record_rollback
from g6o_eval.store.port import Store
from g6o_eval.store.schema import HARNESS, SENTINEL, known_migrations, migrate
from support.dolt_server import DoltServer

DENIED = ("denied", "permission", "cannot delete")


@pytest.fixture
def admin_store(server_url: str, tmp_path: Path) -> Iterator[Store]:
    """The store with our tables and one live prompt, opened by root."""
    with closing(open_store(server_url, root=tmp_path)) as store:
        migrate(store, known_migrations())
        promote(store, "One.")
        yield store


@pytest.fixture
def as_role(
    dolt_server: DoltServer, database: str, admin_store: Store, tmp_path: Path
) -> Iterator[Callable[[Role], str]]:
    """Make a user of a role; return its name."""
    made: list[str] = []

    def give(role: Role) -> str:
        name = f"{role}_{database}"[:32]
        made.append(name)
        dolt_server.run(f"CREATE USER '{name}'@'%'")
        user = User(name, "%")
        apply(parse_address(dolt_server.url(database)), user, statements(role, user, database))
        return name

    yield give
    for name in made:
        dolt_server.run(
            f"DROP USER '{name}'@'%'", f"DELETE FROM dolt_branch_control WHERE user = '{name}'", database=database
        )


def promote(store: Store, program: str, *, expected: str | None = None) -> str:
    made = Artifact(
        eval_name="triage", program=program, texts={"triage:classifier": f"text of {program}"}, rendered=program,
        module_name="M", signature_name="S",
        lineage=Lineage(data_commit="d", git_commit=None, dspy_version="3.4.1", g6o_version="0.1.0"),
    )  # fmt: skip
    record_promotion(store, made, Order(by="Ada"), run_id="01JD8Z0000000000000000000A", expected_live=expected)
    return made.program_digest


@contextmanager
def client(server: DoltServer, database: str, user: str) -> Iterator[Callable[[str], object]]:
    """Run statements as a user; return the rows, or what the server said."""
    connection = server.client(database, user)

    def run(sql: str) -> object:
        with connection.cursor() as cursor:
            try:
                cursor.execute(sql)
                return list(cursor.fetchall())
            except pymysql.err.Error as error:
                return str(error)

    yield run
    connection.close()


def denied(answer: object) -> bool:
    return isinstance(answer, str) and any(word in answer for word in DENIED)


WRITES = (
    "INSERT INTO compiled_prompts VALUES ('x', 'M', 'S', 't', '2026-01-02 03:04:05', '3')",
    "UPDATE compiled_prompts SET compiled_prompt = 'banana'",
    "DELETE FROM g6o_ledger",
    "CREATE TABLE mine (k BIGINT)",
    "DROP TABLE g6o_ledger",
    "CALL DOLT_COMMIT('-Am', 'x', '--allow-empty')",
    "CALL DOLT_RESET('--hard', 'HEAD~1')",
    "CALL DOLT_GC()",
    "CREATE USER 'mallory'@'%'",
)


def test_a_reader_reads_what_consumers_read_and_nothing_else(
    dolt_server: DoltServer, database: str, as_role: Callable[[Role], str]
) -> None:
    with client(dolt_server, database, as_role("reader")) as run:
        assert run("SELECT compiled_prompt FROM compiled_prompts") == [("text of One.",)]
        for table in ("g6o_ledger", "g6o_runs", "g6o_artifacts", SENTINEL):
            assert denied(run(f"SELECT * FROM {table}")), table
        for statement in (*WRITES, "CALL DOLT_BRANCH('b')", "CALL DOLT_TAG('t', 'main')"):
            assert denied(run(statement)), statement


def test_a_judge_reads_everything_and_writes_nothing(
    dolt_server: DoltServer, database: str, as_role: Callable[[Role], str]
) -> None:
    with client(dolt_server, database, as_role("judge")) as run:
        assert run("SELECT actor FROM g6o_ledger") == [("Ada",)]
        for statement in (*WRITES, "CALL DOLT_BRANCH('b')", "CALL DOLT_TAG('t', 'main')"):
            assert denied(run(statement)), statement


def test_a_judges_store_may_only_be_read(
    dolt_server: DoltServer, database: str, as_role: Callable[[Role], str], tmp_path: Path
) -> None:
    with closing(open_store(dolt_server.url(database, as_role("judge")), root=tmp_path)) as store:
        entry = live(store, "triage")

        with pytest.raises(ReadOnlyError):
            promote(store, "Two.", expected=entry.program_digest if entry else None)

        assert store.read_only
        found = {check.name: check for check in store_checks(store)}
        assert [name for name, check in found.items() if check.state != "ok"] == ["free space, server"]
        assert found["free space, server"].state == "note"
        assert found["rights"].found.endswith(": judge (SELECT)")
        assert set(found) >= {"secure_file_priv", "clock of the server", "engine", "our tables"}
        assert live(store, "triage") == entry


def test_a_promoter_promotes_and_rolls_back(
    dolt_server: DoltServer, database: str, as_role: Callable[[Role], str], tmp_path: Path, admin_store: Store
) -> None:
    with closing(open_store(dolt_server.url(database, as_role("promoter")), root=tmp_path)) as store:
        entry = live(store, "triage")
        assert entry is not None

        second = promote(store, "Two.", expected=entry.program_digest)
        assert live(admin_store, "triage").program_digest == second  # type: ignore[union-attr]
        record_rollback(store, "triage", by="Ada", reason="it lies")

        assert list(admin_store.read("SELECT compiled_prompt FROM compiled_prompts")) == [("text of One.",)]
        assert [tag for (tag,) in admin_store.read("SELECT tag_name FROM dolt_tags ORDER BY tag_name")] == [
            "prompt/triage@1", "prompt/triage@2", "prompt/triage@3",
        ]  # fmt: skip


def test_a_promoter_cannot_write_main_itself_nor_make_tables_nor_users(
    dolt_server: DoltServer, database: str, as_role: Callable[[Role], str]
) -> None:
    more = ("CALL DOLT_BRANCH('-D', 'main')", "GRANT SELECT ON *.* TO 'root'@'localhost'", f"DROP DATABASE {database}")

    with client(dolt_server, database, as_role("promoter")) as run:
        for statement in (*WRITES, *more):
            if statement != "CALL DOLT_COMMIT('-Am', 'x', '--allow-empty')":
                assert denied(run(statement)), statement


def test_a_promoter_neither_migrates_nor_adopts(
    dolt_server: DoltServer, database: str, as_role: Callable[[Role], str], tmp_path: Path, admin_store: Store
) -> None:
    with admin_store.change("Forget a migration") as change:
        change.execute("DELETE FROM g6o_migrations WHERE owner = 'g6o_eval' AND number = 2")
    dolt_server.run(WRITES[0], database=database)

    with closing(open_store(dolt_server.url(database, as_role("promoter")), root=tmp_path)) as store:
        with pytest.raises(StoreError, match="denied"):
            migrate(store, HARNESS)
        with pytest.raises(StoreError, match="permission"):
            adopt(store, ["compiled_prompts"], by="Ada")

    assert admin_store.dirty() == ("compiled_prompts",)


def test_an_admin_migrates_adopts_and_grants(
    dolt_server: DoltServer, database: str, as_role: Callable[[Role], str], tmp_path: Path, admin_store: Store
) -> None:
    with admin_store.change("Forget two tables") as change:
        change.execute("DROP TABLE g6o_imports")
        change.execute("DROP TABLE g6o_imported_runs")
        change.execute("DELETE FROM g6o_migrations WHERE owner = 'g6o_eval' AND number = 2")
    dolt_server.run(WRITES[0], database=database)
    name, reader = as_role("admin"), as_role("reader")

    with closing(open_store(dolt_server.url(database, name), root=tmp_path)) as store:
        assert migrate(store, HARNESS) == ("g6o_eval 2: where imported history came from",)
        adopt(store, ["compiled_prompts"], by="Ada")
        assert store.dirty() == ()
    with client(dolt_server, database, name) as run:
        assert run(f"GRANT SELECT ON {database}.* TO '{reader}'@'%'") == []
        assert denied(run("CREATE USER 'mallory'@'%'"))


# ── what the server does not prevent: docs/trust.md says so, and these say when that changes ──


def test_a_user_who_may_only_select_sets_variables_for_everybody_and_holds_our_lock(
    dolt_server: DoltServer, database: str, as_role: Callable[[Role], str]
) -> None:
    with client(dolt_server, database, as_role("judge")) as run:
        assert run("SET GLOBAL dolt_commit_verification_groups = ''") == []
        assert run("SELECT GET_LOCK('of_everybody', 0)") == [(1,)]


def test_a_promoter_who_wants_to_writes_main_in_two_steps(
    dolt_server: DoltServer, database: str, as_role: Callable[[Role], str], admin_store: Store
) -> None:
    with client(dolt_server, database, as_role("promoter")) as run:
        run("CALL DOLT_BRANCH('own', 'main')")
        run(f"USE `{database}/own`")
        run("UPDATE compiled_prompts SET compiled_prompt = 'banana'")
        run("CALL DOLT_COMMIT('-am', 'x')")
        run(f"USE `{database}/main`")
        run("CALL DOLT_MERGE('own')")

    assert list(admin_store.read("SELECT compiled_prompt FROM compiled_prompts")) == [("banana",)]


# ── the command ──


def test_applying_a_role_says_what_the_user_has_afterwards(
    dolt_server: DoltServer, database: str, admin_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"cli_{database}"
    dolt_server.run(f"CREATE USER '{name}'@'%'")

    for _ in range(2):
        done = CliRunner().invoke(
            group,
            ["grants", "--apply", "--role", "promoter", "--user", f"{name}@%", "--store", dolt_server.url(database)],
        )

    assert done.output == (
        f"'{name}'@'%' is promoter of {database} and has:\n"
        f"  GRANT USAGE ON *.* TO `{name}`@`%`\n"
        f"  GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON `{database}`.* TO `{name}`@`%`\n"
        "  merge on the branches main\n"
    )
    dolt_server.run(
        f"DROP USER '{name}'@'%'", f"DELETE FROM dolt_branch_control WHERE user = '{name}'", database=database
    )


def test_a_user_that_does_not_exist_is_not_made(dolt_server: DoltServer, database: str) -> None:
    user = User("nobody_at_all", "%")
    address = parse_address(dolt_server.url(database))

    with pytest.raises(RefusedError) as caught:
        apply(address, user, statements("judge", user, database))

    assert caught.value.reasons == (
        f"127.0.0.1:{dolt_server.port} has no user 'nobody_at_all'@'%'. Make it first: "
        "CREATE USER 'nobody_at_all'@'%' IDENTIFIED BY '…'",
    )
