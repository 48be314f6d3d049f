"""OpenCode and Kilo CLI sessions, `{info, messages}`, → Sessions; and the files that `opencode export` writes."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from g6o_eval.fleet.ingest.array import BROKEN, CUT_OFF, EMPTY_FILE, without_surrogates
from g6o_eval.fleet.ingest.kilo import NO_ID, NO_MESSAGES, UNCHANGED, UNREADABLE
from g6o_eval.fleet.ingest.metadata import TOO_LARGE
from g6o_eval.fleet.ingest.spending import CENT_OF_A_CENT
from g6o_eval.fleet.ingest.text import ID_CHARS, LABEL_CHARS, WORKSPACE_CHARS, identifier, label, milliseconds, number
from g6o_eval.fleet.ingest.tool_parts import Json
from g6o_eval.fleet.ingest.turns import TurnReader
from g6o_eval.fleet.session import Issue, Refused, Session, SourceFile

SOURCE = "opencode"
NO_EXPORT = "no export of a session"
TOTAL_DIFFERS = "cost of the session is not that of its messages"
SIZE_LIMIT = 1 << 28
"""Largest export that is read, in bytes: it is one JSON value, and held whole. Real ones have a few million."""
HEAD_BYTES = 1 << 16
_LOOKS_SO = re.compile(rb'\s*(?:\{\s*"info"\s*:\s*\{|\[\s*\{\s*"info"\s*:\s*\{)')
_HEAD_ID = re.compile(rb'"(?:id|sessionID)"\s*:\s*"(ses_[\w-]{1,120})"')
_NEXT = re.compile(r',\s*\{\s*"info"\s*:')
_INFO = re.compile(r'"info"\s*:\s*')
_MESSAGES = re.compile(r'"messages"\s*:\s*\[')


def read_export(path: Path, *, known: str | None = None) -> Session | Refused:
    """Read one export; a torn one as far as it can be read. Nothing is raised."""
    fallback = head_id(path)
    try:
        size = path.stat().st_size
        if size > SIZE_LIMIT:
            return _refused(fallback, TOO_LARGE, path, f"{size} bytes, read are at most {SIZE_LIMIT}")
        data = path.read_bytes()
    except OSError as error:
        return _refused(fallback, UNREADABLE, path, f"{type(error).__name__}: {error.strerror}")
    digest = hashlib.sha256(data).hexdigest()
    if digest == known:
        return Refused(session_id=fallback, reason=UNCHANGED)
    if not data.strip(b" \t\r\n\0"):
        return _refused(fallback, EMPTY_FILE, path, f"{size} bytes, all blank")
    document, issues = _parse(data.decode("utf-8-sig", "replace"), path.name)
    if isinstance(document, list):
        document = {"info": {}, "messages": document}
    if not isinstance(document, dict) or not isinstance(document.get("messages"), list):
        found = _refused(fallback, NO_EXPORT, path, "an object with info and messages was expected")
        return replace(found, issues=(*issues, *found.issues))
    info = document.get("info")
    info = {"id": fallback, **info} if isinstance(info, dict) else {"id": fallback}
    read = session_of(info, document["messages"], digest=digest, size_bytes=size)
    return replace(read, issues=(*issues, *read.issues))


def session_of(info: Json, messages: Iterable[object], *, digest: str, size_bytes: int = 0) -> Session | Refused:
    """Return the Session of a session's `info` and its messages, `{info, parts}` each, in order.

    Refused when the id is none, or there is no message.
    """
    session_id = info.get("id")
    if identifier(session_id) is None:
        return Refused(session_id=label(str(session_id), ID_CHARS), reason=NO_ID)
    assert isinstance(session_id, str)
    turns = TurnReader()
    for index, message in enumerate(messages):
        turns.add(index, message)
    if not turns.census.elements:
        return Refused(session_id=session_id, reason=NO_MESSAGES, issues=tuple(turns.census.issues))
    usage, parent = turns.spending.usage(), info.get("parentID")
    total = number(info.get("cost"))
    if total and not math.isclose(total, usage.usd, abs_tol=CENT_OF_A_CENT):
        turns.census.issue(-1, TOTAL_DIFFERS, f"{total:.6f} USD, its messages cost {usage.usd:.6f}")
    return Session(
        session_id=session_id,
        source=SOURCE,
        source_digest=digest,
        parent_id=identifier(parent),
        prompt_sha256=turns.prompt_sha256,
        started_at=_created(info, turns.census.first_ts),
        completed_at=turns.last_ts,
        active_ms=turns.census.active_ms,
        mode=turns.mode or _named(info.get("agent")),
        model=turns.model,
        workspace=_named(info.get("directory"), WORKSPACE_CHARS),
        status=turns.status,
        ended_by=turns.ended_by,
        usage=usage,
        messages=tuple(turns.messages),
        tool_calls=tuple(turns.calls),
        spawns=tuple(turns.spawns),
        files=(_file(turns, size_bytes),),
        issues=tuple(turns.census.issues),
        skipped=dict(sorted(turns.skipped.items())),
    )


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text holds, lone surrogates replaced.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # also said of lone surrogates, which JavaScript writes
        try:
            return without_surrogates(json.loads(text))[0]
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def _parse(text: str, name: str) -> tuple[object, list[Issue]]:
    try:
        return parse_json(text), []
    except ValueError as error:
        found, issues = _salvage(text, name)
        return found, issues or [Issue(file=name, index=-1, reason=BROKEN, detail=str(error)[:200])]


def _salvage(text: str, name: str) -> tuple[Json | None, list[Issue]]:
    """Return the messages of a torn export that are whole, and where it is torn."""
    start, decoder = _MESSAGES.search(text), json.JSONDecoder()
    if start is None:
        return None, []
    info: object = {}
    if (head := _INFO.search(text, 0, start.start())) is not None:
        info, _ = _decoded(decoder, text, head.end())
    messages: list[object] = []
    issues: list[Issue] = []
    place: int | None = start.end()
    while place is not None:
        message, end = _decoded(decoder, text, place)
        if end is None:
            following = _NEXT.search(text, place + 1)
            reason = CUT_OFF if following is None else BROKEN
            issues.append(
                Issue(file=name, index=len(messages), reason=reason, detail=f"after {len(messages)} messages")
            )
        else:
            messages.append(message)
            following = _NEXT.match(text, end)
            if following is None and not text[end:].lstrip().startswith("]"):
                following = _NEXT.search(text, end)
                issues.append(Issue(file=name, index=len(messages), reason=BROKEN, detail="no comma"))
        place = None if following is None else text.index("{", following.start())
    issues = issues or [Issue(file=name, index=-1, reason=CUT_OFF, detail="torn outside of the messages")]
    return {"info": info if isinstance(info, dict) else {}, "messages": messages}, issues


def _decoded(decoder: json.JSONDecoder, text: str, place: int) -> tuple[object, int | None]:
    """Return the JSON value at a place and where it ends; None when there is none."""
    try:
        while text[place : place + 1].isspace():
            place += 1
        value, end = decoder.raw_decode(text, place)
    except (ValueError, RecursionError):
        return None, None
    return without_surrogates(value)[0], end


def _file(turns: TurnReader, size_bytes: int) -> SourceFile:
    return replace(turns.census.file(None), status="salvaged" if turns.census.issues else "ok", size_bytes=size_bytes)


def _created(info: Json, first_ts: int | None) -> int | None:
    time = info.get("time")
    created = milliseconds(time.get("created")) if isinstance(time, dict) else None
    return min((ts for ts in (created, first_ts) if ts is not None), default=None)


def _named(value: object, limit: int = LABEL_CHARS) -> str | None:
    return label(value, limit) if isinstance(value, str) and value else None


def looks_like_export(path: Path) -> bool:
    """Say whether a file begins as an export does."""
    return _LOOKS_SO.match(_head(path).removeprefix(b"\xef\xbb\xbf")) is not None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError:
        return b""  # read_export says why it cannot be read


def head_id(path: Path) -> str:
    """Return the session's id from the first part of an export, else from its name."""
    found = _HEAD_ID.search(_head(path))
    return found[1].decode() if found else path.stem[:ID_CHARS]


def _refused(session_id: str, reason: str, path: Path, detail: str) -> Refused:
    return Refused(
        session_id=session_id, reason=reason, issues=(Issue(file=path.name, index=-1, reason=reason, detail=detail),)
    )
