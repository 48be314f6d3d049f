"""A daemon's database, imported from a real server: counted, mended, and never written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from g6o_eval.errors import RefusedError
from g6o_eval.fleet.commands.import_daemon import import_daemon as command
from g6o_eval.fleet.daemon.database import LegacyReport, import_daemon
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.fleet.tables import MIGRATIONS
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import HARNESS, migrate
from support.daemon_database import KILLED, LAST_TURN, REPLAYED, SESSIONS, seed_daemon
from support.dolt_server import DoltServer
from support.task_folders import make_folder, say, tool

ONE, TWO, THREE = SESSIONS[:3]


@pytest.fixture
def daemon(dolt_server: DoltServer, database: str, tmp_path: Path) -> Iterator[Store]:
    """The daemon's database, opened for reading; its rows are not committed."""
    seed_daemon(dolt_server, database)
    opened = open_store(dolt_server.url(database), root=tmp_path, read_only=True)
    yield opened
    opened.close()


def some(store: Store, sql: str) -> list[Row]:
    return list(store.read(sql))


def counts(report: LegacyReport, table: str) -> dict[str, int]:
    return {what: count for found, what, count in report.lines() if found == table}


def test_every_row_is_counted_with_what_became_of_it(store: Store, daemon: Store) -> None:
    report = import_daemon(store, daemon)

    assert counts(report, "punches") == {
        "read": 2_560,
        "written": 2_542,
        "no session id": 1,
        "streamed copy of a message": 17,
        "key in another dialect": 1_291,
        "gate whose exit code the daemon never read": 208,
        "cost of a governor_kill, which is the session's once more": 1,
    }
    assert counts(report, "child_rels") == {
        "read": 4, "written": 1, "child is the name of a mode": 2, "session is its own parent": 1,
    }  # fmt: skip
    assert counts(report, "checkpoints") == {"read": 3, "written": 2, "verdict in the daemon's own form": 1}
    assert counts(report, "checkpoint_history") == {"written": 1}
    left = "left: kept in part only; its events and the logs are whole"
    assert counts(report, "tool_calls") == {"read": 2, "call recorded twice by a catch-up": 1, left: 2}
    assert counts(report, "messages") == {"read": 1, left: 1}
    assert counts(report, "raw_sse_events") == {"table absent": 1}
    assert counts(report, "tasks") == {
        "read": 2, "written": 55, "abandoned, though its model stopped by itself": 1,
        "all punches within seconds: a replay": 1, "price counted a governor_kill once more": 1,
        "price was the last turn's, summed from its punches": 1,
    }  # fmt: skip


def test_a_second_import_writes_nothing(store: Store, daemon: Store) -> None:
    first = import_daemon(store, daemon)

    second = import_daemon(store, daemon)

    assert second.commit == first.commit
    assert [line for line in second.lines() if line[1] == "written"] == []
    assert counts(second, "punches")["already there"] == 2_542


def test_nothing_is_written_to_the_daemons_database(
    store: Store, daemon: Store, dolt_server: DoltServer, database: str
) -> None:
    hashes = "SELECT DOLT_HASHOF_DB('WORKING'), DOLT_HASHOF('HEAD')"
    before = dolt_server.run(hashes, database=database)

    import_daemon(store, daemon)

    assert dolt_server.run(hashes, database=database) == before


def test_the_three_dialects_become_one_under_their_old_hashes(store: Store, daemon: Store) -> None:
    import_daemon(store, daemon)

    found = some(store, "SELECT punch_type, punch_key FROM punches GROUP BY punch_type, punch_key ORDER BY 1, 2")
    assert [f"{kind!s}:{key!s}" for kind, key in found] == [
        "child_spawn:code", "command_exec:bash", "command_exec:git status", "gate_pass:pytest",
        "governor_kill:cost_overflow", "mcp_call:augment-context-engine:codebase___retrieval", "message:text_response",
        "step_complete:step_finished", "tool_call:apply_diff", "tool_call:read_file", "tool_call:search_files",
    ]  # fmt: skip
    assert some(store, "SELECT observed_at, file, ts FROM punches WHERE source_hash = '" + f"{0:064x}'") == [
        ("2026-02-20 10:00:00", None, None)
    ]


def test_both_forms_of_a_verdict_become_one_and_the_last_one_stands(store: Store, daemon: Store) -> None:
    import_daemon(store, daemon)

    standing = some(store, "SELECT task_id, status, missing_punches FROM checkpoints ORDER BY task_id")
    assert [row[:2] for row in standing] == [(ONE, "pass"), (TWO, "fail")]
    assert json.loads(str(standing[1][2])) == [
        {"punch_type": "gate_pass", "punch_key_pattern": "mypy", "description": "types"}
    ]
    ((status, missing, violations),) = some(store, "SELECT status, missing_punches, violations FROM checkpoint_history")
    assert status == "fail"
    assert json.loads(str(missing)) == [{"punch_type": "gate_pass", "punch_key_pattern": "pytest", "description": ""}]
    assert json.loads(str(violations)) == [
        {"punch_type": "tool_call", "punch_key_pattern": "edit_file%", "description": "", "count": 3}
    ]


