"""A listener beside a bare SSE client: 100,000 events, the connection cut after 1 % of them, into both stores.

    python benchmarks/listen.py [EVENTS]

The server is a process of its own. It knows the state that its events have led to so far, and answers with that
when it is asked; what it emits while nobody is connected is not sent again. Each 100th event cuts the connection,
every second time in the middle of that event, and two more events pass before the next connection is taken.
Rows are compared with those of the sessions that the events were made from. CPU is the listener's process, the
store's engine included where it is embedded.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import httpx
import orjson
from httpx_sse import connect_sse

from g6o_eval.fleet.ingest.opencode import session_of
from g6o_eval.fleet.ingest.rows import call_rows, message_rows
from g6o_eval.fleet.live.listen import Heard, Listener, Pace
from g6o_eval.fleet.live.server import Server
from g6o_eval.fleet.live.stream import Stream
from g6o_eval.fleet.session import Session
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Store
from g6o_eval.store.schema import known_migrations, migrate
from support.dolt_server import DoltServer
from support.serve import Json, events_of, usual

TURNS, TOGETHER, CUT_EVERY, MISSED = 20, 4, 100, 2
PAUSE_SECONDS = 0.01
"""First pause after a cut; half a second is the default, and would be all that is measured."""


def documents(count: int) -> list[Json]:
    """Return sessions whose events are about so many."""
    each = len(events_of(usual("ses_00000", turns=TURNS)))
    return [usual(f"ses_{number:05}", turns=TURNS) for number in range(max(TOGETHER, -(-count // each)))]


def interleaved(sessions: list[Json], count: int) -> Iterator[Json]:
    """Yield the events of the sessions, several sessions at a time."""
    groups = (sessions[start : start + TOGETHER] for start in range(0, len(sessions), TOGETHER))
    every = itertools.chain.from_iterable(zip(*map(events_of, group), strict=True) for group in groups)
    return itertools.islice(itertools.chain.from_iterable(every), count)


class Source(ThreadingHTTPServer):
    """The server's state: events still to emit, and what those emitted have led to."""

    daemon_threads = True

    def __init__(self, count: int, *, cuts: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.events, self.cuts, self.emitted, self.sent = interleaved(documents(count), count), cuts, 0, 0
        self.state: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()
        self.done = False

    def emit(self) -> bytes | None:
        """Take the next event into the state and return its data, None when there is none left."""
        with self.lock:
            event = next(self.events, None)
            if event is None:
                self.done = True
                return None
            self.emitted += 1
            self.apply(event["type"], event["properties"])
            return orjson.dumps(event)

    def apply(self, kind: str, properties: Json) -> None:
        if kind == "session.created":
            self.state[properties["info"]["id"]] = {"info": properties["info"], "messages": {}}
        elif kind == "message.updated":
            messages = self.state[properties["info"]["sessionID"]]["messages"]
            messages.setdefault(properties["info"]["id"], {"parts": {}})["info"] = properties["info"]
        elif kind == "message.part.updated":
            part = properties["part"]
            self.state[part["sessionID"]]["messages"][part["messageID"]]["parts"][part["id"]] = part


class Handler(BaseHTTPRequestHandler):
    server: Source
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet, as a server that is no toy sends them
    disable_nagle_algorithm = True

    def log_message(self, *args: Any) -> None:
        return

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.strip("/").split("/")
        if path == ["event"]:
            self.stream()
        elif path == ["status"]:
            self.answer([self.server.done, self.server.emitted, self.server.sent])
        elif len(path) == 1:
            self.answer([each["info"] for each in self.server.state.values()])
        else:
            self.answer(self.messages(path[1]) if path[2] == "message" else [])

    def messages(self, session_id: str) -> list[Json]:
        with self.server.lock:
            found = self.server.state[session_id]["messages"].values()
            return [{"info": each["info"], "parts": list(each["parts"].values())} for each in found]

    def answer(self, value: object) -> None:
        data = orjson.dumps(value)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        for number in itertools.count(1):
            data = self.server.emit()
            if data is None:
                self.wfile.flush()
                time.sleep(3600)
            elif self.server.cuts and number == CUT_EVERY:
                torn = self.server.emitted // CUT_EVERY % 2
                self.write(data[: len(data) // 2] if torn else data + b"\n\n", whole=not torn)
                for _ in range(MISSED):
                    self.server.emit()
                return
            else:
                self.write(data + b"\n\n", whole=True)

    def write(self, data: bytes, *, whole: bool) -> None:
        self.wfile.write(b"data: " + data)
        self.server.sent += whole


class Measured:
    """Wall and CPU seconds of a block."""

    def __enter__(self) -> Measured:
        self.began, self.spent = time.monotonic(), _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.monotonic() - self.began, _cpu() - self.spent


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def with_source(count: int, work: Callable[[str], None], *, cuts: bool) -> None:
    arguments = [sys.executable, __file__, "--serve", str(count), str(int(cuts))]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            work(process.stdout.readline().strip())
        finally:
            process.kill()


def floor(count: int) -> None:
    """Read and parse the same stream, uncut, and do nothing with it."""

    def work(url: str) -> None:
        seen = 0
        with Measured() as measured, httpx.Client() as client, connect_sse(client, "GET", f"{url}/event") as source:
            for event in source.iter_sse():
                orjson.loads(event.data)
                seen += 1
                if seen == count:
                    break
        print(f"bare client     {seen:,} events  {seen / measured.wall:,.0f}/s  CPU {measured.cpu:.1f} s")

    with_source(count, work, cuts=False)


def listened(name: str, count: int, store: Store) -> None:
    """Listen until all was emitted, and compare the store with the truth."""
    migrate(store, known_migrations())
    state: dict[str, Any] = {}

    def work(url: str) -> None:
        server = Server(url, environ={})
        stream = Stream(server, notice=lambda _: None, first_seconds=PAUSE_SECONDS)
        listener = Listener(store, server, pace=Pace(), notice=lambda _: None)
        with Measured() as measured:
            stream.start()
            state["heard"] = listener.follow(stream, finished(url, listener))
        stream.close()
        state["measured"], state["status"] = measured, httpx.get(f"{url}/status").json()

    with_source(count, work, cuts=True)
    show(name, store, count=count, **state)


def finished(url: str, listener: Listener) -> Callable[[], bool]:
    """Hold when the source has nothing left and nothing came for a moment; it is asked twice a second at most."""
    last = [0.0, -1.0]

    def holds() -> bool:
        if time.monotonic() - last[0] < 0.5:
            return False
        same = last[1] == listener.heard.events
        last[:] = [time.monotonic(), listener.heard.events]
        return same and bool(httpx.get(f"{url}/status").json()[0])

    return holds


def show(name: str, store: Store, *, count: int, heard: Heard, measured: Measured, status: list[int]) -> None:
    sessions = [session_of(each["info"], each["messages"], digest="") for each in truth(count)]
    lost = {}
    for table, rows_of in (("agent_messages", message_rows), ("agent_tool_calls", call_rows)):
        true = {row for found in sessions if isinstance(found, Session) for row in rows_of(found)}
        there = set(store.read(f"SELECT * FROM {table}"))
        lost[table] = (len(true), len(true - there), len(there - true))
    ((raw,),) = store.read("SELECT COUNT(*) FROM raw_sse_events")
    print(
        f"{name:15} {status[1]:,} events  {status[1] / measured.wall:,.0f}/s  CPU {measured.cpu:.1f} s "
        f"({1e6 * measured.cpu / status[1]:.0f} µs each)  wall {measured.wall:.1f} s  {heard.connections} connections, "
        f"{heard.asked} asked, {heard.commits} commits, {heard.sessions} sessions written"
    )
    print(f"{'':15} raw {int(raw or 0):,} rows, {status[2]:,} events were sent whole")
    for table, (rows, missing, wrong) in lost.items():
        print(f"{'':15} {table}: {rows:,} rows, lost {missing}, not true {wrong}")


def truth(count: int) -> list[Json]:
    """Return the sessions as the first `count` events left them."""
    source = Source(count, cuts=False)
    while source.emit() is not None:
        pass
    source.server_close()
    return [
        {
            "info": each["info"],
            "messages": [{**m, "parts": list(m["parts"].values())} for m in each["messages"].values()],
        }
        for each in source.state.values()
    ]


def main() -> None:
    """Print the figures."""
    if sys.argv[1:2] == ["--serve"]:
        source = Source(int(sys.argv[2]), cuts=sys.argv[3] == "1")
        print(f"http://127.0.0.1:{source.server_port}", flush=True)
        source.serve_forever()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    sample = json.dumps(next(iter(interleaved(documents(count), 10))))
    print(
        f"{count:,} events, the first of {len(sample)} bytes; {len(documents(count))} sessions; a cut each {CUT_EVERY}"
    )
    floor(count)
    with tempfile.TemporaryDirectory() as folder:
        listened("embedded", count, open_store("doltlite:///listen.db", root=Path(folder)))
        server = DoltServer(Path(folder) / "server")
        server.start()
        try:
            server.run("CREATE DATABASE listen")
            listened("Dolt server", count, open_store(server.url("listen"), root=Path(folder)))
        finally:
            server.kill()


if __name__ == "__main__":
    main()
