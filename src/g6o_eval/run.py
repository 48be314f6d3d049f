"""Run: one judging of one Eval, with everything its verdict is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from g6o_eval.budget import Spend
from g6o_eval.gate import Gate, Verdict
from g6o_eval.score import Scores

Standing = Literal["stored", "partial", "exploratory", "not stored (read-only)"]
"""What a run counts for: only `stored` can be promoted; the others say why they cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a verdict is about. Two subjects are equal when the verdict of one holds for the other.

    Attributes:
        eval_name: name of the Eval.
        program_digest: of the candidate.
        prompt_digest: of what the candidate publishes and sends.
        code_hash: of the files that define the Eval and its callables.
        gate: the gate's fields.
        metric_hash: of the metric's source file.
        dataset_hash: of the Dataset's fields.
        examples_hash: of keys, groups, inputs and labels of all Examples, in order.
        test_hash: the same over the test split alone.
        baseline: "live", "hand-written" or "git:<ref>".
        baseline_digest: program digest of the baseline.
        models: role → the model asked for.
        adapter: how DSPy writes the messages.
        dspy_version: of the library.
        g6o_version: of this package.
    """

    eval_name: str
    program_digest: str
    prompt_digest: str
    code_hash: str
    gate: Mapping[str, Any]
    metric_hash: str
    dataset_hash: str
    examples_hash: str
    test_hash: str
    baseline: str
    baseline_digest: str
    models: Mapping[str, str]
    adapter: str
    dspy_version: str
    g6o_version: str

    def differences(self, other: Subject) -> tuple[str, ...]:
        """Return the names of the fields in which two subjects differ, in declaration order."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name))

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Subject:
        """Return the Subject that `to_json` wrote."""
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One judging of one Eval.

    Attributes:
        run_id: a ULID.
        subject: what the verdict is about.
        verdict: what `judge` said of the scores below.
        scores: of the candidate on the test split.
        baseline_scores: of the baseline on the same examples; None when it was not run.
        same_program: candidate and baseline are one program, so the baseline was not run.
        standing: what the run counts for.
        data_branch: branch of the store the Examples were read from.
        data_commit: revision they were read at.
        git_commit: of the checkout; None outside one.
        git_clean: whether the tree had no uncommitted change.
        store_kind: "server" or "embedded".
        offline: whether a role was played by the offline LM.
        answered: role → model names that the engines said they are.
        collected: items that pytest wanted to run.
        reported: items that reported.
        failed_items: items whose test failed or broke an Assert.
        spend: of candidate and baseline together.
        compile_spend: of the compile before it; None when nothing was compiled.
        look: which judging of this test split against this baseline this is, from 1.
        at: UTC, ISO 8601 with seconds; data, never identity.
        notes: sentences for the reader: changed prompt, changed gate, stopped compile …
    """

    run_id: str
    subject: Subject
    verdict: Verdict
    scores: Scores
    baseline_scores: Scores | None
    same_program: bool
    standing: Standing
    data_branch: str
    data_commit: str
    git_commit: str | None
    git_clean: bool
    store_kind: Literal["server", "embedded"]
    offline: bool
    answered: Mapping[str, tuple[str, ...]]
    collected: int
    reported: int
    failed_items: int
    spend: Spend
    compile_spend: Spend | None
    look: int
    at: str
    notes: tuple[str, ...] = ()

    @property
    def gate(self) -> Gate:
        """The gate that was applied."""
        return Gate.from_json(self.subject.gate)

    def with_standing(self, standing: Standing) -> Run:
        """Return the same run, counting for something else."""
        return replace(self, standing=standing)

    def to_json(self) -> dict[str, Any]:
        """Return the run as a JSON object."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("subject", "verdict", "scores", "baseline_scores", "spend", "compile_spend"):
            plain[name] = None if plain[name] is None else plain[name].to_json()
        plain["answered"] = {role: list(names) for role, names in self.answered.items()}
        return plain | {"notes": list(self.notes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Run:
        """Return the Run that `to_json` wrote."""
        readers = {
            "subject": Subject, "verdict": Verdict, "scores": Scores, "baseline_scores": Scores,
            "spend": Spend, "compile_spend": Spend,
        }  # fmt: skip
        read = {
            name: None if data[name] is None else reader.from_json(data[name])  # type: ignore[attr-defined]  # one protocol, no common base
            for name, reader in readers.items()
        }
        answered = {role: tuple(names) for role, names in data["answered"].items()}
        return cls(**{**data, **read, "answered": answered, "notes": tuple(data["notes"])})
