from __future__ import annotations

from pathlib import Path

import pytest

from g6o_eval.errors import DeclarationError, ReadOnlyError, StoreError, UnfitError
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Store
from g6o_eval.store.schema import HARNESS, Continued, Migration, known_migrations, migrate

ONE = Migration(
    owner="shop", number=1, name="tickets", statements=("CREATE TABLE tickets (id VARCHAR(20) NOT NULL PRIMARY KEY)",)
)
TWO = Migration(owner="shop", number=2, name="labels", statements=("ALTER TABLE tickets ADD COLUMN label VARCHAR(9)",))


def test_migrations_are_applied_once_in_one_commit_with_their_record(empty_store: Store) -> None:
    before = empty_store.head()

    first = migrate(empty_store, (*HARNESS, TWO, ONE))
    after = empty_store.head()
    again = migrate(empty_store, (*HARNESS, ONE, TWO))

    assert first == (
        "g6o_eval 1: runs, scores, artifacts, ledger and the prompts that consumers read",
        "g6o_eval 2: where imported history came from",
        "shop 1: tickets",
        "shop 2: labels",
    )
    assert again == ()
    assert before != after == empty_store.head()
    assert empty_store.dirty() == ()
    assert list(empty_store.read("SELECT owner, number, name FROM g6o_migrations ORDER BY owner, number")) == [
        ("g6o_eval", 1, "runs, scores, artifacts, ledger and the prompts that consumers read"),
        ("g6o_eval", 2, "where imported history came from"),
        ("shop", 1, "tickets"),
        ("shop", 2, "labels"),
    ]
    assert [column.name for column in empty_store.read("SELECT * FROM tickets").columns] == ["id", "label"]


def test_a_database_without_the_sentinel_gets_it(empty_store: Store) -> None:
    with empty_store.change("A server's database has none") as change:
        change.execute("DROP TABLE g6o_migrations")

    migrate(empty_store, (ONE,))

    assert empty_store.tables() == {"g6o_migrations", "tickets"}
    assert list(empty_store.read("SELECT owner, number FROM g6o_migrations")) == [("shop", 1)]


def test_a_later_migration_is_added_to_earlier_ones(store: Store) -> None:
    migrate(store, (ONE,))

    assert migrate(store, (*HARNESS, ONE, TWO)) == ("shop 2: labels",)


def test_the_readers_table_has_the_columns_of_their_contract(store: Store) -> None:
    columns = store.read("SELECT * FROM compiled_prompts").columns

    assert [(column.name, column.type) for column in columns] == [
        ("prompt_id", "VARCHAR"),
        ("module_name", "VARCHAR"),
        ("signature_name", "VARCHAR"),
        ("compiled_prompt", "TEXT"),
        ("compiled_at", "DATETIME"),
        ("dspy_version", "VARCHAR"),
    ]


def test_a_readers_table_that_a_daemon_made_is_kept(empty_store: Store) -> None:
    with empty_store.change("A daemon's table") as change:
        change.execute(
            "CREATE TABLE compiled_prompts (prompt_id VARCHAR(200) NOT NULL PRIMARY KEY, module_name VARCHAR(100), "
            "signature_name VARCHAR(100), compiled_prompt TEXT, compiled_at DATETIME, dspy_version VARCHAR(20))"
        )
        change.insert("compiled_prompts", ("prompt_id", "compiled_prompt"), [("card-exit:x", "old")])

    migrate(empty_store, HARNESS)

    assert list(empty_store.read("SELECT compiled_prompt FROM compiled_prompts")) == [("old",)]


def test_a_migration_that_fails_leaves_nothing(empty_store: Store) -> None:
    broken = Migration(owner="shop", number=2, name="broken", statements=("CREATE TABLE x (a BIGINT)", "NONSENSE"))
    before = empty_store.head()

    with pytest.raises(Exception, match="NONSENSE"):
        migrate(empty_store, (ONE, broken))

    assert empty_store.head() == before
    assert empty_store.tables() == {"g6o_migrations"}


def test_a_newer_store_is_refused(store: Store) -> None:
    migrate(store, (ONE, TWO))

    with pytest.raises(UnfitError) as caught:
        migrate(store, (ONE,))

    assert str(caught.value) == (
        "the store has migration 2 of 'shop' ('labels'); the installed version knows 1. "
        "A newer version wrote it: upgrade the package"
    )


def test_a_migration_that_was_changed_afterwards_is_refused(store: Store) -> None:
    migrate(store, (ONE,))
    renamed = Migration(owner="shop", number=1, name="orders", statements=())

    with pytest.raises(UnfitError) as caught:
        migrate(store, (renamed, TWO))

    assert str(caught.value) == (
        "migration 1 of 'shop' is 'tickets' in the store and 'orders' in the code: "
        "one of them was changed after it was applied"
    )


@pytest.mark.parametrize(("number", "have"), [(1, "[2]"), (0, "[0, 1]")])
def test_a_gap_in_the_store_is_refused(store: Store, number: int, have: str) -> None:
    migrate(store, (ONE, TWO))
    with store.change("Somebody meddles") as change:
        change.execute("DELETE FROM g6o_migrations WHERE owner = 'shop' AND number = 1")
        if not number:
            change.execute("UPDATE g6o_migrations SET number = 0 WHERE owner = 'shop'")
            change.insert("g6o_migrations", ("owner", "number", "name"), [("shop", 1, "tickets")])

    with pytest.raises(UnfitError) as caught:
        migrate(store, (ONE, TWO))

    assert str(caught.value) == f"the store has the migrations {have} of 'shop': one before them is missing"


