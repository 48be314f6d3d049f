"""One entry of the ledger, and what the entries of an eval add up to. No I/O of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from g6o_eval.store.port import Row, Value

Action = Literal["promote", "rollback", "withdraw", "reinstate"]

COLUMNS = (
    "eval_name", "seq", "action", "artifact_digest", "program_digest", "run_id", "actor", "reason", "at",
    "allow_offline",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM g6o_ledger"  # noqa: S608 # constants


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who wants a promotion, and how.

    Attributes:
        by: the person or job, never empty.
        reason: for the ledger; may be empty.
        allow_offline: take a verdict of the offline LM into a server store; recorded.
    """

    by: str
    reason: str = ""
    allow_offline: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One state change of one eval.

    Attributes:
        eval_name: the eval.
        seq: 1, 2, 3 … within the eval.
        action: promote and rollback make the artifact below live; withdraw leaves nothing live;
            reinstate allows a revoked digest again and changes nothing else.
        artifact_digest: what is live after it; None for withdraw and reinstate.
        program_digest: of that artifact; for reinstate the digest that may come back.
        run_id: the run that proves a promotion.
        by: who did it.
        reason: why, in a sentence.
        at: UTC, ISO 8601 with seconds; data, never identity.
        allow_offline: the proof of the offline LM was accepted by name.
    """

    eval_name: str
    seq: int
    action: Action
    artifact_digest: str | None
    program_digest: str | None
    run_id: str | None
    by: str
    reason: str
    at: str
    allow_offline: bool

    def to_row(self) -> Row:
        """Return the values of COLUMNS."""
        return (
            self.eval_name, self.seq, self.action, self.artifact_digest, self.program_digest, self.run_id, self.by,
            self.reason, self.at, int(self.allow_offline),
        )  # fmt: skip


@dataclass(slots=True)
class State:
    """What the entries of one eval add up to.

    Attributes:
        live: the entry whose artifact consumers read, or None.
        revoked: program digests that a rollback left and nobody reinstated.
        seq: of the last entry, 0 without one.
    """

    live: Entry | None = None
    revoked: set[str] = field(default_factory=set)
    seq: int = 0
    _earlier: list[Entry] = field(default_factory=list)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> State:
        """Return the state after the entries, which come in the order of their seq."""
        state = cls()
        for entry in entries:
            state._add(entry)
        return state

    def previous(self) -> Entry | None:
        """Return the newest entry before the live one whose program may come back."""
        leaving = self.revoked | {self.live.program_digest if self.live else None}
        return next((entry for entry in reversed(self._earlier) if entry.program_digest not in leaving), None)

    def _add(self, entry: Entry) -> None:
        self.seq = entry.seq
        if entry.action == "reinstate":
            self.revoked.discard(str(entry.program_digest))
        elif entry.action == "promote":
            if self.live is not None:
                self._earlier.append(self.live)
            self.live = entry
        else:
            self._leave(entry)

    def _leave(self, entry: Entry) -> None:
        if self.live is not None:
            self.revoked.add(str(self.live.program_digest))
        while self._earlier and self._earlier[-1].artifact_digest != entry.artifact_digest:
            self._earlier.pop()
        if self._earlier:
            self._earlier.pop()
        self.live = entry if entry.action == "rollback" else None


def read_entries(read: Callable[[str, Sequence[Value]], Iterable[Row]], eval_name: str) -> tuple[Entry, ...]:
    """Return the entries of an eval, oldest first, through any reader: a store at a commit, or an open change."""
    return tuple(_entry(row) for row in read(f"{_SELECT} WHERE eval_name = ? ORDER BY seq", (eval_name,)))


def _entry(row: Row) -> Entry:
    name, seq, action, artifact, program, run_id, by, reason, at, allow_offline = row
    return Entry(
        str(name), int(str(seq)), action, _text(artifact), _text(program), _text(run_id),  # type: ignore[arg-type]  # the column holds only Actions
        str(by), str(reason), str(at), bool(allow_offline),
    )  # fmt: skip


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
