"""What an import did: folders, rows, and everything that was skipped or salvaged with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from g6o_eval.fleet.ingest.kilo import UNREADABLE
from g6o_eval.fleet.ingest.reading import Reading


@dataclass(slots=True)
class Report:
    """Counts of one run.

    Attributes:
        folders: task folders found.
        sessions: of them, read and written.
        unchanged: of them, read by an earlier run and the same since.
        refused: reason → folders that gave no session.
        rows: table → rows written.
        issues: reason → elements or files that were skipped, salvaged or refused.
        left_out: reason → elements that were left out on purpose and are no loss.
        commit: the store's commit after the run.
        seconds: wall time.
    """

    folders: int = 0
    sessions: int = 0
    unchanged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    issues: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    commit: str = ""
    seconds: float = 0.0

    def note(self, reading: Reading) -> None:
        """Count what one source gave."""
        self.folders += 1
        self.issues.update(reading.issues)
        self.left_out.update(reading.left_out)
        if reading.unchanged:
            self.unchanged += 1
        elif reading.refused is not None:
            self.refused[reading.refused] += 1
        else:
            self.sessions += 1

    @property
    def unreadable(self) -> int:
        """Folders that the system would not let us read: the run is not complete."""
        return self.refused[UNREADABLE]

    @property
    def wrote(self) -> bool:
        """Whether the run wrote anything that an earlier one had not."""
        return bool(self.sessions or self.rows.total())

    def to_json(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {
            "folders": self.folders,
            "sessions": self.sessions,
            "unchanged": self.unchanged,
            "refused": dict(sorted(self.refused.items())),
            "rows": dict(sorted(self.rows.items())),
            "issues": dict(sorted(self.issues.items())),
            "left_out": dict(sorted(self.left_out.items())),
            "commit": self.commit,
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[tuple[str, str, int]]:
        """Return (what, which, how many), in the order a person reads them; zeros are left out."""
        heads = [("folders", "", self.folders), ("sessions", "written", self.sessions)]
        heads.append(("sessions", "unchanged", self.unchanged))
        groups: tuple[tuple[str, Mapping[str, int]], ...] = (
            ("rows", self.rows),
            ("refused", self.refused),
            ("issue", self.issues),
            ("left out", self.left_out),
        )
        counted = [(what, which, n) for what, group in groups for which, n in sorted(group.items())]
        return [heads[0], *((what, which, n) for what, which, n in heads[1:] + counted if n)]
