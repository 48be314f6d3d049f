"""What only the embedded engine does: making its file, and refusing files that are not one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from g6o_eval.errors import MissingError, StoreError, UnavailableError, UnfitError
from g6o_eval.store.doltlite import Connection
from g6o_eval.store.embedded import EmbeddedStore, fit_library
from g6o_eval.store.port import Row

Foreign = Callable[..., list[Row]]


def opened(path: Path, *, read_only: bool = False, create: bool = True, busy_seconds: float = 5) -> EmbeddedStore:
    return EmbeddedStore(path, url="doltlite:///x.db", read_only=read_only, create=create, busy_seconds=busy_seconds)


def make_items(store: EmbeddedStore) -> None:
    with store.change("Make items") as change:
        change.execute("CREATE TABLE items (name VARCHAR(50) NOT NULL PRIMARY KEY, number BIGINT)")


def test_a_missing_file_is_made_with_its_folder_and_its_sentinel(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "evals.db"

    store = opened(path)

    assert store.tables() == {"g6o_migrations"}
    assert store.dirty() == ()
    assert not [each.name for each in path.parent.iterdir() if "draft" in each.name]
    store.close()


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "evals.db"
    path.touch()

    assert opened(path).tables() == {"g6o_migrations"}


@pytest.mark.parametrize(("read_only", "create"), [(True, True), (False, False)])
def test_nothing_is_made_when_nothing_may_be_made(tmp_path: Path, read_only: bool, create: bool) -> None:
    path = tmp_path / "deep" / "evals.db"

    with pytest.raises(MissingError) as caught:
        opened(path, read_only=read_only, create=create)

    assert str(caught.value) == f"there is no store at {path} (from doltlite:///x.db)"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UnavailableError) as caught:
        opened(tmp_path / "file" / "sub" / "evals.db")

    assert str(caught.value) == f"cannot make the folder of {tmp_path / 'file' / 'sub' / 'evals.db'}: Not a directory"


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "evals.db"
    path.mkdir()
    (path / "x").touch()

    with pytest.raises(UnavailableError) as caught:
        opened(path)

    assert str(caught.value) == f"cannot open {path}: Is a directory"


def test_a_file_of_stock_sqlite_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "stock.db"
    stock = sqlite3.connect(path)
    stock.execute("CREATE TABLE t (a)")
    stock.commit()
    before = path.read_bytes()

    with pytest.raises(UnfitError) as caught:
        opened(path)

    assert str(caught.value) == (
        f"{path} was written by stock SQLite, which keeps no history. Name another file "
        "(--eval-store doltlite:///PATH) and load its rows there: g6o-eval load TABLE FILE"
    )
    assert path.read_bytes() == before
    stock.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(b"hello")

    with pytest.raises(UnfitError) as caught:
        opened(path)

    assert str(caught.value) == f"{path} is no doltlite database: it starts with b'hello'. Name another file"


def test_a_broken_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(b"CTLD" + b"\xff" * 2000)

    with pytest.raises(StoreError) as caught:
        opened(path)

    assert str(path) in str(caught.value)


def test_a_file_without_the_sentinel_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "foreign.db"
    client = Connection(fit_library(), str(path), mode="create", name="foreign", busy_seconds=1)
    client.run("CREATE TABLE tickets (id BIGINT NOT NULL PRIMARY KEY)")
    client.run("SELECT dolt_commit('-A', '-m', 'theirs')")
    client.close()
    before = path.read_bytes()

    with pytest.raises(UnfitError) as caught:
        opened(path)

    assert str(caught.value) == (
        f"{path} has no table g6o_migrations and yet is not empty: another program made it, or a doltlite before "
        "0.11.15, whose rows this version cannot see and would destroy. Nothing was changed. Name another "
        "file: --eval-store doltlite:///PATH"
    )
    assert path.read_bytes() == before


def test_a_folder_with_an_at_sign_is_no_revision(tmp_path: Path) -> None:
    store = opened(tmp_path / "me@home" / "evals.db")
    make_items(store)

    assert list(store.read("SELECT COUNT(*) FROM items", at=store.head())) == [(0,)]


def test_a_file_that_may_not_be_written_makes_the_store_read_only(tmp_path: Path) -> None:
    opened(tmp_path / "evals.db").close()
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom g6o_eval.store.embedded import EmbeddedStore\n"
        "os.chmod(sys.argv[1], 0o555)\nos.chmod(sys.argv[1] + '/evals.db', 0o444)\n"
        "if os.getuid() == 0:\n    os.setuid(65534)\n"  # for root everything may be written
        "store = EmbeddedStore(Path(sys.argv[1]) / 'evals.db', url='u')\n"
        "print(store.read_only, sorted(store.tables()))\n"
    )
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(0o755)

    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    tmp_path.chmod(0o755)

    if "PermissionError" in done.stderr or "ModuleNotFoundError" in done.stderr:
        pytest.skip("the interpreter or the folder cannot be read by another user here")
    assert done.stdout == "True ['g6o_migrations']\n", done.stderr


def test_stock_sqlite_in_the_same_process_keeps_working(tmp_path: Path) -> None:
    stock = sqlite3.connect(tmp_path / "stock.db")
    stock.execute("CREATE TABLE t (a)")
    store = opened(tmp_path / "evals.db")
    make_items(store)
    stock.execute("INSERT INTO t VALUES (1)")
    stock.commit()

    with pytest.raises(sqlite3.OperationalError, match="no such function: dolt_version"):
        stock.execute("SELECT dolt_version()")
    assert stock.execute("SELECT a FROM t").fetchall() == [(1,)]
    assert (tmp_path / "stock.db").read_bytes().startswith(b"SQLite format 3")
    assert list(store.read("SELECT COUNT(*) FROM items")) == [(0,)]
    stock.close()


def test_a_writer_that_stays_is_named_after_the_waiting_time(tmp_path: Path) -> None:
    path = tmp_path / "evals.db"
    holder, other = opened(path), opened(path, busy_seconds=0.1)

    with holder.change("Hold"), pytest.raises(UnavailableError) as caught, other.change("Wait"):
        pass

    assert str(caught.value) == (
        f"{path} is in use: another process has been writing to it for 0.1 s (database is locked). "
        "Wait for it, or end it"
    )


def test_the_file_can_be_read_while_a_change_is_open(tmp_path: Path) -> None:
    path = tmp_path / "evals.db"
    writer, reader = opened(path), opened(path, busy_seconds=0.1)
    make_items(writer)

    with writer.change("Hold") as change:
        change.insert("items", ("name",), [("a",)])
        seen = list(reader.read("SELECT COUNT(*) FROM items"))

    assert seen == [(0,)]
    assert list(reader.read("SELECT COUNT(*) FROM items")) == [(1,)]


def test_a_lock_held_elsewhere_is_named(tmp_path: Path) -> None:
    path = tmp_path / "evals.db"
    first, second = opened(path), opened(path)

    with first.lock("a/b"), pytest.raises(UnavailableError) as caught, second.lock("a/b", timeout_seconds=0.05):
        pass

    assert str(caught.value) == (
        f"the lock 'a/b' of {path} is held by another process for more than 0.05 s. Wait for it, or end it"
    )


def test_a_change_inside_a_change_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path / "evals.db")

    with store.change("Outer"), pytest.raises(StoreError) as caught, store.change("Inner"):
        pass

    assert str(caught.value) == "cannot write 'Inner': this thread has a change of doltlite:///x.db open already"


def test_two_threads_change_one_store_in_turn(tmp_path: Path) -> None:
    store = opened(tmp_path / "evals.db")
    make_items(store)

    def add(number: int) -> None:
        with store.change(f"Add {number}") as change:
            ((before,),) = change.read("SELECT COUNT(*) FROM items")
            time.sleep(0.005)
            change.insert("items", ("name", "number"), [(f"t{number}", before)])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [n for (n,) in store.read("SELECT number FROM items ORDER BY number")] == list(range(8))


def test_rows_that_somebody_staged_are_not_committed_by_us(tmp_path: Path) -> None:
    path = tmp_path / "evals.db"
    store = opened(path)
    make_items(store)
    with store.change("Theirs") as change:
        change.execute("CREATE TABLE outside (k BIGINT NOT NULL PRIMARY KEY)")
    client = Connection(fit_library(), str(path), mode="write", name="client", busy_seconds=1)
    client.run("INSERT INTO outside VALUES (1)")
    client.run("SELECT dolt_add('outside')")

    with store.change("Ours") as change:
        change.insert("items", ("name",), [("a",)])

    assert list(store.read("SELECT * FROM outside", at=store.head())) == []
    assert list(store.read("SELECT * FROM outside")) == [(1,)]
    assert store.dirty() == ("outside",)
    client.close()


def test_what_a_trigger_writes_belongs_to_the_change(tmp_path: Path) -> None:
    store = opened(tmp_path / "evals.db")
    make_items(store)
    with store.change("Trigger and view") as change:
        change.execute("CREATE TABLE audit (name VARCHAR(50) NOT NULL PRIMARY KEY)")
        change.execute("CREATE TRIGGER t AFTER INSERT ON items BEGIN INSERT INTO audit VALUES (new.name); END")
        change.execute("CREATE VIEW big AS SELECT * FROM items WHERE number > 1")

    with store.change("Insert") as change:
        change.insert("items", ("name",), [("a",)])

    assert store.dirty() == ()
    assert list(store.read("SELECT name FROM audit", at=store.head())) == [("a",)]
    assert list(store.read("SELECT name FROM big", at=store.head())) == []


def test_a_renamed_and_a_dropped_table_leave_nothing_uncommitted(tmp_path: Path) -> None:
    store = opened(tmp_path / "evals.db")
    make_items(store)

    with store.change("Rename") as change:
        change.execute("ALTER TABLE items RENAME TO things")
        change.execute("CREATE INDEX by_number ON things (number)")
    renamed = (store.dirty(), store.tables())
    with store.change("Drop") as change:
        change.execute("DROP TABLE things")

    assert renamed == ((), frozenset({"g6o_migrations", "things"}))
    assert (store.dirty(), store.tables()) == ((), frozenset({"g6o_migrations"}))


def test_many_revisions_can_be_read_in_turn(tmp_path: Path) -> None:
    store = opened(tmp_path / "evals.db")
    make_items(store)
    commits = []
    for number in range(12):
        with store.change(f"Add {number}") as change:
            change.insert("items", ("name",), [(f"i{number:02d}",)])
        commits.append(store.head())

    for number, commit in [*enumerate(commits, 1), *enumerate(commits, 1)]:
        assert list(store.read("SELECT COUNT(*) FROM items", at=commit)) == [(number,)]


def test_a_kept_statement_is_finalised_when_many_others_came(tmp_path: Path) -> None:
    store = opened(tmp_path / "evals.db")
    make_items(store)

    for number in range(200):
        assert list(store.read(f"SELECT {number} + ?", (1,))) == [(number + 1,)]

    assert list(store.read("SELECT 0 + ?", (1,))) == [(1,)]
