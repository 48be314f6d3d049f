from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from packaging.requirements import Requirement
from ulid import ULID

from g6o_eval.cli import group
from g6o_eval.commands.doctor import doctor_lines
from g6o_eval.steps.doctor import (
    Check,
    files_check,
    free_space,
    installation_checks,
    package_check,
    server_check,
    skew_check,
    space_check,
    store_checks,
)
from g6o_eval.steps.transfer import export_history, import_history
from g6o_eval.store.doltlite import Connection
from g6o_eval.store.embedded import fit_library
from g6o_eval.store.schema import SENTINEL
from support.desk import Desk


def installed(folder: Path, version: str) -> Distribution:
    info = folder / f"thing-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n")
    return Distribution.at(info)


def answers(desk: Desk) -> dict[str, Check]:
    return {check.name: check for check in store_checks(desk.store)}


def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.chdir(desk.root)
    monkeypatch.delenv("G6O_STORE", raising=False)
    (desk.root / "pytest.ini").write_text("[pytest]\n")
    return CliRunner().invoke(group, ["doctor", *arguments])


def test_this_installation_is_well() -> None:
    found = list(installation_checks())

    assert {check.name for check in found} >= {"python", "click", "dspy", "pytest"}
    assert [check for check in found if check.state != "ok"] == []


@pytest.mark.parametrize(
    ("versions", "check"),
    [
        (["1.5"], Check("thing", "ok", "1.5", "<2,>=1")),
        ([], Check("thing", "fail", "not installed", "<2,>=1", "Run: pip install 'thing<2,>=1'")),
        (["2.0"], Check("thing", "fail", "2.0", "<2,>=1", "Run: pip install 'thing<2,>=1'")),
    ],
)
def test_a_package_must_be_there_in_the_range_that_is_stated(tmp_path: Path, versions: list[str], check: Check) -> None:
    found = [installed(tmp_path / version, version) for version in versions]

    assert package_check(Requirement("thing>=1,<2"), found) == check


def test_a_package_that_is_installed_twice_is_found(tmp_path: Path) -> None:
    found = [installed(tmp_path / "a", "1.5"), installed(tmp_path / "b", "1.4")]

    check = package_check(Requirement("thing>=1"), found)

    assert check == Check(
        "thing", "fail", "2 times: 1.4, 1.5", ">=1", f"Uninstall all but one: {tmp_path / 'a'}, {tmp_path / 'b'}"
    )


def test_a_healthy_store_fails_no_question(desk: Desk) -> None:
    desk.judge()
    desk.promote()

    found = answers(desk)

    assert {name: check.found for name, check in found.items()} == {
        "store": f"doltlite:///.g6o/evals.db, main@{desk.store.head()[:12]}",
        "engine": "doltlite v0.51.3",
        "tables": "all of them",
        "rights": "read and write",
        "our tables": "committed",
        "newest run ahead": "+0.0 s",
    }
    assert {check.state for check in found.values()} == {"ok"}


def test_uncommitted_rows_of_ours_fail_and_those_of_others_are_a_note(desk: Desk) -> None:
    path = str(desk.root / ".g6o" / "evals.db")
    daemon = Connection(fit_library(), path, mode="write", name=path, busy_seconds=5)
    daemon.run("INSERT INTO compiled_prompts VALUES ('x', 'M', 'S', 't', '2026-01-02 03:04:05', '3.4.1')")
    daemon.run("UPDATE tickets SET text = 'changed' WHERE id = 1")
    daemon.close()

    found = answers(desk)

    assert found["our tables"] == Check(
        "our tables", "fail", "compiled_prompts", "committed", "Look at the rows: g6o-eval adopt"
    )
    assert found["other tables"] == Check(
        "other tables", "note", "uncommitted rows in tickets", "a promotion leaves them alone"
    )


def test_tables_that_are_behind_or_ahead_fail(desk: Desk) -> None:
    with desk.store.change("Forget") as change:
        change.execute(f"DELETE FROM {SENTINEL} WHERE owner = 'g6o_eval' AND number = 2")
    behind = answers(desk)["tables"]
    with desk.store.change("Come from the future") as change:
        change.insert(SENTINEL, ("owner", "number", "name"), [("g6o_eval", 2, "x"), ("g6o_eval", 3, "y")])
    ahead = answers(desk)["tables"]

    assert behind == Check(
        "tables", "fail", "lacks g6o_eval 2: where imported history came from", "all of them",
        "Run any command with a writer, for example: pytest evals/",
    )  # fmt: skip
    assert (ahead.state, ahead.wanted) == ("fail", "the installed version's")


