"""Rows written out as SQL: what comes back is what binding each value would have kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.errors import DataError, QueryError
from g6o_eval.store.batches import BATCH_CHARS, batches
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Row, Value

TABLE = "CREATE TABLE t (k BIGINT NOT NULL PRIMARY KEY, a LONGTEXT, b BIGINT, c DOUBLE)"
VALUES = st.tuples(
    st.none() | st.text(max_size=20) | st.sampled_from(["it's", "'", "a\0b", "é😀", "\r\n", "?", "-- x", "NULL"]),
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), 2**63 - 1, 0]),
    st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0**53 - 1, 2.0**53, 2.0**53 + 2, 1e22])
    | st.sampled_from([0.1, 5e-324, 1.7976931348623157e308]),
)


@given(st.lists(VALUES, max_size=30))
def test_every_value_comes_back(tmp_path_factory: pytest.TempPathFactory, values: list[tuple[Value, ...]]) -> None:
    store = open_store("doltlite:///x.db", root=tmp_path_factory.mktemp("store"))
    rows: list[Row] = [(place, *each) for place, each in enumerate(values)]

    with store.change("Fill") as change:
        change.execute(TABLE)
        assert change.insert("t", ("k", "a", "b", "c"), rows) == len(rows)

    assert list(store.read("SELECT k, a, b, c FROM t ORDER BY k")) == rows
    store.close()


def test_a_score_of_zero_or_one_is_written_out_as_a_float() -> None:
    rows: list[Row] = [(1, 0.0), (2, 1.0), (3, -0.0)]

    assert [batch.text for batch in batches(rows, 2)] == ["(1, 0.0), (2, 1.0), (3, 0.0)"]


def test_rows_keep_their_order_and_long_statements_are_cut() -> None:
    rows: list[Row] = [(1, "x" * BATCH_CHARS), (2, "y"), (3, 0.5), (4, "z")]

    found = list(batches(rows, 2))

    assert [list(batch.rows) for batch in found] == [rows[:1], rows[1:2], rows[2:3], rows[3:]]
    assert [bool(batch.text) for batch in found] == [True, True, False, True]


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([(1, "a", 1, 1), (1, "b", 2, 2)], "UNIQUE constraint failed: t.k"),
        ([(1, "a", 1, 1), (None, "b", 2, 2)], "NOT NULL constraint failed: t.k"),
        ([(1, "a", 1, 1), (2, "b", 2)], "the statement has 4 parameters, 3 were given"),
        ([(1, "a", 1, 1), (2, "\ud83d", 2, 2)], "half of a character"),
        ([(1, "a", 1, 1), (2, "b", 2**63, 2)], "an integer must fit into 64 bits"),
    ],
)
def test_what_no_column_takes_is_refused_with_the_statement_of_one_row(
    tmp_path: Path, rows: list[Row], error: str
) -> None:
    store = open_store("doltlite:///x.db", root=tmp_path)
    with store.change("Make it") as change:
        change.execute(TABLE)

    with pytest.raises((QueryError, DataError)) as raised, store.change("Fill") as change:
        change.insert("t", ("k", "a", "b", "c"), rows)

    assert error in str(raised.value)
    assert "VALUES (?, ?, ?, ?)" in str(raised.value)
    assert list(store.read("SELECT COUNT(*) FROM t")) == [(0,)]
    store.close()
