"""What the extensions' lists of tasks add to a session; they never decide which sessions there are."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from g6o_eval.fleet.ingest.history import LIST_UNREADABLE
from g6o_eval.fleet.ingest.kilo import UNCHANGED, read, read_folder
from g6o_eval.fleet.ingest.source import TaskFolder
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.fleet.session import Refused
from g6o_eval.store.port import Store
from support.task_folders import API, make_folder, say, session_in, turn

TALK = [say("text", "x"), say("text", "y", at=9)]
ENTRY = {"id": "task-1", "parentTaskId": "p-1", "mode": "architect", "workspace": "/w/shop", "status": "completed"}
TOLD = (
    "<environment_details>\n# Current Mode\n<slug>code</slug>\n\n"
    "# Current Workspace Directory (/w/told) Files\n</environment_details>"
)


def state(root: Path, key: str, value: str | bytes) -> Path:
    """Write the editor's state two floors above the tasks, and return the folder for tasks."""
    storage = root / key / "tasks"
    storage.mkdir(parents=True)
    with closing(sqlite3.connect(root / "state.vscdb")) as database:
        database.execute("CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)")
        database.execute("INSERT INTO ItemTable VALUES (?, ?)", (key, value))
        database.commit()
    return storage


@pytest.mark.parametrize("key", ["kilocode.kilo-code", "rooveterinaryinc.roo-cline", "saoudrizwan.claude-dev"])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_the_editors_state_names_parent_mode_and_workspace(tmp_path: Path, key: str, as_bytes: bool) -> None:
    text = json.dumps({"other": 1, "taskHistory": [{"id": "else"}, ENTRY, "no entry"]})
    tasks = state(tmp_path, key, text.encode() if as_bytes else text)

    session = session_in(make_folder(tasks, ui=TALK))

    assert (session.parent_id, session.mode, session.workspace) == ("p-1", "architect", "/w/shop")
    assert session.status == "unknown"


def test_the_state_is_never_written(tmp_path: Path) -> None:
    tasks = state(tmp_path, "kilocode.kilo-code", json.dumps({"taskHistory": [ENTRY]}))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    session_in(make_folder(tasks, ui=TALK))

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("_index.json", {"version": 1, "entries": [ENTRY]}), ("../state/taskHistory.json", [ENTRY])],
)
def test_the_lists_as_files_are_read(tmp_path: Path, name: str, value: object) -> None:
    folder = make_folder(tmp_path / "storage" / "tasks", ui=TALK)
    (folder.parent / name).parent.mkdir(exist_ok=True)
    (folder.parent / name).resolve().write_text(json.dumps(value))

    assert session_in(folder).parent_id == "p-1"


def test_the_log_comes_first_then_the_tasks_own_file_then_the_lists(tmp_path: Path) -> None:
    tasks = tmp_path / "storage" / "tasks"
    folder = make_folder(tasks, ui=TALK, history={"parentTaskId": "p-own"}, api=[turn("user", TOLD)])
    (tasks / "_index.json").write_text(json.dumps({"entries": [ENTRY]}))

    session = session_in(folder)

    assert (session.parent_id, session.mode, session.workspace) == ("p-own", "code", "/w/told")


@pytest.mark.parametrize("data", [b"", b"{", b"[1", b"\0" * 9_000, b'{"entries":7}', b"SQLite format 3\0" + b"x" * 500])
@pytest.mark.parametrize("name", ["_index.json", "../../state.vscdb"])
def test_a_list_that_cannot_be_read_is_named_and_costs_nothing(tmp_path: Path, name: str, data: bytes) -> None:
    folder = make_folder(tmp_path / "storage" / "tasks", ui=TALK)
    (folder.parent / name).resolve().write_bytes(data)

    session = session_in(folder)

    (trouble,) = [issue for issue in session.issues if issue.reason == LIST_UNREADABLE]
    assert (trouble.file, len(session.messages)) == (Path(name).name, 2)


def test_a_locked_state_is_named_once_and_costs_nothing(tmp_path: Path) -> None:
    tasks = state(tmp_path, "kilocode.kilo-code", json.dumps({"taskHistory": [ENTRY]}))
    with closing(sqlite3.connect(tmp_path / "state.vscdb", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")

        sessions = [session_in(make_folder(tasks, name, ui=TALK)) for name in ("a", "b")]

    assert [[i.detail for i in s.issues if i.reason == LIST_UNREADABLE] for s in sessions] == [
        ["OperationalError: database is locked"],
        ["OperationalError: database is locked"],
    ]


def test_a_list_adds_no_session_and_hides_none(tmp_path: Path) -> None:
    tasks = tmp_path / "storage" / "tasks"
    make_folder(tasks, "there", ui=TALK)
    (tasks / "_index.json").write_text(json.dumps({"entries": [ENTRY]}))

    assert [item.session_id for item in read(tasks.parent)] == ["there"]


def test_a_parent_that_is_told_later_asks_for_another_reading(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "storage" / "tasks", ui=TALK)
    first = session_in(folder)

    unchanged = read_folder(folder, known=first.source_digest)
    (folder.parent / "_index.json").write_text(json.dumps({"entries": [ENTRY]}))
    later = read_folder(folder, known=first.source_digest)

    assert unchanged == Refused(session_id="task-1", reason=UNCHANGED)
    assert later.session_id == "task-1"
    assert not isinstance(later, Refused)
    assert later.parent_id == "p-1"


@pytest.mark.parametrize("parent", ["task-1", "", "two words", "x" * 129, 7, None])
def test_a_parent_that_can_be_none_is_none(tmp_path: Path, parent: object) -> None:
    assert session_in(make_folder(tmp_path, ui=TALK, history={"parentTaskId": parent})).parent_id is None


def test_what_a_list_says_reaches_the_tables_without_its_secrets(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    item = {"mode": f"m {secret}", "workspace": f"/w/{secret}\u202e"}

    session = session_in(make_folder(tmp_path, ui=TALK, history=item))

    assert (session.mode, session.workspace) == ("m [redacted:github-token]", "/w/[redacted:github-token]\\u202e")
    assert API not in str(session.workspace)


def test_a_parent_that_only_a_list_names_later_reaches_the_store(store: Store, tmp_path: Path) -> None:
    tasks = tmp_path / "storage" / "tasks"
    folder, other = make_folder(tasks, ui=TALK), make_folder(tasks, "task-2", ui=TALK)
    for path in (*folder.iterdir(), *other.iterdir()):
        os.utime(path, (1_769_000_000, 1_769_000_000))
    ingest(store, [tasks])

    (tasks / "_index.json").write_text(json.dumps({"entries": [ENTRY]}))
    report = ingest(store, [tasks])
    (tasks / "_index.json").write_text(json.dumps({"entries": [ENTRY], "updatedAt": 1}))
    again = ingest(store, [tasks])

    assert (report.sessions, report.unchanged, again.sessions, again.unchanged) == (1, 1, 0, 2)
    assert list(store.read("SELECT parent_id, child_id, method FROM child_rels")) == [("p-1", "task-1", "history")]
    assert not again.rows


def test_a_list_that_says_nothing_of_a_task_leaves_its_stamp(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "storage" / "tasks", ui=TALK)
    before = TaskFolder(folder).stamp()

    (folder.parent / "_index.json").write_text(json.dumps({"entries": [{"id": "else", "mode": "code"}]}))

    assert TaskFolder(folder).stamp() == before
