from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from g6o_eval.cli import group
from g6o_eval.errors import DataError, MissingError, RefusedError, UnavailableError
from g6o_eval.steps.history_file import check_file
from g6o_eval.steps.rollback import rollback
from g6o_eval.steps.transfer import KEYS, Imported, export_history, import_history
from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import live, read_artifact, revoked
from g6o_eval.store.origins import origin_of, origins
from g6o_eval.store.port import Row, Store
from g6o_eval.store.results import read_run
from g6o_eval.store.schema import known_migrations, migrate
from support.desk import Desk

NOTHING = "Nothing was imported. Take another copy of the file, or export again"
CARRIED = [table for table in KEYS if table != "g6o_imports"]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    """An empty store with our tables."""
    with closing(open_store("doltlite:///other.db", root=tmp_path)) as store:
        migrate(store, known_migrations())
        yield store


@pytest.fixture
def full(desk: Desk) -> Desk:
    """A desk with two promotions, a rollback, and one failed run on top."""
    for instruction in ("One.", "Two."):
        desk.compile(instruction)
        desk.judge()
        desk.promote()
    rollback(desk.store, "triage", by="Ada", reason="it lies")
    desk.judge(0.1)
    return desk


@pytest.fixture
def file(full: Desk, tmp_path: Path) -> Path:
    """The history of the full desk."""
    path = tmp_path / "history.jsonl"
    export_history(full.store, path)
    return path


def rows(store: Store, table: str) -> list[Row]:
    return sorted(store.read(f"SELECT * FROM {table}"), key=repr)


def refused(store: Store, file: Path) -> str:
    before = store.head()
    with pytest.raises((DataError, RefusedError)) as caught:
        import_history(store, file, by="Bo")
    assert store.head() == before
    assert store.dirty() == ()
    return str(caught.value)


def test_every_row_and_every_published_text_is_the_same_on_the_other_side(full: Desk, file: Path, other: Store) -> None:
    done = import_history(other, file, by="Bo")

    for table in [*CARRIED, "compiled_prompts"]:
        assert rows(other, table) == rows(full.store, table), table
        assert rows(other, table)
    assert done.rows == {table: len(rows(full.store, table)) for table in KEYS}
    assert done.commit == other.head()


def test_what_was_live_and_what_was_revoked_still_is(full: Desk, file: Path, other: Store) -> None:
    import_history(other, file, by="Bo")

    entry = live(other, "triage")
    assert entry == live(full.store, "triage")
    assert entry is not None
    assert entry.run_id is not None
    assert revoked(other, "triage") == revoked(full.store, "triage") != frozenset()
    assert read_run(other, entry.run_id) == read_run(full.store, entry.run_id)
    assert read_artifact(other, str(entry.artifact_digest)) == read_artifact(full.store, str(entry.artifact_digest))


def test_an_import_says_where_its_history_came_from(full: Desk, file: Path, other: Store) -> None:
    import_history(other, file, by="Bo")

    (origin,) = origins(other)
    assert (origin.origin_url, origin.origin_kind, origin.actor) == (full.store.url, "embedded", "Bo")
    assert (origin.origin_head, origin.file_sha256) == (full.store.head(), check_file(file).sha256)
    assert origin_of(other, str(rows(other, "g6o_runs")[0][0])) == origin
    assert origin_of(other, "01JD8Z0000000000000000000A") is None


def test_a_second_import_of_the_same_file_changes_nothing(file: Path, other: Store) -> None:
    import_history(other, file, by="Bo")
    head = other.head()

    done = import_history(other, file, by="Bo")

    assert done == Imported(rows=dict.fromkeys(KEYS, 0), origin=done.origin, commit=None)
    assert other.head() == head


def test_a_later_export_of_the_same_store_brings_what_is_new(full: Desk, file: Path, other: Store) -> None:
    import_history(other, file, by="Bo")
    full.compile("Three.")
    run = full.judge()
    full.promote()
    export_history(full.store, file)

    done = import_history(other, file, by="Bo")

    scores = 2 * len(run.scores)
    assert {table: count for table, count in done.rows.items() if count} == {
        "g6o_artifacts": 1, "g6o_runs": 1, "g6o_scores": scores, "g6o_ledger": 1,
    }  # fmt: skip
    for table in [*CARRIED, "compiled_prompts"]:
        assert rows(other, table) == rows(full.store, table), table
    assert len(origins(other)) == 2


def test_the_way_through_several_stores_stays_known(file: Path, other: Store, tmp_path: Path) -> None:
    import_history(other, file, by="Bo")
    export_history(other, file)

    with closing(open_store("doltlite:///third.db", root=tmp_path)) as third:
        migrate(third, known_migrations())
        import_history(third, file, by="Cy")

        assert [origin.actor for origin in origins(third)] == ["Bo", "Cy"]


def test_a_history_that_went_away_and_came_back_is_not_new(full: Desk, file: Path, other: Store) -> None:
    import_history(other, file, by="Bo")
    export_history(other, file)

    done = import_history(full.store, file, by="Ada")

    assert done.commit is None


