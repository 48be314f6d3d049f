"""What the extension's lists of tasks say of one: parent, mode, workspace. They enrich, and never decide.

The lists lose tasks and go stale (Roo#3391, Kilo#786): tasks are the folders that are there, and how
one ended is read from its log.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from g6o_eval.fleet.ingest.text import WORKSPACE_CHARS, identifier, json_object, kept, label

EXTENSIONS = ("kilocode.kilo-code", "rooveterinaryinc.roo-cline", "saoudrizwan.claude-dev")
"""Names of the extensions' storage folders, and of their rows in the editor's state."""
LIST_FILE, STATE_LIST, EDITOR_STATE = "_index.json", "state/taskHistory.json", "state.vscdb"
LIST_UNREADABLE = "list of tasks unreadable"
LIST_BYTES = 1 << 26
"""Largest list that is read, in bytes; one of 1,089 tasks has about 3 million."""
BUSY_SECONDS = 2.0
"""How long a lock of the editor on its state is waited for."""


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """What a list says of one task; None where it says nothing."""

    parent_id: str | None = None
    mode: str | None = None
    workspace: str | None = None

    @property
    def known(self) -> str:
        """What it says, as text that goes into the digest of a task: another word asks for another reading."""
        return json.dumps(astuple(self)) if self != HistoryItem() else ""

    def over(self, other: HistoryItem) -> HistoryItem:
        """Return this item, its gaps filled from another."""
        return HistoryItem(
            self.parent_id or other.parent_id, self.mode or other.mode, self.workspace or other.workspace
        )


def item_of(value: Mapping[str, Any]) -> HistoryItem:
    """Return what one entry of a list says."""
    mode, workspace = value.get("mode"), value.get("workspace") or value.get("cwdOnTaskInitialization")
    return HistoryItem(
        identifier(value.get("parentTaskId")),
        label(mode) if isinstance(mode, str) and mode else None,
        kept(workspace, WORKSPACE_CHARS) if isinstance(workspace, str) and workspace else None,
    )


def look_up(folder: Path) -> tuple[HistoryItem, tuple[tuple[str, str], ...]]:
    """Return what the lists around a task's folder say of it, and which could not be read and why.

    The nearest list has the last word; a list that is not there is nothing to speak of.
    """
    tasks, item, troubles = folder.parent, HistoryItem(), []
    for path in (tasks / LIST_FILE, tasks.parent / STATE_LIST, tasks.parent.parent / EDITOR_STATE):
        try:
            found = path.stat()
        except OSError:
            continue
        items, trouble = _read_list(path, tasks.parent.name, (found.st_size, found.st_mtime_ns))
        item = item.over(items.get(folder.name, HistoryItem()))
        if trouble:
            troubles.append((path.name, trouble))
    return item, tuple(troubles)


@lru_cache(maxsize=16)
def _read_list(path: Path, extension: str, state: tuple[int, int]) -> tuple[Mapping[str, HistoryItem], str]:
    """Read a list once for all its tasks, and why it cannot be read; `state` (size, time) tells when it is another."""
    try:
        if path.name == EDITOR_STATE:
            entries = _editors(path, extension)
        elif state[0] > LIST_BYTES:
            raise ValueError(f"{state[0]} bytes, read are at most {LIST_BYTES}")
        else:
            entries = _entries(orjson.loads(path.read_bytes()))
    except (OSError, sqlite3.Error, ValueError) as error:
        return {}, f"{type(error).__name__}: {error}"
    return {found: item_of(entry) for entry in entries if (found := identifier(entry.get("id"))) is not None}, ""


def _entries(value: object) -> list[dict[str, Any]]:
    """Return the tasks of a list: an array, or an object that holds one."""
    if isinstance(value, dict):
        value = value.get("entries", value.get("taskHistory"))
    if not isinstance(value, list):
        raise ValueError("expected an array of tasks")
    return [entry for entry in value if isinstance(entry, dict)]


def _editors(path: Path, extension: str) -> list[dict[str, Any]]:
    """Read the extension's row of the editor's state, without touching the file."""
    keys = (extension,) if extension in EXTENSIONS else EXTENSIONS
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as database:
        database.text_factory = lambda data: data.decode("utf-8", "replace")
        sql = f"SELECT value FROM ItemTable WHERE key IN ({','.join('?' * len(keys))}) AND length(value) <= ?"  # noqa: S608
        rows = database.execute(sql, (*keys, LIST_BYTES)).fetchall()
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for (value,) in rows]
    found = [state.get("taskHistory") for text in texts if (state := json_object(text)) is not None]
    return [entry for entries in found if isinstance(entries, list) for entry in entries if isinstance(entry, dict)]
