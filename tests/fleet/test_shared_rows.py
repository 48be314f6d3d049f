"""Rows beside the daemon's own: punches, tasks, verdicts and links, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from g6o_eval.fleet.cards import CARDS
from g6o_eval.fleet.ingest.forest import Place
from g6o_eval.fleet.ingest.rows import ROWS_OF
from g6o_eval.fleet.ingest.shared_rows import (
    NO_TIME,
    born_at,
    punch_rows,
    put,
    put_children,
    task_rows,
    verdict_rows,
)
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.fleet.session import Session, SessionStatus, Usage
from g6o_eval.fleet.tables import MIGRATIONS
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import HARNESS, migrate
from support.daemon_database import SESSIONS, TYPES, seed_daemon
from support.dolt_server import DoltServer
from support.task_folders import START, as_bytes, call, make_folder, message, request, say, session_of, tool

AT = "2026-01-21 12:53:20"  # START, in UTC


def session(*events: object, **fields: object) -> Session:
    usage = Usage(requests=2, request_usd=0.25, condense_usd=0.05, tokens_in_total=100, tokens_out=7)
    return session_of(*events, **{"usage": usage, **fields})  # type: ignore[arg-type]


def some(store: Store, sql: str) -> list[Row]:
    return list(store.read(sql))


def write(store: Store, table: str, rows: list[Row]) -> int:
    with store.change(f"Write {table}") as change:
        return put(change, table, rows)


# ── rows ──


def test_a_punch_carries_the_time_of_its_event_and_its_place() -> None:
    row = punch_rows(session(message("hi"), call("read_file")))[-1]

    assert row[:4] == ("s-1", "tool_call", "read_file", AT)
    assert row[5:] == (None, None, None, None, START + 1, "ui_messages.json", 1, 0)


def test_what_a_session_cost_is_the_sum_over_its_punches_and_in_its_task() -> None:
    made = session(call("read_file"), message("hi"))

    assert sum(row[5] for row in punch_rows(made) if isinstance(row[5], float)) == pytest.approx(0.30)
    assert task_rows(made)[0][4] == pytest.approx(0.30)


def test_the_same_deed_has_the_same_hash_and_another_place_another() -> None:
    once, again = punch_rows(session(call("read_file"))), punch_rows(session(call("read_file"), call("read_file")))

    assert once[0][4] == again[0][4]
    assert len({row[4] for row in again}) == len(again)


@pytest.mark.parametrize(
    ("session_id", "born"),
    [
        ("1747094900403", 1_747_094_900_403),
        ("019c6cad-ab04-729d-8d06-0713cb1977c8", 1_771_349_846_788),
        ("0f0c6cad-ab04-429d-8d06-0713cb1977c8", None),
        ("ses_1", None),
    ],
)
def test_a_session_without_times_began_when_its_id_says_or_never(session_id: str, born: int | None) -> None:
    made = session(call("read_file"), session_id=session_id, started_at=None, completed_at=None)

    assert born_at(made) == born
    assert (len(task_rows(made)) == 1) == (len(punch_rows(made)) > 0) == (born is not None)


def test_a_session_that_gives_no_punches_for_want_of_a_time_says_so() -> None:
    made = session(started_at=None, completed_at=None)

    assert [row[3] for row in ROWS_OF["import_issues"](made)] == [NO_TIME]


def test_a_tool_that_no_dialect_knows_is_counted_with_its_name() -> None:
    ((*_, reason, detail),) = ROWS_OF["import_issues"](session(call("frobnicate"), call("frobnicate")))

    assert (reason, detail) == ("tool name that no dialect knows", "frobnicate x2")


@pytest.mark.parametrize(
    ("status", "word", "ended"),
    [
        ("completed", "completed", AT),
        ("failed", "failed", AT),
        ("interrupted", "abandoned", AT),
        ("delegated", "running", None),
        ("unknown", "running", None),
    ],
)
def test_a_task_has_one_of_the_daemons_four_words(status: SessionStatus, word: str, ended: str | None) -> None:
    assert task_rows(session(status=status)) == [("s-1", "unknown", "unknown", word, 0.30, AT, ended)]


def test_a_verdict_is_that_of_the_card_of_the_mode() -> None:
    made = session(call("new_task", target="code"), mode="architect", status="completed")

    ((task_id, card_id, status, at, missing, violations),) = verdict_rows(task_rows(made), punch_rows(made), CARDS)

    assert (task_id, card_id, status, at) == ("s-1", "discover-phase", "fail", AT)
    assert '"punch_key_pattern":"read_file"' in str(missing)
    assert str(violations).endswith('"count":1}]')


def test_a_mode_without_a_card_has_no_verdict() -> None:
    made = session(mode="general")

    assert verdict_rows(task_rows(made), punch_rows(made), CARDS) == []


# ── beside what is there ──


def test_a_later_pass_replaces_an_earlier_fail_and_the_fail_is_kept(fleet_store: Store) -> None:
    fail = ("s", "c", "fail", "2026-01-01 00:00:00", "[1]", None)
    later = ("s", "c", "pass", "2026-01-02 00:00:00", None, None)
    last = ("s", "c", "fail", "2026-01-03 00:00:00", None, "[2]")

    written = [write(fleet_store, "checkpoints", [row]) for row in (fail, later, later, last)]

    assert written == [1, 1, 0, 1]
    columns = "status, validated_at, missing_punches, violations"
    assert some(fleet_store, f"SELECT {columns} FROM checkpoints") == [last[2:]]
    assert some(fleet_store, f"SELECT seq, {columns} FROM checkpoint_history ORDER BY seq") == [
        (1, *fail[2:]),
        (2, *later[2:]),
    ]


def test_a_link_is_written_with_its_method_and_moved_when_a_better_one_is_known(fleet_store: Store) -> None:
    tasks = task_rows(session())
    with fleet_store.change("First") as change:
        first = put_children(change, {"s-1": Place(parent_id="a", method="nearest", root_id="a")}, tasks)
    with fleet_store.change("Then") as change:
        put_children(change, {"s-1": Place(parent_id="b", method="named", root_id="b")}, [])

    assert dict(first) == {"tasks": 1, "child_rels": 1}
    assert some(fleet_store, "SELECT parent_id, child_id, method, confidence FROM child_rels") == [
        ("b", "s-1", "named", 1.0)
    ]
    assert some(fleet_store, "SELECT parent_task_id FROM tasks") == [("b",)]


def test_a_link_of_the_daemon_is_never_taken_away(fleet_store: Store) -> None:
    with fleet_store.change("The daemon's") as change:
        change.insert("child_rels", ("parent_id", "child_id"), [("s-1", "code"), ("x", "s-1")])
    with fleet_store.change("Ours") as change:
        put_children(change, {"s-1": Place(parent_id=None, method=None, root_id="s-1")}, [])

    assert len(some(fleet_store, "SELECT * FROM child_rels")) == 2


TALK = [say("text", "Fix it"), request(at=1, cost=0.5), tool("readFile", at=2, path="a"), say("text", "Hm", at=3)]


def test_a_session_that_went_on_is_punched_again_and_the_daemons_punches_stay(
    fleet_store: Store, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "tasks", "one", ui=TALK)
    ingest(fleet_store, [tmp_path / "tasks"])
    with fleet_store.change("The daemon's") as change:
        columns = ("task_id", "punch_type", "punch_key", "observed_at", "source_hash")
        change.insert("punches", columns, [("one", "tool_call", "read", AT, "d" * 64)])

    more = [*TALK, request(at=4, cost=0.25), say("completion_result", "Done", at=5)]
    (folder / "ui_messages.json").write_bytes(as_bytes(more))
    again = ingest(fleet_store, [tmp_path / "tasks"])
    third = ingest(fleet_store, [tmp_path / "tasks"])

    ours = some(fleet_store, "SELECT punch_type, punch_key, cost FROM punches WHERE file IS NOT NULL")
    assert sum(float(str(cost)) for *_, cost in ours if cost is not None) == pytest.approx(0.75)
    assert [key for _, key, _ in ours].count("read_file") == 1
    assert ("step_complete", "task_exit", None) in ours
    assert some(fleet_store, "SELECT punch_key FROM punches WHERE file IS NULL") == [("read",)]
    assert (again.rows["punches"], third.rows["punches"]) == (len(ours), 0)


@pytest.fixture
def continued(dolt_server: DoltServer, database: str, tmp_path: Path) -> Iterator[Store]:
    """A store in a database that the daemon made first, with its rows."""
    seed_daemon(dolt_server, database)
    dolt_server.run("CALL DOLT_COMMIT('-Am', 'adopted')", database=database)
    store = open_store(dolt_server.url(database), root=tmp_path)
    migrate(store, (*HARNESS, *MIGRATIONS))
    yield store
    store.close()


def test_a_database_of_the_daemon_is_continued_and_nothing_in_it_is_destroyed(
    continued: Store, dolt_server: DoltServer, database: str, tmp_path: Path
) -> None:
    make_folder(tmp_path / "tasks", "one", ui=[*TALK, say("completion_result", "Done", at=9)])

    first = ingest(continued, [tmp_path / "tasks"])
    second = ingest(continued, [tmp_path / "tasks"])
    insert = "INSERT INTO punches (task_id, punch_type, punch_key, observed_at, source_hash) VALUES "
    dolt_server.run(f"{insert} ('x', 'message', 'k', '{AT}', 'x')", database=database)

    ours = first.rows["punches"]
    assert dolt_server.run("SELECT COUNT(*), COUNT(file), COUNT(punch_id) FROM punches", database=database) == [
        (2_560 + ours + 1, ours, 2_560 + ours + 1)
    ]
    assert dict(second.rows) == {}
    assert first.issues["child_rels: child is the name of a mode"] == 2
    assert some(continued, f"SELECT child_id FROM child_rels WHERE parent_id = '{SESSIONS[0]}' AND method IS NULL "
                           "ORDER BY child_id") == [(SESSIONS[2],), ("code",), ("general",)]  # fmt: skip
    assert dolt_server.run("SELECT COUNT(*) FROM checkpoints", database=database) == [(3,)]


def test_the_oldest_form_of_the_daemons_punches_takes_every_type_and_long_ids_afterwards(
    dolt_server: DoltServer, database: str, tmp_path: Path
) -> None:
    dolt_server.run(
        f"CREATE TABLE punches (punch_id INT AUTO_INCREMENT PRIMARY KEY, task_id VARCHAR(50) NOT NULL, "
        f"punch_type ENUM({TYPES}) NOT NULL, punch_key VARCHAR(200) NOT NULL, observed_at DATETIME NOT NULL, "
        "source_hash CHAR(64) NOT NULL, UNIQUE KEY (source_hash))",
        f"INSERT INTO punches VALUES (7, 'a', 'step_complete', 'k', '{AT}', 'h')",
        "CALL DOLT_COMMIT('-Am', 'the daemon')",
        database=database,
    )
    store = open_store(dolt_server.url(database), root=tmp_path)
    migrate(store, (*HARNESS, *MIGRATIONS))
    made = session(message("hi"), session_id="s" * 128)

    write(store, "punches", punch_rows(made))

    assert some(store, "SELECT punch_id, task_id, punch_type, cost FROM punches WHERE file IS NULL") == [
        (7, "a", "step_complete", None)
    ]
    assert len(some(store, "SELECT * FROM punches WHERE punch_type = 'message'")) == 1
    ((total,),) = some(store, f"SELECT SUM(cost) FROM punches WHERE task_id = '{'s' * 128}'")
    assert total == pytest.approx(0.30)
    store.close()


def test_a_daemon_can_write_into_tables_that_we_made(fleet_store: Store) -> None:
    """Its own statements: no ids, no columns of ours, and a search for the hash before each insert."""
    with fleet_store.change("As the daemon does") as change:
        for _ in range(2):
            change.execute(
                "INSERT INTO punches (task_id, punch_type, punch_key, observed_at, source_hash, cost) "
                f"SELECT 'a', 'message', 'k', '{AT}', 'h', 0.5 WHERE NOT EXISTS "
                "(SELECT 1 FROM punches WHERE source_hash = 'h')"
            )
            change.execute(
                "INSERT INTO checkpoints (task_id, card_id, status, validated_at, missing_punches) "
                f"SELECT 'a', 'c', 'fail', '{AT}', '{{}}' WHERE NOT EXISTS "
                "(SELECT 1 FROM checkpoints WHERE task_id = 'a' AND card_id = 'c')"
            )
        change.execute(f"INSERT INTO tasks (task_id, mode, started_at) VALUES ('a', 'code', '{AT}')")
        change.execute("INSERT INTO punch_cards (card_id, workflow_name, punch_type, punch_key_pattern) "
                       "VALUES ('c', 'c', 'gate_pass', 'mypy')")  # fmt: skip

    assert some(fleet_store, "SELECT task_id, cost, file FROM punches") == [("a", 0.5, None)]
    assert some(fleet_store, "SELECT task_id, status FROM checkpoints") == [("a", "fail")]
    assert some(fleet_store, "SELECT model, status, cost_usd FROM tasks") == [("unknown", "running", 0.0)]
    assert some(fleet_store, "SELECT required, forbidden, enforced FROM punch_cards") == [(1, 0, 0)]
