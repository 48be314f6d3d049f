"""The embedded store: a doltlite file, opened in this process."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

from g6o_eval.errors import (
    MissingError,
    QueryError,
    ReadOnlyError,
    RefusedError,
    StoreError,
    UnavailableError,
    UnfitError,
)
from g6o_eval.store.change import EmbeddedChange, commit_tables, dirty_tables
from g6o_eval.store.doltlite import Connection, Mode
from g6o_eval.store.library import Library, check_version, find_library, load_library
from g6o_eval.store.port import Kind, Rows, Value
from g6o_eval.store.query import query
from g6o_eval.store.schema import SENTINEL, SENTINEL_DDL

BUSY_SECONDS = 30.0
"""How long a change waits for another process before it gives up."""

_MAGIC, _STOCK = b"CTLD", b"SQLite format 3\0"
_KEPT_REVISIONS = 8


class EmbeddedStore:
    """A doltlite file on its main branch.

    Reads go through a connection that cannot write, so a change is seen only when it is committed.
    """

    kind: Kind = "embedded"

    def __init__(
        self, path: Path, *, url: str, read_only: bool = False, create: bool = True, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self.url, self._path, self._busy_seconds = url, path, busy_seconds
        self._library = fit_library()
        if not path.exists() or not path.stat().st_size:
            if read_only or not create:
                raise MissingError(f"there is no store at {path} (from {url})")
            self._make()
        _check_header(path)
        self.read_only = read_only or not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        self._revisions: OrderedDict[str, Connection] = OrderedDict()
        self._writing = threading.RLock()
        self._writer: Connection | None = None
        self._reader: Connection | None = self._connect("read")
        if SENTINEL not in self.tables():
            self.close()
            raise UnfitError(
                f"{path} has no table {SENTINEL} and yet is not empty: another program made it, or a doltlite before "
                "0.11.15, whose rows this version cannot see and would destroy. Nothing was changed. Name another "
                "file: --eval-store doltlite:///PATH"
            )

    def head(self) -> str:
        """See Store.head."""
        return str(self._open_reader().run("SELECT dolt_hashof('HEAD')")[0][0])

    def branch(self) -> str:
        """See Store.branch."""
        return str(self._open_reader().run("SELECT active_branch()")[0][0])

    def dirty(self) -> tuple[str, ...]:
        """See Store.dirty."""
        return tuple(sorted(dirty_tables(self._open_reader())))

    def tables(self, *, at: str | None = None) -> frozenset[str]:
        """See Store.tables."""
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        return frozenset(str(name) for (name,) in self._connection(at).run(sql))

    def read(self, sql: str, params: Sequence[Value] = (), *, at: str | None = None) -> Rows:
        """See Store.read."""
        return query(self._connection(at), sql, params)

    @contextmanager
    def change(self, message: str) -> Iterator[EmbeddedChange]:
        """See Store.change."""
        with self._write(f"{message!r}") as writer:
            writer.run("BEGIN IMMEDIATE")
            try:
                change = EmbeddedChange(writer)
                yield change
                change.finish(message)
            finally:
                if writer.in_transaction:
                    writer.run("ROLLBACK")

    def adopt(self, tables: Sequence[str], message: str) -> str:
        """See Store.adopt."""
        with self._write("what another client left") as writer:
            writer.run("BEGIN IMMEDIATE")
            try:
                if clean := sorted(set(tables) - dirty_tables(writer)):
                    raise RefusedError((f"{', '.join(clean)}: no uncommitted rows; somebody was quicker",))
                return commit_tables(writer, tables, message)
            finally:
                if writer.in_transaction:
                    writer.run("ROLLBACK")

    def label(self, name: str, commit: str, message: str) -> None:
        """See Store.label."""
        with self._write(f"label {name!r}") as writer:
            # Tags know no rollback, so everything that can fail is asked first; BEGIN keeps other writers away.
            commit = self._resolve(self._open_reader(), commit)
            writer.run("BEGIN IMMEDIATE")
            try:
                if writer.run("SELECT 1 FROM dolt_tags WHERE tag_name = ?", (name,)):
                    writer.run("SELECT dolt_tag('-d', ?)", (name,))
                writer.run("SELECT dolt_tag(?, ?, '-m', ?)", (name, commit, message))
                writer.run("COMMIT")
            finally:
                if writer.in_transaction:
                    writer.run("ROLLBACK")

    @contextmanager
    def lock(self, name: str, *, timeout_seconds: float = 30.0) -> Iterator[None]:
        """See Store.lock."""
        if self.read_only:
            raise ReadOnlyError(f"cannot lock {name!r}: {self.url} may only be read")
        with _file_lock(self._path, name, timeout_seconds):
            yield

    def close(self) -> None:
        """See Store.close."""
        for connection in (self._reader, self._writer, *self._revisions.values()):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None
        self._revisions.clear()

    @contextmanager
    def _write(self, what: str) -> Iterator[Connection]:
        if self.read_only:
            raise ReadOnlyError(f"cannot write {what}: {self.url} may only be read")
        self._open_reader()
        with self._writing:
            if self._writer is None:
                self._writer = self._connect("write")
            if self._writer.in_transaction:
                raise StoreError(f"cannot write {what}: this thread has a change of {self.url} open already")
            yield self._writer

    def _connection(self, at: str | None) -> Connection:
        reader = self._open_reader()
        if at is None:
            return reader
        commit = self._resolve(reader, at)
        if commit not in self._revisions:
            self._revisions[commit] = self._connect("read", revision=f"@{commit}")
            if len(self._revisions) > _KEPT_REVISIONS:
                self._revisions.popitem(last=False)[1].close()
        self._revisions.move_to_end(commit)
        return self._revisions[commit]

    def _resolve(self, reader: Connection, at: str) -> str:
        if at in self._revisions:
            return at
        try:
            return str(reader.run("SELECT dolt_hashof(?)", (at,))[0][0])
        except QueryError:
            raise MissingError(f"{self.url} has no commit {at!r}") from None

    def _open_reader(self) -> Connection:
        if self._reader is None:
            raise UnavailableError(f"the store {self.url} is closed")
        return self._reader

    def _connect(self, mode: Mode, *, revision: str = "") -> Connection:
        target = f"{self._path}{revision}"
        return Connection(
            self._library, target, mode=mode, name=str(self._path), busy_seconds=self._busy_seconds
        )  # fmt: skip

    def _make(self) -> None:
        """Make the file, whole and with its sentinel, under another name first: a crash leaves no half of it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(f"cannot make the folder of {self._path}: {error.strerror}") from None
        with _file_lock(self._path, "make", self._busy_seconds):
            if self._path.exists() and self._path.stat().st_size:
                return  # another process was quicker
            draft = self._path.with_name(f"{self._path.name}.{os.getpid()}.draft")
            draft.unlink(missing_ok=True)
            try:
                connection = Connection(self._library, str(draft), mode="create", name=str(self._path), busy_seconds=0)
                with closing(connection):
                    connection.run(SENTINEL_DDL)
                    connection.run("SELECT dolt_commit('-A', '-m', 'Make the store')")
                draft.replace(self._path)
            finally:
                draft.unlink(missing_ok=True)
                draft.with_name(f".{draft.name}-lock").unlink(missing_ok=True)


