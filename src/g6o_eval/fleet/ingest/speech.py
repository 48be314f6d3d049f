"""A text at its place in a source file, as a Message."""

from __future__ import annotations

from dataclasses import dataclass

from g6o_eval.fleet.ingest.text import kept, label, sha256
from g6o_eval.fleet.session import PREVIEW_CHARS, Message, Role


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a text or call stands: file, index of its element, time in epoch ms, part of the element."""

    file: str
    index: int
    ts: int | None
    part: int = 0


def speech(spot: Spot, text: str, *, role: Role, kind: str) -> Message:
    """Return the Message of a text, redacted and cut."""
    return Message(
        file=spot.file,
        index=spot.index,
        part=spot.part,
        ts=spot.ts,
        role=role,
        kind=label(kind),
        preview=kept(text, PREVIEW_CHARS),
        chars=len(text),
        sha256=sha256(text),
    )
