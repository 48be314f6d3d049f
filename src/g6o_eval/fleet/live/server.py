"""What `kilo serve` and `opencode serve` answer over HTTP: sessions, their messages, the stream of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from httpx_sse import SSEError, connect_sse

from g6o_eval.errors import DeclarationError, UnavailableError
from g6o_eval.fleet.ingest.opencode import parse_json

TOKEN_VARIABLE = "G6O_SERVE_TOKEN"  # noqa: S105 # a name
PASSWORD_VARIABLES = ("KILO_SERVER_PASSWORD", "OPENCODE_SERVER_PASSWORD")
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
SILENT_SECONDS = 35.0
"""A stream is taken for dead after this long: the server sends a heartbeat every 10 seconds."""
ANSWER_BYTES = 256_000_000
"""Longest answer that is taken: it is parsed in memory."""
SESSIONS_ASKED = 100_000
"""Newer servers list 100 sessions unless asked for more."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HOPELESS = frozenset({401, 403, 404, 405})


class Server:
    """A client of one server. What it cannot get is an httpx.HTTPError, unless trying again is no use."""

    def __init__(
        self, url: str, *, environ: Mapping[str, str], directory: str | None = None, most: int = ANSWER_BYTES
    ) -> None:
        self.url, self._most = checked_url(url), most
        self._params = {} if directory is None else {"directory": directory}
        self._client = httpx.Client(
            base_url=self.url,
            headers=_headers(environ),
            auth=_auth(environ),
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=urlsplit(self.url).hostname not in _LOOPBACK,
        )

    def sessions(self) -> list[object]:
        """Return the `info` of every session, as it was answered."""
        return _listed(self._get("/session", limit=str(SESSIONS_ASKED)), "the sessions")

    def children(self, session_id: str) -> list[object]:
        """Return the `info` of the sessions that a session asked for; servers without this call have none."""
        try:
            return _listed(self._get(f"/session/{session_id}/children"), f"the children of {session_id!r}")
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return []
            raise

    def messages(self, session_id: str) -> list[object] | None:
        """Return `{info, parts}` for each message of a session, None when the server does not know it."""
        try:
            found = self._get(f"/session/{session_id}/message")
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return None
            raise
        return _listed(found, f"the messages of {session_id!r}")

    @contextmanager
    def events(self, last_event_id: str) -> Iterator[httpx.Response]:
        """Open the stream of events, behind the last one seen where the server numbers them.

        Raises:
            UnavailableError: the server refuses, and will again.
            httpx.HTTPError, SSEError: it cannot be reached, or fails.
        """
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        timeout = httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
        with connect_sse(
            self._client, "GET", "/event", params=self._params, headers=headers, timeout=timeout
        ) as source:
            _check(source.response, self.url)
            yield source.response

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def _get(self, path: str, **params: str) -> Any:
        with self._client.stream("GET", path, params={**self._params, **params}) as response:
            response.raise_for_status()
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > self._most:
                    raise httpx.DecodingError(f"{path} answered with more than {self._most:,} bytes")
        try:
            return parse_json(bytes(body))
        except ValueError as error:
            raise httpx.DecodingError(f"{path} answered with no JSON: {error}") from error


def checked_url(url: str) -> str:
    """Return a server's URL without a slash at its end.

    Raises:
        DeclarationError: it is no http URL, or holds a password: that would stand in the process list.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise DeclarationError(f"{url!r} is no URL of a server: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise DeclarationError(f"{url!r} is no URL of a server: expected http://HOST:PORT")
    if parts.username is not None or parts.password is not None:
        where = ", ".join(f"${name}" for name in (*PASSWORD_VARIABLES, TOKEN_VARIABLE))
        raise DeclarationError(
            f"the URL of {parts.hostname!r} holds credentials: give them in the environment ({where})"
        )
    return url.rstrip("/")


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    token = environ.get(TOKEN_VARIABLE)
    return {"Authorization": f"Bearer {token}"} if token else {}


def _auth(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return user and password as the server itself takes them from its environment."""
    for name in PASSWORD_VARIABLES:
        if password := environ.get(name):
            product = name.split("_")[0]
            return environ.get(f"{product}_SERVER_USERNAME") or product.lower(), password
    return None


def _listed(found: object, what: str) -> list[object]:
    if not isinstance(found, list):
        raise httpx.DecodingError(f"{what} are a {type(found).__name__}, expected a list")
    return found


def _check(response: httpx.Response, url: str) -> None:
    if response.status_code in _HOPELESS:
        where = ", ".join(f"${name}" for name in (*PASSWORD_VARIABLES, TOKEN_VARIABLE))
        asks = f"; credentials are read from {where}" if response.status_code in (401, 403) else ""
        raise UnavailableError(f"{url}/event answered {response.status_code}: is this `kilo serve`?{asks}")
    response.raise_for_status()
    kind = response.headers.get("content-type", "")
    if not kind.startswith("text/event-stream"):
        raise SSEError(f"{url}/event answered with {kind!r}, expected 'text/event-stream'")