@pytest.mark.parametrize(("migrations", "numbers"), [((TWO,), "[2]"), ((ONE, ONE), "[1, 1]")])
def test_our_own_numbers_have_no_gap(empty_store: Store, migrations: tuple[Migration, ...], numbers: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        migrate(empty_store, migrations)

    assert str(caught.value) == f"migrations of 'shop' must be numbered 1, 2, 3 … without a gap, got {numbers}"


def test_a_read_only_store_that_lacks_tables_is_named(empty_store: Store, store_url: str, tmp_path: Path) -> None:
    reader = open_store(store_url, root=tmp_path, read_only=True)

    with pytest.raises(ReadOnlyError) as caught:
        migrate(reader, (ONE,))

    assert str(caught.value) == (
        f"{store_url} lacks tables (shop 1: tickets) and may only be read: open it once with a writer"
    )


def test_a_read_only_store_that_has_all_tables_is_fine(store: Store, store_url: str, tmp_path: Path) -> None:
    assert migrate(open_store(store_url, root=tmp_path, read_only=True), HARNESS) == ()


def test_the_harness_and_every_installed_package_are_known() -> None:
    known = known_migrations()

    assert known[: len(HARNESS)] == HARNESS
    assert {migration.owner for migration in known} >= {"g6o_eval", "g6o_eval.fleet"}


def test_an_entry_point_that_gives_something_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "shop-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[g6o_eval.migrations]\nshop = shop_tables:WRONG\n")
    (tmp_path / "shop_tables.py").write_text("WRONG = ['CREATE TABLE x']\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(DeclarationError) as caught:
        known_migrations()

    assert str(caught.value) == (
        "entry point 'shop' of 'g6o_eval.migrations': shop_tables:WRONG is ['CREATE TABLE x'], "
        "expected a tuple of Migration"
    )


MAKE = "CREATE TABLE IF NOT EXISTS deeds (id VARCHAR(20) NOT NULL PRIMARY KEY, kind VARCHAR(20), cost DOUBLE)"
CONTINUE = Migration(
    owner="shop",
    number=1,
    name="deeds",
    statements=(MAKE,),
    continued=(Continued(table="deeds", columns={"kind": "VARCHAR(20)", "cost": "DOUBLE"}),),
)


def test_a_table_that_was_there_gets_the_columns_that_it_lacks_and_keeps_its_rows(empty_store: Store) -> None:
    with empty_store.change("Somebody else's") as change:
        change.execute("CREATE TABLE deeds (id VARCHAR(20) NOT NULL PRIMARY KEY, cost DOUBLE, own BIGINT)")
        change.insert("deeds", ("id", "cost", "own"), [("a", 0.5, 7)])

    migrate(empty_store, (CONTINUE,))

    found = empty_store.read("SELECT * FROM deeds")
    assert [column.name for column in found.columns] == ["id", "cost", "own", "kind"]
    assert list(found) == [("a", 0.5, 7, None)]
    assert migrate(empty_store, (CONTINUE,)) == ()


def test_a_table_that_was_not_there_is_made_as_the_statement_says(empty_store: Store) -> None:
    migrate(empty_store, (CONTINUE,))

    assert [column.name for column in empty_store.read("SELECT * FROM deeds").columns] == ["id", "kind", "cost"]


ENUM = "ENUM('a','b','c') NOT NULL"
WIDEN = Migration(
    owner="shop",
    number=1,
    name="wider deeds",
    statements=("CREATE TABLE IF NOT EXISTS deeds (id VARCHAR(20) NOT NULL PRIMARY KEY, kind VARCHAR(9) NOT NULL)",),
    continued=(Continued(table="deeds", wider={"kind": (ENUM, r"^varchar|'c'"), "id": ("VARCHAR(20)", r"\(20\)")}),),
)


def test_a_narrow_column_of_a_server_is_widened_and_its_values_stay(server_url: str, tmp_path: Path) -> None:
    store = open_store(server_url, root=tmp_path)
    with store.change("Somebody else's") as change:
        change.execute("CREATE TABLE deeds (id VARCHAR(20) NOT NULL PRIMARY KEY, kind ENUM('a','b') NOT NULL)")
        change.insert("deeds", ("id", "kind"), [("1", "a"), ("2", "b")])

    migrate(store, (WIDEN,))
    with store.change("Use it") as change:
        change.insert("deeds", ("id", "kind"), [("3", "c")])

    assert list(store.read("SELECT id, kind, kind + 0 FROM deeds ORDER BY id")) == [
        ("1", "a", 1.0), ("2", "b", 2.0), ("3", "c", 3.0),
    ]  # fmt: skip
    store.close()


def test_a_column_that_is_wide_enough_stays_as_it_is(empty_store: Store) -> None:
    migrate(empty_store, (WIDEN,))
    with empty_store.change("A text, not one of three") as change:
        change.insert("deeds", ("id", "kind"), [("1", "anything")])

    assert list(empty_store.read("SELECT kind FROM deeds")) == [("anything",)]


def test_a_column_that_would_lose_values_is_not_changed_and_nothing_is(server_url: str, tmp_path: Path) -> None:
    store = open_store(server_url, root=tmp_path)
    with store.change("Somebody else's") as change:
        change.execute("CREATE TABLE deeds (id VARCHAR(20) NOT NULL PRIMARY KEY, kind ENUM('a','z') NOT NULL)")
        change.insert("deeds", ("id", "kind"), [("1", "z")])

    with pytest.raises(StoreError):
        migrate(store, (WIDEN,))

    assert list(store.read("SELECT kind FROM deeds")) == [("z",)]
    store.close()
