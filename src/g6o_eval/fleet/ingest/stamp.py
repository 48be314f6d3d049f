"""What a place that is read looks like from outside: enough to tell that nothing changed, without reading it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

SETTLED_NS = 2_000_000_000
"""Age from which a file's time tells its state, in nanoseconds: the coarsest clock of a file system in use.

A file may be written twice within one tick and keep size and time. Younger files are read again.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a source looked like from outside.

    Attributes:
        text: SHA-256 over the names, sizes and times of what is read; equal stamps mean equal content,
            if the earlier one was settled.
        settled: nothing had been written for SETTLED_NS when the stamp was taken.
        size_bytes: how much there is to read.
    """

    text: str
    settled: bool
    size_bytes: int


def stamp_of(parts: Iterable[tuple[str, int, int]]) -> Stamp:
    """Return the stamp of what has these names, sizes in bytes and times in nanoseconds since the epoch."""
    found = sorted(parts)
    text = hashlib.sha256("\0".join(f"{name}\0{size}\0{at}" for name, size, at in found).encode("utf-8", "replace"))
    newest = max((at for _, _, at in found), default=0)
    return Stamp(
        text=text.hexdigest(),
        settled=newest < time.time_ns() - SETTLED_NS,
        size_bytes=sum(size for _, size, _ in found),
    )
