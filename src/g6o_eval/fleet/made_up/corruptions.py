"""Faults of real folders, planted in made-up ones, each with what must still be read.

They are those that recorded folders and their users' reports show: torn writes, crashes, foreign tools.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from g6o_eval.fleet.ingest.api import API_FILE
from g6o_eval.fleet.ingest.folder import HISTORY_FILE, METADATA_FILE
from g6o_eval.fleet.ingest.ui import UI_FILE
from g6o_eval.fleet.made_up.truth import Planted

_CALLS = ("tool", "command", "use_mcp_server")


def plant_fault(folder: Path, rng: Random) -> Planted:
    """Plant one of FAULTS in a task folder, and return what is left of it."""
    return FAULTS[rng.choice(sorted(FAULTS))](folder, rng)


def _cut(folder: Path, rng: Random) -> Planted:
    """Cut the interface's file off, as a crash does: often at a power of two."""
    data, events = _load(folder)
    at = rng.choice([size for size in (1 << n for n in range(10, 22)) if size < len(data)] or [len(data) * 2 // 3])
    (folder / UI_FILE).write_bytes(data[:at])
    kept = _whole_before(events, at)
    return _planted("cut off", events[:kept], session=kept > 0 or (folder / API_FILE).exists())


def _trailing(folder: Path, rng: Random) -> Planted:
    """Write something behind the array's end."""
    data, events = _load(folder)
    (folder / UI_FILE).write_bytes(data + rng.choice((b"]", b"}]", b'"}]', b"garbage")))
    return _planted("text after the array", events)


def _with_mark(folder: Path, rng: Random) -> Planted:
    """Put a byte order mark before the array."""
    data, events = _load(folder)
    (folder / UI_FILE).write_bytes(b"\xef\xbb\xbf" + data)
    return _planted("byte order mark", events)


def _clobbered(folder: Path, rng: Random) -> Planted:
    """Empty the interface's history, as a cancel that races with a save does."""
    (folder / UI_FILE).write_bytes(b"[]")
    return _planted("empty array", [])


def _empty(folder: Path, rng: Random) -> Planted:
    """Leave a file of no bytes, or of nothing but NUL bytes."""
    size = (folder / UI_FILE).stat().st_size
    (folder / UI_FILE).write_bytes(rng.choice((b"", bytes(size))))
    return _planted("no bytes", [])


def _missing(folder: Path, rng: Random) -> Planted:
    """Take the interface's file away."""
    (folder / UI_FILE).unlink()
    return _planted("no interface", [])


def _no_history(folder: Path, rng: Random) -> Planted:
    """Take the model's history away."""
    _, events = _load(folder)
    (folder / API_FILE).unlink()
    return _planted("no model's history", events)


def _nothing(folder: Path, rng: Random) -> Planted:
    """Leave the folder without a file."""
    for name in (UI_FILE, API_FILE, METADATA_FILE, HISTORY_FILE):
        (folder / name).unlink(missing_ok=True)
    return Planted(case="empty folder", file="", elements=0, calls=0, session=False)


def _foreign(folder: Path, rng: Random) -> Planted:
    """Write another program's messages under the name of the interface's file."""
    messages = [{"author": "x", "text": "y", "timestamp": "2026-01-16T00:00:00Z"}] * 3
    (folder / UI_FILE).write_bytes(_dumped(messages))
    return _planted("another schema", [])


def _surrogate(folder: Path, rng: Random) -> Planted:
    """Cut an emoji in two, as a cut by UTF-16 units does."""
    _, events = _load(folder)
    events[0]["text"] = f"{events[0]['text']} \ud83d"
    (folder / UI_FILE).write_bytes(json.dumps(events, separators=(",", ":")).encode())
    return _planted("half a character", events)


def _leftover(folder: Path, rng: Random) -> Planted:
    """Leave the file only as the copy that a write makes before it swaps."""
    _, events = _load(folder)
    (folder / UI_FILE).rename(folder / f".{UI_FILE}.bak_{rng.getrandbits(40)}_{rng.getrandbits(20)}.tmp")
    return _planted("leftover of a write", events)


def _broken_price(folder: Path, rng: Random) -> Planted:
    """Spoil what one request says of its price."""
    _, events = _load(folder)
    started = [event for event in events if event.get("say") == "api_req_started"]
    rng.choice(started)["text"] = '{"tokensIn":1'
    (folder / UI_FILE).write_bytes(_dumped(events))
    return _planted("request that is no JSON", events)


FAULTS: Mapping[str, Callable[[Path, Random], Planted]] = {
    "byte order mark": _with_mark,
    "clobbered": _clobbered,
    "cut off": _cut,
    "empty file": _empty,
    "empty folder": _nothing,
    "foreign": _foreign,
    "half a character": _surrogate,
    "leftover": _leftover,
    "no history": _no_history,
    "no interface": _missing,
    "request": _broken_price,
    "trailing": _trailing,
}


def _load(folder: Path) -> tuple[bytes, list[dict[str, Any]]]:
    data = (folder / UI_FILE).read_bytes()
    return data, json.loads(data)


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _whole_before(events: Sequence[Mapping[str, Any]], at: int) -> int:
    """Return how many elements end before a place in the file."""
    end, whole = 1, 0
    for event in events:
        end += len(_dumped(event)) + 1
        if end - 1 > at:
            break
        whole += 1
    return whole


def _planted(case: str, events: Sequence[Mapping[str, Any]], *, session: bool = True) -> Planted:
    calls = sum(event.get("ask") in _CALLS for event in events)
    return Planted(case=case, file=UI_FILE, elements=len(events), calls=calls, session=session)
