"""The baseline: what the candidate is compared with, run in the same session on the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from g6o_eval import git
from g6o_eval.artifact import digest_text
from g6o_eval.errors import CandidateError, MissingError
from g6o_eval.eval import Eval
from g6o_eval.steps.candidate import PROGRAM_FILE, Candidate, hand_written, loaded
from g6o_eval.store.ledger import live, read_artifact
from g6o_eval.store.port import Store

GIT_PREFIX = "git:"
LIVE = "live"
HAND_WRITTEN = "hand-written"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The program to beat.

    Attributes:
        name: "live", "hand-written" or "git:<ref>".
        digest: its program digest.
        program: what to run; None when the live one was made for code that is gone.
        problem: why it cannot be run, for a person; None when it can.
    """

    name: str
    digest: str
    program: Any | None
    problem: str | None = None


def baseline_of(spec: Eval, store: Store | None, *, root: Path, ref: str | None = None) -> Baseline:
    """Return what a candidate must not fall behind.

    Args:
        spec: the Eval.
        store: where the live artifact is; None without one.
        root: of the checkout, for `ref`.
        ref: "git:<ref>" names the candidate of another commit instead, for jobs that cannot read
            production.

    Raises:
        MissingError: `ref` names nothing.
    """
    if ref is not None:
        return _of_git(spec, root, ref)
    entry = live(store, spec.name) if store is not None else None
    if store is None or entry is None or entry.artifact_digest is None:
        written = hand_written(spec)
        return Baseline(HAND_WRITTEN, written.program_digest, written.program)
    text = read_artifact(store, entry.artifact_digest).program
    return _runnable(spec, LIVE, text, f"the live artifact {entry.artifact_digest[:12]}")


def live_digest(spec: Eval, store: Store) -> str:
    """Return the program digest of the baseline as the store has it at this moment."""
    entry = live(store, spec.name)
    if entry is None or entry.program_digest is None:
        return hand_written(spec).program_digest
    return entry.program_digest


def _of_git(spec: Eval, root: Path, ref: str) -> Baseline:
    if not ref.startswith(GIT_PREFIX) or ref == GIT_PREFIX:
        raise MissingError(f"--eval-baseline {ref!r}: expected git:<ref>, for example git:origin/main")
    commit = git.resolve(root, ref.removeprefix(GIT_PREFIX))
    if commit is None:
        raise MissingError(f"--eval-baseline {ref}: git knows no such commit here. Fetch it, or name another")
    path = f"snapshots/{spec.name}/{PROGRAM_FILE}"
    text = git.read_file(root, commit, path)
    if text is None:
        written = hand_written(spec)
        return Baseline(ref, written.program_digest, written.program)
    return _runnable(spec, ref, text, f"{path} at {ref}")


def _runnable(spec: Eval, name: str, text: str, source: str) -> Baseline:
    try:
        found: Candidate = loaded(spec, text, source=source, origin="live")
    except CandidateError as error:
        return Baseline(name, digest_text(text), None, f"{name} cannot be run with this code: {error}")
    return Baseline(name, found.program_digest, found.program)