def test_a_price_is_the_sum_of_the_turns_and_a_kill_is_not_paid_twice(store: Store, daemon: Store) -> None:
    import_daemon(store, daemon)

    prices = {row[0]: row[1] for row in some(store, "SELECT task_id, cost_usd FROM tasks")}
    sums = {row[0]: row[1] for row in some(store, "SELECT task_id, SUM(cost) FROM punches GROUP BY task_id")}
    assert prices[LAST_TURN] == pytest.approx(sums[LAST_TURN])
    assert prices[KILLED] == pytest.approx(sums[KILLED]) == pytest.approx(0.23)


def test_what_is_wrong_with_a_session_is_noted_with_it(store: Store, daemon: Store) -> None:
    import_daemon(store, daemon)

    found = some(store, "SELECT session_id, reason FROM import_issues WHERE file = 'daemon' ORDER BY reason")
    assert found == [
        (ONE, "abandoned, though its model stopped by itself"),
        (REPLAYED, "all punches within seconds: a replay"),
        (KILLED, "price counted a governor_kill once more"),
        (LAST_TURN, "price was the last turn's, summed from its punches"),
    ]


def test_a_card_whose_type_was_written_by_its_place_is_a_card(store: Store, daemon: Store) -> None:
    import_daemon(store, daemon)

    assert some(store, "SELECT punch_type, punch_key_pattern, required, forbidden FROM punch_cards ORDER BY 1") == [
        ("gate_pass", "pytest", 1, 0),
        ("tool_call", "edit_file%", 1, 1),
    ]


def test_a_session_that_was_read_from_its_own_log_stays_as_it_was_read(
    store: Store, daemon: Store, tmp_path: Path
) -> None:
    make_folder(tmp_path / "tasks", ONE, ui=[say("text", "Fix it"), tool("readFile", at=2, path="a")])
    ingest(store, [tmp_path / "tasks"])
    before = some(store, f"SELECT * FROM tasks WHERE task_id = '{ONE}'")

    report = import_daemon(store, daemon)

    assert some(store, f"SELECT * FROM tasks WHERE task_id = '{ONE}'") == before
    assert some(store, f"SELECT COUNT(*) FROM punches WHERE task_id = '{ONE}' AND file IS NULL") == [(0,)]
    assert counts(report, "punches")["session was read from its own log"] > 0


def test_what_was_read_from_logs_into_the_daemons_database_is_left_to_the_logs(
    store: Store, daemon: Store, dolt_server: DoltServer, database: str, tmp_path: Path
) -> None:
    dolt_server.run("CALL DOLT_COMMIT('-Am', 'what the daemon wrote')", database=database)
    make_folder(tmp_path / "tasks", ui=[say("text", "Do it."), tool("readFile", at=5, path="a.py")])
    theirs = open_store(dolt_server.url(database), root=tmp_path)
    migrate(theirs, (*HARNESS, *MIGRATIONS))
    ours = ingest(theirs, [tmp_path / "tasks"]).rows["punches"]
    theirs.close()

    report = import_daemon(store, daemon)
    ingest(store, [tmp_path / "tasks"])

    assert counts(report, "punches")["left: read from a log by g6o-eval; ingest the log"] == ours
    assert some(store, "SELECT COUNT(*) FROM punches WHERE task_id = 'task-1'") == [(ours,)]


def test_a_database_without_any_of_the_tables_is_imported_as_nothing(
    store: Store, dolt_server: DoltServer, database: str, tmp_path: Path
) -> None:
    dolt_server.run("CREATE TABLE other (a INT PRIMARY KEY)", "CALL DOLT_COMMIT('-Am', 'x')", database=database)
    empty, head = open_store(dolt_server.url(database), root=tmp_path, read_only=True), store.head()

    report = import_daemon(store, empty)

    assert {what for _, what, _ in report.lines()} == {"table absent"}
    assert report.commit == head
    empty.close()


def test_the_store_itself_is_refused(store: Store) -> None:
    with pytest.raises(RefusedError, match="is the store itself: its tables are continued where they are"):
        import_daemon(store, store)


def test_the_command_ends_with_a_table_and_the_same_as_json(daemon: Store, tmp_path: Path) -> None:
    given = ["--from", daemon.url, "--store", f"doltlite:///{tmp_path / 'to.db'}", "--report", str(tmp_path / "r.json")]

    result = CliRunner().invoke(command, given)

    assert result.exit_code == 0, result.output
    assert "punches                    read " in result.output
    assert json.loads((tmp_path / "r.json").read_text())["counts"]["punches"]["read"] == 2_560
