"""A source: one place that gives one Session, whatever its format. The seam between the formats and the import.

A format gives a Source and a finder; the finder stands in FINDERS. Nothing else of the import knows formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from g6o_eval.errors import DataError
from g6o_eval.fleet.ingest.folder import find_folders, list_files
from g6o_eval.fleet.ingest.history import look_up
from g6o_eval.fleet.ingest.kilo import read_folder
from g6o_eval.fleet.ingest.opencode_sources import find_databases, find_exports, find_storage
from g6o_eval.fleet.ingest.stamp import Stamp, stamp_of
from g6o_eval.fleet.session import Refused, Session


class Source(Protocol):
    """One place that gives one Session: a hashable value, pickled on its way to the process that reads it."""

    @property
    def session_id(self) -> str:
        """The id that its session has, or would have."""

    def stamp(self) -> Stamp:
        """Look at it from outside: names, sizes, times. Cheap.

        Raises:
            OSError: it cannot be looked at; `read` says why.
        """

    def read(self, known: str | None) -> Session | Refused:
        """Read it whole; `known` is the source digest of the last reading, an equal one gives Refused "unchanged"."""


Finder = Callable[[Path], Sequence[Source] | None]
"""Returns the sources at a path, or None when the path is nothing of its format."""


@dataclass(frozen=True, slots=True)
class TaskFolder:
    """A task folder of Kilo Code, Roo Code or Cline; its name is the session's id."""

    folder: Path

    @property
    def session_id(self) -> str:
        """See Source.session_id."""
        return self.folder.name

    def stamp(self) -> Stamp:
        """See Source.stamp. What the lists of tasks say of it is part of it: they are written all the time."""
        said, _ = look_up(self.folder)
        files = [(name, found.st_size, found.st_mtime_ns) for name, found in list_files(self.folder).files.items()]
        return stamp_of([*files, (f"/{said.known}", 0, 0)] if said.known else files)

    def read(self, known: str | None) -> Session | Refused:
        """See Source.read."""
        return read_folder(self.folder, known=known)


def find_task_folders(path: Path) -> list[TaskFolder] | None:
    """Return the task folders at a path; every folder may be one, or hold them."""
    if not path.is_dir():
        return None
    # A link keeps its name, so that read_folder sees it and says why it is not followed.
    return [TaskFolder(folder if folder.is_symlink() else folder.resolve()) for folder in find_folders(path)]


FINDERS: tuple[Finder, ...] = (find_exports, find_databases, find_storage)
"""Of formats that are known by what they hold; any folder may hold task folders, or be one."""


def find_sources(paths: Iterable[Path]) -> list[Source]:
    """Return the sources at all paths. A source that is found twice is there once, copies of a session all are.

    Raises:
        OSError: a folder cannot be listed.
        DataError: a path is nothing that holds sessions.
    """
    return list(dict.fromkeys(source for path in paths for source in _find(path)))


def _find(path: Path) -> Sequence[Source]:
    """Return the sources of all formats at a path. Beside others, a folder without a task's files is none."""
    found = [some for finder in FINDERS if (some := finder(path)) is not None]
    if (folders := find_task_folders(path)) is not None:
        found.append([each for each in folders if not found or _may_be_task(each)])
    if found:
        return [source for some in found for source in some]
    raise DataError(
        f"{str(path)!r} holds no sessions: expected a task folder, a folder of them, the "
        "extension's storage, an OpenCode export, kilo.db, or OpenCode's storage folder"
    )


def _may_be_task(source: TaskFolder) -> bool:
    try:
        return bool(list_files(source.folder).files)
    except OSError:
        return True  # reading it says why
