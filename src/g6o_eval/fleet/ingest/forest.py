"""Who asked for whom: parent and root of every session, from what the logs say and when.

A session's root is the unit of independence: everything under one root shares a prompt's author,
a repository and a day.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from g6o_eval.fleet.ingest.text import prompt_sha256

Method = Literal["history", "named", "prompt", "nearest"]
"""How a parent was found: the child's own record, the parent's, an equal prompt shortly before, or, where one
of the two prompts was lost, the start that came next."""
CONFIDENCE: Mapping[Method, float] = MappingProxyType({"history": 1.0, "named": 1.0, "prompt": 0.95, "nearest": 0.5})
"""How far a link may be believed: certain, as good as certain, a guess. An order, and no measured frequency."""
NEAREST_MS = 120_000
"""How long after it was asked for a child may start to be taken for the one that came next."""
NO_PROMPT = prompt_sha256("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What is known of a session by itself."""

    session_id: str
    parent_id: str | None
    prompt_sha256: str | None
    started_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A child that a session asked for; a turn may ask for several, told apart by their part."""

    session_id: str
    index: int
    ts: int | None
    prompt_sha256: str
    child_id: str | None
    part: int = 0

    @property
    def key(self) -> tuple[str, int, int]:
        """Which asking this is."""
        return self.session_id, self.index, self.part


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a session stands in the forest; a root is its own root."""

    parent_id: str | None
    method: Method | None
    root_id: str

    @property
    def confidence(self) -> float | None:
        """How far the link to the parent may be believed; None for a root."""
        return None if self.method is None else CONFIDENCE[self.method]


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
    used = {ask.key for ask in named.values()}
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
            used.add(found.key)
            parents[node.session_id] = (found.session_id, "prompt")
    return {**_nearest([node for node in nodes if node.session_id not in parents], asked, used=used), **parents}


def _by_prompt(
    node: Node, by_prompt: Mapping[str, Sequence[Asked]], *, used: set[tuple[str, int, int]]
) -> Asked | None:
    """Return the last asking, before the session started, for exactly its prompt; each counts once."""
    if node.started_at is None or node.prompt_sha256 is None:
        return None
    fitting = [
        ask
        for ask in by_prompt.get(node.prompt_sha256, ())
        if ask.ts is not None
        and ask.ts <= node.started_at
        and ask.session_id != node.session_id
        and ask.key not in used
    ]
    return max(fitting, key=lambda ask: (ask.ts or 0, ask.key), default=None)


def _nearest(
    nodes: Sequence[Node], asked: Sequence[Asked], *, used: set[tuple[str, int, int]]
) -> dict[str, tuple[str, Method]]:
    """Give each asking that is left the start that came next, where the two prompts cannot be compared.

    Two prompts that are known and differ are no pair, however near.
    """
    starts = sorted((node.started_at, node.session_id, node) for node in nodes if node.started_at is not None)
    parents: dict[str, tuple[str, Method]] = {}
    for ask in sorted(asked, key=lambda ask: (ask.ts or 0, ask.key)):
        if ask.ts is None or ask.child_id is not None or ask.key in used:
            continue
        lost = ask.prompt_sha256 == NO_PROMPT
        for started_at, session_id, node in starts[bisect_left(starts, (ask.ts,)) :]:
            if started_at > ask.ts + NEAREST_MS:
                break
            if session_id in parents or session_id == ask.session_id:
                continue
            if lost or node.prompt_sha256 in (None, NO_PROMPT):
                parents[session_id] = (ask.session_id, "nearest")
                break
    return parents


def _root(session_id: str, parents: Mapping[str, tuple[str, Method]]) -> str:
    seen = [session_id]
    while seen[-1] in parents:
        parent = parents[seen[-1]][0]
        if parent in seen:  # a circle in the sources: its first name stands for all of it
            return min(seen[seen.index(parent) :])
        seen.append(parent)
    return seen[-1]
