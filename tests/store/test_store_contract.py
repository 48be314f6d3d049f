"""What every engine must do. Parametrised by conftest.ENGINES."""

from __future__ import annotations

from pathlib import Path

import pytest

from g6o_eval.errors import DataError, MissingError, QueryError, ReadOnlyError, StoreError, UnavailableError, UnfitError
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Column, Store, Value

EXACT: tuple[Value, ...] = (
    "", "plain", "é 🎉 \u2028", "a\0b", "\0", "quote ' \" \\ {}", "line\r\nend\t\x1f\x7f", "5", "1.0", "null",
    0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63),
    0.0, 0.1, 1e22, 5e-324, 1.7976931348623157e308, -2.5, 1.0, 3.0,
    b"", b"\0\xff", "not utf-8 é".encode("latin-1"),
    None,
)  # fmt: skip


@pytest.fixture
def rows(store: Store) -> Store:
    with store.change("Make rows") as change:
        change.execute("CREATE TABLE items (name VARCHAR(50) NOT NULL PRIMARY KEY, number BIGINT)")
        change.insert("items", ("name", "number"), [("a", 1), ("b", 2)])
    return store


def names(store: Store, *, at: str | None = None) -> list[Value]:
    return [name for (name,) in store.read("SELECT name FROM items ORDER BY name", at=at)]


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("LONGTEXT", [value for value in EXACT if isinstance(value, str | None)]),
        ("BIGINT", [value for value in EXACT if isinstance(value, int | None)]),
        ("DOUBLE", [value for value in EXACT if isinstance(value, float | None)]),
        ("LONGBLOB", [value for value in EXACT if isinstance(value, bytes | None)]),
    ],
)
def test_every_value_comes_back_as_it_was_written(store: Store, declared: str, values: list[Value]) -> None:
    with store.change("Write values") as change:
        change.execute(f"CREATE TABLE exact (place BIGINT NOT NULL PRIMARY KEY, value {declared})")
        change.insert("exact", ("place", "value"), list(enumerate(values)))
        inside = change.read("SELECT value FROM exact ORDER BY place")

    whole = [value for (value,) in store.read("SELECT value FROM exact ORDER BY place")]
    pinned = [value for (value,) in store.read("SELECT value FROM exact ORDER BY place", at=store.head())]
    single = [next(iter(store.read("SELECT value FROM exact WHERE place = ?", (i,))))[0] for i in range(len(values))]

    for read in (whole, pinned, single, [value for (value,) in inside]):
        assert [(type(value), value) for value in read] == [(type(value), value) for value in values]


def test_a_result_names_its_columns_and_their_declared_types(store: Store) -> None:
    with store.change("Make a table") as change:
        change.execute(
            "CREATE TABLE typed (a VARCHAR(20) NOT NULL PRIMARY KEY, b decimal(10, 4), c JSON, d BOOLEAN, e DATETIME)"
        )

    result = store.read("SELECT a, b, c, d, e, 1 + 1 AS two FROM typed")

    assert result.columns == (
        Column("a", "VARCHAR"), Column("b", "DECIMAL"), Column("c", "JSON"), Column("d", "BOOLEAN"),
        Column("e", "DATETIME"), Column("two", ""),
    )  # fmt: skip
    assert list(result) == []


def test_a_column_keeps_its_declared_type_under_another_name_and_an_expression_has_none(store: Store) -> None:
    with store.change("Make a table") as change:
        change.execute("CREATE TABLE typed (a VARCHAR(20) NOT NULL PRIMARY KEY, c JSON, d BOOLEAN)")
        change.insert("typed", ("a", "c", "d"), [("x", "[1]", 1)])

    result = store.read(
        "SELECT t.a AS b, c AS json, t.d ok, a = 'x' AS same, d AS `final`, UPPER(a) AS big FROM typed t"
    )

    assert result.columns == (
        Column("b", "VARCHAR"), Column("json", "JSON"), Column("ok", "BOOLEAN"), Column("same", ""),
        Column("final", "BOOLEAN"), Column("big", ""),
    )  # fmt: skip
    assert list(result) == [("x", "[1]", 1, 1, 1, "X")]


