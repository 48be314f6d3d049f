"""Put a judged candidate live, or refuse with every reason. No LM is called.

Nothing that the judging session said is believed: what the verdict is about is computed again from
the checkout and the store, and the outcome again from the stored scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import g6o_eval
from g6o_eval import git
from g6o_eval.artifact import Artifact, Lineage
from g6o_eval.dataset import group_of, key_of
from g6o_eval.errors import CandidateError, RefusedError, SecretError
from g6o_eval.eval import Eval
from g6o_eval.gate import Verdict
from g6o_eval.lm.roles import is_offline
from g6o_eval.prompt.publish import prompt_text
from g6o_eval.run import Run, Subject
from g6o_eval.steps.baseline import baseline_of
from g6o_eval.steps.candidate import PROMPT_FILE, Candidate, artifact_of, candidate_of, dspy_version
from g6o_eval.steps.proof import changed_rules, rejudge, run_problems, verdict_problems
from g6o_eval.steps.subject import subject_of
from g6o_eval.store.examples import Splits, read_examples
from g6o_eval.store.ledger import Entry, Order, artifact_digest, record_promotion, standing
from g6o_eval.store.origins import origin_of
from g6o_eval.store.port import Store
from g6o_eval.store.results import latest_run, run_behind

_SHOWN = 3
"""Changed files that a refusal names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """What is promoted from.

    Attributes:
        root: of the project.
        snapshots: the folder with one folder per Eval.
        models: role → the model that the settings ask for.
    """

    root: Path
    snapshots: Path
    models: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """A candidate went live.

    Attributes:
        eval_name: of the Eval.
        program_digest: of what is live.
        prompt_ids: under which consumers read it.
        run_id: of the run that proved it.
        verdict: as recomputed.
        commit: of the store.
        notes: sentences on what moved since the promotion before: gate, metric, dataset.
    """

    eval_name: str
    program_digest: str
    prompt_ids: tuple[str, ...]
    run_id: str
    verdict: Verdict
    commit: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyLive:
    """The checkout's candidate is what consumers read; nothing was written."""

    eval_name: str
    program_digest: str


def promote(
    spec: Eval, test_files: tuple[Path, ...], *, store: Store, checkout: Checkout, order: Order
) -> Promoted | AlreadyLive:
    """Put the checkout's candidate live on the strength of its stored run.

    Args:
        spec: the Eval.
        test_files: whose tests carry its marker.
        store: where the run is stored and the candidate goes live.
        checkout: where the candidate is.
        order: who wants it.

    Raises:
        RefusedError: it must not go live, with every reason. Nothing was written.
        StaleError: somebody else promoted in between.
    """
    proposal = _propose(spec, test_files, store=store, checkout=checkout)
    entry = proposal.live
    snapshot = tuple(_snapshot_problems(proposal, checkout.snapshots))
    if entry is not None and entry.artifact_digest == artifact_digest(proposal.artifact):
        if snapshot:
            raise RefusedError(snapshot)
        return AlreadyLive(eval_name=spec.name, program_digest=proposal.subject.program_digest)
    run = latest_run(store, spec.name, proposal.subject.program_digest)
    reasons = [*snapshot, *_ledger_problems(proposal), *_checkout_problems(checkout.root, store)]
    if run is None:
        raise RefusedError((*reasons, _no_run(proposal.subject)))
    verdict = rejudge(run, spec.gate, groups=proposal.groups)
    reasons += run_problems(run, proposal.subject, keys=frozenset(proposal.groups))
    reasons += [*verdict_problems(run, verdict), *_server_problems(run, store, order), *_origin_problems(run, store)]
    if reasons:
        raise RefusedError(tuple(reasons))
    return _record(proposal, run, verdict, store=store, order=order)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proposal:
    """What would go live, and everything a verdict on it must be about, as of this moment."""

    spec: Eval
    candidate: Candidate
    artifact: Artifact
    subject: Subject
    splits: Splits
    live: Entry | None
    revoked: frozenset[str]

    @property
    def groups(self) -> dict[str, str]:
        """Key → group over the test split."""
        return {key_of(example): group_of(example) for example in self.splits.test}


