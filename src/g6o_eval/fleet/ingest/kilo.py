"""Kilo Code and Roo Code task folders → Sessions: one folder, one session, its name the id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from g6o_eval.fleet.ingest.api import API_FILE, ApiReader
from g6o_eval.fleet.ingest.array import Element, read_array
from g6o_eval.fleet.ingest.calls import Draft
from g6o_eval.fleet.ingest.census import EMPTY_ARRAY, MISSING, Census
from g6o_eval.fleet.ingest.dialects import action_of
from g6o_eval.fleet.ingest.folder import (
    ANCHORS,
    HISTORY_FILE,
    METADATA_FILE,
    OLD_API_FILE,
    best_copy,
    digest_of,
    find_folders,
)
from g6o_eval.fleet.ingest.metadata import read_object
from g6o_eval.fleet.ingest.ui import UI_FILE, UiReader
from g6o_eval.fleet.session import Issue, Message, Refused, Session, Spawn, ToolCall

SOURCE = "kilo"
EMPTY_FOLDER = "empty folder"
NO_MESSAGES = "no messages"
UNREADABLE = "unreadable"
UNCHANGED = "unchanged"
LEFTOVER_USED = "leftover of an interrupted write used"
CHANGED = "changed while it was read"
NO_ID = "folder name is no task id"
ID_CHARS = 128
"""Longest id of a session, in characters."""
_ID = re.compile(rf"[\w.:@+-]{{1,{ID_CHARS}}}", re.ASCII)


_Timed = TypeVar("_Timed", Message, ToolCall)


class _Reader(Protocol):
    census: Census

    def add(self, index: int, value: object) -> None: ...


def read(path: Path, *, known: Callable[[str], str | None] = lambda _: None) -> Iterator[Session | Refused]:
    """Yield one Session for each task folder at a path, or Refused with the reason why there is none.

    `known` returns the source digest that an id was read with before: a folder with an equal one is
    not read again and comes as Refused with the reason UNCHANGED. Nothing is raised but OSError,
    when `path` itself cannot be listed.
    """
    for folder in find_folders(path):
        yield read_folder(folder, known=known(folder.name))


def read_folder(folder: Path, *, known: str | None = None) -> Session | Refused:
    """Read one task folder; `known` is explained at `read`."""
    if not _ID.fullmatch(folder.name):
        readable = folder.name.encode("utf-8", "replace").decode()
        return Refused(session_id=readable[:ID_CHARS], reason=NO_ID)
    try:
        before = digest_of(folder)
        if before == known:
            return Refused(session_id=folder.name, reason=UNCHANGED)
        found = _read_files(folder, before)
        if isinstance(found, Session) and digest_of(folder) != before:
            return _changed(found)
        return found
    except OSError as error:
        name = Path(str(error.filename)).name if error.filename else ""
        issue = Issue(file=name, index=-1, reason=UNREADABLE, detail=f"{type(error).__name__}: {error.strerror}")
        return Refused(session_id=folder.name, reason=UNREADABLE, issues=(issue,))


def _read_files(folder: Path, digest: str) -> Session | Refused:
    ui, api, metadata, history = UiReader(), ApiReader(), Census(METADATA_FILE), Census(HISTORY_FILE)
    api_name = API_FILE if best_copy(folder, API_FILE) else OLD_API_FILE
    paths = (
        _read_array(folder, UI_FILE, reader=ui),
        _read_array(folder, api_name, reader=api),
        read_object(best_copy(folder, METADATA_FILE), metadata)[0],
    )
    ui.close()
    history_path, item = read_object(best_copy(folder, HISTORY_FILE), history)
    censuses = (ui.census, api.census, metadata)
    files = tuple(census.file(path) for census, path in zip(censuses, paths, strict=True))
    issues = tuple(issue for census in (*censuses, history) for issue in census.issues)
    if not ui.census.elements and not api.census.elements:
        reason = NO_MESSAGES if any((*paths, history_path)) else EMPTY_FOLDER
        return Refused(session_id=folder.name, reason=reason, issues=issues)
    base = _join(ui, api, session_id=folder.name, digest=digest)
    return replace(base, parent_id=_parent(item), files=files, issues=issues)


def _read_array(folder: Path, name: str, *, reader: _Reader) -> Path | None:
    path = best_copy(folder, name)
    if path is None:
        reader.census.issue(-1, MISSING)
        return None
    if path.name != name:
        reader.census.issue(-1, LEFTOVER_USED, path.name)
    nothing = True
    for item in read_array(path, anchor=ANCHORS[name]):
        nothing = False
        if isinstance(item, Element):
            reader.add(item.index, item.value)
        else:
            reader.census.flaw(item)
    if nothing:
        # A history is clobbered to [] when a cancel races with a save: empty is not missing.
        reader.census.issue(-1, EMPTY_ARRAY)
    return path


def _join(ui: UiReader, api: ApiReader, *, session_id: str, digest: str) -> Session:
    """Put both files together: the interface's events, and what only the model's history knows."""
    source = ui if ui.census.elements else api
    calls = [*ui.calls, *_take_results(ui.calls, api.calls)] if source is ui else api.calls
    return Session(
        session_id=session_id,
        source=SOURCE,
        source_digest=digest,
        parent_id=None,
        prompt_sha256=ui.prompt_sha256 or api.prompt_sha256,
        started_at=source.census.first_ts,
        completed_at=source.census.last_ts,
        mode=api.mode,
        model=api.model,
        status=ui.status,
        ended_by=ui.ended_by,
        usage=ui.requests.usage(),
        messages=_in_order([*source.messages, *api.notices]),
        tool_calls=_in_order([call.done() for call in calls]),
        spawns=_spawns(ui.spawns, api.children),
        skipped=dict(sorted(source.skipped.items())),
    )


def _take_results(calls: Sequence[Draft], answered: Sequence[Draft]) -> list[Draft]:
    """Give the interface's calls what the model's history says became of them.

    Calls of one kind on one target are matched from the last backwards, because condensing drops
    the oldest of the history. Returned are the failed calls that never reached the interface.
    """
    results: dict[tuple[str, str], list[Draft]] = {}
    for call in answered:
        results.setdefault(_kind_and_target(call), []).append(call)
    for call in reversed(calls):
        same = results.get(_kind_and_target(call))
        result = same.pop() if same else None
        if result is not None and (result.status in ("error", "denied") or call.status == "unanswered"):
            call.status, call.error = result.status, result.error
    return [call for same in results.values() for call in same if call.status in ("error", "denied")]


def _kind_and_target(call: Draft) -> tuple[str, str]:
    """Return what a call is matched by: both sides name edits differently, but not their target."""
    action = action_of(call.tool)
    return (action if action in ("edit", "delegate") else call.tool, "" if action == "delegate" else call.target)


def _in_order(items: Iterable[_Timed]) -> tuple[_Timed, ...]:
    """Sort by time, keeping the files' own order where times are equal or missing."""
    return tuple(sorted(items, key=lambda item: item.ts or 0))


def _spawns(spawns: Sequence[Spawn], children: Sequence[str]) -> tuple[Spawn, ...]:
    """Name the children that the history names, the last with the last: older ones may be condensed."""
    names = dict(zip(range(len(spawns) - 1, -1, -1), reversed(list(dict.fromkeys(children))), strict=False))
    return tuple(replace(spawn, child_id=names.get(place)) for place, spawn in enumerate(spawns))


def _parent(history: Mapping[str, Any]) -> str | None:
    parent = history.get("parentTaskId")
    return parent if isinstance(parent, str) and _ID.fullmatch(parent) else None


def _changed(session: Session) -> Session:
    """Return the session without a digest, so that the next run reads it again."""
    issue = Issue(file="", index=-1, reason=CHANGED, detail="the next run reads it again")
    return replace(session, source_digest="", issues=(*session.issues, issue))
