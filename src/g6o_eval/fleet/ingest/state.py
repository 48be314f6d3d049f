"""What an import remembers of its sources, so that nothing is opened again that looks the same from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from g6o_eval.fleet.ingest.source import Source
from g6o_eval.fleet.ingest.stamp import Stamp
from g6o_eval.store.port import Row

COLUMNS = ("session_id", "stamp", "settled", "refused")
SELECT = "SELECT session_id, stamp, settled, refused FROM import_state"


@dataclass(frozen=True, slots=True)
class Look:
    """A source as it is found by a run; no stamp when it cannot be looked at."""

    source: Source
    stamp: Stamp | None

    @property
    def size_bytes(self) -> int:
        """How much there is to read; -1 when nobody knows."""
        return -1 if self.stamp is None else self.stamp.size_bytes


@dataclass(frozen=True, slots=True)
class State:
    """Stamps by session, as a store keeps them.

    Attributes:
        settled: (session id, stamp) → why the source gave no session, None when it gave one. Trusted.
        fresh: the same of sources that had just been written when they were read: these say nothing
            about what is there, but need no second row.
    """

    settled: Mapping[tuple[str, str], str | None] = field(default_factory=dict)
    fresh: frozenset[tuple[str, str]] = frozenset()

    @property
    def sessions(self) -> frozenset[str]:
        """All sessions that there are rows of."""
        return frozenset(session_id for session_id, _ in (*self.settled, *self.fresh))

    def knows(self, look: Look) -> bool:
        """Say whether a source is as it was when it was read."""
        return look.stamp is not None and (look.source.session_id, look.stamp.text) in self.settled

    def refused(self, look: Look) -> str | None:
        """Return why a known source gave no session, None when it gave one."""
        return self.settled[look.source.session_id, look.stamp.text] if look.stamp is not None else None

    def holds(self, session_id: str, stamp: str) -> bool:
        """Say whether there is a row, trusted or not."""
        return (session_id, stamp) in self.settled or (session_id, stamp) in self.fresh


def state_of(rows: Iterable[Row]) -> State:
    """Return the state that the rows of SELECT say."""
    settled: dict[tuple[str, str], str | None] = {}
    fresh: set[tuple[str, str]] = set()
    for session_id, stamp, is_settled, refused in rows:
        place = (str(session_id), str(stamp))
        if is_settled:
            settled[place] = None if refused is None else str(refused)
        else:
            fresh.add(place)
    return State(settled=settled, fresh=frozenset(fresh))


def look_at(sources: Iterable[Source]) -> list[Look]:
    """Look at sources from outside."""
    return [Look(source, _stamp(source)) for source in sources]


def biggest_of_each(looks: Sequence[Look]) -> tuple[list[Look], list[Look]]:
    """Return the biggest source of each session by its id, and the others: backups and exports of the same."""
    best: dict[str, Look] = {}
    others: list[Look] = []
    for look in looks:
        session_id = look.source.session_id
        rival = best.get(session_id)
        if rival is None or look.size_bytes > rival.size_bytes:
            best[session_id] = look
        if rival is not None:
            others.append(rival if best[session_id] is look else look)
    return [best[session_id] for session_id in sorted(best)], others


def _stamp(source: Source) -> Stamp | None:
    try:
        return source.stamp()
    except OSError:
        return None  # reading it says why
