"""Kilo Code, Roo Code and Cline task folders → Sessions: one folder, one session, its name the id."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

from g6o_eval.fleet.ingest.api import API_FILE, ApiReader
from g6o_eval.fleet.ingest.array import Element, read_array
from g6o_eval.fleet.ingest.census import EMPTY_ARRAY, MISSING, Census
from g6o_eval.fleet.ingest.folder import (
    HISTORY_FILE,
    METADATA_FILE,
    OLD_API_FILE,
    SHAPES,
    Listing,
    best_copy,
    digest_of,
    find_folders,
    list_files,
)
from g6o_eval.fleet.ingest.history import LIST_UNREADABLE, HistoryItem, item_of, look_up
from g6o_eval.fleet.ingest.join import join, note_turns
from g6o_eval.fleet.ingest.metadata import read_object
from g6o_eval.fleet.ingest.text import ID_CHARS, identifier, label, milliseconds
from g6o_eval.fleet.ingest.ui import UI_FILE, UiReader
from g6o_eval.fleet.session import Issue, Message, Refused, Session, Spawn, ToolCall

SOURCE, CLINE = "kilo", "cline"
EMPTY_FOLDER = "empty folder"
NO_MESSAGES = "no messages"
UNREADABLE = "unreadable"
UNCHANGED = "unchanged"
LEFTOVER_USED = "leftover of an interrupted write used"
CHANGED = "changed while it was read"
NO_ID = "folder name is no task id"
LINK = "link that leads out of the folder"
SAME_SPEECH = "text of the history that the interface shows too"
DAMAGED = "failed call of the history, which a damaged interface may hold too"
SECOND_CHILD = "second child that one turn asks for"
READINGS = 3
"""How often a folder is read that changes meanwhile."""
PAUSE_SECONDS = 0.05
"""Between two readings: a rename that swaps a file takes less."""
_EPOCH_ID = re.compile(r"\d{13}")


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
    """Read one task folder; `known` is explained at `read`.

    A folder that is written meanwhile is read again, READINGS times in all; what it then gives has
    no digest, so that the next run reads it once more.
    """
    if identifier(folder.name) is None:
        readable = folder.name.encode("utf-8", "replace").decode()
        return Refused(session_id=label(readable, ID_CHARS), reason=NO_ID)
    if os.path.islink(folder):  # noqa: PTH114 - Path.is_symlink raises for names that are too long
        return Refused(session_id=folder.name, reason=LINK)
    failure: OSError | None = None
    found: Session | Refused | None = None
    for reading in range(READINGS):
        if reading:
            time.sleep(PAUSE_SECONDS)
        try:
            before = list_files(folder)
            found = _read_once(before, known)
            if list_files(folder).state == before.state:
                return found
        except OSError as error:  # a file that is being replaced is not there for a moment
            failure = error
    return _changed(found) if found is not None else _unreadable(folder, failure)


def _unreadable(folder: Path, error: OSError | None) -> Refused:
    name = Path(str(error.filename)).name if error and error.filename else ""
    detail = f"{type(error).__name__}: {error.strerror}" if error else ""
    issue = Issue(file=label(name), index=-1, reason=UNREADABLE, detail=detail)
    return Refused(session_id=folder.name, reason=UNREADABLE, issues=(issue,))


def _read_once(listing: Listing, known: str | None) -> Session | Refused:
    item, troubles = look_up(listing.folder)
    digest = digest_of(listing, beside=item.known)
    if digest == known:
        return Refused(session_id=listing.folder.name, reason=UNCHANGED)
    issues = [Issue(file=label(name), index=-1, reason=LINK) for name in listing.links_out]
    issues += [Issue(file=name, index=-1, reason=LIST_UNREADABLE, detail=label(why, 400)) for name, why in troubles]
    found = _read_files(listing, digest, item=item)
    return replace(found, issues=(*found.issues, *issues))


def _read_files(listing: Listing, digest: str, *, item: HistoryItem) -> Session | Refused:
    ui, metadata, history = UiReader(), Census(METADATA_FILE), Census(HISTORY_FILE)
    metadata_path, noted = read_object(best_copy(listing, METADATA_FILE), metadata)
    ui_path = _read_array(listing, UI_FILE, reader=ui)
    ui.close()
    api = ApiReader(keeps_speech=not ui.census.elements)
    api_name = API_FILE if best_copy(listing, API_FILE) else OLD_API_FILE
    paths = (ui_path, _read_array(listing, api_name, reader=api), metadata_path)
    history_path, entry = read_object(best_copy(listing, HISTORY_FILE), history)
    censuses = (ui.census, api.census, metadata)
    files = tuple(census.file(path) for census, path in zip(censuses, paths, strict=True))
    issues = tuple(issue for census in (*censuses, history) for issue in census.issues)
    if not ui.census.elements and not api.census.elements:
        reason = NO_MESSAGES if any((*paths, history_path)) else EMPTY_FOLDER
        return Refused(session_id=listing.folder.name, reason=reason, issues=issues, files=files)
    base = _join(ui, api, session_id=listing.folder.name, digest=digest)
    return replace(_enriched(base, item_of(entry).over(item), noted), files=files, issues=issues)


def _read_array(listing: Listing, name: str, *, reader: _Reader) -> Path | None:
    path = best_copy(listing, name)
    if path is None:
        reader.census.issue(-1, MISSING)
        return None
    if path.name != name:
        reader.census.issue(-1, LEFTOVER_USED, path.name)
    nothing = True
    for item in read_array(path, SHAPES[name]):
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
    skipped = Counter(source.skipped)
    calls = list(api.calls)
    if source is ui:
        skipped[SAME_SPEECH] += api.said
        note_turns(ui.calls, api.answers)
        failed = [call for call in join(ui.calls, api.calls) if call.status in ("error", "denied")]
        if ui.census.losses:
            skipped[DAMAGED] += len(failed)
        calls = [*ui.calls, *([] if ui.census.losses else failed)]
    return Session(
        session_id=session_id,
        source=CLINE if ui.by_cline or api.by_cline else SOURCE,
        source_digest=digest,
        parent_id=None,
        prompt_sha256=ui.prompt_sha256 or api.prompt_sha256,
        started_at=source.census.first_ts if source.census.with_ts else _born(session_id),
        completed_at=source.census.last_ts,
        active_ms=source.census.active_ms,
        mode=api.mode or ui.mode,
        model=api.model or ui.model,
        workspace=api.workspace,
        status=ui.status,
        ended_by=ui.ended_by,
        usage=(ui if ui.requests.count else api).requests.usage(),
        messages=_in_order([*source.messages, *api.notices]),
        tool_calls=_in_order([call.done() for call in calls]),
        spawns=_spawns(ui, api) if source is ui else _asked(api, skipped),
        skipped={reason: count for reason, count in sorted(skipped.items()) if count},
    )


def _born(session_id: str) -> int | None:
    """Return when an id was made, epoch milliseconds: old ids are that time, version 7 UUIDs begin with it."""
    if _EPOCH_ID.fullmatch(session_id):
        return int(session_id)
    try:
        found = UUID(session_id)
    except ValueError:
        return None
    return milliseconds(found.int >> 80) if found.version == 7 else None


def _enriched(session: Session, item: HistoryItem, noted: Mapping[str, Any]) -> Session:
    """Fill in what the log itself does not say: from Cline's notes on models, and from the lists of tasks."""
    used = noted.get("model_usage")
    last = used[-1] if isinstance(used, list) and used and isinstance(used[-1], dict) else {}
    model, mode = last.get("model_id"), last.get("mode")
    return replace(
        session,
        source=CLINE if last else session.source,
        parent_id=item.parent_id if item.parent_id != session.session_id else None,
        model=session.model or (label(model) if isinstance(model, str) and model else None),
        mode=session.mode or (label(mode) if isinstance(mode, str) and mode else item.mode),
        workspace=session.workspace or item.workspace,
    )


