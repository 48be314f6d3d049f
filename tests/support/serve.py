"""A made-up OpenCode session, the events that lead to it, and an HTTP server on loopback that misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]
START = 1_770_000_000_000


def user(message_id: str, text: str, *, session_id: str, at: int = 0) -> Json:
    """A person's message."""
    info = {"id": message_id, "sessionID": session_id, "role": "user", "time": {"created": START + at}, "agent": "code"}
    return {"info": info, "parts": [text_part(f"prt_{message_id}_0", text, within=info)]}


def assistant(
    message_id: str,
    *parts: Json,
    session_id: str,
    at: int = 0,
    cost: float = 0.25,
    finish: str | None = "stop",
    **more: Any,
) -> Json:
    """The model's message: its parts between the start and the end of one step."""
    info = {
        "id": message_id, "sessionID": session_id, "role": "assistant", "modelID": "m-1", "providerID": "p",
        "mode": "code",
        "cost": cost, "time": {"created": START + at, "completed": START + at + 900}, "finish": finish,
        "tokens": {"input": 10, "output": 5, "reasoning": 2, "cache": {"read": 100, "write": 20}}, **more,
    }  # fmt: skip
    inner = [
        {"type": "step-start"},
        *parts,
        {"type": "step-finish", "reason": finish, "cost": cost, "tokens": info["tokens"]},
    ]
    named = [
        {"id": f"prt_{message_id}_{place:03}", "sessionID": session_id, "messageID": message_id, **part}
        for place, part in enumerate(inner)
    ]
    return {"info": info, "parts": named}


def text_part(part_id: str, text: str, *, within: Json) -> Json:
    """A text of a message."""
    return {"id": part_id, "sessionID": within["sessionID"], "messageID": within["id"], "type": "text", "text": text}


def said(text: str, *, at: int = 0, kind: str = "text") -> Json:
    """A text that was streamed."""
    return {"type": kind, "text": text, "time": {"start": START + at, "end": START + at + 50}}


def tool(name: str, args: Json, *, at: int = 0, took: int = 35, status: str = "completed", **state: Any) -> Json:
    """A call of a tool."""
    time_of = (
        {"start": START + at, "end": START + at + took} if status in ("completed", "error") else {"start": START + at}
    )
    held = {"status": status, "input": args, "time": time_of, "metadata": {}, "title": "", "output": "", **state}
    return {"type": "tool", "callID": f"call_{name}_{at}", "tool": name, "state": held}


def session(session_id: str, *messages: Json, parent: str | None = None, updated: int = 0) -> Json:
    """An export: a session and its messages."""
    info: Json = {
        "id": session_id, "projectID": "prj", "directory": "/repo", "title": "t", "version": "1.2.10",
        "time": {"created": START, "updated": START + updated},
    }  # fmt: skip
    return {"info": {**info, "parentID": parent} if parent else info, "messages": list(messages)}


def usual(session_id: str, *, turns: int = 1, parent: str | None = None) -> Json:
    """A session of a prompt, some turns with a call each, and an end."""
    first = user(f"msg_{session_id}_000", f"Do {session_id}.", session_id=session_id)
    rest = [
        assistant(
            f"msg_{session_id}_{place:03}",
            said(f"Turn {place} of {session_id} says something of a length.", at=place * 1000),
            tool("bash", {"command": f"make {place}"}, at=place * 1000 + 60, metadata={"exit": 0}),
            session_id=session_id, at=place * 1000, finish="stop" if place == turns else "tool-calls",
        )
        for place in range(1, turns + 1)
    ]  # fmt: skip
    return session(session_id, first, *rest, parent=parent, updated=turns * 1000)


