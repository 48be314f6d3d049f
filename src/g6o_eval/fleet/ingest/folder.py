"""Finds task folders and the best copy of each of their files. Reads names, sizes and digests only."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from g6o_eval.fleet.ingest.api import API_FILE
from g6o_eval.fleet.ingest.array import Element, Flaw, Shape, read_array
from g6o_eval.fleet.ingest.ui import UI_FILE

METADATA_FILE = "task_metadata.json"
HISTORY_FILE = "history_item.json"
OLD_API_FILE = "claude_messages.json"
FILES = (UI_FILE, API_FILE, METADATA_FILE, HISTORY_FILE, OLD_API_FILE)
_TURNS = Shape("role", marks=(r'"(?:user|assistant)"\s*,\s*"content"\s*:',))
SHAPES = {
    UI_FILE: Shape("ts", marks=(r'[{,]\s*"type"\s*:\s*"(?:ask|say)"',)),
    API_FILE: _TURNS,
    OLD_API_FILE: _TURNS,
}
"""How the extensions write the elements of each file."""

_BLOCK = 1 << 18
_LEFTOVER = re.compile(rf"\.({'|'.join(map(re.escape, FILES))})\.(new|bak)_.*\.tmp")


def find_folders(path: Path) -> list[Path]:
    """Return the task folders at a path, sorted by name.

    The path is a task folder itself, a folder of them, or an extension's storage with `tasks/` in
    it. Names that start with `_` or `.` are the extension's own and no tasks.

    Raises:
        OSError: the folder cannot be listed.
    """
    if any((path / name).is_file() for name in (UI_FILE, API_FILE, METADATA_FILE, OLD_API_FILE)):
        return [path.resolve()]
    root = path / "tasks" if (path / "tasks").is_dir() else path
    return sorted(item for item in root.iterdir() if item.is_dir() and item.name[0] not in "._")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a task's folder holds, looked at once.

    Attributes:
        folder: the task's.
        files: name → stat of every file that may be read, leftovers of interrupted writes included.
        links_out: names that would be read and lead out of the folder.
    """

    folder: Path
    files: Mapping[str, os.stat_result]
    links_out: tuple[str, ...]

    @property
    def state(self) -> list[tuple[str, int, int, int]]:
        """Name, size, time and inode of all files: equal before and after, the folder was still."""
        return sorted((name, found.st_size, found.st_mtime_ns, found.st_ino) for name, found in self.files.items())


def list_files(folder: Path) -> Listing:
    """Look into a task's folder.

    Raises:
        OSError: the folder cannot be listed, or a file went away meanwhile.
    """
    files, links = {}, []
    with os.scandir(folder) as entries:
        named = [entry for entry in entries if entry.name in FILES or _LEFTOVER.fullmatch(entry.name)]
    for entry in named:
        if entry.is_symlink() and not stays_inside(Path(entry.path)):
            links.append(entry.name)
        elif Path(entry.path).is_file() if entry.is_symlink() else entry.is_file():  # a link to itself raises there
            files[entry.name] = entry.stat()
    return Listing(folder, files, tuple(sorted(links)))


def stays_inside(path: Path) -> bool:
    """Say whether a name in a folder leads to nothing outside of it: a task must not read a person's other files."""
    if not path.is_symlink():
        return True
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(path.parent))


def copies(listing: Listing, name: str) -> list[Path]:
    """Return a file and the leftovers of interrupted writes of it, the file first, then the newest."""
    start = f".{name}."
    leftovers = [(-found.st_mtime_ns, other) for other, found in listing.files.items() if other.startswith(start)]
    main = [name] if name in listing.files else []
    return [listing.folder / each for each in (*main, *(other for _, other in sorted(leftovers)))]


def best_copy(listing: Listing, name: str) -> Path | None:
    """Return the copy that holds most: a whole one before a torn one, the file before its leftovers."""
    found = copies(listing, name)
    if len(found) < 2:
        return found[0] if found else None
    return max(found, key=lambda path: _worth(path, SHAPES[name]))


def _worth(path: Path, shape: Shape) -> tuple[bool, int]:
    elements, whole = 0, True
    for item in read_array(path, shape):
        if isinstance(item, Element):
            elements += 1
        elif isinstance(item, Flaw):
            whole = False
    return whole and elements > 0, elements


def digest_of(listing: Listing, *, beside: str = "") -> str:
    """Return the SHA-256 over the names and contents of all files of a task that are read, and what lists say of it."""
    total = hashlib.sha256(beside.encode())
    for name in FILES:
        for path in copies(listing, name):
            total.update(f"{path.name}\0{listing.files[path.name].st_size}\0".encode())
            for block in _read_blocks(path):
                total.update(block)
    return total.hexdigest()


def _read_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            yield block
