"""What a listener writes in one change: events as they came, and sessions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import orjson

from g6o_eval.errors import UnfitError
from g6o_eval.fleet.ingest.events import COLUMNS, TABLE
from g6o_eval.fleet.ingest.mirror import Held
from g6o_eval.fleet.ingest.rewrite import rewrite
from g6o_eval.fleet.session import Session
from g6o_eval.store.port import Change, Row, Store

_AT_ONCE = 500
"""Keys of one query."""


def write_heard(store: Store, raw: Mapping[str, Row], sessions: Sequence[Session]) -> tuple[int, str | None]:
    """Write events, by their key, and sessions in one change; return how many events were not there, and the commit.

    Raises:
        UnavailableError: the store is away; whether it was written may not be known. It may be written again.
        UnfitError: somebody else left rows uncommitted in a table of these.
    """
    try:
        with store.change(f"Listen to {len(raw)} events, {len(sessions)} sessions") as change:
            fresh = _fresh(change, raw)
            if fresh:
                change.insert(TABLE, COLUMNS, fresh)
            if sessions:
                rewrite(change, sessions)
    except UnfitError as error:
        if TABLE not in str(error):
            raise
        advice = "Or listen with --no-raw, and leave that table to whoever writes to it"
        raise UnfitError(f"{error}. {advice}") from None
    return len(fresh), change.commit


def _fresh(change: Change, raw: Mapping[str, Row]) -> list[Row]:
    known: set[object] = set()
    keys = list(raw)
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        holes = ", ".join("?" * len(some))
        sql = f"SELECT source_hash FROM {TABLE} WHERE source_hash IN ({holes})"  # noqa: S608 # a constant
        known |= {row[0] for row in change.read(sql, some)}
    return [row for key, row in raw.items() if key not in known]


def held_digest(held: Held, document: Sequence[object]) -> str:
    """Return the SHA-256 of what a Session is made from."""
    about = [held.info.get("parentID"), held.info.get("cost"), held.info.get("agent"), document]
    try:
        text = orjson.dumps(about, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # a number of more than 64 bits
        text = json.dumps(about, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()
