"""What a store holds of sessions before a run: their digests, and their places in the forest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from g6o_eval.fleet.ingest.forest import Asked, Method, Node, Place
from g6o_eval.store.port import Change, Value


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds of a session."""

    node: Node
    place: Place
    digest: str
    completed_at: int | None


def read_known(change: Change) -> dict[str, Known]:
    """Return all sessions by their ids."""
    sql = """
        SELECT session_id, parent_session_id, parent_method, root_session_id, prompt_sha256, started_at,
               source_digest, completed_at
        FROM agent_sessions
    """
    known = {}
    for row in change.read(sql):
        session_id, parent, method, root, prompt, started_at, digest, completed_at = row
        node = Node(
            session_id=str(session_id),
            parent_id=_text(parent) if method == "history" else None,
            prompt_sha256=_text(prompt),
            started_at=_int(started_at),
        )
        place = Place(parent_id=_text(parent), method=_method(method), root_id=str(root))
        known[node.session_id] = Known(node, place, str(digest), _int(completed_at))
    return known


def read_asked(change: Change) -> list[Asked]:
    """Return all children that were asked for, as the change sees them."""
    rows = change.read("SELECT session_id, source_index, part, ts, prompt_sha256, child_session_id FROM spawns")
    return [
        Asked(
            session_id=str(session_id),
            index=_int(index) or 0,
            ts=_int(ts),
            prompt_sha256=str(prompt),
            child_id=_text(child),
            part=_int(part) or 0,
        )
        for session_id, index, part, ts, prompt, child in rows
    ]


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _int(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _method(value: Value) -> Method | None:
    return next((method for method in get_args(Method) if method == value), None)
