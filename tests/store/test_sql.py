"""Statements taken apart, and values written into them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.errors import DataError, QueryError
from g6o_eval.store.port import Value
from g6o_eval.store.sql import (
    BATCH_BYTES,
    bind,
    check_change,
    check_one_select,
    insert_batches,
    parse,
    quoted,
    renamed_columns,
)


@pytest.mark.parametrize(
    ("sql", "params", "bound"),
    [
        ("SELECT ?", (1,), "SELECT 1"),
        ("SELECT '?', \"?\", `?`, ? -- ?", ("a",), "SELECT '?', \"?\", `?`, 'a' -- ?"),
        ("SELECT 'it''s ?' /* ? */, ? # ?\n, ?", (None, 1.5), "SELECT 'it''s ?' /* ? */, NULL # ?\n, 1.5e0"),
        (r"SELECT 'a\'?', ?", ("'; DROP",), r"SELECT 'a\'?', '\'; DROP'"),
        ("SELECT ?, ?", (b"\x00\xff", -0.0), "SELECT X'00ff', 0.0e0"),
        ("SELECT %s, ?", ("%s",), "SELECT %s, '%s'"),
        ("SELECT ?", ("a\0b\n\r\x1a\"\\",), 'SELECT \'a\\0b\\n\\r\\Z\\"\\\\\''),
        ("SELECT ?", (True,), "SELECT 1"),
        ("SELECT 1; -- ? done", (), "SELECT 1"),
    ],
)  # fmt: skip
def test_values_stand_in_the_place_of_the_holes(sql: str, params: tuple[Value, ...], bound: str) -> None:
    assert bind(sql, params) == bound


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_ends_its_own_quotes(text: str) -> None:
    inside = parse(bind("SELECT ?, 1", (text,)))

    assert (inside.words, inside.more, inside.hidden) == (("select",), False, False)
    assert len(inside.pieces) == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "is nan: no engine keeps it. Store NULL"),
        (2**63, f"is {2**63}: an integer must fit into 64 bits"),
        ("x\ud800", "holds '\\ud800' at position 1, half of a character: it has no UTF-8 form"),
        ([], "is []: expected str, int, float, bytes or None"),
    ],
)
def test_a_value_that_no_engine_keeps_is_named(value: Value, said: str) -> None:
    with pytest.raises(DataError) as caught:
        bind("SELECT ?", (value,))

    assert str(caught.value) == f"parameter 1 of 'SELECT ?' {said}"


def test_as_many_values_as_holes_are_needed() -> None:
    with pytest.raises(QueryError) as caught:
        bind("SELECT ?, '?'", (1, 2))

    assert str(caught.value) == "the statement has 1 parameters, 2 were given\n  SQL: SELECT ?, '?'"


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1", "(SELECT 1) UNION (SELECT 2)", "WITH q AS (SELECT 1) SELECT * FROM q",
     "SELECT 'into', `delete` FROM t", "SELECT REPLACE(a, 'x', 'y') FROM t; -- done", "VALUES ROW(1)"],
)  # fmt: skip
def test_one_select_is_let_through(sql: str) -> None:
    check_one_select(sql)


@pytest.mark.parametrize(
    "sql",
    ["WITH q AS (SELECT 1) DELETE FROM t", "SELECT 1; SELECT 2", "SELECT 1 INTO @x", "SELECT 1 /*! INTO OUTFILE 'x' */",
     "WITH q AS (SELECT 1) REPLACE INTO t SELECT * FROM q"],
)  # fmt: skip
def test_what_writes_is_no_select(sql: str) -> None:
    with pytest.raises(QueryError) as caught:
        check_one_select(sql)

    assert str(caught.value) == f"expected one SELECT that changes nothing\n  SQL: {sql}"


@pytest.mark.parametrize(
    "sql",
    ["INSERT INTO t VALUES (1)", "-- a\nupdate t set a = 1", "CREATE TABLE IF NOT EXISTS t (a INT)", "DROP VIEW v",
     "CREATE UNIQUE INDEX i ON t (a)", "ALTER TABLE t ADD COLUMN b INT", "RENAME TABLE a TO b", "TRUNCATE t;",
     "SHOW COLUMNS FROM t"],
)  # fmt: skip
def test_a_change_runs_what_stays_on_its_branch(sql: str) -> None:
    check_change(sql)


@pytest.mark.parametrize(
    "sql", ["", "ROLLBACK", "CREATE SCHEMA x", "DELETE FROM t; COMMIT", "START TRANSACTION", "DO 1", "SHOW GRANTS"]
)
def test_a_change_runs_nothing_else(sql: str) -> None:
    with pytest.raises(QueryError):
        check_change(sql)


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT a, b AS c, t.d e, `f` AS `g` FROM t", {"c", "e", "g"}),
        ("SELECT a + 1 AS b, f(c) AS d, 'x' AS e, 1 AS f, NULL AS g, true AS h FROM t", set()),
        ("SELECT DISTINCT a /* x */ AS b FROM t", {"b"}),
        ("SELECT a FROM t x, u y", set()),
        ("SELECT a = b AS c FROM t", set()),
    ],
)  # fmt: skip
def test_renamed_columns_are_told_from_expressions(sql: str, names: set[str]) -> None:
    assert renamed_columns(sql) == names


def test_rows_are_inserted_in_batches_of_about_a_megabyte() -> None:
    rows = [(number, "x" * 200_000) for number in range(12)]

    batches = list(insert_batches("t", ("a", "b"), rows))

    assert [count for _, count in batches] == [4, 4, 4]
    assert all(text.startswith("INSERT INTO `t` (`a`, `b`) VALUES (") for text, _ in batches)
    assert max(len(text) for text, _ in batches) < BATCH_BYTES + 1000


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(QueryError) as caught:
        list(insert_batches("t", ("a", "b"), [(1,)]))

    assert str(caught.value) == (
        "the statement has 2 parameters, 1 were given\n  SQL: INSERT INTO `t` (`a`, `b`) VALUES (?, ?)"
    )


@pytest.mark.parametrize("name", ["t", "compiled_prompts", "two words", "é", "x" * 64, "drop table"])
def test_an_ordinary_name_is_quoted(name: str) -> None:
    assert quoted(name) == f"`{name}`"
