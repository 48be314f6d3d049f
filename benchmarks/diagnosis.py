"""The compiled diagnosis classifier against the rules, on the held-out test split: python benchmarks/diagnosis.py

Both sides get the very same sessions. The rules see the whole Session; the program sees the three texts of
its signature. The comparison is the gate's own exact rule, on 0/1 scores: right category or not, paired by
session, one root session one unit. The truth is the sample's (evals/data) or that of another store:
  --store URL        a store with session_digests and session_labels (default: the sample, made in a temp folder)
  --lm task=MODEL    who answers for the program (default: the offline LM)
  --program FILE     the compiled program (default: snapshots/diagnosis/program.json)
  --hand-written     judge the hand-written program instead of the compiled one
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from g6o_eval.commands.table import table_lines
from g6o_eval.dataset import group_of, key_of
from g6o_eval.fleet.agreement import brier, confusion_of, reliability
from g6o_eval.fleet.commands.outcomes import confusion_lines
from g6o_eval.fleet.diagnosis import CATEGORIES, RULES_VERSION
from g6o_eval.fleet.programs.diagnosis import DATASET, DIAGNOSIS
from g6o_eval.fleet.sample import prepare_sample
from g6o_eval.gate import Gate, judge
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.roles import build_lm, parse_roles
from g6o_eval.predict import Predicted, predict_all
from g6o_eval.score import Score, Scores
from g6o_eval.steps.candidate import hand_written, loaded
from g6o_eval.store.choose import open_store
from g6o_eval.store.examples import read_examples
from g6o_eval.store.port import Store

ROOT = Path(__file__).parents[1]
GATE = Gate(max_drop=0.10)
"""Not worse than the rules by more than a tenth: what about 100 sessions can show. A lower end above 0 says better."""

Answer = tuple[str, float]
"""Category and confidence; an error has a category of its own words and confidence 0."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store")
    parser.add_argument("--lm", default="task=offline")
    parser.add_argument("--program", type=Path, default=ROOT / "snapshots" / "diagnosis" / "program.json")
    parser.add_argument("--hand-written", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(options.store or "doltlite:///sample.db", root=Path(folder))
        if options.store is None:
            prepare_sample(store, ROOT / "evals" / "data")
        report(store, options)
        store.close()


def report(store: Store, options: argparse.Namespace) -> None:
    examples = read_examples(store, DATASET, at=store.head(), eval_name=DIAGNOSIS.name).test
    if options.hand_written:
        candidate = hand_written(DIAGNOSIS)
    else:
        text = options.program.read_text(encoding="utf-8")
        candidate = loaded(DIAGNOSIS, text, source=str(options.program), origin="snapshot")
    meter = Meter()
    lm = build_lm(parse_roles([options.lm], source="--lm")["task"], role="task", meter=meter)
    predicted = predict_all(DIAGNOSIS, candidate.program, examples, lm=lm, concurrency=8)
    truth = {key_of(example): str(example["category"]) for example in examples}
    groups = {key_of(example): group_of(example) for example in examples}
    program = {each.key: answer_of(each) for each in predicted}
    rules = rules_of(store, list(truth))
    spend = meter.spend()
    print(f"{len(examples)} sessions in {len(set(groups.values()))} root sessions; truth by category: "
          + ", ".join(f"{name} {list(truth.values()).count(name)}" for name in CATEGORIES))  # fmt: skip
    print(f"program {candidate.program_digest[:12]} ({candidate.origin}), {options.lm}, "
          f"{spend.calls} calls, {spend.input_tokens + spend.output_tokens:,} tokens\n")  # fmt: skip
    for name, answers in ((f"program {candidate.program_digest[:12]}", program), (RULES_VERSION, rules)):
        show(name, truth, answers)
    compare(truth, groups, program, rules)


def answer_of(found: Predicted) -> Answer:
    if found.prediction is None or found.score.error is not None:
        return f"error: {found.score.error}"[:40], 0.0
    return str(found.prediction.category), float(found.prediction.confidence)


def rules_of(store: Store, names: Sequence[str]) -> dict[str, Answer]:
    rows = store.read("SELECT session_id, rule_category, rule_confidence FROM session_digests")
    return {str(name): (str(category), float(sure or 0)) for name, category, sure in rows if name in set(names)}


def show(name: str, truth: Mapping[str, str], answers: Mapping[str, Answer]) -> None:
    print(f"== {name}")
    found = confusion_of(((truth[key], answers[key][0]) for key in sorted(truth)), CATEGORIES)
    print("\n".join(confusion_lines(found, "category")))
    pairs = [(confidence, category == truth[key]) for key, (category, confidence) in sorted(answers.items())]
    print(f"Brier {brier(pairs):.3f} (always {found.accuracy:.2f}: {found.accuracy * (1 - found.accuracy):.3f})")
    rows: list[tuple[Any, ...]] = [
        (f"{b.low:.1f}–{b.high:.1f}", str(b.n), "–" if b.confidence is None else f"{b.confidence:.3f}",
         "–" if b.right is None else f"{b.right:.3f}")
        for b in reliability(pairs)
    ]  # fmt: skip
    print("\n".join(table_lines(("confidence", "n", "mean confidence", "right"), rows)) + "\n")


def compare(
    truth: Mapping[str, str], groups: Mapping[str, str], program: Mapping[str, Answer], rules: Mapping[str, Answer]
) -> None:
    sides = [
        Scores({key: (Score(float(answers[key][0] == truth[key])),) for key in truth}, groups)
        for answers in (program, rules)
    ]
    verdict = judge(GATE, *sides)
    low, high = verdict.difference_interval or (-1.0, 1.0)
    print(f"accuracy, one unit a root session: program {verdict.mean:.3f} {span(verdict.mean_interval)}, "
          f"rules {verdict.baseline_mean:.3f}, n={verdict.n}")  # fmt: skip
    print(f"difference {verdict.difference:+.3f} [{low:+.3f}, {high:+.3f}]: {verdict.outcome} "
          f"(max_drop {GATE.max_drop:g}): {'; '.join(verdict.reasons)}")  # fmt: skip
    print(f"fixed {len(verdict.fixed)}, broke {len(verdict.broke)} of {len(truth)} sessions")


def span(interval: tuple[float, float]) -> str:
    return f"[{interval[0]:.3f}, {interval[1]:.3f}]"


if __name__ == "__main__":
    main()
