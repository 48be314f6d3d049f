"""What the binding makes of the library's result codes, by what the reader can do about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from g6o_eval.errors import MissingError, QueryError, ReadOnlyError, UnavailableError, UnfitError
from g6o_eval.store.doltlite import Connection, Mode
from g6o_eval.store.embedded import EmbeddedStore, fit_library


def connect(path: str, mode: Mode = "read") -> Connection:
    return Connection(fit_library(), path, mode=mode, name="evals.db", busy_seconds=0.05)


@pytest.fixture
def path(tmp_path: Path) -> str:
    EmbeddedStore(tmp_path / "evals.db", url="u").close()
    return str(tmp_path / "evals.db")


def test_a_write_through_a_reading_connection_shows_its_sql(path: str) -> None:
    with pytest.raises(ReadOnlyError) as caught:
        connect(path).run("DELETE FROM g6o_migrations")

    assert str(caught.value) == (
        "evals.db may only be read here (attempt to write a readonly database)\n  SQL: DELETE FROM g6o_migrations"
    )


def test_a_revision_that_is_not_there_is_missing(path: str) -> None:
    with pytest.raises(MissingError) as caught:
        connect(f"{path}@nowhere")

    assert str(caught.value) == 'evals.db: branch or revision "nowhere" not found'


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        connect(str(tmp_path / "no" / "evals.db"))

    assert str(caught.value) == "cannot open evals.db: unable to open database file"


def test_a_file_that_is_no_database_is_unfit(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"hello world" * 100)

    with pytest.raises(UnfitError) as caught:
        connect(str(tmp_path / "junk.db")).run("SELECT * FROM t")

    assert str(caught.value) == "evals.db cannot be read (file is not a database): restore it from a copy"


def test_a_path_that_has_no_utf_8_form_is_refused() -> None:
    with pytest.raises(ValueError, match="half of a character: it has no UTF-8 form"):
        connect("\ud800.db")


def test_an_empty_statement_is_refused(path: str) -> None:
    with pytest.raises(QueryError) as caught:
        connect(path).run("-- nothing")

    assert str(caught.value) == "evals.db: the statement is empty\n  SQL: -- nothing"


def test_a_wrong_number_of_parameters_is_said(path: str) -> None:
    with pytest.raises(QueryError) as caught:
        connect(path).run("SELECT ?, ?", (1,))

    assert str(caught.value) == "the statement has 2 parameters, 1 were given\n  SQL: SELECT ?, ?"


def test_closing_twice_does_nothing(path: str) -> None:
    connection = connect(path)

    connection.close()
    connection.close()


def test_statements_are_prepared_once_and_used_again(path: str) -> None:
    connection = connect(path)

    first = connection.prepare("SELECT ?")

    assert connection.prepare("SELECT ?") is first
    assert [connection.run("SELECT ?", (value,)) for value in ("a", 1)] == [[("a",)], [(1,)]]


def test_a_statement_knows_the_tables_it_writes(path: str) -> None:
    connection = connect(path, "write")
    connection.run("CREATE TABLE parent (id BIGINT NOT NULL PRIMARY KEY)")
    connection.run(
        "CREATE TABLE child (id BIGINT NOT NULL PRIMARY KEY, parent BIGINT REFERENCES parent (id) ON DELETE CASCADE)"
    )
    connection.run("PRAGMA foreign_keys = ON")

    assert connection.prepare("SELECT * FROM parent").writes == frozenset()
    assert connection.prepare("INSERT INTO parent VALUES (1)").writes == {"parent"}
    assert connection.prepare("DELETE FROM parent WHERE id = 1").writes == {"parent", "child"}
    assert connection.prepare("CREATE TEMP TABLE scratch (a)").writes == frozenset()
    assert connection.prepare("COMMIT").control