def _propose(spec: Eval, test_files: tuple[Path, ...], *, store: Store, checkout: Checkout) -> _Proposal:
    at, state = store.head(), standing(store, spec.name)
    try:
        candidate = candidate_of(spec, checkout.snapshots)
        artifact = artifact_of(spec, candidate, _lineage(checkout, at))
    except (CandidateError, SecretError) as error:
        raise RefusedError((f"{spec.name}: {error}",)) from error
    splits = read_examples(store, spec.dataset, at=at, eval_name=spec.name)
    subject = subject_of(
        spec,
        test_files,
        candidate=candidate,
        baseline=baseline_of(spec, store, root=checkout.root),
        splits=splits,
        models=checkout.models,
    )
    return _Proposal(
        spec=spec,
        candidate=candidate,
        artifact=artifact,
        subject=subject,
        splits=splits,
        live=state.live,
        revoked=frozenset(state.revoked),
    )


def _record(proposal: _Proposal, run: Run, verdict: Verdict, *, store: Store, order: Order) -> Promoted:
    before = proposal.live
    commit = record_promotion(
        store,
        proposal.artifact,
        order,
        run_id=run.run_id,
        expected_live=None if before is None else before.program_digest,
    )
    return Promoted(
        eval_name=proposal.spec.name,
        program_digest=proposal.subject.program_digest,
        prompt_ids=tuple(sorted(proposal.artifact.texts)),
        run_id=run.run_id,
        verdict=verdict,
        commit=commit,
        notes=changed_rules(run.subject, run_behind(store, before)),
    )


def _lineage(checkout: Checkout, at: str) -> Lineage:
    return Lineage(
        data_commit=at,
        git_commit=git.head(checkout.root),
        dspy_version=dspy_version(),
        g6o_version=g6o_eval.__version__,
        models=checkout.models,
    )


def _snapshot_problems(proposal: _Proposal, snapshots: Path) -> Iterator[str]:
    """The text a reviewer approved must be the text that consumers would read."""
    name = proposal.spec.name
    path = snapshots / name / PROMPT_FILE
    shown = f"{snapshots.name}/{name}/{PROMPT_FILE}"
    remedy = "Run: pytest evals/ --snapshot-update, review the diff and commit it"
    if not path.exists():
        yield f"{name}: {shown} is missing, so nobody reviewed this prompt. {remedy}"
    elif path.read_text(encoding="utf-8") != prompt_text(proposal.spec, proposal.candidate.program):
        yield f"{name}: {shown} is not the text that this program publishes. {remedy}"


def _ledger_problems(proposal: _Proposal) -> Iterator[str]:
    name, found = proposal.spec.name, proposal.subject.program_digest
    if found in proposal.revoked:
        yield (
            f"{name}: program {found[:12]} was rolled back and is revoked. "
            f'Run: g6o-eval reinstate {name} {found[:12]} --reason "…", if it may come back'
        )


def _checkout_problems(root: Path, store: Store) -> Iterator[str]:
    """A server store, which others rely on, takes only what a commit holds."""
    if store.kind != "server":
        return
    changed = git.changed_files(root)
    if changed is None:
        yield "this folder is no git checkout, so nothing says what would go live: a server store takes only commits"
    elif changed:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        yield f"the checkout is unclean: {', '.join(changed[:_SHOWN])}{more}. Commit, ignore or remove them"


def _origin_problems(run: Run, store: Store) -> Iterator[str]:
    origin = origin_of(store, run.run_id)
    if origin is not None:
        yield (
            f"{run.subject.eval_name}: run {run.run_id} was judged in {origin.origin_url} and imported here; "
            "a proof does not travel between stores. Run: pytest evals/"
        )


def _no_run(subject: Subject) -> str:
    return (
        f"{subject.eval_name}: this store has no run of program {subject.program_digest[:12]}. "
        "Run: pytest evals/, on this store and without -k, --lf or --eval-… overrides"
    )


def _server_problems(run: Run, store: Store, order: Order) -> Iterator[str]:
    if store.kind != "server":
        return
    name = run.subject.eval_name
    if not run.git_clean:
        yield f"{name}: run {run.run_id} was judged in an unclean checkout. Commit, then run: pytest evals/"
    offline = run.offline or any(is_offline(model) for model in run.subject.models.values())
    if offline and not order.allow_offline:
        yield f"{name}: judged with the offline LM; say --allow-offline if that is meant (it is recorded)"