@cache
def fit_library() -> Library:
    """Return the library, loaded once and of the pinned line."""
    library = load_library(find_library())
    memory = Connection(library, ":memory:", mode="create", name=str(library.path), busy_seconds=0)
    try:
        check_version(str(memory.run("SELECT dolt_version()")[0][0]))
    finally:
        memory.close()
    return library


def _check_header(path: Path) -> None:
    # Before the library opens it: a dolt_ function on a stock file ends the process.
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise UnavailableError(f"cannot open {path}: {error.strerror}") from None
    if start == _STOCK:
        raise UnfitError(
            f"{path} was written by stock SQLite, which keeps no history. Name another file "
            "(--eval-store doltlite:///PATH) and load its rows there: g6o-eval load TABLE FILE"
        )
    if not start.startswith(_MAGIC):
        raise UnfitError(f"{path} is no doltlite database: it starts with {start!r}. Name another file")


@contextmanager
def _file_lock(path: Path, name: str, seconds: float) -> Iterator[None]:
    lock_path = path.with_name(f".{path.name}.{quote(name, safe='')}.lock")
    try:
        with FileLock(lock_path, timeout=seconds):
            yield
    except Timeout:
        raise UnavailableError(
            f"the lock {name!r} of {path} is held by another process for more than {seconds:g} s. "
            "Wait for it, or end it"
        ) from None
    except OSError as error:
        raise UnavailableError(f"cannot lock {lock_path}: {error.strerror}") from None
