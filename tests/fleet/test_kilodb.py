"""The databases of OpenCode and the Kilo CLI, and the JSON storage before them: the same sessions as an export."""

from __future__ import annotations

import itertools
import json
import pickle
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from g6o_eval.fleet.ingest.census import FOREIGN
from g6o_eval.fleet.ingest.kilo import UNCHANGED
from g6o_eval.fleet.ingest.kilodb import DAMAGED, FOREIGN_SCHEMA, LOCKED, read_stored
from g6o_eval.fleet.ingest.opencode import session_of
from g6o_eval.fleet.ingest.source import Source, find_sources
from g6o_eval.fleet.session import Refused, Session
from support.serve import START, Json, usual

SCHEMA = """
CREATE TABLE project (id TEXT PRIMARY KEY, worktree TEXT);
CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT, parent_id TEXT, slug TEXT, directory TEXT, title TEXT,
    version TEXT, time_created INTEGER, time_updated INTEGER);
CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT);
CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, time_created INTEGER, time_updated INTEGER,
    data TEXT);
CREATE TABLE todo (session_id TEXT, content TEXT);
CREATE TABLE permission (project_id TEXT, data TEXT);
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A kilo.db in WAL mode, open in its writer's hands."""
    with closing(sqlite3.connect(tmp_path / "kilo.db", isolation_level=None)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
        opened.executescript(SCHEMA)
        yield opened


def put(database: sqlite3.Connection, document: Json) -> None:
    info = document["info"]
    database.execute(
        "INSERT INTO session VALUES (?, 'prj', ?, '', '', '', '', ?, ?)",
        (info["id"], info.get("parentID"), info["time"]["created"], info["time"]["updated"]),
    )
    for message in document["messages"]:
        put_message(database, message, info["id"])


def put_message(database: sqlite3.Connection, message: Json, session_id: str) -> None:
    info = {key: value for key, value in message["info"].items() if key not in ("id", "sessionID")}
    at = message["info"]["time"]["created"]
    database.execute(
        "INSERT INTO message VALUES (?, ?, ?, ?, ?)", (message["info"]["id"], session_id, at, at, json.dumps(info))
    )
    for part in message["parts"]:
        data = json.dumps({key: value for key, value in part.items() if key not in ("id", "sessionID", "messageID")})
        row = (part["id"], message["info"]["id"], session_id, at, at, data)
        database.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", row)


def truth(document: Json) -> Session:
    found = session_of(document["info"], document["messages"], digest="")
    assert isinstance(found, Session)
    return found


def only(path: Path) -> Source:
    (source,) = find_sources([path])
    return source


def read(path: Path) -> Session:
    found = only(path).read(None)
    assert isinstance(found, Session)
    return found


def test_a_database_gives_what_an_export_gives(database: sqlite3.Connection, tmp_path: Path) -> None:
    documents = [usual("ses_b", turns=3, parent="ses_a"), usual("ses_a")]
    for document in documents:
        put(database, document)

    found = [source.read(None) for source in find_sources([tmp_path])]

    assert [each.session_id for each in found] == ["ses_a", "ses_b"]
    for each, true in zip(found, map(truth, reversed(documents)), strict=True):
        assert isinstance(each, Session)
        assert (each.messages, each.tool_calls, each.usage, each.parent_id, each.status, each.started_at) == (
            true.messages, true.tool_calls, true.usage, true.parent_id, true.status, true.started_at,
        )  # fmt: skip


def test_a_session_that_is_the_same_is_not_parsed_again(database: sqlite3.Connection, tmp_path: Path) -> None:
    put(database, usual("ses_a"))
    first = read(tmp_path)

    again = only(tmp_path).read(first.source_digest)
    database.execute("UPDATE part SET data = '{}', time_updated = time_updated + 1 WHERE id LIKE '%_001_001'")
    changed = only(tmp_path).read(first.source_digest)

    assert again == Refused(session_id="ses_a", reason=UNCHANGED)
    assert isinstance(changed, Session)


def test_a_stamp_changes_with_every_write_and_travels_to_another_process(
    database: sqlite3.Connection, tmp_path: Path
) -> None:
    put(database, usual("ses_a"))
    source = pickle.loads(pickle.dumps(only(tmp_path)))
    before = source.stamp()

    put(database, usual("ses_b"))

    assert before.text != source.stamp().text
    assert not before.settled


def write_anew(path: Path, stopped: threading.Event) -> None:
    """Give all texts the same new words, in one transaction each time."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for number in itertools.count():
            data = json.dumps({"type": "text", "text": f"words {number}"})
            database.execute("UPDATE part SET data = ? WHERE id LIKE '%_001'", (data,))
            if stopped.is_set():
                return


def test_one_snapshot_is_read_while_somebody_writes(database: sqlite3.Connection, tmp_path: Path) -> None:
    put(database, usual("ses_a", turns=40))
    stopped = threading.Event()
    stopped.set()
    write_anew(tmp_path / "kilo.db", stopped)  # once
    stopped.clear()
    writer = threading.Thread(target=write_anew, args=(tmp_path / "kilo.db", stopped))
    writer.start()
    until = time.monotonic() + 10
    found: list[frozenset[str]] = []
    try:
        while len(set(found)) < 5 and time.monotonic() < until:
            session = read(tmp_path)
            found.append(frozenset(each.preview for each in session.messages if each.role == "assistant"))
    finally:
        stopped.set()
        writer.join()

    assert {len(texts) for texts in found} == {1}
    assert len(set(found)) >= 5


def test_the_database_is_left_as_it_was(database: sqlite3.Connection, tmp_path: Path) -> None:
    put(database, usual("ses_a"))
    database.close()
    before = (tmp_path / "kilo.db").read_bytes()

    read(tmp_path)

    assert (tmp_path / "kilo.db").read_bytes() == before


def test_data_that_is_no_json_costs_only_itself(database: sqlite3.Connection, tmp_path: Path) -> None:
    put(database, usual("ses_a"))
    database.execute("UPDATE part SET data = '{\"type\": ' WHERE id LIKE '%_001_002'")

    found = read(tmp_path)

    assert [(i.reason, i.index, i.detail) for i in found.issues] == [(FOREIGN, 1, "part 2: a str")]
    assert (len(found.messages), found.tool_calls) == (2, ())


def test_a_session_that_is_gone_when_it_is_read_is_refused(database: sqlite3.Connection, tmp_path: Path) -> None:
    put(database, usual("ses_a"))
    source = only(tmp_path)

    database.execute("DELETE FROM session")

    assert isinstance(source.read(None), Refused)


def refused(path: Path) -> tuple[str, str]:
    found = only(path).read(None)
    assert isinstance(found, Refused)
    return found.reason, found.issues[0].detail


def test_a_locked_database_is_refused(database: sqlite3.Connection, tmp_path: Path) -> None:
    """Only with a rollback journal: in WAL mode nobody waits."""
    put(database, usual("ses_a"))
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("BEGIN EXCLUSIVE")

    found = read_stored(tmp_path / "kilo.db", "ses_a", busy_seconds=0.05)

    assert isinstance(found, Refused)
    assert (found.reason, found.issues[0].detail) == (LOCKED, "database is locked")
    database.execute("COMMIT")
    assert len(read(tmp_path).messages) == 2


def test_a_database_of_another_schema_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "kilo.db")) as other:
        other.execute("CREATE TABLE session (id TEXT, time_created INTEGER)")

    assert refused(tmp_path) == (FOREIGN_SCHEMA, "table 'session' lacks parent_id, time_updated")


@pytest.mark.parametrize("data", [b"no database at all, but long enough to be taken for one" * 20, b"\0" * 4096])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "kilo.db").write_bytes(data)

    assert refused(tmp_path)[0] == DAMAGED


def test_a_damaged_page_is_refused_with_the_reason(database: sqlite3.Connection, tmp_path: Path) -> None:
    for number in range(9):
        put(database, usual(f"ses_{number:03}", turns=3))
    database.close()
    path = tmp_path / "kilo.db"
    data = bytearray(path.read_bytes())
    for place in range(8192, len(data), 4096):
        data[place : place + 100] = b"\xff" * 100
    path.write_bytes(data)

    found = [source.read(None) for source in find_sources([path])]

    assert found
    assert {each.reason for each in found if isinstance(each, Refused)} == {DAMAGED}
    assert not [each for each in found if isinstance(each, Session)]


# The JSON storage.


def store_files(root: Path, document: Json) -> None:
    session_id = document["info"]["id"]
    files = {root / "session" / "prj" / f"{session_id}.json": document["info"]}
    for message in document["messages"]:
        files[root / "message" / session_id / f"{message['info']['id']}.json"] = message["info"]
        for part in message["parts"]:
            files[root / "part" / message["info"]["id"] / f"{part['id']}.json"] = part
    for path, value in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))


@pytest.mark.parametrize("at", [".", "storage"])
def test_json_storage_gives_what_an_export_gives(tmp_path: Path, at: str) -> None:
    document = usual("ses_a", turns=3)
    store_files(tmp_path / "storage", document)

    found = read(tmp_path / at)

    true = truth(document)
    assert (found.session_id, found.messages, found.tool_calls, found.usage) == (
        "ses_a", true.messages, true.tool_calls, true.usage,
    )  # fmt: skip
    assert only(tmp_path).read(found.source_digest) == Refused(session_id="ses_a", reason=UNCHANGED)


def test_json_storage_orders_messages_by_time_and_survives_a_torn_file(tmp_path: Path) -> None:
    document = usual("ses_a", turns=2)
    document["messages"][0]["info"] |= {"id": "msg_z"}
    store_files(tmp_path, document)
    torn = next(tmp_path.glob("part/*/prt_msg_ses_a_002_001.json"))
    torn.write_text(torn.read_text()[:30])

    found = read(tmp_path)

    assert found.messages[0].ts == START
    assert [(i.reason, i.index, i.detail) for i in found.issues] == [(FOREIGN, 2, "part 1: a str")]


def test_a_stamp_of_storage_changes_with_every_file(tmp_path: Path) -> None:
    store_files(tmp_path, usual("ses_a"))
    source = only(tmp_path)
    before = source.stamp()

    store_files(tmp_path, usual("ses_a", turns=2))

    assert source.stamp().text != before.text
