"""What a verdict is about: the one function that computes it, when judging and when promoting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import g6o_eval
from g6o_eval.artifact import digest
from g6o_eval.eval import Eval
from g6o_eval.run import Subject
from g6o_eval.steps.baseline import Baseline
from g6o_eval.steps.candidate import Candidate, dspy_version, prompt_digest_of
from g6o_eval.steps.code import code_hash, files_hash, source_file
from g6o_eval.store.examples import Splits


def subject_of(
    spec: Eval,
    test_files: Sequence[Path],
    *,
    candidate: Candidate,
    baseline: Baseline,
    splits: Splits,
    models: Mapping[str, str],
) -> Subject:
    """Return everything a verdict on this candidate is about.

    Args:
        spec: the Eval.
        test_files: the files whose tests carry its marker.
        candidate: the program judged.
        baseline: the program it is compared with.
        splits: all Examples.
        models: role → the model asked for.
    """
    return Subject(
        eval_name=spec.name,
        program_digest=candidate.program_digest,
        prompt_digest=prompt_digest_of(spec, candidate.program),
        code_hash=code_hash(spec, test_files),
        gate=spec.gate.to_json(),
        metric_hash=files_hash([source_file(spec.metric)]),
        dataset_hash=digest(asdict(spec.dataset)),
        examples_hash=splits.examples_hash,
        test_hash=splits.test_hash,
        baseline=baseline.name,
        baseline_digest=baseline.digest,
        models=dict(models),
        adapter=spec.adapter,
        dspy_version=dspy_version(),
        g6o_version=g6o_eval.__version__,
    )
