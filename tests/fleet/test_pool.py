"""Reading in several processes gives what reading in one gives, in order, and no process outlives the writer."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from g6o_eval.fleet.ingest.pool import AHEAD, POOLED_BYTES, ReaderKilledError, Task, read_all, workers_for
from g6o_eval.fleet.ingest.source import find_sources
from support.task_folders import make_folder, request, say

TALK = [say("text", "Do it."), request(at=5, cost=0.5), say("text", "Done.", at=9)]
_PARENT = """
import sys, time
from pathlib import Path
from g6o_eval.fleet.ingest.pool import Task, read_all
from g6o_eval.fleet.ingest.source import find_sources
if __name__ == "__main__":
    import multiprocessing
    found = read_all((Task(source, None, 0) for source in find_sources([Path(sys.argv[1])])), workers=1)
    next(found)
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    time.sleep(60)
"""


def tasks(folder: Path) -> list[Task]:
    return [Task(source, None, 0) for source in find_sources([folder])]


def test_processes_give_the_same_in_the_same_order(tmp_path: Path) -> None:
    for number in range(2 * AHEAD + 3):
        make_folder(tmp_path, f"t{number:02}", ui=[*TALK, say("text", str(number), at=99)])

    alone = list(read_all(tasks(tmp_path), workers=0))

    assert list(read_all(tasks(tmp_path), workers=2)) == alone
    assert [reading.session_id for _, reading in alone] == [f"t{number:02}" for number in range(2 * AHEAD + 3)]


def test_little_is_read_in_this_process_and_much_by_one_for_each_core(tmp_path: Path) -> None:
    (source,) = find_sources([make_folder(tmp_path, "one", ui=TALK)])

    assert workers_for([Task(source, None, POOLED_BYTES - 1)]) == 0
    assert workers_for([Task(source, None, POOLED_BYTES)]) == os.cpu_count()


def test_a_killed_writer_leaves_no_process_behind(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    for number in range(9):
        make_folder(tmp_path / "tasks", f"t{number}", ui=TALK)
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path / "tasks")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]

    parent.kill()
    parent.wait()

    assert children
    until = time.monotonic() + 20
    while any(_lives(pid) for pid in children) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_lives(pid) for pid in children)


def test_a_killed_reader_is_an_error_that_says_so(tmp_path: Path) -> None:
    for number in range(4 * AHEAD):
        make_folder(tmp_path, f"t{number:02}", ui=TALK)
    found = read_all(tasks(tmp_path), workers=1)
    next(found)

    for child in multiprocessing.active_children():
        child.kill()
    with pytest.raises(ReaderKilledError) as caught:
        list(found)

    expected = (
        r"a process that reads was killed from outside, as happens when memory runs out, before 't\d\d' was read; "
        r"nothing was written\. Free memory, or import fewer folders at once, and run it again"
    )
    assert re.fullmatch(expected, str(caught.value))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