def test_a_run_that_was_imported_promotes_nothing(full: Desk, file: Path, tmp_path: Path) -> None:
    full.compile("Three.")
    run = full.judge()
    export_history(full.store, file)
    with closing(open_store("doltlite:///third.db", root=tmp_path)) as third:
        migrate(third, known_migrations())
        with third.change("Tickets") as change:
            change.execute("CREATE TABLE tickets (id BIGINT NOT NULL PRIMARY KEY, text LONGTEXT, team LONGTEXT)")
            change.insert("tickets", ("id", "text", "team"), full.store.read("SELECT id, text, team FROM tickets"))
        import_history(third, file, by="Bo")
        moved = Desk(full.root, third)

        with pytest.raises(RefusedError) as caught:
            moved.promote()
        moved.judge()
        moved.promote()

    assert caught.value.reasons == (
        f"triage: run {run.run_id} was judged in {full.store.url} and imported here; "
        "a proof does not travel between stores. Run: pytest evals/",
    )


def test_a_store_with_a_run_of_its_own_refuses(full: Desk, file: Path) -> None:
    run = full.judge()

    said = refused(full.store, file)

    assert said.startswith(f"{full.store.url} holds 1 rows of g6o_runs that the file does not have, ")
    assert said.endswith(
        f"for example {run.run_id}: another history. Histories are never merged. "
        "Import into a new store: --store doltlite:///PATH"
    )


def test_a_store_with_another_entry_in_the_same_place_refuses(full: Desk, file: Path) -> None:
    with full.store.change("Forge") as change:
        change.execute("UPDATE g6o_ledger SET actor = 'Mallory' WHERE seq = 1")

    said = refused(full.store, file)

    assert said == (
        f"{full.store.url} holds another row of g6o_ledger than the file, for example triage/1: another history. "
        "Histories are never merged. Import into a new store: --store doltlite:///PATH"
    )


def test_an_entry_that_is_missing_in_the_middle_is_found(full: Desk, file: Path, other: Store) -> None:
    with full.store.change("Lose") as change:
        change.execute("DELETE FROM g6o_ledger WHERE seq = 2")
    export_history(full.store, file)

    assert refused(other, file) == (
        "the ledger of 'triage' would have the entries [1, 3]: one is missing. Nothing was imported"
    )


def test_an_artifact_that_was_changed_in_the_old_store_is_not_published(full: Desk, file: Path, other: Store) -> None:
    with full.store.change("Forge") as change:
        change.execute("UPDATE g6o_artifacts SET body = replace(body, 'One.', 'Lie.')")
    export_history(full.store, file)

    assert "was changed in the store" in refused(other, file)


def test_a_store_without_a_ledger_has_nothing_to_export(tmp_path: Path) -> None:
    with closing(open_store("doltlite:///empty.db", root=tmp_path)) as store, pytest.raises(MissingError) as caught:
        export_history(store, tmp_path / "history.jsonl")

    assert str(caught.value) == (
        f"doltlite:///empty.db has no history at commit {store_head(tmp_path)}: no g6o_ledger. Nothing was written"
    )
    assert not (tmp_path / "history.jsonl").exists()


def store_head(folder: Path) -> str:
    with closing(open_store("doltlite:///empty.db", root=folder)) as store:
        return store.head()[:12]


def test_the_file_is_readable_by_its_owner_alone_and_json_line_by_line(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    assert [list(json.loads(line)) for line in file.read_text("ascii").splitlines()][:2] == [["sha256", "data"]] * 2
    assert list(file.parent.glob("*.draft")) == []


def test_a_file_that_cannot_be_written_is_named(full: Desk, tmp_path: Path) -> None:
    place = tmp_path / "nowhere" / "history.jsonl"

    with pytest.raises(UnavailableError) as caught:
        export_history(full.store, place)

    assert str(caught.value) == f"cannot write {place}: No such file or directory"


def test_a_file_that_is_not_there_is_named(other: Store, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        import_history(other, tmp_path / "gone.jsonl", by="Bo")

    assert str(caught.value) == f"cannot read {tmp_path / 'gone.jsonl'}: No such file or directory"


@pytest.mark.parametrize("text", ["", "\n", "id,text\n1,a\n", '{"format":"other"}\n'])
def test_a_file_of_another_kind_is_refused(other: Store, tmp_path: Path, text: str) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(text)

    assert re.fullmatch(
        re.escape(f"{path}, line 1: this is no history that g6o-eval export wrote")
        + "(, or its first line was changed)?"
        + re.escape(f". {NOTHING}"),
        refused(other, path),
    )


def test_a_changed_line_is_named_by_its_number(file: Path, other: Store) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b"triage", b"treage", 1)
    file.write_bytes(b"".join(lines))

    assert refused(other, file) == (
        f"{file}, line 5: its checksum is wrong: it was changed, or lines were removed or moved. {NOTHING}"
    )


def test_a_file_that_was_cut_off_between_two_lines_is_refused(file: Path, other: Store) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))

    assert refused(other, file) == f"{file}: the last line is missing, the file was cut off. {NOTHING}"