def test_a_run_from_the_future_fails_because_it_would_count_as_the_newest(desk: Desk) -> None:
    later = datetime.now(timezone.utc) + timedelta(minutes=5)
    desk.judge(run_id=str(ULID.from_datetime(later)))

    found = answers(desk)["newest run ahead"]

    assert found.state == "fail"
    assert 290 < float(found.found.removesuffix(" s")) <= 300


@pytest.mark.parametrize(("seconds", "state"), [(5.0, "ok"), (-5.0, "ok"), (5.1, "fail"), (-61.0, "fail")])
def test_a_clock_may_be_five_seconds_off(seconds: float, state: str) -> None:
    check = skew_check("clock of the server", seconds)

    remedy = "" if state == "ok" else "Set both clocks by NTP"
    assert check == Check("clock of the server", state, f"{seconds:+.1f} s", "± 5 s", remedy)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("version", "state"), [("1.88.1", "ok"), ("2.3.1", "ok"), ("1.87.9", "fail"), ("0.9", "fail"), ("dev", "fail")]
)
def test_a_server_older_than_the_one_that_was_tried_fails(version: str, state: str) -> None:
    remedy = "" if state == "ok" else "Upgrade the server"
    assert server_check(version) == Check("engine", state, f"Dolt {version}", "≥ 1.88.1", remedy)  # type: ignore[arg-type]


def test_a_server_that_lends_its_files_to_every_user_fails() -> None:
    assert files_check("/srv/files").state == "ok"
    assert files_check("") == Check(
        "secure_file_priv", "fail", '"": every user reads and writes files as the server', "a folder",
        "Set system_variables.secure_file_priv in the server's config.yaml to an empty folder of its own",
    )  # fmt: skip


def test_a_server_that_is_away_is_named_without_its_password(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(desk, monkeypatch, "--store", "dolt://ci:hunter2@127.0.0.1:1/evals")

    assert done.exit_code == 1
    assert "cannot reach the Dolt server at 127.0.0.1:1 (dolt://ci@127.0.0.1:1/evals)" in done.output
    assert "hunter2" not in done.output


def test_a_disk_with_less_than_a_gibibyte_free_fails(tmp_path: Path) -> None:
    assert space_check("here", 2**30 - 2**28) == Check("free space, here", "fail", "0.8 GiB", "≥ 1 GiB", "Make room")
    assert space_check("here", 2**31).state == "ok"
    assert free_space(tmp_path / "not" / "there", "here").name == "free space, here"


def test_imported_history_is_a_note_with_its_origin(desk: Desk, tmp_path: Path) -> None:
    desk.judge()
    export_history(desk.store, tmp_path / "history.jsonl")
    with desk.store.change("Lose everything") as change:
        for table in ("g6o_runs", "g6o_scores"):
            change.execute(f"DELETE FROM {table}")
    import_history(desk.store, tmp_path / "history.jsonl", by="Bo")

    found = answers(desk)["imported history"]

    assert found.state == "note"
    assert found.found.startswith("from doltlite:///.g6o/evals.db by Bo, 20")


def test_the_command_ends_with_0_when_all_is_well(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(desk, monkeypatch)

    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1].startswith("all ")


def test_the_command_ends_with_1_and_says_what_to_do(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(desk, monkeypatch, "--store", "doltlite:///gone.db", "--json")

    said = json.loads(done.output)
    (failed,) = [check for check in said["checks"] if check["state"] == "fail"]
    assert (done.exit_code, said["ok"]) == (1, False)
    assert failed == {
        "name": "store", "state": "fail", "wanted": "reachable",
        "found": f"there is no store at {desk.root / 'gone.db'} (from doltlite:///gone.db)",
        "remedy": "Nothing else about doltlite:///gone.db could be asked",
    }  # fmt: skip
    assert not (desk.root / "gone.db").exists()


def test_the_lines_end_with_the_remedies_and_the_count() -> None:
    checks = [Check("a", "ok", "1", "1"), Check("b", "fail", "two\nlines", "3", "Do this")]

    assert doctor_lines(checks) == [
        "      what  found      wanted",
        "ok    a     1          1",
        "fail  b     two lines  3",
        "b: Do this",
        "1 of 2 checks failed",
    ]


def test_what_was_found_is_cut_in_the_table_and_whole_below() -> None:
    long = "lacks " + "x" * 60

    lines = doctor_lines([Check("tables", "fail", long, "all of them", "Migrate"), Check("note", "note", long, "none")])

    cut = f"lacks {'x' * 53}…"
    assert [line.split("  ")[-2:] for line in lines[1:3]] == [[cut, "all of them"], [cut, "none"]]
    assert lines[3:] == [f"tables: {long}. Migrate", "1 of 2 checks failed"]
