"""A private `dolt sql-server`: one that a test starts and kills, and one for a whole pytest session.

The session's server belongs to a process of its own (this file, run as a script), which watches the
pytest process, or the controller of the xdist workers: when that ends, however it ends, the server
ends too and its data is deleted. The kernel ends the server should the watcher be killed.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pymysql
from filelock import FileLock
from pymysql.connections import Connection

ROOT = Path(__file__).parent.parent.parent
READY_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1

SETTINGS = (
    '{"metrics.disabled": "true", "versioncheck.disabled": "true", "user.name": "t", "user.email": "t@localhost"}'
)
CONFIG = """\
log_level: warning
behavior:
  auto_gc_behavior:
    enable: false
listener:
  host: 127.0.0.1
  port: {port}
{listener}data_dir: {folder}/data
system_variables:
  dolt_stats_enabled: 0
{variables}"""
OWN_FILES = "  secure_file_priv: {folder}/files\n"


class DoltServer:
    """A server in a folder of its own, on a port of its own.

    Attributes:
        folder: its data, settings and log.
        port: on 127.0.0.1.
    """

    def __init__(
        self, folder: Path, port: int | None = None, *, listener: str = "", system_variables: str = OWN_FILES
    ) -> None:
        self.folder = folder
        self._listener, self._variables = listener, system_variables.format(folder=folder)  # lines of config.yaml
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str, user: str = "root") -> str:
        """Return the store URL of a database."""
        return f"dolt://{user}@127.0.0.1:{self.port}/{database}"

    def client(self, database: str | None = None, user: str = "root") -> Connection:
        """Open a bare connection, as another program would."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=user, database=database, autocommit=True, ssl_disabled=True,
            connect_timeout=5, read_timeout=60,
        )  # fmt: skip

    def run(self, *statements: str, database: str | None = None, user: str = "root") -> list[tuple[Any, ...]]:
        """Run statements on a connection of their own; return the rows of the last."""
        client = self.client(database, user)
        try:
            with client.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            client.close()

    def start(self) -> None:
        """Start it, for the first time or again, and wait until it answers."""
        home = self.folder / "home" / ".dolt"
        for each in (home, self.folder / "data", self.folder / "files"):
            each.mkdir(parents=True, exist_ok=True)
        (home / "config_global.json").write_text(SETTINGS)
        config = self.folder / "config.yaml"
        config.write_text(
            CONFIG.format(port=self.port, folder=self.folder, listener=self._listener, variables=self._variables)
        )
        own = {"DOLT_ROOT_PATH": str(home.parent), "DOLT_EVENTS_EMITTER": "null", "DOLT_DISABLE_EVENT_FLUSH": "1"}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_dolt(), "sql-server", "--config", str(config)], env=os.environ | own, cwd=self.folder,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
        self._wait_until_ready(self._process)

    def kill(self) -> None:
        """Kill it where it stands."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Make it hang: it takes what it is sent and answers nothing until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)  # until the last of its threads stands still

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def pid(self) -> int:
        """The number of its process; it must run."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def ends_within(self, seconds: float) -> bool:
        """Whether its process ends by itself in this time."""
        assert self._process is not None
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(with_signal)
            self._process.wait(timeout=30)
            self._process = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.run("SELECT 1")
            except pymysql.err.Error as error:
                if process.poll() is not None or time.monotonic() > until:
                    log = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(f"the dolt server does not answer: {error}\n{log[-3000:]}") from error
                time.sleep(0.02)
            else:
                return


@cache
def find_dolt() -> str:
    """Return the binary that tools/dolt finds or builds, asked once; its progress goes to the terminal."""
    done = subprocess.run([ROOT / "tools" / "dolt"], stdout=subprocess.PIPE, stderr=sys.__stderr__, text=True)
    if done.returncode:
        raise RuntimeError("no dolt binary: see what tools/dolt said above")
    return done.stdout.strip()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def session_server(folder: Path, session_pid: int) -> DoltServer:
    """Return the one server of a pytest session; the first worker that asks has it started."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "port").exists():
            find_dolt()  # a build takes minutes: not while the others count the seconds
            subprocess.Popen(
                [sys.executable, __file__, str(folder), str(session_pid)], start_new_session=True, cwd=ROOT,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(folder / "watcher.log").open("wb"),
            )  # fmt: skip
            _wait_for(folder / "port", folder / "watcher.log")
    return DoltServer(folder, int((folder / "port").read_text()))


def _wait_for(path: Path, log: Path) -> None:
    until = time.monotonic() + READY_SECONDS + 5
    while not path.exists():
        if time.monotonic() > until:
            raise RuntimeError(f"the dolt server did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(folder: Path, session_pid: int) -> None:
    server = DoltServer(folder)
    try:
        server.start()
        draft = folder / "port.draft"
        draft.write_text(str(server.port))
        draft.replace(folder / "port")
        _wait_for_end(session_pid, server)
    finally:
        server.kill()
        for name in ("data", "files", "home"):
            shutil.rmtree(folder / name, ignore_errors=True)


def _wait_for_end(session_pid: int, server: DoltServer) -> None:
    """Return when the session has ended, or its server has."""
    if hasattr(os, "pidfd_open"):  # Linux: also sees a session that ended and was not yet reaped
        try:
            descriptor = os.pidfd_open(session_pid)
        except ProcessLookupError:
            return
        while server.running and not select.select([descriptor], [], [], 1.0)[0]:
            pass
        return
    while server.running:
        try:
            os.kill(session_pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.2)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]), int(sys.argv[2]))