def test_a_change_is_one_commit_and_only_then_seen(rows: Store) -> None:
    before = rows.head()

    with rows.change("Add two") as change:
        change.insert("items", ("name", "number"), [("c", 3)])
        change.execute("UPDATE items SET number = ? WHERE name = ?", (9, "a"))
        during = names(rows)
        assert change.read("SELECT name, number FROM items ORDER BY name") == [("a", 9), ("b", 2), ("c", 3)]
        assert change.commit is None

    assert during == ["a", "b"]
    assert names(rows) == ["a", "b", "c"]
    assert names(rows, at=before) == ["a", "b"]
    assert change.commit == rows.head() != before
    assert rows.dirty() == ()


def test_an_exception_undoes_the_whole_change(rows: Store) -> None:
    before = rows.head()

    def write_and_break() -> None:
        with rows.change("Break") as change:
            change.execute("CREATE TABLE other (k BIGINT NOT NULL PRIMARY KEY)")
            change.insert("items", ("name", "number"), [("c", 3)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_break()

    assert names(rows) == ["a", "b"]
    assert "other" not in rows.tables()
    assert rows.head() == before
    assert rows.dirty() == ()


def test_a_change_that_changes_nothing_makes_no_commit(rows: Store) -> None:
    before = rows.head()

    with rows.change("Nothing") as empty:
        pass
    with rows.change("The same") as same:
        same.execute("UPDATE items SET number = 1 WHERE name = 'a'")

    assert rows.head() == before
    assert (empty.commit, same.commit) == (None, None)
    assert rows.dirty() == ()


def test_a_duplicate_key_is_a_query_error_with_the_sql(rows: Store) -> None:
    with pytest.raises(QueryError) as caught, rows.change("Twice") as change:
        change.insert("items", ("name", "number"), [("c", 1), ("a", 1)])

    assert "INSERT INTO" in caught.value.sql
    assert "SQL: INSERT INTO" in str(caught.value)
    assert names(rows) == ["a", "b"]


def test_upsert_replaces_by_key_and_inserts_the_rest(rows: Store) -> None:
    with rows.change("Upsert") as change:
        given = change.upsert("items", ("name", "number"), [("a", 7), ("c", 3)], key=("name",))
        change.upsert("items", ("name",), [("a",), ("d",)], key=("name",))

    assert given == 2
    assert list(rows.read("SELECT name, number FROM items ORDER BY name")) == [
        ("a", 7), ("b", 2), ("c", 3), ("d", None),
    ]  # fmt: skip


def test_a_read_at_a_commit_sees_the_schema_of_that_commit(rows: Store) -> None:
    before = rows.head()
    with rows.change("Add a table and a column") as change:
        change.execute("CREATE TABLE later (k BIGINT NOT NULL PRIMARY KEY)")
        change.execute("ALTER TABLE items ADD COLUMN note VARCHAR(9)")

    assert "later" in rows.tables()
    assert "later" not in rows.tables(at=before)
    assert [column.name for column in rows.read("SELECT * FROM items", at=before).columns] == ["name", "number"]
    assert [column.name for column in rows.read("SELECT * FROM items").columns] == ["name", "number", "note"]


def test_select_star_follows_a_new_column_between_two_reads(rows: Store) -> None:
    for params in ((), (0,)):
        sql = "SELECT * FROM items" + (" WHERE number > ?" if params else "")
        width = len(rows.read(sql, params).columns)
        with rows.change("Widen") as change:
            change.execute(f"ALTER TABLE items ADD COLUMN extra{width} VARCHAR(9)")

        again = rows.read(sql, params)

        assert len(again.columns) == width + 1
        assert [len(row) for row in again] == [width + 1] * 2


@pytest.mark.parametrize("at", ["0" * 40, "no-such-branch"])
def test_a_commit_that_does_not_exist_is_missing(rows: Store, at: str) -> None:
    with pytest.raises(MissingError) as caught:
        rows.read("SELECT 1", at=at)

    assert str(caught.value) == f"{rows.url} has no commit {at!r}"


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM items", "UPDATE items SET number = 0", "CREATE TABLE x (a BIGINT)", "-- SELECT\nDROP TABLE items",
     "WITH q AS (SELECT 1) DELETE FROM items", "SELECT 1; DELETE FROM items", "", "   -- nothing"],
)  # fmt: skip
def test_only_a_single_select_can_be_read(rows: Store, sql: str) -> None:
    for at in (None, rows.head()):
        with pytest.raises(QueryError):
            list(rows.read(sql, at=at))

    assert names(rows) == ["a", "b"]


