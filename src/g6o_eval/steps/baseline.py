"""The baseline: what the candidate is compared with, run in the same session on the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from g6o_eval import git
from g6o_eval.artifact import digest_text
from g6o_eval.errors import CandidateError, MissingError
from g6o_eval.eval import Eval
from g6o_eval.prompt.publish import prompt_text
from g6o_eval.prompt.state import load_program
from g6o_eval.steps.candidate import PROGRAM_FILE, PROMPT_FILE, Candidate, hand_written, loaded
from g6o_eval.steps.code import program_files
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
        program: what to run; None when it was made for code that is gone.
        problem: why it cannot be run, or is not quite what it was, for a person; None: neither.
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
        return _written_at(spec, root, ref=ref, commit=commit)
    return _runnable(spec, ref, text, f"{path} at {ref}")


def _written_at(spec: Eval, root: Path, *, ref: str, commit: str) -> Baseline:
    """Return the hand-written program of a commit: this checkout's, when it is shown to be the same."""
    written = hand_written(spec)
    shown = git.read_file(root, commit, f"snapshots/{spec.name}/{PROMPT_FILE}")
    # A publish of the Eval's own may leave out words that the program says.
    if spec.publish is None and shown is not None and shown == prompt_text(spec, written.program):
        return Baseline(ref, written.program_digest, written.program)
    top = root.resolve()
    changed = sorted(_place(path, top) for path in program_files(spec) if not _stands_at(path, top, commit))
    if not changed:
        return Baseline(ref, written.program_digest, written.program)
    problem = (
        f"{ref} holds no {PROGRAM_FILE} of {spec.name}, and its hand-written program is other code "
        f"({', '.join(changed)} changed): it cannot be run here. Compare with what is live, or commit a "
        f"{PROGRAM_FILE} there first"
    )
    return Baseline(ref, digest_text(f"{commit}:{spec.name}"), None, problem)


def _stands_at(path: Path, top: Path, commit: str) -> bool:
    return top in path.parents and git.read_file(top, commit, _place(path, top)) == path.read_text(encoding="utf-8")


def _place(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix() if top in path.parents else str(path)


def _runnable(spec: Eval, name: str, text: str, source: str) -> Baseline:
    try:
        found: Candidate = loaded(spec, text, source=source, origin="live")
    except CandidateError:
        return _of_other_words(spec, name, text, source)
    return Baseline(name, found.program_digest, found.program)


def _of_other_words(spec: Eval, name: str, text: str, source: str) -> Baseline:
    """Return a program whose fields are the code's, with its own words about them, under its own digest."""
    try:
        program = load_program(spec, text, source=source, other_words=True)
    except CandidateError:
        problem = (
            f"{name} cannot be run with this code, so a drop cannot be judged: {source} has other predictors, "
            "fields or adapter. A gate with min_mean and without max_drop judges the candidate alone"
        )
        return Baseline(name, digest_text(text), None, problem)
    note = f"{name} was made for other words or types; it was run with its own words and this code's types"
    return Baseline(name, digest_text(text), program, note)
