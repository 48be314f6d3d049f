"""g6o-eval ingest, as a person runs it."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import click
import pytest
from click.testing import CliRunner, Result

from g6o_eval.cli import group
from g6o_eval.fleet.commands.report_file import write_report
from g6o_eval.fleet.ingest import pool
from g6o_eval.fleet.ingest.report import Report
from support.task_folders import make_folder, request, say

Run = Callable[..., Result]
TALK = [say("text", "Do it."), request(at=5, cost=0.5), say("text", "", at=9)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("G6O_STORE", raising=False)

    def run_ingest(*args: str) -> Result:
        return CliRunner().invoke(group, ["ingest", "--store", "doltlite:///x.db", *args])

    return run_ingest


def test_it_ends_with_a_table_of_folders_rows_and_what_was_left_out(run: Run, tmp_path: Path) -> None:
    make_folder(tmp_path / "tasks", "one", ui=TALK)
    (tmp_path / "tasks" / "two").mkdir()

    result = run("tasks")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.rstrip() for line in lines[:-1] if not line.startswith("rows ")] == [
        "what      which                 count",
        "folders                             2",
        "sessions  written                   1",
        "refused   empty folder              1",
        "issue     file missing              3",
        "left out  message without text      1",
    ]
    assert "rows      agent_messages            1" in lines
    assert lines[-1].startswith("commit ")
    assert result.stderr.startswith("read 2 of 2 sources, 0.0 of 0.0 MB at ")


def test_a_killed_reader_ends_it_with_an_error(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "POOLED_BYTES", 1)
    make_folder(tmp_path / "tasks", "one", ui=TALK)
    killer = Thread(target=_kill_a_child, daemon=True)

    killer.start()
    result = run("tasks")
    killer.join()

    assert (result.exit_code, result.stdout) == (1, "")
    assert (
        "a process that reads was killed from outside, as happens when memory runs out, before 'one' was read; nothing "
        "was written. Free memory, or import fewer folders at once, and run it again"
    ) in result.stderr


def _kill_a_child() -> None:
    while not (children := multiprocessing.active_children()):
        time.sleep(0.001)
    children[0].kill()


def test_the_report_is_written_as_json(run: Run, tmp_path: Path) -> None:
    make_folder(tmp_path / "tasks", "one", ui=TALK)

    run("tasks", "--report", "report.json")

    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["folders"], report["sessions"], report["left_out"]) == (1, 1, {"message without text": 1})


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_a_folder_that_cannot_be_read_makes_it_exit_1_with_the_rest_imported(run: Run, tmp_path: Path) -> None:
    make_folder(tmp_path / "tasks", "one", ui=TALK)
    (tmp_path / "two.json").symlink_to("/proc/self/mem")

    result = run("tasks", "two.json")

    assert result.exit_code == 1
    assert "sessions  written" in result.stdout
    assert "refused   unreadable" in result.stdout


@pytest.mark.parametrize("args", [(), ("missing",), ("pytest.ini",)])
def test_a_path_that_is_no_folder_is_wrong_usage(run: Run, args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == 2


@pytest.mark.parametrize("args", [("tasks", "--report", "nowhere/r.json"), ("tasks", "--report", "tasks")])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_read(
    run: Run, tmp_path: Path, args: tuple[str, ...]
) -> None:
    make_folder(tmp_path / "tasks", "one", ui=TALK)

    result = run(*args)

    assert result.exit_code == 2
    assert not (tmp_path / "x.db").exists()


def test_a_report_without_its_folder_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()

    result = run("tasks", "--report", "nowhere/r.json")

    assert result.stderr.splitlines()[-1] == (
        "Error: Invalid value for '--report': 'nowhere/r.json' cannot be written: is its folder there?"
    )


def test_a_report_that_fails_at_last_leaves_the_run_done(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException) as caught:
        write_report(tmp_path, {"folders": 1})

    assert caught.value.message == (
        f"cannot write the report to {str(tmp_path)!r}: Is a directory. The store has everything; "
        "run it again with another FILE to see what is in it"
    )


def test_a_folder_that_may_not_be_listed_is_an_error_with_its_name(run: Run, tmp_path: Path) -> None:
    tasks = tmp_path / "storage" / "tasks"
    tasks.mkdir(parents=True)
    tasks.chmod(0)
    if os.access(tasks, os.R_OK):
        pytest.skip("root may list everything")

    result = run("storage")

    assert result.exit_code == 1
    assert result.stderr == (
        "Error: cannot look into 'storage/tasks': Permission denied. Nothing was written; is it yours to read?\n"
    )


def test_an_error_shows_no_secret_and_no_escape(run: Run, tmp_path: Path) -> None:
    secret = "gh" + "p_" + "A1b2C3d4" * 5
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "truth.jsonl").write_text(f'{{"session_id":"{secret}"}}\n')

    result = run("tasks")

    assert result.exit_code == 2
    assert secret[:12] not in result.output
    assert "[redacted:github-token]" in result.output


def test_a_report_of_nothing_says_how_many_folders_there_were() -> None:
    assert Report().lines() == [("folders", "", 0)]
