"""What a person looks at: the texts that are live, and one example with what the latest run said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from g6o_eval.dataset import key_of
from g6o_eval.errors import MissingError
from g6o_eval.eval import Eval
from g6o_eval.run import Run
from g6o_eval.score import Score
from g6o_eval.store.examples import read_examples
from g6o_eval.store.ledger import live, read_artifact
from g6o_eval.store.port import Store
from g6o_eval.store.results import latest_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One example of the latest run.

    Attributes:
        key: of the example.
        run: the run.
        inputs: what the program got.
        labels: every other column but the key.
        scores: of the candidate, one per repeat.
        baseline_scores: of the baseline; empty when it was not run.
    """

    key: str
    run: Run
    inputs: Mapping[str, Any]
    labels: Mapping[str, Any]
    scores: tuple[Score, ...]
    baseline_scores: tuple[Score, ...]


def live_texts(store: Store, eval_name: str) -> Mapping[str, str] | None:
    """Return prompt id → text that consumers read at this moment; None when nothing is live."""
    entry = live(store, eval_name)
    if entry is None or entry.artifact_digest is None:
        return None
    return read_artifact(store, entry.artifact_digest).texts


def look_at(spec: Eval, store: Store, key: str) -> Looked:
    """Return an example as it was when it was last judged.

    Raises:
        MissingError: there is no stored run, or it did not judge this key.
    """
    run = latest_run(store, spec.name)
    if run is None:
        raise MissingError(f"{spec.name}: this store has no run. Run: pytest evals/")
    examples = read_examples(store, spec.dataset, at=run.data_commit, eval_name=spec.name)
    by_key = {key_of(example): example for example in examples.test}
    if key not in by_key or key not in run.scores.by_key:
        known = sorted(run.scores.by_key)
        raise MissingError(
            f"{spec.name}: run {run.run_id} judged no example {key!r}; it judged {len(known)}, "
            f"for example {', '.join(known[:3])}"
        )
    example: Any = by_key[key]
    return Looked(
        key=key,
        run=run,
        inputs=dict(example.inputs().items()),
        labels={name: value for name, value in example.labels().items() if name != spec.dataset.key},
        scores=run.scores.by_key[key],
        baseline_scores=() if run.baseline_scores is None else run.baseline_scores.by_key.get(key, ()),
    )
