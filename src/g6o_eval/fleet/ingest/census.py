"""Counts what a source file holds while it is read, and collects what was wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from g6o_eval.fleet.ingest.array import BOM, REPLACED, TRAILING, Flaw
from g6o_eval.fleet.ingest.text import label
from g6o_eval.fleet.session import FileStatus, Issue, SourceFile

FOREIGN = "element of another schema"
MISSING = "file missing"
EMPTY_ARRAY = "array without elements"
DETAIL_CHARS = 400
IDLE_MS = 600_000
"""Longest gap that counts as work, in milliseconds: people go away for weeks and come back."""
HARMLESS = frozenset({BOM, REPLACED, TRAILING, EMPTY_ARRAY})
"""Flaws that lose no element."""


@dataclass(slots=True)
class Census:
    """What one file holds, so far."""

    name: str
    elements: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    with_ts: int = 0
    partial: int = 0
    last_kind: str = ""
    issues: list[Issue] = field(default_factory=list)
    _times: set[int] = field(default_factory=set)

    def add(self, kind: str, ts: int | None, *, partial: bool = False) -> None:
        """Count one accepted element."""
        self.elements += 1
        self.kinds[label(kind)] += 1
        self.partial += partial
        self.last_kind = label(kind)
        if ts is not None:
            self.with_ts += 1
            self._times.add(ts)

    def issue(self, index: int, reason: str, detail: str = "") -> None:
        """Note something that was skipped, salvaged or refused."""
        self.issues.append(Issue(file=self.name, index=index, reason=reason, detail=label(detail, DETAIL_CHARS)))

    def flaw(self, flaw: Flaw) -> None:
        """Note what the array reader found."""
        self.issue(flaw.index, flaw.reason, flaw.detail)

    def name_call(self, name: str) -> None:
        """Count one call by its name as written."""
        self.calls[label(name)] += 1

    @property
    def active_ms(self) -> int | None:
        """The time between the elements, each gap counted with at most IDLE_MS; None without times."""
        times = sorted(self._times)
        return sum(min(later - first, IDLE_MS) for first, later in pairwise(times)) if times else None

    @property
    def losses(self) -> bool:
        """Whether something of the file is missing from what was read."""
        return bool({issue.reason for issue in self.issues} - HARMLESS)

    @property
    def first_ts(self) -> int | None:
        """The earliest time, epoch milliseconds."""
        return min(self._times, default=None)

    @property
    def last_ts(self) -> int | None:
        """The latest time, epoch milliseconds."""
        return max(self._times, default=None)

    def file(self, path: Path | None) -> SourceFile:
        """Return what was found, once the file at `path` is read; None: there was no file."""
        return SourceFile(
            name=self.name,
            status="missing" if path is None else self._status(),
            size_bytes=0 if path is None else path.stat().st_size,
            elements=self.elements,
            kinds=dict(sorted(self.kinds.items())),
            calls=dict(sorted(self.calls.items())),
            with_ts=self.with_ts,
            repeated_ts=self.with_ts - len(self._times),
            partial=self.partial,
            first_ts=self.first_ts,
            last_ts=self.last_ts,
            last_kind=self.last_kind,
        )

    def _status(self) -> FileStatus:
        reasons = {issue.reason for issue in self.issues}
        if reasons - HARMLESS:
            return "salvaged" if self.elements else "refused"
        if not self.elements:
            return "empty"
        return "ok-with-bom" if BOM in reasons else "ok"
