"""The server of a pytest session ends with it, however it ends: nothing of it may be left on a machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent.parent
SESSION = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {str(SUPPORT)!r})
from support.dolt_server import session_server
print(session_server(Path(sys.argv[1]), os.getpid()).port, flush=True)
sys.stdin.readline()
"""


def start(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Start what stands for a pytest session; return it and its server's port."""
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert session.stdout is not None
    return session, int(session.stdout.readline())


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def comes_true(what: Callable[[], bool]) -> bool:
    until = time.monotonic() + 15
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("end", [signal.SIGKILL, None])
def test_it_ends_with_its_session_and_leaves_no_data(tmp_path: Path, end: signal.Signals | None) -> None:
    session, port = start(tmp_path / "dolt")
    assert answers(port)

    if end is None:
        session.communicate("\n")
    else:
        session.send_signal(end)
        session.communicate()

    assert comes_true(lambda: not answers(port))
    assert comes_true(lambda: not {"data", "files", "home"} & {each.name for each in (tmp_path / "dolt").iterdir()})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_it_ends_when_who_watches_it_is_killed(tmp_path: Path) -> None:
    session, port = start(tmp_path / "dolt")
    (watcher,) = watchers(tmp_path / "dolt")

    os.kill(watcher, signal.SIGKILL)

    assert comes_true(lambda: not answers(port))
    session.communicate("\n")


def watchers(folder: Path) -> list[int]:
    """Return the processes that were started with this folder and the support module."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                arguments = (each / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has just ended
                continue
            if os.fsencode(folder) in arguments and any(a.endswith(b"dolt_server.py") for a in arguments):
                found.append(int(each.name))
    return found