def test_what_is_no_select_is_refused_in_these_words(rows: Store) -> None:
    with pytest.raises(QueryError) as caught:
        rows.read("DELETE FROM items")

    assert str(caught.value) == "expected a SELECT: only queries may run here\n  SQL: DELETE FROM items"


@pytest.mark.parametrize(
    "sql",
    ["select name from items order by name desc", "/* a */ -- b\n SELECT name FROM items ORDER BY name DESC",
     "SELECT name FROM items ORDER BY name DESC; -- done", "SELECT name FROM items ORDER BY name DESC -- done",
     "WITH items2 AS (SELECT * FROM items) SELECT name FROM items2 ORDER BY number DESC",
     "SELECT name FROM items GROUP BY name ORDER BY MAX(number) DESC",
     "SELECT name FROM items UNION SELECT name FROM items ORDER BY name DESC"],
)  # fmt: skip
def test_a_select_may_be_written_in_many_ways_and_keeps_its_order(rows: Store, sql: str) -> None:
    assert list(rows.read(sql)) == [("b",), ("a",)]
    assert list(rows.read(sql, at=rows.head())) == [("b",), ("a",)]


def test_a_query_that_fails_says_why_and_shows_its_sql(rows: Store) -> None:
    with pytest.raises(QueryError) as caught:
        rows.read("SELECT nothing_here FROM items")

    assert "nothing_here" in str(caught.value)
    assert caught.value.sql == "SELECT nothing_here FROM items"


def test_parameters_must_be_as_many_as_the_holes(rows: Store) -> None:
    with pytest.raises(QueryError):
        rows.read("SELECT ? FROM items", (1, 2))
    with pytest.raises(QueryError), rows.change("Wrong") as change:
        change.insert("items", ("name", "number"), [("c",)])

    assert names(rows) == ["a", "b"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**63, -(2**63) - 1, "\ud800", object()])
def test_a_value_that_no_engine_keeps_is_refused(rows: Store, value: Value) -> None:
    with pytest.raises(DataError), rows.change("Wrong") as change:
        change.execute("UPDATE items SET number = ?", (value,))


def test_the_sign_of_zero_is_not_kept(rows: Store) -> None:
    ((zero,),) = rows.read("SELECT ?", (-0.0,))

    assert str(zero) == "0.0"


def test_a_label_is_put_and_moved(rows: Store) -> None:
    first = rows.head()
    with rows.change("More") as change:
        change.insert("items", ("name", "number"), [("c", 3)])

    rows.label("prompt/triage@1", first, "first")
    assert names(rows, at="prompt/triage@1") == ["a", "b"]
    rows.label("prompt/triage@1", rows.head(), "moved")

    assert names(rows, at="prompt/triage@1") == ["a", "b", "c"]


