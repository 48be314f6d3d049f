"""Reading in bulk through JSON is exact for every value, whatever the query does to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from g6o_eval.errors import DataError, QueryError
from g6o_eval.store.doltlite import Connection
from g6o_eval.store.embedded import fit_library
from g6o_eval.store.port import Column, Value
from g6o_eval.store.query import query
from g6o_eval.store.sql import check_select, plain_type, strip_comments

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.sampled_from(["[1]", '{"a": 1}', "null", "5", "1.50", "true", '"x"']),
    st.binary(),
    st.sampled_from([b"\x00", b"\x01", b"\x0b", b"\x131"]),  # JSONB: null, true, [], 1
)
# An untyped column keeps every value as it was bound.
MAKE = "CREATE TABLE t (place BIGINT NOT NULL PRIMARY KEY, a, b, c)"


@pytest.fixture
def memory() -> Iterator[Connection]:
    connection = Connection(fit_library(), ":memory:", mode="create", name="memory", busy_seconds=0)
    yield connection
    connection.close()


def exactly(rows: object) -> list[list[tuple[type, Value]]]:
    return [[(type(value), value) for value in row] for row in rows]  # type: ignore[attr-defined]  # rows of any kind


@settings(deadline=None, max_examples=300)
@example([(b"\x00", b"\x0b", "x")])
@example([("a\0b", 2**63 - 1, 0.1)])
@example([(b"\xff", "x", None), ("é🎉", -(2**63), 1e308)])
@given(st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=6))
def test_whatever_is_written_is_read_exactly(rows: list[tuple[Value, Value, Value]]) -> None:
    connection = Connection(fit_library(), ":memory:", mode="create", name="memory", busy_seconds=0)
    connection.run(MAKE)
    connection.run_each("INSERT INTO t VALUES (?, ?, ?, ?)", [(i, *row) for i, row in enumerate(rows)])

    bulk = exactly(query(connection, "SELECT a, b, c FROM t ORDER BY place"))
    computed = exactly(query(connection, "SELECT coalesce(a, a), b AS b2, c FROM t ORDER BY place"))
    cells = exactly(connection.run("SELECT a, b, c FROM t ORDER BY place"))
    connection.close()

    assert bulk == computed == cells == exactly(rows)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200))
def test_floats_keep_every_bit_but_the_sign_of_zero(values: list[float]) -> None:
    connection = Connection(fit_library(), ":memory:", mode="create", name="memory", busy_seconds=0)
    connection.run("CREATE TABLE t (place BIGINT NOT NULL PRIMARY KEY, a DOUBLE)")
    connection.run_each("INSERT INTO t VALUES (?, ?)", list(enumerate(values)))

    read = [value for (value,) in query(connection, "SELECT a FROM t ORDER BY place")]
    connection.close()

    assert [float(str(value)).hex() for value in read] == [(value + 0.0).hex() for value in values]


def test_what_json_functions_return_is_read_as_the_text_it_is(memory: Connection) -> None:
    memory.run("CREATE TABLE t (a LONGTEXT, g LONGTEXT AS (json(a)))")
    memory.run("INSERT INTO t (a) VALUES (?)", ('{"b": [1]}',))
    sql = "SELECT json(a), json_extract(a, '$.b'), g, json_quote(1.50), json('5'), json_group_array(a) FROM t"

    assert exactly(query(memory, sql)) == exactly(memory.run(sql))
    assert exactly(query(memory, "SELECT g FROM t")) == [[(str, '{"b":[1]}')]]


def test_infinities_that_somebody_wrote_are_read(memory: Connection) -> None:
    sql = "SELECT 9e999, -9e999, 'text', 1 UNION ALL SELECT 1.5, 2.5, 'é', 2"

    assert list(query(memory, sql)) == [(float("inf"), float("-inf"), "text", 1), (1.5, 2.5, "é", 2)]


def test_a_text_that_is_no_utf_8_is_named(memory: Connection) -> None:
    sql = "SELECT CAST(x'68ff' AS TEXT)"

    with pytest.raises(DataError, match="not UTF-8"):
        list(query(memory, sql))
    with pytest.raises(DataError) as caught:
        memory.run(sql)

    assert str(caught.value) == f"a text in the result is not UTF-8: b'h\\xff' (invalid start byte)\n  SQL: {sql}"


def test_five_thousand_rows_come_in_order_and_once(memory: Connection) -> None:
    sql = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999) SELECT i, 'x' || i FROM n"

    assert list(query(memory, sql)) == [(i, f"x{i}") for i in range(5000)]


def test_a_result_of_very_many_columns_is_read_too(memory: Connection) -> None:
    wide = "SELECT " + ", ".join(str(i) for i in range(1500))

    assert list(query(memory, wide)) == [tuple(range(1500))]


def test_columns_of_one_name_are_kept_apart(memory: Connection) -> None:
    result = query(memory, 'SELECT 1 AS a, 2 AS a, 3 AS "strange "" name"')

    assert result.columns == (Column("a", ""), Column("a", ""), Column('strange " name', ""))
    assert list(result) == [(1, 2, 3)]


def test_a_table_called_like_our_names_is_no_trouble(memory: Connection) -> None:
    memory.run("CREATE TABLE c0 (c1 BIGINT, c0 BIGINT)")
    memory.run("INSERT INTO c0 VALUES (1, 2)")

    assert list(query(memory, "SELECT c1, c0 FROM c0")) == [(1, 2)]


def test_rows_that_nobody_reads_are_freed_and_harm_nothing(memory: Connection) -> None:
    for _ in range(3):
        query(memory, "SELECT 1 UNION ALL SELECT 2")

    assert list(query(memory, "SELECT 1")) == [(1,)]


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "  select 1", "-- a\n/* b */ WITH q AS (SELECT 1) SELECT * FROM q", "(SELECT 1)", "VALUES (1)"]
)
def test_a_query_is_known_by_its_first_word(sql: str) -> None:
    check_select(sql)


@pytest.mark.parametrize(
    "sql", ["PRAGMA user_version", "EXPLAIN SELECT 1", "selection", "DELETE FROM t", "/* SELECT */"]
)
def test_what_is_no_query_is_refused_by_its_first_word(sql: str) -> None:
    with pytest.raises(QueryError) as caught:
        check_select(sql)

    assert str(caught.value) == f"expected a SELECT: only queries may run here\n  SQL: {sql}"


def test_a_second_statement_is_refused(memory: Connection) -> None:
    with pytest.raises(QueryError) as caught:
        query(memory, "SELECT 1; SELECT 2")

    assert str(caught.value) == "expected one SELECT that changes nothing\n  SQL: SELECT 1; SELECT 2"


@pytest.mark.parametrize(
    ("declared", "plain"),
    [("varchar(50)", "VARCHAR"), ("decimal(10, 4)", "DECIMAL"), ("bigint(20) unsigned", "BIGINT UNSIGNED"), ("", "")],
)
def test_a_declared_type_loses_its_length(declared: str, plain: str) -> None:
    assert plain_type(declared) == plain


def test_comments_before_a_statement_are_stripped() -> None:
    assert strip_comments(" -- one\n /* two\n */\n SELECT 1 -- three") == "SELECT 1 -- three"
    assert strip_comments("-- only") == ""


def test_the_order_is_that_of_stock_sqlite(memory: Connection, tmp_path: Path) -> None:
    stock = sqlite3.connect(tmp_path / "stock.db")
    for run in (memory.run, stock.execute):
        run("CREATE TABLE t (a VARCHAR(9) NOT NULL PRIMARY KEY, b BIGINT)")
        for number in range(50):
            run("INSERT INTO t VALUES (?, ?)", (f"k{number:02d}", number * 7 % 10))

    for sql in (
        "SELECT a FROM t ORDER BY b DESC, a",
        "SELECT b, COUNT(*) FROM t GROUP BY b ORDER BY 2, 1 DESC",
        "SELECT DISTINCT b FROM t ORDER BY b DESC LIMIT 5",
        "SELECT a, ROW_NUMBER() OVER (ORDER BY b, a DESC) AS n FROM t ORDER BY n DESC",
        "SELECT x.a, y.a FROM t x JOIN t y ON x.b = y.b ORDER BY y.a DESC, x.a LIMIT 9 OFFSET 3",
        "SELECT a FROM (SELECT a FROM t ORDER BY a DESC LIMIT 7) ORDER BY a",
    ):
        assert list(query(memory, sql)) == stock.execute(sql).fetchall()
    stock.close()
