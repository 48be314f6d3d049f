"""What is live, since when, by which verdict, on which data: one value per Eval. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from g6o_eval.gate import Verdict
from g6o_eval.run import Run
from g6o_eval.store.ledger import Entry, history, live, revoked
from g6o_eval.store.port import Store
from g6o_eval.store.results import read_run

State = Literal["live", "withdrawn", "never promoted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where one Eval stands in a store.

    Attributes:
        eval_name: of the Eval.
        state: live; withdrawn by a rollback that had nothing before it; or never promoted.
        since: UTC, of the ledger entry that made it so; None when never promoted.
        by: who made that entry.
        reason: as the entry gives it.
        program_digest: of what is live.
        run_id: of the run that proved it.
        verdict: of that run.
        data_commit: that its Examples were read at.
        allow_offline: whether a verdict of the offline LM was taken on purpose.
        revoked: program digests that may not come back by themselves, sorted.
    """

    eval_name: str
    state: State
    since: str | None = None
    by: str | None = None
    reason: str | None = None
    program_digest: str | None = None
    run_id: str | None = None
    verdict: Verdict | None = None
    data_commit: str | None = None
    allow_offline: bool = False
    revoked: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object, the verdict's examples left out."""
        plain = asdict(self)
        for name in ("fixed", "broke") if self.verdict is not None else ():
            del plain["verdict"][name]
        return plain


def status_of(store: Store, eval_names: Iterable[str], *, at: str | None = None) -> tuple[Status, ...]:
    """Return where each Eval stands, in the order given, at a commit of the store or at its head."""
    return tuple(_status(store, name, at) for name in eval_names)


def _status(store: Store, name: str, at: str | None) -> Status:
    left = tuple(sorted(revoked(store, name, at=at)))
    entry = live(store, name, at=at)
    if entry is not None:
        return _live(entry, _run(store, entry), left)
    moves = [step for step in history(store, name, at=at) if step.action != "reinstate"]
    if not moves:
        return Status(eval_name=name, state="never promoted", revoked=left)
    last = moves[-1]
    return Status(eval_name=name, state="withdrawn", since=last.at, by=last.by, reason=last.reason, revoked=left)


def _live(entry: Entry, run: Run | None, left: tuple[str, ...]) -> Status:
    return Status(
        eval_name=entry.eval_name,
        state="live",
        since=entry.at,
        by=entry.by,
        reason=entry.reason,
        program_digest=entry.program_digest,
        run_id=entry.run_id,
        verdict=None if run is None else run.verdict,
        data_commit=None if run is None else run.data_commit,
        allow_offline=entry.allow_offline,
        revoked=left,
    )


def _run(store: Store, entry: Entry) -> Run | None:
    return None if entry.run_id is None else read_run(store, entry.run_id)