def test_a_label_on_no_commit_is_refused_and_the_old_one_stays(rows: Store) -> None:
    rows.label("prompt/triage@1", rows.head(), "first")

    with pytest.raises(StoreError):
        rows.label("prompt/triage@1", "0" * 40, "nowhere")

    assert names(rows, at="prompt/triage@1") == ["a", "b"]


def test_a_lock_is_held_between_two_openings(rows: Store, store_url: str, tmp_path: Path) -> None:
    other = open_store(store_url, root=tmp_path)

    with (
        rows.lock("promote:triage"),
        rows.lock("promote:other"),
        pytest.raises(UnavailableError) as caught,
        other.lock("promote:triage", timeout_seconds=0.05),
    ):
        pass

    with other.lock("promote:triage", timeout_seconds=0.05):
        pass
    assert "promote:triage" in str(caught.value)


def test_a_read_only_store_reads_and_refuses_every_write(rows: Store, store_url: str, tmp_path: Path) -> None:
    reader = open_store(store_url, root=tmp_path, read_only=True)

    with pytest.raises(ReadOnlyError) as caught, reader.change("Add"):
        pass
    with pytest.raises(ReadOnlyError):
        reader.label("x", reader.head(), "x")
    with pytest.raises(ReadOnlyError), reader.lock("x"):
        pass

    assert names(reader) == ["a", "b"]
    assert reader.read_only
    assert not rows.read_only
    assert str(caught.value) == f"cannot write 'Add': {store_url} may only be read"


def test_another_clients_uncommitted_rows_stay_uncommitted(rows: Store, foreign_rows: None) -> None:
    assert rows.dirty() == ("outside",)

    with rows.change("Mine") as change:
        change.insert("items", ("name", "number"), [("c", 3)])

    assert rows.dirty() == ("outside",)
    assert list(rows.read("SELECT k FROM outside", at=rows.head())) == []
    assert names(rows, at=rows.head()) == ["a", "b", "c"]


def test_a_change_to_a_table_with_foreign_uncommitted_rows_is_refused(rows: Store, foreign_rows: None) -> None:
    before = rows.head()

    def write_both() -> None:
        with rows.change("Mine too") as change:
            change.insert("items", ("name", "number"), [("c", 3)])
            change.insert("outside", ("k",), [(2,)])

    with pytest.raises(UnfitError) as caught:
        write_both()

    assert "another client left uncommitted rows in outside, which this change writes to" in str(caught.value)
    assert rows.head() == before
    assert names(rows) == ["a", "b"]


def test_an_ended_change_refuses_to_write(rows: Store) -> None:
    with rows.change("Short") as change:
        pass

    with pytest.raises(StoreError) as caught:
        change.execute("DELETE FROM items")

    assert str(caught.value) == "this change has ended: open another one with store.change(message)"


@pytest.mark.parametrize("sql", ["COMMIT", "BEGIN", "SAVEPOINT x", "DELETE FROM items; DELETE FROM items"])
def test_a_change_takes_single_statements_and_ends_itself(rows: Store, sql: str) -> None:
    with pytest.raises(QueryError) as caught, rows.change("Sneaky") as change:
        change.execute(sql)

    assert str(caught.value).startswith(
        "a change takes one statement at a time, and none that begins, ends or attaches"
    )
    assert names(rows) == ["a", "b"]


def test_a_closed_store_refuses_all_calls(rows: Store) -> None:
    rows.close()
    rows.close()

    for call in (rows.head, rows.branch, rows.dirty, rows.tables, lambda: rows.read("SELECT 1")):
        with pytest.raises(UnavailableError) as caught:
            call()
        assert str(caught.value) == f"the store {rows.url} is closed"
    with pytest.raises(UnavailableError), rows.change("Late"):
        pass


def test_a_store_says_what_it_is(rows: Store, store_url: str) -> None:
    assert rows.branch() == "main"
    assert rows.url == store_url
    assert rows.kind in ("embedded", "server")
    assert {"items", "g6o_runs", "g6o_migrations"} <= rows.tables()
