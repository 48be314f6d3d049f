"""Following a store that is being written: in batches, over a server that comes back, until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from g6o_eval.fleet.ingest.follow import Debounce, Looks, Pace
from g6o_eval.store.choose import open_store
from support.task_folders import UI, as_bytes, make_folder, request, say

PACE = Pace(every=1.0, quiet=5.0, at_most=20.0)
TALK = [say("text", "Do it."), request(at=5, cost=0.5), say("text", "Done.", at=9)]


def looks(number: int) -> Looks:
    return frozenset({("one", str(number))})


def test_the_first_look_is_written_at_once_and_an_equal_one_never() -> None:
    watch = Debounce(PACE)

    first = watch.due(looks(1), 0.0)
    watch.done(looks(1))

    assert (first, watch.due(looks(1), 1.0), watch.due(looks(1), 999.0)) == (True, False, False)


def test_a_change_is_written_when_it_has_been_quiet() -> None:
    watch = Debounce(PACE)
    watch.done(looks(1))

    found = [watch.due(looks(number), at) for number, at in [(2, 0.0), (3, 3.0), (3, 7.0), (3, 8.0)]]

    assert found == [False, False, False, True]


def test_what_never_is_quiet_is_written_after_a_while() -> None:
    watch = Debounce(PACE)
    watch.done(looks(0))

    found = [watch.due(looks(number), float(number)) for number in range(1, 23)]

    assert found.index(True) == 20


def test_what_was_not_written_is_due_again() -> None:
    watch = Debounce(PACE)
    watch.done(looks(1))

    assert [watch.due(looks(2), at) for at in (0.0, 5.0, 6.0)] == [False, True, True]


def test_a_change_that_is_taken_back_is_nothing() -> None:
    watch = Debounce(PACE)
    watch.done(looks(1))

    assert [watch.due(looks(number), at) for number, at in [(2, 0.0), (1, 1.0), (1, 9.0)]] == [False, False, False]


def test_the_command_follows_until_ctrl_c_and_exits_0(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tasks", "one", ui=TALK)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    # A shell gives its background jobs a SIGINT that is ignored, and so to all that they start.
    command = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command += "from g6o_eval.cli import main; main()"
    args = ["ingest", "tasks", "--follow", "--store", "doltlite:///x.db"]
    child = subprocess.Popen([sys.executable, "-c", command, *args], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None

    first = child.stdout.readline()
    (folder / UI).write_bytes(as_bytes([*TALK, say("text", "More.", at=90)]))
    second = child.stdout.readline()
    child.send_signal(signal.SIGINT)

    assert child.wait(timeout=20) == 0
    assert [line.split("   ")[1].split(",")[0] for line in (first, second)] == ["1 session", "1 session"]
    store = open_store("doltlite:///x.db", root=tmp_path)
    assert list(store.read("SELECT COUNT(*) FROM agent_messages")) == [(3,)]
    store.close()
