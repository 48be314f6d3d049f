"""The ledger: what is live, since when, by whose hand. Entries are only ever appended.

Each state change is one commit: the artifact, the entry, and the rows of compiled_prompts, the
table that consumers read and that nothing else writes.
"""

from __future__ import annotations

import warnings
from datetime import datetime, timezone

from g6o_eval.artifact import Artifact
from g6o_eval.errors import RefusedError, StaleError, StoreError
from g6o_eval.store.artifacts import (
    artifact_digest,
    artifact_in,
    artifacts_in,
    check_texts,
    publish_texts,
    read_artifact,
    store_artifact,
)
from g6o_eval.store.entries import COLUMNS, Entry, Order, State, read_entries
from g6o_eval.store.port import Change, Store

__all__ = [
    "Entry", "Order", "artifact_digest", "eval_names", "history", "live", "read_artifact", "record_promotion",
    "record_reinstate", "record_rollback", "revoked", "standing",
]  # fmt: skip


def eval_names(store: Store) -> tuple[str, ...]:
    """Return the evals that have entries, sorted by code point."""
    if "g6o_ledger" not in store.tables():
        return ()
    return tuple(sorted(str(name) for (name,) in store.read("SELECT DISTINCT eval_name FROM g6o_ledger")))


def history(store: Store, eval_name: str, *, at: str | None = None) -> tuple[Entry, ...]:
    """Return every entry of an eval, oldest first; none in a store whose ledger was not made yet."""
    if "g6o_ledger" not in store.tables(at=at):
        return ()
    return read_entries(lambda sql, params: store.read(sql, params, at=at), eval_name)


def live(store: Store, eval_name: str, *, at: str | None = None) -> Entry | None:
    """Return the entry whose artifact consumers read; None: never promoted, or withdrawn."""
    return standing(store, eval_name, at=at).live


def revoked(store: Store, eval_name: str, *, at: str | None = None) -> frozenset[str]:
    """Return the program digests that a rollback left and nobody reinstated."""
    return frozenset(standing(store, eval_name, at=at).revoked)


def standing(store: Store, eval_name: str, *, at: str | None = None) -> State:
    """Return what all entries of an eval add up to: what is live and what is revoked at one moment."""
    return State.of(history(store, eval_name, at=at))


def record_promotion(store: Store, artifact: Artifact, order: Order, *, run_id: str, expected_live: str | None) -> str:
    """Make an artifact live and publish its texts, in one commit; return the commit.

    Args:
        store: where it was judged.
        artifact: what passed.
        order: who wants it and how.
        run_id: of the run that proves it.
        expected_live: program digest that it was judged against; None: nothing was live.

    Raises:
        StaleError: something else is live.
        RefusedError: its program is revoked, or one of its prompt ids belongs to another eval.
        DataError: a text or name does not fit the table that consumers read.
    """
    name = artifact.eval_name
    check_texts(artifact)
    with store.change(f"Promote {name} {artifact.program_digest[:12]}") as change:
        state = _state(change, name)
        _check_expected(name, state, expected_live)
        if artifact.program_digest in state.revoked:
            program = artifact.program_digest[:12]
            raise RefusedError((f"{name}: program {program} was rolled back; run g6o-eval reinstate {name} first",))
        key, leaving = _put_artifact(change, artifact, state)
        _check_owners(change, artifact, leaving)
        entry = Entry(
            name, state.seq + 1, "promote", key, artifact.program_digest, run_id, order.by, order.reason, _now(),
            order.allow_offline,
        )  # fmt: skip
        _append(change, entry)
        publish_texts(change, artifact, leaving=leaving, at=entry.at)
    return _label(store, entry, _committed(change))


