"""`g6o-eval` as a program that can be killed, at the price of a fork: copies of one process that has loaded it.

This file, run as a script, is that process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Copy:
    """A running command. Its output goes into files named for its process."""

    copies: Copies
    pid: int
    folder: Path

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def end(self) -> tuple[int, str, str]:
        """Wait for it; return the exit status (negative: the signal that ended it), output and errors."""
        status = self.copies.ask({"wait": self.pid})
        out, err = (self.folder / f"{self.pid}.{name}" for name in ("out", "err"))
        return status, out.read_text(), err.read_text()


class Copies:
    """The process that copies are made of."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, folder: Path, store: str = "doltlite:///own.db") -> Copy:
        """Start `g6o-eval` with these arguments in a folder."""
        return Copy(self, self.ask({"run": arguments, "folder": str(folder), "store": store}), folder)

    def ask(self, question: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it, and what still runs with it."""
        self._process.communicate(timeout=20)


def _run(arguments: list[str], folder: str, store: str) -> int:
    from g6o_eval.cli import main

    pid = os.fork()
    if pid:
        return pid
    os.chdir(folder)
    os.environ["G6O_STORE"] = store
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{os.getpid()}.{name}", os.O_WRONLY | os.O_CREAT), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["g6o-eval", *arguments]
    status = 1
    try:
        main()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve() -> None:
    import g6o_eval.fleet.commands.listen
    import g6o_eval.fleet.ingest.replay
    import g6o_eval.fleet.live.listen
    import g6o_eval.fleet.live.server
    import g6o_eval.settings
    import g6o_eval.store.embedded
    import g6o_eval.store.server  # noqa: F401 # loaded once, for all

    running = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if "run" in asked:
            answer = _run(asked["run"], asked["folder"], asked["store"])
            running.add(answer)
        else:
            running.discard(asked["wait"])
            status = os.waitpid(asked["wait"], 0)[1]
            answer = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in running:  # of a test that failed
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _serve()
