"""Where OpenCode and the Kilo CLI leave sessions: exports, databases, and the JSON storage before them.

Each is a Source as `ingest/source.py` asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from g6o_eval.fleet.ingest.kilodb import list_sessions, read_stored
from g6o_eval.fleet.ingest.opencode import head_id, looks_like_export, read_export
from g6o_eval.fleet.ingest.opencode_storage import files_of, read_stored_files, session_files, storage_of
from g6o_eval.fleet.ingest.stamp import Stamp, stamp_of
from g6o_eval.fleet.session import Refused, Session

DATABASES = ("kilo.db", "opencode.db")
"""What a database is called; channels of OpenCode add to the second, as in `opencode-dev.db`."""


@dataclass(frozen=True, slots=True)
class Export:
    """A file that `opencode export` wrote; its beginning tells the session's id."""

    path: Path
    session_id: str

    def stamp(self) -> Stamp:
        """See Source.stamp."""
        return _stamp(self.path)

    def read(self, known: str | None) -> Session | Refused:
        """See Source.read."""
        return read_export(self.path, known=known)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session in a database."""

    path: Path
    session_id: str

    def stamp(self) -> Stamp:
        """See Source.stamp. The whole database's: when another session changed, reading finds this one unchanged."""
        return _stamp(self.path, self.path.with_name(f"{self.path.name}-wal"))

    def read(self, known: str | None) -> Session | Refused:
        """See Source.read."""
        return read_stored(self.path, self.session_id, known=known)


@dataclass(frozen=True, slots=True)
class UnreadableDatabase:
    """A database whose sessions cannot be listed; it is asked once more when it is read."""

    path: Path
    session_id: str

    def stamp(self) -> Stamp:
        """See Source.stamp. Never settled: a lock goes without a trace in the file."""
        found = _stamp(self.path)
        return Stamp(text=found.text, settled=False, size_bytes=found.size_bytes)

    def read(self, known: str | None) -> Session | Refused:
        """See Source.read."""
        found = list_sessions(self.path)
        if isinstance(found, Refused):
            return found
        return Refused(session_id=self.session_id, reason="database could not be read a moment ago")


@dataclass(frozen=True, slots=True)
class StorageFiles:
    """A session in `storage/`, one file for each of its messages and parts."""

    storage: Path
    session: Path

    @property
    def session_id(self) -> str:
        """See Source.session_id."""
        return self.session.stem

    def stamp(self) -> Stamp:
        """See Source.stamp."""
        found = files_of(self.storage, self.session)
        return stamp_of((str(each.st_ino), each.st_size, each.st_mtime_ns) for each in found)

    def read(self, known: str | None) -> Session | Refused:
        """See Source.read."""
        return read_stored_files(self.storage, self.session, known=known)


def find_exports(path: Path) -> Sequence[Export] | None:
    """Return the exports at a path: the file itself, or the folder's, by name."""
    if path.is_dir():
        files = [file for file in sorted(path.glob("*.json")) if looks_like_export(file)]
    else:
        files = [path] if path.suffix == ".json" else []
    return [Export(file.resolve(), head_id(file)) for file in files] or None


def find_databases(path: Path) -> Sequence[StoredSession | UnreadableDatabase] | None:
    """Return the sessions of the databases at a path: the file itself, or the folder's, by id."""
    if path.is_dir():
        found = sorted(path.glob("*.db"))
        files = [file for file in found if file.name in DATABASES or file.name.startswith("opencode-")]
    else:
        files = [path] if path.suffix in (".db", ".sqlite") else []
    return [source for file in files for source in _sessions(file.resolve())] if files else None


def find_storage(path: Path) -> Sequence[StorageFiles] | None:
    """Return the sessions of OpenCode's storage folder, or of the folder that it stands in."""
    storage = storage_of(path)
    if storage is None:
        return None
    return [StorageFiles(storage.resolve(), session.resolve()) for session in session_files(storage)]


def _sessions(file: Path) -> list[StoredSession | UnreadableDatabase]:
    found = list_sessions(file)
    if isinstance(found, Refused):
        return [UnreadableDatabase(file, found.session_id)]
    return [StoredSession(file, session_id) for session_id in found]


def _stamp(*paths: Path) -> Stamp:
    found = [(path.name, path.stat()) for path in paths if path.exists()]
    return stamp_of((name, each.st_size, each.st_mtime_ns) for name, each in found)