def record_rollback(store: Store, eval_name: str, *, by: str, reason: str) -> Entry:
    """Make the artifact before the live one live again, or withdraw when there is none; revoke what is left.

    Raises:
        RefusedError: nothing is live.
    """
    with store.change(f"Roll back {eval_name}") as change:
        state = _state(change, eval_name)
        if state.live is None:
            raise RefusedError((f"{eval_name}: nothing is live, so there is nothing to roll back",))
        leaving, back, seq, now = _live_artifact(change, state), state.previous(), state.seq + 1, _now()
        if back is None:
            entry = Entry(eval_name, seq, "withdraw", None, None, None, by, reason, now, False)
            publish_texts(change, None, leaving=leaving, at=now)
        else:
            entry = Entry(
                eval_name, seq, "rollback", back.artifact_digest, back.program_digest, back.run_id, by, reason, now,
                back.allow_offline,
            )  # fmt: skip
            artifact = artifact_in(change, str(back.artifact_digest))
            _check_owners(change, artifact, leaving)
            publish_texts(change, artifact, leaving=leaving, at=now)
        _append(change, entry)
    _label(store, entry, _committed(change))
    return entry


def record_reinstate(store: Store, eval_name: str, program_digest: str, *, by: str, reason: str) -> Entry:
    """Allow a revoked program again; nothing goes live by it.

    Raises:
        RefusedError: it is not revoked.
    """
    with store.change(f"Reinstate {eval_name} {program_digest[:12]}") as change:
        state = _state(change, eval_name)
        if program_digest not in state.revoked:
            raise RefusedError((f"{eval_name}: program {program_digest[:12]} is not revoked",))
        entry = Entry(eval_name, state.seq + 1, "reinstate", None, program_digest, None, by, reason, _now(), False)
        _append(change, entry)
    return entry


def _state(change: Change, eval_name: str) -> State:
    return State.of(read_entries(change.read, eval_name))


def _check_expected(name: str, state: State, expected: str | None) -> None:
    found = state.live.program_digest if state.live else None
    if found == expected:
        return
    judged = f"program {expected[:12]}" if expected else "nothing live"
    if state.live is None:
        now = "nothing is live"
    else:
        now = f"program {str(found)[:12]} is live since entry {state.live.seq} by {state.live.by!r}"
    raise StaleError((f"{name}: it was judged against {judged}, but {now}. Judge again: pytest evals/",))


def _put_artifact(change: Change, artifact: Artifact, state: State) -> tuple[str, Artifact | None]:
    """Store an artifact; return its digest, and what is live. One that is stored keeps its first lineage."""
    key = artifact_digest(artifact)
    leaving = str(state.live.artifact_digest) if state.live else None
    found = artifacts_in(change, [key] if leaving is None else [key, leaving])
    if key not in found:
        store_artifact(change, artifact)
    return key, None if leaving is None else found.get(leaving) or artifact_in(change, leaving)


def _check_owners(change: Change, artifact: Artifact, leaving: Artifact | None) -> None:
    """Raise RefusedError when a prompt id is what another eval publishes.

    Ids that `leaving`, the eval's live artifact, publishes are its own: they were checked when it came.
    """
    if leaving is not None and set(artifact.texts) <= set(leaving.texts):
        return
    for (name,) in change.read("SELECT DISTINCT eval_name FROM g6o_ledger WHERE eval_name <> ?", (artifact.eval_name,)):
        other = _live_artifact(change, _state(change, str(name)))
        if other and (both := sorted(set(other.texts) & set(artifact.texts))):
            raise RefusedError(
                tuple(f"{artifact.eval_name}: prompt id {each!r} is what eval {name!r} publishes" for each in both)
            )


def _live_artifact(change: Change, state: State) -> Artifact | None:
    return artifact_in(change, str(state.live.artifact_digest)) if state.live else None


def _append(change: Change, entry: Entry) -> None:
    change.insert("g6o_ledger", COLUMNS, [entry.to_row()])


def _label(store: Store, entry: Entry, commit: str) -> str:
    """Label the commit; return it. The rows are the truth: without its label a promotion stands."""
    name = f"prompt/{entry.eval_name}@{entry.seq}"
    try:
        store.label(name, commit, f"{entry.action} by {entry.by}")
    except StoreError as error:
        warnings.warn(f"{entry.action} stands, but its label {name!r} could not be put: {error}", stacklevel=3)
    return commit


def _committed(change: Change) -> str:
    if change.commit is None:
        raise StoreError("the change ended without a commit although it appended to the ledger")
    return change.commit


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
