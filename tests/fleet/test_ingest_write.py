"""Sessions into the store: one commit, idempotent, and whole again after every change of the sources."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from g6o_eval.errors import DataError
from g6o_eval.fleet.ingest.rows import COLUMNS
from g6o_eval.fleet.ingest.write import BATCH, OTHER_COPY, ingest
from g6o_eval.store.port import Row, Store
from support.serve import usual
from support.task_folders import API, UI, as_bytes, make_folder, request, say, tool, tool_use, turn

TALK = [say("text", "Do it."), request(at=5, cost=0.5), tool("readFile", at=6, path="a.py"), say("text", "Done.", at=9)]


def rows(store: Store, sql: str) -> list[Row]:
    return list(store.read(sql))


def everything(store: Store) -> dict[str, list[Row]]:
    return {
        table: sorted(rows(store, f"SELECT {', '.join(columns)} FROM {table}"), key=repr)
        for table, columns in COLUMNS.items()
    }


def test_a_run_is_one_commit_and_a_second_one_none(store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path / "tasks", "one", ui=TALK)
    before = store.head()

    first = ingest(store, [tmp_path / "tasks"])
    second = ingest(store, [tmp_path / "tasks"])

    assert before != first.commit == second.commit == store.head()
    assert (first.sessions, second.sessions, second.unchanged, dict(second.rows)) == (1, 0, 1, {})
    assert {"import_issues": 1, "agent_messages": 2, "agent_sessions": 1}.items() <= first.rows.items()
    assert {table: len(found) for table, found in everything(store).items() if found} == dict(first.rows)


def test_values_arrive_in_their_columns(store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path / "tasks", "one", ui=TALK)

    ingest(store, [tmp_path / "tasks"])

    assert rows(
        store, "SELECT session_id, root_session_id, status, total_cost, requests, source, active_ms FROM agent_sessions"
    ) == [("one", "one", "unknown", 0.5, 1, "kilo", 9)]
    assert rows(
        store, "SELECT source_index, role, content_preview, chars FROM agent_messages ORDER BY source_index"
    ) == [
        (0, "user", "Do it.", 6),
        (3, "assistant", "Done.", 5),
    ]
    assert rows(store, "SELECT tool_name, target, status, error, duration_ms FROM agent_tool_calls") == [
        ("read_file", "a.py", "completed", None, 3)
    ]
    assert rows(store, "SELECT file, source_index, reason FROM import_issues") == [(API, -1, "file missing")]


def test_a_task_that_went_on_is_read_again_whole(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tasks", "one", ui=TALK)
    ingest(store, [tmp_path / "tasks"])

    (folder / UI).write_bytes(as_bytes([TALK[0], say("text", "Other.", at=90)]))
    ingest(store, [tmp_path / "tasks"])

    assert rows(store, "SELECT content_preview FROM agent_messages ORDER BY source_index") == [("Do it.",), ("Other.",)]
    assert rows(store, "SELECT COUNT(*) FROM agent_tool_calls") == [(0,)]


def test_reading_in_two_runs_comes_to_the_same_as_in_one(store: Store, tmp_path: Path) -> None:
    parent = make_folder(tmp_path / "a", "p", ui=[*TALK, tool("newTask", at=20, content="Child, do it.")])
    child = make_folder(tmp_path / "b", "c", ui=[say("text", "Child, do it.", at=30)])

    ingest(store, [child])
    alone = rows(store, "SELECT root_session_id FROM agent_sessions")
    ingest(store, [parent])

    assert alone == [("c",)]
    assert rows(
        store, "SELECT session_id, parent_session_id, parent_method, root_session_id FROM agent_sessions ORDER BY 1"
    ) == [
        ("c", "p", "prompt", "p"),
        ("p", None, None, "p"),
    ]
    assert ingest(store, [parent, child]).commit == store.head()


def test_more_rows_than_one_batch_lose_nothing(store: Store, tmp_path: Path) -> None:
    for number in range(3):
        talk = [say("text", str(n), at=n) for n in range(BATCH - 500)]
        make_folder(tmp_path / "tasks", f"t{number}", ui=talk)

    report = ingest(store, [tmp_path / "tasks"])

    assert report.rows["agent_messages"] == 3 * (BATCH - 500)
    assert rows(store, "SELECT COUNT(*) FROM agent_messages") == [(3 * (BATCH - 500),)]


def test_a_copy_with_less_in_it_does_not_replace_the_task(store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path / "live", "one", ui=TALK)
    make_folder(tmp_path / "backup", "one", ui=TALK[:1])

    together = ingest(store, [tmp_path / "backup", tmp_path / "live"])
    later = ingest(store, [tmp_path / "backup"])

    assert (together.sessions, dict(together.refused)) == (1, {OTHER_COPY: 1})
    assert (later.sessions, dict(later.refused)) == (0, {OTHER_COPY: 1})
    assert rows(store, "SELECT COUNT(*) FROM agent_messages") == [(2,)]


def test_a_folder_given_twice_is_one_folder(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tasks", "one", ui=TALK)

    assert ingest(store, [folder, tmp_path / "tasks"]).folders == 1


def test_refused_folders_leave_their_reasons_once(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tasks", "broken", ui=b"{}")

    first = ingest(store, [tmp_path / "tasks"])
    second = ingest(store, [tmp_path / "tasks"])
    (folder / UI).write_bytes(as_bytes(TALK))
    third = ingest(store, [tmp_path / "tasks"])

    assert (first.rows["import_issues"], second.commit) == (2, first.commit)
    assert dict(first.refused) == {"no messages": 1}
    assert third.sessions == 1
    assert rows(store, "SELECT reason FROM import_issues") == [("file missing",)]


def test_what_was_skipped_is_counted_with_its_reason(store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path / "tasks", "one", ui=as_bytes([*TALK, say("text", "")])[:-9], api=[turn("user", "x"), 7])
    (tmp_path / "tasks" / "two").mkdir()

    report = ingest(store, [tmp_path / "tasks"])

    assert report.to_json() | {"commit": "", "seconds": 0, "rows": {}} == {
        "folders": 2,
        "sessions": 1,
        "unchanged": 0,
        "refused": {"empty folder": 1},
        "rows": {},
        "issues": {"cut off": 1, "element of another schema": 1, "file missing": 2},
        "left_out": {"text of the history that the interface shows too": 1},
        "commit": "",
        "seconds": 0,
    }


def test_truth_beside_the_folders_becomes_labels_and_nothing_else(store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path / "tasks", "one", ui=TALK)
    ingest(store, [tmp_path])
    without = everything(store)
    line = {"session_id": "one", "category": "scope_creep", "source": "a person"}
    (tmp_path / "truth.jsonl").write_text(json.dumps(line) + "\n")

    first, second = ingest(store, [tmp_path]), ingest(store, [tmp_path])

    assert everything(store) == without | {"session_labels": [("one", "scope_creep", "a person")]}
    assert first.commit == second.commit


def test_a_wrong_truth_file_is_refused_and_nothing_is_written(store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path / "tasks", "one", ui=TALK)
    (tmp_path / "truth.jsonl").write_text(
        '{"session_id":"one","category":"scope_creep","source":"x"}\n{"session_id":1}\n'
    )
    before = store.head()

    with pytest.raises(DataError) as error:
        ingest(store, [tmp_path])

    assert str(error.value) == (
        "truth.jsonl line 2: expected an object with the texts session_id, category and source, "
        "got '{\"session_id\":1}'. Mend the line, or take the file away to import without labels"
    )
    assert (store.head(), rows(store, "SELECT COUNT(*) FROM agent_sessions")) == (before, [(0,)])


def test_progress_counts_the_folders(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_folder(tmp_path / "tasks", name, ui=TALK)
    seen: list[tuple[int, int]] = []

    ingest(store, [tmp_path / "tasks"], progress=lambda step: seen.append((step.done, step.total)))

    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_a_turn_with_many_texts_and_calls_is_many_rows(store: Store, tmp_path: Path) -> None:
    both = "<read_file><path>a</path></read_file> <read_file><path>b</path></read_file>"
    api = [
        turn("user", "<task>\none\n</task>", "two", "[ERROR] You did not use a tool in your previous response!"),
        turn("assistant", both, tool_use("read_file", "1", path="c"), both),
    ]
    make_folder(tmp_path / "tasks", "one", api=api)

    report = ingest(store, [tmp_path / "tasks"])

    assert (report.rows["agent_messages"], report.rows["agent_tool_calls"]) == (6, 5)
    assert rows(store, "SELECT DISTINCT part FROM agent_tool_calls") != [(0,)]


def test_a_folder_that_is_gone_keeps_its_rows(store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path / "tasks", "one", ui=TALK)
    ingest(store, [tmp_path / "tasks"])
    shutil.rmtree(tmp_path / "tasks" / "one")

    ingest(store, [tmp_path / "tasks"])

    assert rows(store, "SELECT session_id FROM agent_sessions") == [("one",)]


def test_formats_that_stand_side_by_side_are_all_read(store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path / "all", "one", ui=TALK)
    (tmp_path / "all" / "log").mkdir()
    (tmp_path / "all" / "export.json").write_text(json.dumps(usual("ses_a")))
    stored = tmp_path / "all" / "storage"
    for part in ("session/p/ses_b", "message/ses_b/msg_1"):
        (stored / part).parent.mkdir(parents=True)
        (stored / f"{part}.json").write_text(json.dumps(usual("ses_b")["messages"][0]["info"]))

    report = ingest(store, [tmp_path / "all"])

    found = rows(store, "SELECT session_id FROM agent_sessions ORDER BY session_id")
    assert found == [("one",), ("ses_a",), ("ses_b",)]
    assert (report.folders, report.refused) == (3, {})