def events_of(document: Json, *, deltas: int = 3, idle: bool = True) -> list[Json]:
    """Return the events that a server sends while the session becomes what the export holds."""
    session_id = document["info"]["id"]
    events = [{"type": "session.created", "properties": {"info": document["info"]}}]
    for message in document["messages"]:
        info = message["info"]
        early = {**info, "time": {"created": info["time"]["created"]}}
        early |= {"cost": 0} if "cost" in info else {}
        early.pop("finish", None)
        events.append({"type": "message.updated", "properties": {"info": early}})
        for part in message["parts"]:
            events += [{"type": "message.part.updated", "properties": step} for step in _growing(part, deltas)]
        if early != info:
            events.append({"type": "message.updated", "properties": {"info": info}})
    if idle:
        events.append({"type": "session.status", "properties": {"sessionID": session_id, "status": {"type": "idle"}}})
        events.append({"type": "session.idle", "properties": {"sessionID": session_id}})
    return events


def _growing(part: Json, deltas: int) -> Iterator[Json]:
    if part["type"] == "text" and "end" in part.get("time", {}):
        text = part["text"]
        for share in range(deltas):
            upto = len(text) * share // deltas
            yield {
                "part": {**part, "text": text[:upto], "time": {"start": part["time"]["start"]}},
                "delta": text[:upto][-5:],
            }
    if part["type"] == "tool":
        yield {"part": {**part, "state": {"status": "pending", "input": {}, "raw": ""}}}
        running = {
            "status": "running",
            "input": part["state"]["input"],
            "time": {"start": part["state"]["time"]["start"]},
        }
        yield {"part": {**part, "state": running}}
    yield {"part": part}


def sse(*events: Json | str) -> bytes:
    """Return events as a server writes them; a str is written as it is."""
    return b"".join(
        event.encode() if isinstance(event, str) else b"data: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    )


@dataclass
class Script:
    """What the server does.

    Attributes:
        streams: bytes of each connection to /event in turn; then the connection ends. When none is left, the last
            connection stays open and silent.
        documents: session id → export, as the server answers when it is asked.
        fail: called with each path; a status other than 0 is answered instead.
        pause_seconds: between two pieces of a stream.
    """

    streams: list[bytes] = field(default_factory=list)
    documents: dict[str, Json] = field(default_factory=dict)
    fail: Callable[[str], int] = lambda path: 0
    pause_seconds: float = 0.0


class ServeServer:
    """The server. `requests` holds the path of each request, `headers` those of each connection to /event."""

    def __init__(self, script: Script, *, port: int = 0) -> None:
        self.script, self.requests, self.headers = script, [], []  # type: ignore[var-annotated]
        self.stopping = threading.Event()
        self.drained = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(server: ServeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            return

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            server.requests.append(self.path)
            status = server.script.fail(path)
            if status:
                self._answer({"error": "on purpose"}, status)
            elif path == "/event":
                self._stream()
            else:
                self._ask(path.strip("/").split("/"))

        def _ask(self, path: Sequence[str]) -> None:
            documents = server.script.documents
            if path == ["session"]:
                self._answer([document["info"] for document in documents.values()])
            elif len(path) == 3 and path[1] in documents:
                children = [each["info"] for each in documents.values() if each["info"].get("parentID") == path[1]]
                self._answer(documents[path[1]]["messages"] if path[2] == "message" else children)
            else:
                self._answer({"error": "no such session"}, 404)

        def _answer(self, value: object, status: int = 200) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        def _stream(self) -> None:
            server.headers.append(dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            streams = server.script.streams
            try:
                self._send(streams.pop(0) if streams else b"")
                if not streams:
                    server.drained.set()
                    while not server.stopping.wait(0.05):
                        pass
            except OSError:
                return  # the listener hung up

        def _send(self, data: bytes) -> None:
            self.wfile.write(sse({"type": "server.connected", "properties": {}}))
            size = 1 << 16 if not server.script.pause_seconds else 97
            for start in range(0, len(data), size):
                self.wfile.write(data[start : start + size])
                if server.script.pause_seconds:
                    time.sleep(server.script.pause_seconds)
            self.wfile.flush()

    return Handler
