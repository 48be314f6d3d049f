"""Who asked for whom: parent and root of every session, from what the logs say and when.

A session's root is the unit of independence: everything under one root shares a prompt's author,
a repository and a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Method = Literal["history", "named", "prompt"]
"""How a parent was found: the child's own record, the parent's, or an equal prompt shortly before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What is known of a session by itself."""

    session_id: str
    parent_id: str | None
    prompt_sha256: str | None
    started_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A child that a session asked for."""

    session_id: str
    index: int
    ts: int | None
    prompt_sha256: str
    child_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a session stands in the forest; a root is its own root."""

    parent_id: str | None
    method: Method | None
    root_id: str


def plant(nodes: Sequence[Node], asked: Sequence[Asked]) -> dict[str, Place]:
    """Return the place of every session, whatever order they come in.

    A parent that was named but never read is a root all the same: its children stay one group.
    """
    parents = _parents(nodes, asked)
    return {
        node.session_id: Place(
            parent_id=parents[node.session_id][0] if node.session_id in parents else None,
            method=parents[node.session_id][1] if node.session_id in parents else None,
            root_id=_root(node.session_id, parents),
        )
        for node in nodes
    }


def _parents(nodes: Sequence[Node], asked: Sequence[Asked]) -> dict[str, tuple[str, Method]]:
    named = {ask.child_id: ask for ask in asked if ask.child_id is not None}
    used = {(ask.session_id, ask.index) for ask in named.values()}
    by_prompt: dict[str, list[Asked]] = {}
    for ask in asked:
        by_prompt.setdefault(ask.prompt_sha256, []).append(ask)
    parents: dict[str, tuple[str, Method]] = {}
    for node in sorted(nodes, key=lambda node: (node.started_at or 0, node.session_id)):
        if node.parent_id is not None and node.parent_id != node.session_id:
            parents[node.session_id] = (node.parent_id, "history")
        elif node.session_id in named and named[node.session_id].session_id != node.session_id:
            parents[node.session_id] = (named[node.session_id].session_id, "named")
        elif (found := _by_prompt(node, by_prompt, used=used)) is not None:
            used.add((found.session_id, found.index))
            parents[node.session_id] = (found.session_id, "prompt")
    return parents


def _by_prompt(node: Node, by_prompt: Mapping[str, Sequence[Asked]], *, used: set[tuple[str, int]]) -> Asked | None:
    """Return the last asking, before the session started, for exactly its prompt; each counts once."""
    if node.started_at is None or node.prompt_sha256 is None:
        return None
    fitting = [
        ask
        for ask in by_prompt.get(node.prompt_sha256, ())
        if ask.ts is not None
        and ask.ts <= node.started_at
        and ask.session_id != node.session_id
        and (ask.session_id, ask.index) not in used
    ]
    return max(fitting, key=lambda ask: (ask.ts or 0, ask.session_id, ask.index), default=None)


def _root(session_id: str, parents: Mapping[str, tuple[str, Method]]) -> str:
    seen = [session_id]
    while seen[-1] in parents:
        parent = parents[seen[-1]][0]
        if parent in seen:  # a circle in the sources: its first name stands for all of it
            return min(seen[seen.index(parent) :])
        seen.append(parent)
    return seen[-1]