@pytest.mark.parametrize("harm", ["removed", "repeated", "moved", "appended"])
def test_lines_that_are_not_in_their_place_are_found(file: Path, other: Store, harm: str) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    if harm == "removed":
        del lines[6]
    elif harm == "repeated":
        lines.insert(6, lines[6])
    elif harm == "moved":
        lines[6], lines[7] = lines[7], lines[6]
    else:
        lines.append(lines[-1])
    file.write_bytes(b"".join(lines))

    number = {"removed": 7, "repeated": 8, "moved": 7, "appended": len(lines)}[harm]
    assert refused(other, file).startswith(f"{file}, line {number}: its checksum is wrong: ")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_changed_byte_is_ever_taken(file: Path, data: st.DataObject) -> None:
    good = file.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != good[place]))
    bad = file.with_name("bad.jsonl")
    bad.write_bytes(good[:place] + bytes([byte]) + good[place + 1 :])

    with pytest.raises(DataError, match=r"line \d+: "):
        check_file(bad)


def forge(path: Path, *data: object) -> None:
    """Write these lines with good checksums, as somebody might who means it."""
    seal, lines = "", []
    for each in data:
        body = json.dumps(each, separators=(",", ":"))
        seal = hashlib.sha256((seal + body).encode()).hexdigest()
        lines.append(f'{{"sha256":"{seal}","data":{body}}}\n')
    path.write_text("".join(lines))


HEADER = {
    "format": "g6o_eval history", "version": 1, "at": "2026-01-02T03:04:05+00:00",
    "origin": {"url": "dolt://ci@host/evals", "kind": "server", "head": "h"}, "columns": {"g6o_imports": ["import_id"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ({"format": "other"},),
            f"line 1: this is no history that g6o-eval export wrote. {NOTHING}",
        ),
        (
            ({**HEADER, "version": 2},),
            "line 1: version 2 of the format, this g6o_eval reads 1. Nothing was imported. "
            "Import with the version that exported it",
        ),
        (
            (HEADER, ["g6o_imports", ["a", "b"]]),
            f"line 2: a row of 'g6o_imports' that the first line does not describe. {NOTHING}",
        ),
        (
            (HEADER, ["mysql.user", ["a"]]),
            f"line 2: a row of 'mysql.user' that the first line does not describe. {NOTHING}",
        ),
        (({**HEADER, "origin": {}},), f"line 1: it does not say where the history is from. {NOTHING}"),
        ((HEADER, "g6o_imports"), f"line 2: a row of None that the first line does not describe. {NOTHING}"),
        ((HEADER, {"rows": 1}), f"line 2: it says 1 rows, there are 0. {NOTHING}"),
        ((HEADER, {"rows": 0}, ["g6o_imports", ["a"]]), f"line 3: it stands after the last line. {NOTHING}"),
        (
            ({**HEADER, "columns": {"tickets": ["id"]}}, {"rows": 0}),
            "line 1: tickets with the columns id; this g6o_eval has no such table. Nothing was imported. "
            "Import with the version that exported it",
        ),
        (
            (HEADER, {"rows": 0}),
            "line 1: g6o_imports with the columns import_id; this g6o_eval has import_id, origin_url, origin_kind, "
            "origin_head, exported_at, file_sha256, imported_at, actor. Nothing was imported. "
            "Import with the version that exported it",
        ),
    ],
)
def test_a_forged_file_reaches_no_table_but_ours(
    other: Store, tmp_path: Path, lines: tuple[object, ...], said: str
) -> None:
    path = tmp_path / "history.jsonl"
    forge(path, *lines)

    assert refused(other, path) == f"{path}, {said}"


def test_a_line_that_is_no_json_is_refused(other: Store, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    seal = hashlib.sha256(b"nonsense").hexdigest()
    path.write_text(f'{{"sha256":"{seal}","data":nonsense}}\n')

    assert refused(other, path) == (f"{path}: a line is no JSON (Expecting value: line 1 column 1 (char 0)). {NOTHING}")


def test_the_commands_say_what_they_carried(full: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(full.root)
    monkeypatch.delenv("G6O_STORE", raising=False)
    (full.root / "pytest.ini").write_text("[pytest]\n")
    path, head = tmp_path / "history.jsonl", full.store.head()[:12]
    scores = len(rows(full.store, "g6o_scores"))
    carried = f"3 entries, 2 artifacts, 3 runs, {scores} scores"

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(group, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    exported = run("export", str(path))
    imported = run("import", str(path), "--store", "doltlite:///new.db")
    again = run("import", str(path), "--store", "doltlite:///new.db")

    here, there = "doltlite:///.g6o/evals.db", "doltlite:///new.db"
    assert exported == f"{path}: {carried}; {here} at {head}\n"
    assert re.fullmatch(re.escape(f"{there}: {carried}; from {here}, commit ") + r"[0-9a-f]{12}\n", imported)
    assert again == f"{there}: everything stood there already; from {here}, no commit\n"


def test_a_store_that_was_never_imported_into_has_no_origins(tmp_path: Path) -> None:
    with closing(open_store("doltlite:///empty.db", root=tmp_path)) as store:
        assert (origins(store), origin_of(store, "01JD8Z0000000000000000000A")) == ((), None)