def _in_order(items: Iterable[_Timed]) -> tuple[_Timed, ...]:
    """Sort by time, keeping the files' own order where times are equal or missing."""
    return tuple(sorted(items, key=lambda item: item.ts or 0))


def _spawns(ui: UiReader, api: ApiReader) -> tuple[Spawn, ...]:
    """Name the children that the history names: by their call, else the last with the last that has no name.

    The oldest calls may be condensed out of the history.
    """
    named = {call.spot.index: call.child for call in ui.calls if call.child is not None}
    nameless = [spawn.index for spawn in ui.spawns if spawn.index not in named]
    others = [child for child in dict.fromkeys(api.children) if child not in named.values()]
    named |= dict(zip(reversed(nameless), reversed(others), strict=False))
    return tuple(replace(spawn, child_id=named.get(spawn.index)) for spawn in ui.spawns)


def _asked(api: ApiReader, skipped: Counter[str]) -> tuple[Spawn, ...]:
    """Return the children that the model's history alone tells of; a turn that asks for two counts as one."""
    found: dict[int, Spawn] = {}
    for call in api.calls:
        index = call.spot.index
        if call.asked_sha256 is None:
            continue
        if index in found:
            skipped[SECOND_CHILD] += 1
            continue
        found[index] = Spawn(index=index, ts=call.spot.ts, prompt_sha256=call.asked_sha256, child_id=call.child)
    return tuple(found.values())


def _changed(found: Session | Refused) -> Session | Refused:
    """Return what was read without a digest, so that the next run reads it again."""
    issue = Issue(file="", index=-1, reason=CHANGED, detail="the next run reads it again")
    if isinstance(found, Session):
        return replace(found, source_digest="", issues=(*found.issues, issue))
    return replace(found, issues=(*found.issues, issue))
