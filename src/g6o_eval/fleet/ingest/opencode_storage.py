"""The JSON files that OpenCode kept before its database: `storage/{session,message,part}/…` → Sessions."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from g6o_eval.fleet.ingest.kilo import UNCHANGED, UNREADABLE
from g6o_eval.fleet.ingest.opencode import parse_json, session_of
from g6o_eval.fleet.ingest.text import milliseconds
from g6o_eval.fleet.session import Issue, Refused, Session


def storage_of(path: Path) -> Path | None:
    """Return the storage folder that a path is or holds, None when it is none."""
    candidates = (path, path / "storage") if path.is_dir() else ()
    return next((each for each in candidates if (each / "session").is_dir() and (each / "message").is_dir()), None)


def session_files(storage: Path) -> list[Path]:
    """Return the file of each session, `session/<project>/<id>.json`, by id."""
    return sorted(storage.glob("session/*/ses_*.json"), key=lambda file: file.name)


def files_of(storage: Path, session: Path) -> Iterator[os.stat_result]:
    """Yield the sizes and times of all files of a session, in a fixed order; one that is gone is left out."""
    for file in _files(storage, session):
        try:
            yield file.stat()
        except FileNotFoundError:
            continue


def read_stored_files(storage: Path, session: Path, *, known: str | None = None) -> Session | Refused:
    """Return a session from its files. Nothing is raised."""
    try:
        contents = {file: _bytes(file) for file in _files(storage, session)}
    except OSError as error:
        detail = f"{type(error).__name__}: {error.strerror}"
        issue = Issue(file=session.name[:100], index=-1, reason=UNREADABLE, detail=detail)
        return Refused(session_id=session.stem, reason=UNREADABLE, issues=(issue,))
    digest = hashlib.sha256()
    for file, data in contents.items():
        digest.update(f"{file.relative_to(storage)}\0{len(data)}\0".encode("utf-8", "replace") + data)
    if digest.hexdigest() == known:
        return Refused(session_id=session.stem, reason=UNCHANGED)
    info = _parsed(contents[session])
    return session_of(
        {**(info if isinstance(info, dict) else {}), "id": session.stem},
        _messages(contents, storage / "message" / session.stem),
        digest=digest.hexdigest(),
        size_bytes=sum(map(len, contents.values())),
    )


def _files(storage: Path, session: Path) -> Iterator[Path]:
    yield session
    for message in sorted((storage / "message" / session.stem).glob("*.json")):
        yield message
        yield from sorted((storage / "part" / message.stem).glob("*.json"))


def _messages(contents: Mapping[Path, bytes], folder: Path) -> list[object]:
    """Return `{info, parts}` for each message, in the order of their times."""
    found = {file.stem: _parsed(data) for file, data in contents.items() if file.parent == folder}
    parts: dict[str, list[object]] = {message_id: [] for message_id in found}
    for file, data in contents.items():
        if file.parent.name in parts:
            parts[file.parent.name].append(_parsed(data))
    messages = [(_created(info), name, {"info": info, "parts": parts[name]}) for name, info in found.items()]
    return [message for _, _, message in sorted(messages, key=lambda each: each[:2])]


def _created(info: object) -> int:
    time: Any = info.get("time") if isinstance(info, dict) else None
    return (milliseconds(time.get("created")) or 0) if isinstance(time, dict) else 0


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""  # removed since it was listed, as a rewound message is


def _parsed(data: bytes) -> object:
    """Return what a file holds; one that is no JSON as text, which the reader refuses with its place."""
    try:
        return parse_json(data)
    except ValueError:
        return data[:200].decode("utf-8", "replace")
