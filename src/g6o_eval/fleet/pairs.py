"""Kill → recovery: a session that was stopped before its work was done, and the one that took it up.

Ordinary delegation is none of it: a child that was asked for while its parent worked recovers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from g6o_eval.fleet.outcome import Outcome

PairMethod = Literal["names it", "child", "bead", "prompt"]
"""How a recovery was found, the surest first: its prompt names the stopped session; it is a child of it
that started after the end; it works on the same bead; it was given the same prompt."""
METHODS: tuple[PairMethod, ...] = get_args(PairMethod)

PAIRS_VERSION = "pairs-1"
"""Stored with every pair; raised with each change of a method or a threshold."""
MAX_HOURS: Mapping[PairMethod, float] = MappingProxyType(
    {"names it": 30 * 24.0, "child": 30 * 24.0, "bead": 7 * 24.0, "prompt": 24.0}
)
"""Method → hours between the end of the one and the start of the other, at most. The weaker the link, the
nearer they must be: a name is one for ever, while the same words may be asked again next week for another
reason. Recorded sessions rest for up to 39 days."""
_HOUR_MS = 3_600_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What pairing may look at, of one session.

    Attributes:
        session_id: of the session.
        outcome: its label; only what did not succeed is recovered.
        stopped: it was killed, cancelled, or left waiting: its end was not its own.
        started_at: epoch milliseconds; None when unknown: such a session pairs with none.
        ended_at: of its last event, epoch milliseconds.
        parent_id: the session that asked for it.
        bead_id: the work item it was given; None when nobody said.
        prompt_sha256: digest of its first prompt, trimmed.
        names: ids of other sessions that its first prompt names.
    """

    session_id: str
    outcome: Outcome
    stopped: bool
    started_at: int | None
    ended_at: int | None
    parent_id: str | None = None
    bead_id: str | None = None
    prompt_sha256: str | None = None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A stopped session and its recovery.

    Attributes:
        stopped_id: the session that was stopped.
        recovery_id: the one that took its work up.
        method: how that is known.
        gap_seconds: between the end of the one and the start of the other, 0 or more.
        outcome: of the recovery.
    """

    stopped_id: str
    recovery_id: str
    method: PairMethod
    gap_seconds: float
    outcome: Outcome


def pairs_of(attempts: Sequence[Attempt]) -> tuple[Pair, ...]:
    """Return the pairs among sessions, by the stopped session's id, whatever order they come in.

    Each session is stopped in one pair and the recovery in one pair at most; the surest method goes
    first, then the shortest gap: A stopped, B stopped, C done gives A → B and B → C, never A → C.
    """
    takers = _Takers(attempts)
    links = [link for each in attempts if each.stopped and each.outcome != "success" for link in takers.of(each)]
    links.sort(key=lambda link: (METHODS.index(link.method), link.gap_seconds, link.stopped_id, link.recovery_id))
    found: dict[str, Pair] = {}
    taken: set[str] = set()
    for link in links:
        if link.stopped_id not in found and link.recovery_id not in taken:
            found[link.stopped_id] = link
            taken.add(link.recovery_id)
    return tuple(found[stopped_id] for stopped_id in sorted(found))


class _Takers:
    """Sessions by what could link them to a stopped one."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self._by: dict[PairMethod, dict[str | None, list[Attempt]]] = {method: {} for method in METHODS}
        for attempt in attempts:
            for name in attempt.names:
                self._note("names it", name, attempt)
            self._note("child", attempt.parent_id, attempt)
            self._note("bead", attempt.bead_id, attempt)
            self._note("prompt", attempt.prompt_sha256, attempt)

    def of(self, stopped: Attempt) -> Iterator[Pair]:
        """Yield every session that could have taken up a stopped one, by each method that says so."""
        own = (stopped.session_id, stopped.session_id, stopped.bead_id, stopped.prompt_sha256)
        for method, key in zip(METHODS, own, strict=True):
            for later in self._by[method].get(key, ()) if key is not None else ():
                gap = _gap_ms(stopped, later)
                if gap is not None and gap <= MAX_HOURS[method] * _HOUR_MS and later.session_id != stopped.session_id:
                    yield Pair(
                        stopped_id=stopped.session_id,
                        recovery_id=later.session_id,
                        method=method,
                        gap_seconds=gap / 1_000,
                        outcome=later.outcome,
                    )

    def _note(self, method: PairMethod, key: str | None, attempt: Attempt) -> None:
        self._by[method].setdefault(key, []).append(attempt)


def _gap_ms(stopped: Attempt, later: Attempt) -> int | None:
    """Return the milliseconds between both; None when unknown or when the later one started before the end."""
    if stopped.ended_at is None or later.started_at is None or later.started_at < stopped.ended_at:
        return None
    return later.started_at - stopped.ended_at
