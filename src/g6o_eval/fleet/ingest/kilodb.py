"""The SQLite store of OpenCode and the Kilo CLI (`opencode.db`, `kilo.db`) → Sessions. Nothing is written to it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from g6o_eval.fleet.ingest.kilo import NO_MESSAGES, UNCHANGED
from g6o_eval.fleet.ingest.opencode import parse_json, session_of
from g6o_eval.fleet.ingest.text import ID_CHARS
from g6o_eval.fleet.session import Issue, Refused, Session

LOCKED = "database is locked"
DAMAGED = "database is damaged or none"
FOREIGN_SCHEMA = "database of another schema"
BUSY_SECONDS = 5.0
"""How long a database in rollback-journal mode is waited for; one in WAL mode never makes a reader wait."""
_NEEDED = {
    "session": {"id", "parent_id", "time_created", "time_updated"},
    "message": {"id", "session_id", "time_created", "data"},
    "part": {"id", "message_id", "session_id", "data"},
}
_SIZE_AND_TIME = "COUNT(*), COALESCE(SUM(LENGTH(data)), 0), COALESCE(MAX(time_updated), 0)"


def list_sessions(path: Path) -> list[str] | Refused:
    """Return the ids of a database's sessions, sorted; Refused when they cannot be read."""
    try:
        with _opened(path) as database:
            return [str(row[0]) for row in database.execute("SELECT id FROM session ORDER BY id")]
    except sqlite3.Error as error:
        return _refused(path.name[:ID_CHARS], path, error)


def read_stored(
    path: Path, session_id: str, *, known: str | None = None, busy_seconds: float = BUSY_SECONDS
) -> Session | Refused:
    """Return a session as it stands at one moment, whoever writes meanwhile; UNCHANGED when `known` is its digest."""
    try:
        with _opened(path, busy_seconds) as database:
            return _read_session(database, session_id, known=known)
    except sqlite3.Error as error:
        return _refused(session_id, path, error)


@contextmanager
def _opened(path: Path, busy_seconds: float = BUSY_SECONDS) -> Iterator[sqlite3.Connection]:
    """Open a database for reading, inside one read transaction: one snapshot.

    Raises:
        sqlite3.Error: it is locked, damaged, or of another schema.
    """
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None)) as database:
        database.execute("PRAGMA query_only = ON")
        # Only text is read: a column that holds something else is decoded as far as it can be.
        database.text_factory = lambda data: data.decode("utf-8", "replace")
        database.execute("BEGIN")
        for table, needed in _NEEDED.items():
            found = {str(row[1]) for row in database.execute(f"PRAGMA table_info({table})")}
            if needed - found:
                raise _ForeignSchemaError(f"table {table!r} lacks {', '.join(sorted(needed - found))}")
        yield database


class _ForeignSchemaError(sqlite3.DatabaseError):
    """A database of somebody else's."""


def _read_session(database: sqlite3.Connection, session_id: str, *, known: str | None) -> Session | Refused:
    info = _info(database, session_id)
    if info is None:
        return Refused(session_id=session_id, reason=NO_MESSAGES)
    digest, size = _digest(database, session_id, info)
    if digest == known:
        return Refused(session_id=session_id, reason=UNCHANGED)
    return session_of(info, _messages(database, session_id), digest=digest, size_bytes=size)


def _info(database: sqlite3.Connection, session_id: str) -> dict[str, Any] | None:
    cursor = database.execute("SELECT * FROM session WHERE id = ?", (session_id,))
    row = cursor.fetchone()
    if row is None:
        return None
    values = dict(zip((column[0] for column in cursor.description), row, strict=True))
    return {
        "id": values["id"],
        "parentID": values["parent_id"],
        "directory": values.get("directory"),
        "time": {"created": values["time_created"], "updated": values["time_updated"]},
        "cost": values.get("cost"),
        "agent": values.get("agent"),
    }


def _digest(database: sqlite3.Connection, session_id: str, info: dict[str, Any]) -> tuple[str, int]:
    """Return a digest of rows, bytes and latest times of a session, and its bytes; no row is parsed.

    Every write of the source sets time_updated, in milliseconds: equal counts, lengths and times are no change.
    """
    counts = [
        database.execute(f"SELECT {_SIZE_AND_TIME} FROM {table} WHERE session_id = ?", (session_id,)).fetchone()  # noqa: S608
        for table in ("message", "part")
    ]
    return hashlib.sha256(repr((info, counts)).encode()).hexdigest(), sum(int(row[1]) for row in counts)


def _messages(database: sqlite3.Connection, session_id: str) -> Iterator[object]:
    """Yield `{info, parts}` for each message; one message at a time is held."""
    rows = database.execute(
        "SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id", (session_id,)
    )
    for message_id, data in rows:
        parts = database.execute("SELECT id, data FROM part WHERE message_id = ? ORDER BY id", (message_id,))
        yield {
            "info": _with(data, id=message_id),
            "parts": [_with(part, id=part_id) for part_id, part in parts],
        }


def _with(data: object, **ids: object) -> object:
    """Return a row's JSON with its ids, which stand in columns of their own; what is no object as it is."""
    try:
        found = parse_json(data) if isinstance(data, str | bytes) else data
    except ValueError:
        return data
    return {**found, **ids} if isinstance(found, dict) else found


def _refused(session_id: str, path: Path, error: sqlite3.Error) -> Refused:
    if isinstance(error, _ForeignSchemaError):
        reason = FOREIGN_SCHEMA
    else:
        reason = LOCKED if isinstance(error, sqlite3.OperationalError) and "locked" in str(error) else DAMAGED
    issue = Issue(file=path.name[:100], index=-1, reason=reason, detail=str(error)[:200])
    return Refused(session_id=session_id, reason=reason, issues=(issue,))
