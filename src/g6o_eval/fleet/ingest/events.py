"""One event of `kilo serve` and its row in `raw_sse_events`, by the rules of the agents' daemon."""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from g6o_eval.fleet.ingest.opencode import parse_json
from g6o_eval.fleet.ingest.text import identifier, label, milliseconds
from g6o_eval.redact import plain, redact
from g6o_eval.store.port import Row

Json = Mapping[str, Any]

TABLE = "raw_sse_events"
COLUMNS = ("source_hash", "session_id", "event_type", "event_ts", "observed_at", "payload_json")
TYPE_CHARS = 100
NO_SESSION = "unknown"
"""The daemon's word for events that belong to no session."""
_TIMES = ("completed", "end", "updated", "start", "created")
"""The keys of a `time` object, the latest moment first."""
_ICU_ORDER = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789"
_RANK = {char: rank for rank, char in enumerate(_ICU_ORDER)}
_FEW = 30
"""Names of one object whose order is remembered: the same objects come again and again."""
_CREDENTIAL = re.compile(r"pass|pwd|secret|token|key|auth", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        type: for example "message.part.updated".
        properties: what it says.
        session_id: the session it belongs to; None when it names none.
    """

    type: str
    properties: Json
    session_id: str | None


def parse_event(data: str) -> Event | None:
    """Return the event of one `data:` text, None when it is no JSON object of type and properties.

    `/global/event` wraps each event in `{directory, payload}`; both forms are read.
    """
    try:
        found = parse_json(data)
    except ValueError:
        return None
    if isinstance(found, dict) and isinstance(found.get("payload"), dict):
        found = found["payload"]
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        return None
    properties = found.get("properties")
    if not isinstance(properties, dict):
        return None
    return Event(found["type"], properties, session_of(found["type"], properties))


def session_of(event_type: str, properties: Json) -> str | None:
    """Return the session that an event belongs to: named directly, by its part, its message or its session.

    What can be no id names none: a server is asked for sessions by their ids.
    """
    part, info = properties.get("part"), properties.get("info")
    candidates = (
        properties.get("sessionID"),
        part.get("sessionID") if isinstance(part, dict) else None,
        info.get("id" if event_type.startswith("session.") else "sessionID") if isinstance(info, dict) else None,
    )
    return next((found for each in candidates if (found := identifier(each)) is not None), None)


def source_hash(event: Event) -> str:
    """Return the daemon's key of an event: SHA-256 of its JSON, as JavaScript writes it, keys by `localeCompare`.

    An event that the daemon stored before has the same key, so that both keep one row of it.
    """
    whole = {"type": event.type, "properties": event.properties}
    try:
        text = _compact(_in_order(whole))
    except _OddNumberError:
        text = "".join(_javascript(whole))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def event_ts(event: Event) -> int | None:
    """Return when it happened, epoch milliseconds: the latest time it tells; None when it tells none."""
    part, info = event.properties.get("part"), event.properties.get("info")
    state = part.get("state") if isinstance(part, dict) else None
    for holder in (state, part, info):
        time = holder.get("time") if isinstance(holder, dict) else None
        if isinstance(time, dict):
            found = (milliseconds(time.get(key)) for key in _TIMES)
            return next((ts for ts in found if ts is not None), None)
    return None


def raw_row(event: Event, *, observed_at: datetime) -> Row:
    """Return its row of `raw_sse_events`, secrets redacted; the key is that of the whole event."""
    happened = event_ts(event)
    return (
        source_hash(event),
        event.session_id or NO_SESSION,
        label(event.type, TYPE_CHARS),
        None if happened is None else _utc_second(happened // 1000),
        _utc_second(int(observed_at.timestamp())),
        safe_payload({"type": event.type, "properties": event.properties}),
    )


@lru_cache(maxsize=1_024)
def _utc_second(epoch_seconds: int) -> str:
    return datetime.fromtimestamp(epoch_seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _compact(value: object) -> str:
    """Return JSON without blanks, what is not ASCII as it is."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # a number of more than 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def safe_payload(payload: object) -> str:
    """Return the payload as JSON, which it still is when secrets were taken out."""
    text = _compact(payload)
    if redact(text) != text:
        payload = _without_secrets(payload)
        text = json.dumps(payload, ensure_ascii=False)
    # What cannot be seen stands as JSON escapes it: a reader gets the same value.
    return text if plain(text) == text else json.dumps(payload)


def _without_secrets(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        clean = redact(value)
        named = f'{name}="{value}"'
        return "[redacted:password]" if _CREDENTIAL.search(name) and redact(named) != named else clean
    if isinstance(value, list):
        return [_without_secrets(item, name) for item in value]
    if isinstance(value, dict):
        return {redact(key): _without_secrets(item, key) for key, item in value.items()}
    return value


class _OddNumberError(ValueError):
    """Python and JavaScript write this number differently."""


def _in_order(value: Any) -> Any:
    """Return the value with keys in order and whole numbers as JavaScript writes them; much the quicker way."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        names = tuple(value)
        ordered = _sorted(names) if len(names) <= _FEW else sorted(names, key=_locale_key)
        return {name: _in_order(value[name]) for name in ordered}
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if not isinstance(value, float):
        return value
    if value.is_integer() and abs(value) < 2**53:
        return int(value)
    if "e" in repr(value) or not math.isfinite(value) or value.is_integer():
        raise _OddNumberError
    return value


def _javascript(value: Any) -> Iterator[str]:
    """Yield the pieces of `JSON.stringify(sortKeysDeep(value))`."""
    if isinstance(value, dict):
        yield "{"
        for place, key in enumerate(sorted(value, key=_locale_key)):
            yield f"{',' if place else ''}{json.dumps(key, ensure_ascii=False)}:"
            yield from _javascript(value[key])
        yield "}"
    elif isinstance(value, list):
        yield "["
        for place, item in enumerate(value):
            yield "," if place else ""
            yield from _javascript(item)
        yield "]"
    elif isinstance(value, float):
        yield _javascript_number(value)
    else:
        yield json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=1_024)
def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names, key=_locale_key))


@lru_cache(maxsize=4_096)
def _locale_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sort names as ICU does: marks, digits, letters; accents and case where names are otherwise equal, small first."""
    base = [char for char in unicodedata.normalize("NFD", name) if not unicodedata.combining(char)]
    primary = [(_RANK.get(char, len(_RANK)), char.casefold() if char not in _RANK else "") for char in base]
    return primary, name.swapcase()


def _javascript_number(value: float) -> str:
    """Return a number as ECMAScript's Number::toString does."""
    if not math.isfinite(value):
        return "null"
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return format(Decimal(repr(value)).normalize(), "f") if value else "0"
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"
