"""The repository's own evals in figures: hand-written against the candidate in snapshots/, on the test split.

    python benchmarks/evals.py              a table in Markdown, for docs/fleet.md

Groups and examples per split, score with the paired interval of the gate, LM calls and tokens, tokens per
prompt, share of constraint checks passed, 95th percentile over the examples of the prediction time, both sides in turn.
The LM is the offline one: the figures show that the line works, nothing about real models.
"""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from g6o_eval.dataset import group_of, key_of
from g6o_eval.eval import Eval
from g6o_eval.fleet.programs.card_exit import CARD_EXIT
from g6o_eval.fleet.programs.compliance import COMPLIANCE
from g6o_eval.fleet.programs.decomposition import DECOMPOSITION
from g6o_eval.fleet.programs.diagnosis import DIAGNOSIS
from g6o_eval.fleet.programs.recovery import RECOVERIES
from g6o_eval.fleet.sample import prepare_sample
from g6o_eval.gate import judge
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.roles import build_lm
from g6o_eval.predict import Predicted, predict_all
from g6o_eval.score import Scores
from g6o_eval.steps.candidate import candidate_of, hand_written
from g6o_eval.store.choose import open_store
from g6o_eval.store.examples import Splits, read_examples

ROOT = Path(__file__).parents[1]
EVALS = (DIAGNOSIS, *RECOVERIES.values(), DECOMPOSITION, CARD_EXIT, COMPLIANCE)
ROUNDS = 9
"""How often each side predicts the whole split, in turn: an example's time is that of its fastest round, because what a
busy machine adds is nobody's."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one program did on the test split."""

    results: list[Predicted]
    seconds: list[float]
    calls: int
    tokens_in: int
    tokens_out: int

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1]


def main() -> None:
    """Measure every eval and print the table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_store("doltlite:///evals.db", root=Path(folder))) as store,
    ):
        prepare_sample(store, ROOT / "evals" / "data")
        rows = [row(spec, read_examples(store, spec.dataset, at=store.head(), eval_name=spec.name)) for spec in EVALS]
    heads = ("eval", "examples train/dev/test", "hand-written", "candidate", "difference", "n", "tokens/prompt",
             "calls", "tokens in/out", "checks passed", "p95")  # fmt: skip
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for cells in rows:
        print("| " + " | ".join(cells) + " |")


def row(spec: Eval, splits: Splits) -> tuple[str, ...]:
    """Measure both sides of one eval, alternated."""
    programs = {"before": hand_written(spec).program, "after": candidate_of(spec, ROOT / "snapshots").program}
    rounds: dict[str, list[Measured]] = {side: [] for side in programs}
    for _ in range(ROUNDS):
        for side, program in programs.items():
            rounds[side].append(measure(spec, program, splits))
    before, after = (merged(rounds[side]) for side in programs)
    verdict = judge(spec.gate, scores_of(after, splits), scores_of(before, splits))
    assert verdict.difference is not None and verdict.difference_interval is not None  # noqa: PT018
    low, high = verdict.difference_interval
    labels = Counter(closed_label(spec, example) for example in splits.test)
    counts = f"{len(splits.train)}/{len(splits.dev)}/{len(splits.test)}"
    classes = "" if set(labels) == {""} else " (" + ", ".join(f"{name} {n}" for name, n in sorted(labels.items())) + ")"
    return (
        spec.name,
        counts + classes,
        f"{scores_of(before, splits).mean:.3f}",
        f"{scores_of(after, splits).mean:.3f}",
        f"{verdict.difference:+.3f} [{low:+.3f}, {high:+.3f}]",
        str(verdict.n),
        f"{before.tokens_in / before.calls:.0f} → {after.tokens_in / after.calls:.0f} "
        f"({after.tokens_in / after.calls / (before.tokens_in / before.calls):.2f} ×)",
        str(after.calls),
        f"{after.tokens_in:,}/{after.tokens_out:,}",
        f"{checks_passed(spec, before, splits):.0%} → {checks_passed(spec, after, splits):.0%}",
        f"{after.p95 / before.p95:.2f} ×",
    )


def measure(spec: Eval, program: Any, splits: Splits) -> Measured:
    """Predict the test split once, one example at a time so that a time is that of one prediction."""
    meter = Meter()
    results = predict_all(spec, program, splits.test, lm=build_lm("offline", role="task", meter=meter), concurrency=1)
    spend = meter.spend()
    seconds = [result.seconds for result in results]
    return Measured(results, seconds, spend.calls, spend.input_tokens, spend.output_tokens)


def merged(rounds: list[Measured]) -> Measured:
    """Return the first round, with each example's least time of all rounds."""
    first = rounds[0]
    seconds = [min(times) for times in zip(*(measured.seconds for measured in rounds), strict=True)]
    return Measured(first.results, seconds, first.calls, first.tokens_in, first.tokens_out)


def scores_of(measured: Measured, splits: Splits) -> Scores:
    return Scores(
        {result.key: (result.score,) for result in measured.results},
        {key_of(example): group_of(example) for example in splits.test},
    )


def checks_passed(spec: Eval, measured: Measured, splits: Splits) -> float:
    problems = [
        constraint.check.problem(result.prediction, example)
        for result, example in zip(measured.results, splits.test, strict=True)
        for constraint in spec.constraints
    ]
    return problems.count(None) / len(problems)


def closed_label(spec: Eval, example: Any) -> str:
    return str(example["category"]) if spec is DIAGNOSIS else ""


if __name__ == "__main__":
    main()
