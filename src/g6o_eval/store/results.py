"""Runs and their scores: scores as rows, the rest of a run as sealed JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from g6o_eval.artifact import canonical_json
from g6o_eval.errors import DataError, MissingError, RefusedError
from g6o_eval.run import Run
from g6o_eval.score import Scores
from g6o_eval.store.entries import Entry
from g6o_eval.store.port import Row, Store
from g6o_eval.store.record import seal, unseal

Side = Literal["candidate", "baseline"]

_RUN = ("run_id", "eval_name", "program_digest", "baseline_digest", "test_hash", "outcome", "body", "body_sha256")
_SCORE = (
    "run_id", "side", "place", "repeat_number", "example_key", "group_name", "value", "error", "feedback", "broken",
)  # fmt: skip


def save_run(store: Store, run: Run) -> str:
    """Write a run with all its scores in one commit; return the commit.

    Raises:
        RefusedError: its standing says that it is not to be stored.
        QueryError: a run of this id is stored already.
    """
    if run.standing != "stored":
        raise RefusedError(
            (f"run {run.run_id} of eval {run.subject.eval_name!r} is {run.standing}: it proves nothing",)
        )
    subject, plain = run.subject, run.to_json()
    # In place of the scores stands how many examples there are, so that a lost row is noticed.
    plain["scores"] = len(run.scores)
    plain["baseline_scores"] = None if run.baseline_scores is None else len(run.baseline_scores)
    row = (
        run.run_id, subject.eval_name, subject.program_digest, subject.baseline_digest, subject.test_hash,
        run.verdict.outcome, *seal(plain),
    )  # fmt: skip
    with store.change(f"Run {run.run_id}: {subject.eval_name} {run.verdict.outcome}") as change:
        change.insert("g6o_runs", _RUN, [row])
        change.insert("g6o_scores", _SCORE, _score_rows(run.run_id, "candidate", run.scores))
        if run.baseline_scores is not None:
            change.insert("g6o_scores", _SCORE, _score_rows(run.run_id, "baseline", run.baseline_scores))
    return change.commit or store.head()


def read_run(store: Store, run_id: str) -> Run:
    """Return a stored run.

    Raises:
        MissingError: there is none of this id.
        DataError: it is not what was written.
    """
    found = list(store.read("SELECT body, body_sha256 FROM g6o_runs WHERE run_id = ?", (run_id,)))
    if not found:
        raise MissingError(f"{store.url} has no run {run_id!r}")
    plain = unseal(*found[0], what=f"run {run_id}")
    plain["scores"] = _read_scores(store, run_id, "candidate", plain["scores"])
    if plain["baseline_scores"] is not None:
        plain["baseline_scores"] = _read_scores(store, run_id, "baseline", plain["baseline_scores"])
    return Run.from_json(plain)


def run_behind(store: Store, entry: Entry | None) -> Run | None:
    """Return the run that proved what a ledger entry put live; None when the entry has none.

    Raises:
        MissingError: the ledger names a run that this store does not hold.
    """
    return None if entry is None or entry.run_id is None else read_run(store, entry.run_id)


def latest_run(store: Store, eval_name: str, program_digest: str | None = None) -> Run | None:
    """Return the newest stored run of an eval, by ULID; of this candidate alone when it is given."""
    if "g6o_runs" not in store.tables():
        return None
    if program_digest is None:
        found = store.read("SELECT MAX(run_id) FROM g6o_runs WHERE eval_name = ?", (eval_name,))
    else:
        sql = "SELECT MAX(run_id) FROM g6o_runs WHERE eval_name = ? AND program_digest = ?"
        found = store.read(sql, (eval_name, program_digest))
    ((run_id,),) = found
    return None if run_id is None else read_run(store, str(run_id))


def count_looks(store: Store, eval_name: str, *, test_hash: str, baseline_digest: str) -> int:
    """Return how many stored runs judged this test split against this baseline."""
    if "g6o_runs" not in store.tables():
        return 0
    sql = "SELECT COUNT(*) FROM g6o_runs WHERE eval_name = ? AND test_hash = ? AND baseline_digest = ?"
    ((count,),) = store.read(sql, (eval_name, test_hash, baseline_digest))
    return int(str(count))


def _score_rows(run_id: str, side: Side, scores: Scores) -> Iterator[Row]:
    for place, key in enumerate(scores):
        start = (run_id, side, place)
        group = scores.groups.get(key)
        repeats = scores.by_key[key]
        if not repeats:
            yield (*start, 0, key, group, None, None, None, None)
        for number, score in enumerate(repeats, 1):
            broken = canonical_json(list(score.broken))
            yield (*start, number, key, group, score.value, score.error, score.feedback, broken)


def _read_scores(store: Store, run_id: str, side: Side, examples: int) -> dict[str, Any]:
    """Return what Scores.from_json takes."""
    by_key: dict[str, list[list[object]]] = {}
    groups: dict[str, str] = {}
    sql = (
        "SELECT example_key, group_name, repeat_number, value, error, feedback, broken FROM g6o_scores "
        "WHERE run_id = ? AND side = ? ORDER BY place, repeat_number"
    )
    for key, group, number, value, error, feedback, broken in store.read(sql, (run_id, side)):
        repeats = by_key.setdefault(str(key), [])
        if group is not None:
            groups[str(key)] = str(group)
        if number:
            repeats.append([value, error, feedback, json.loads(str(broken))])
    if len(by_key) != examples:
        raise DataError(
            f"run {run_id} has {side} scores of {len(by_key)} examples in the store, {examples} were written"
        )
    return {"by_key": by_key, "groups": groups}
