"""Whether a stored run proves that a candidate may go live: what differs, what its scores say.

Apart from promote.py, because it is about values only: no store, no checkout, nothing written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from g6o_eval.gate import Gate, Verdict, judge
from g6o_eval.run import Run, Subject
from g6o_eval.score import Scores


def rejudge(run: Run, gate: Gate, *, groups: Mapping[str, str]) -> Verdict:
    """Return the verdict on a run's scores, as if it had just ended.

    Args:
        run: whose scores are judged; its own verdict is not looked at.
        gate: of the checkout.
        groups: key → group of the test split, as the store has it.
    """
    # The stored count cannot hide what the stored scores show.
    broken = sum(any(score.broken for score in scores) for scores in run.scores.by_key.values())
    return judge(
        gate,
        Scores(run.scores.by_key, groups),
        None if run.baseline_scores is None else Scores(run.baseline_scores.by_key, groups),
        failed_items=max(run.failed_items, broken),
        same_program=run.subject.program_digest == run.subject.baseline_digest,
    )


def run_problems(run: Run, subject: Subject, *, keys: frozenset[str]) -> Iterator[str]:
    """Say why a run cannot stand for a subject, whatever its scores are.

    Args:
        run: the stored run.
        subject: what a verdict must be about at this moment.
        keys: of the test split, as the store has it.
    """
    name = run.subject.eval_name
    if run.standing != "stored":
        yield f"{name}: run {run.run_id} is {run.standing}, which proves nothing. Run: pytest evals/"
    if run.reported < run.collected:
        yield f"{name}: run {run.run_id} is partial: {run.reported} of {run.collected} items reported"
    if run.subject.test_hash == subject.test_hash and keys != set(run.scores.by_key):
        yield f"{name}: run {run.run_id} scores {len(run.scores)} examples, not the {len(keys)} of the test split"
    yield from differences(run, subject)


MOVED: Mapping[str, str] = {
    "prompt_digest": "the rendered prompt changed after judging ({judged:.12} → {found:.12})",
    "code_hash": "code changed after judging: a file that defines the Eval or its callables",
    "gate": "the gate changed after judging: {fields}",
    "metric_hash": "the metric's file changed after judging",
    "dataset_hash": "the Dataset changed after judging",
    "examples_hash": "the Examples changed after judging: data {commit:.12} then",
    "test_hash": "the test split changed after judging: data {commit:.12} then",
    "baseline": "the baseline is stale: judged against {judged!r}, it is {found!r} here",
    "baseline_digest": "the baseline is stale: judged against program {judged:.12}, it is {found:.12} here",
    "models": "judged with other models: {fields}",
    "adapter": "the adapter changed after judging: {judged!r} → {found!r}",
    "dspy_version": "judged with dspy {judged}, this is dspy {found}",
    "g6o_version": "judged with g6o_eval {judged}, this is g6o_eval {found}",
}


def differences(run: Run, subject: Subject) -> Iterator[str]:
    """Say in words what moved between a run and the checkout and store of this moment."""
    for field in run.subject.differences(subject):
        judged, found = getattr(run.subject, field), getattr(subject, field)
        words = MOVED.get(field, "{judged!r} was judged, {found!r} is here").format(
            judged=judged, found=found, commit=run.data_commit, fields=_fields(judged, found)
        )
        yield f"{subject.eval_name}: {words}. Run: pytest evals/"


def _fields(judged: object, found: object) -> str:
    """Return the entries of two mappings that differ, as "name old → new"; "" for anything else."""
    if not isinstance(judged, Mapping) or not isinstance(found, Mapping):
        return ""
    names = sorted({*judged, *found})
    return ", ".join(f"{n} {judged.get(n)} → {found.get(n)}" for n in names if judged.get(n) != found.get(n))


def verdict_problems(run: Run, verdict: Verdict) -> Iterator[str]:
    """Say why the recomputed verdict does not let a candidate go live."""
    name = run.subject.eval_name
    if verdict.outcome != run.verdict.outcome:
        yield (
            f"{name}: run {run.run_id} says {run.verdict.outcome}, its scores under this gate say "
            f"{verdict.outcome}; the scores count"
        )
    if verdict.outcome != "pass":
        yield f"{name}: the verdict is {verdict.outcome}: {'; '.join(verdict.reasons)}"


def changed_rules(subject: Subject, before: Run | None) -> tuple[str, ...]:
    """Say which rules are others than those the live artifact was promoted under."""
    if before is None:
        return ()
    words = {
        "gate": f"gate changed since the live promotion: {_fields(before.subject.gate, subject.gate)}",
        "metric_hash": "metric changed since the live promotion",
        "dataset_hash": "dataset changed since the live promotion",
    }
    return tuple(words[field] for field in before.subject.differences(subject) if field in words)
