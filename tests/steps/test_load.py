from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from g6o_eval.errors import DataError, ReadOnlyError
from g6o_eval.steps.load import Loaded, LoadedColumn, load
from g6o_eval.steps.table_file import ColumnType
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Row, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("doltlite:///evals.db", root=tmp_path)
    yield opened
    opened.close()


def put(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def load_text(
    store: Store, tmp_path: Path, text: str, *, name: str = "t.csv", key: str = "id", **types: ColumnType
) -> Loaded:
    return load(store, "tickets", put(tmp_path, name, text), key=key, types=types)


def rows(store: Store) -> list[Row]:
    return list(store.read("SELECT * FROM tickets ORDER BY id"))


def test_a_file_becomes_a_table_in_one_commit_with_every_type_stated(store: Store, tmp_path: Path) -> None:
    before = store.head()

    found = load_text(store, tmp_path, 'id,text,n,x,ok,more\nb,"ä, 😀",1,0.5,true,{}\na,,,,,\n', more="JSON")

    assert rows(store) == [("a", "", None, None, None, None), ("b", "ä, 😀", 1, 0.5, 1, "{}")]
    assert found == Loaded(
        table="tickets",
        columns=(
            LoadedColumn("id", "TEXT", "inferred"),
            LoadedColumn("text", "TEXT", "inferred"),
            LoadedColumn("n", "INT", "inferred"),
            LoadedColumn("x", "FLOAT", "inferred"),
            LoadedColumn("ok", "BOOL", "inferred"),
            LoadedColumn("more", "JSON", "--type"),
        ),
        rows=2,
        created=True,
        commit=store.head(),
    )
    assert store.head() != before
    assert store.dirty() == ()


def test_a_jsonl_file_may_leave_names_out(store: Store, tmp_path: Path) -> None:
    load_text(store, tmp_path, '{"id": 1, "tags": ["x"]}\n{"id": 2, "text": "t"}\n', name="t.jsonl")

    assert rows(store) == [(1, '["x"]', None), (2, None, "t")]


def test_a_column_may_be_called_as_sql_calls_something(store: Store, tmp_path: Path) -> None:
    load_text(store, tmp_path, "key,group,order,select\n1,a,b,c\n", key="key")

    assert list(store.read("SELECT * FROM tickets")) == [(1, "a", "b", "c")]


def test_loading_a_file_twice_makes_no_second_commit(store: Store, tmp_path: Path) -> None:
    first = load_text(store, tmp_path, "id,x\n1,0.5\n2,1\n")

    second = load_text(store, tmp_path, "id,x\n1,0.5\n2,1\n")

    assert (second.rows, second.commit, second.created) == (2, None, False)
    assert store.head() == first.commit
    assert second.columns == (LoadedColumn("id", "INT", "the table"), LoadedColumn("x", "FLOAT", "the table"))


def test_a_row_with_a_known_key_is_replaced_and_the_others_stay(store: Store, tmp_path: Path) -> None:
    load_text(store, tmp_path, "id,text\n1,a\n2,b\n")

    load_text(store, tmp_path, "text,id\nB,2\nc,3\n")

    assert rows(store) == [(1, "a"), (2, "B"), (3, "c")]


def test_bad_rows_are_named_with_file_and_line_and_nothing_is_loaded(store: Store, tmp_path: Path) -> None:
    before = store.head()
    path = tmp_path / "t.csv"

    with pytest.raises(DataError) as caught:
        load_text(store, tmp_path, "id,n\n1,1\n2\n,3\n1,4\n5,x\n", n="INT")

    assert str(caught.value) == (
        "4 bad rows, nothing was loaded:\n"
        f"  {path}:3: 1 cells under 2 columns\n"
        f"  {path}:4: the key 'id' is empty\n"
        f"  {path}:5: the key 1 stands in line 2 already\n"
        f"  {path}:6: column 'n': 'x' is no INT"
    )
    assert store.head() == before
    assert "tickets" not in store.tables()


def test_of_many_bad_rows_ten_are_named_and_the_rest_are_counted(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_text(store, tmp_path, "id,n\n" + "x\n" * 13)

    lines = str(caught.value).splitlines()
    assert len(lines) == 12
    assert lines[-1] == "  and 3 more"


def test_a_bad_row_undoes_the_replaced_ones_before_it(store: Store, tmp_path: Path) -> None:
    load_text(store, tmp_path, "id,n\n1,1\n")

    with pytest.raises(DataError, match=r"column 'n': 'x' is no INT"):
        load_text(store, tmp_path, "id,n\n1,2\n2,x\n")

    assert rows(store) == [(1, 1)]


def test_a_key_longer_than_both_engines_take_is_a_bad_row(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the key 'id' has 256 characters, at most 255 fit"):
        load_text(store, tmp_path, f"id\n{'k' * 256}\n")


@pytest.mark.parametrize(
    ("text", "types", "message"),
    [
        ("a,b\n1,2\n", {}, "{path}: there is no column 'id'; it has a, b"),
        ("id\n1\n", {"x": "INT"}, "{path}: there is no column 'x'; it has id"),
        ("id\n", {}, "{path}: there is no row to load"),
        ("id,my text\n1,a\n", {}, "column name 'my text' must match [A-Za-z_][A-Za-z0-9_]{{0,63}}; rename it in the file or command"),  # noqa: E501  # one message
        ("id\n0.5\n", {}, "the key column holds FLOAT; a key must be TEXT or INT: say --key with another column"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_a_table_is_refused(
    store: Store, tmp_path: Path, text: str, types: dict[str, ColumnType], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        load_text(store, tmp_path, text, **types)

    assert str(caught.value) == message.format(path=tmp_path / "t.csv")


def test_a_json_column_of_several_types_asks_for_one(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_text(store, tmp_path, '{"id": 1, "v": 1}\n{"id": 2, "v": "1"}\n', name="t.jsonl")

    assert str(caught.value) == (
        f"{tmp_path / 't.jsonl'}: column 'v' holds values of several types; say --type v=JSON or v=TEXT"
    )


def test_other_columns_than_the_tables_are_refused(store: Store, tmp_path: Path) -> None:
    load_text(store, tmp_path, "id,a\n1,1\n")

    with pytest.raises(DataError) as caught:
        load_text(store, tmp_path, "id,b\n1,1\n")

    assert str(caught.value) == (
        f"{tmp_path / 't.csv'}: has the columns b, id, the table has a, id; "
        "they must be the same, or a replaced row would lose values"
    )


def test_another_type_than_the_tables_is_refused(store: Store, tmp_path: Path) -> None:
    load_text(store, tmp_path, "id,a\n1,1\n")

    with pytest.raises(DataError) as caught:
        load_text(store, tmp_path, "id,a\n1,1\n", a="TEXT")

    assert str(caught.value) == "--type a=TEXT: the table holds INT there; load into another table"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("g6o_runs", "table 'g6o_runs' belongs to g6o_eval; load rows into a table of your own"),
        ("G6O_mine", "table 'G6O_mine' belongs to g6o_eval and the engine; load rows into a table of your own"),
        ("dolt_log", "table 'dolt_log' belongs to g6o_eval and the engine; load rows into a table of your own"),
        ("compiled_prompts", "table 'compiled_prompts' belongs to g6o_eval; load rows into a table of your own"),
        ("x; DROP TABLE y", "table name 'x; DROP TABLE y' must match [A-Za-z_][A-Za-z0-9_]{0,63}; rename it in the file or command"),  # noqa: E501  # one message
        ("1st", "table name '1st' must match [A-Za-z_][A-Za-z0-9_]{0,63}; rename it in the file or command"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_the_users_is_refused(store: Store, tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load(store, table, put(tmp_path, "t.csv", "id\n1\n"), key="id", types={})

    assert str(caught.value) == message


def test_a_table_is_named_as_the_store_spells_it(store: Store, tmp_path: Path) -> None:
    load_text(store, tmp_path, "id\n1\n")

    with pytest.raises(DataError) as caught:
        load(store, "Tickets", tmp_path / "t.csv", key="id", types={})

    assert str(caught.value) == "table 'Tickets' is spelled 'tickets' in this store; say it so"


def test_a_table_of_another_kind_is_refused(store: Store, tmp_path: Path) -> None:
    with store.change("Make a table by hand") as change:
        change.execute("CREATE TABLE tickets (id BIGINT NOT NULL PRIMARY KEY, price DECIMAL(9, 2))")

    with pytest.raises(DataError) as caught:
        load_text(store, tmp_path, "id,price\n1,2\n")

    assert str(caught.value) == "table 'tickets': column 'price' is DECIMAL, which load cannot fill"


def test_a_store_that_may_only_be_read_takes_nothing(store: Store, tmp_path: Path) -> None:
    store.close()
    reader = open_store("doltlite:///evals.db", root=tmp_path, read_only=True)

    with pytest.raises(ReadOnlyError):
        load_text(reader, tmp_path, "id\n1\n")

    reader.close()
