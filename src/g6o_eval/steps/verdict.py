"""From what the items reported to a Run: the verdict, what it counts for, and what to tell the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from ulid import ULID

from g6o_eval.budget import Spend
from g6o_eval.gate import Gate, judge
from g6o_eval.run import Run, Standing, Subject
from g6o_eval.score import Score, Scores


@dataclass(slots=True)
class Gathered:
    """What the items of one Eval reported, as it comes in.

    Attributes:
        announce: what a Judging announced; None as long as nobody was predicted.
        scores: key → the candidate's score.
        baseline: key → the baseline's score.
        reported: items that reported.
        failed: items that failed although they had a score.
        stops: why predictions were not made any more.
        spends: worker → what its judging used.
        asked: worker → its calls of the model that plays the task; a judge's are not among them.
        answered: role → names the engines gave themselves.
        problem: why the Eval cannot be judged at all; None when it can.
    """

    announce: Mapping[str, Any] | None = None
    scores: dict[str, Score] = field(default_factory=dict)
    baseline: dict[str, Score] = field(default_factory=dict)
    reported: int = 0
    failed: int = 0
    stops: set[str] = field(default_factory=set)
    spends: dict[str, Spend] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    answered: dict[str, set[str]] = field(default_factory=dict)
    problem: str | None = None

    def take(self, payload: Mapping[str, Any], *, worker: str, failed: bool) -> None:
        """Take one item's report."""
        self.reported += 1
        self.announce = payload.get("announce", self.announce)
        self.problem = payload.get("problem", self.problem)
        if "spend" in payload:
            self.spends[worker] = Spend.from_json(payload["spend"])
            self.asked[worker] = payload["asked"]
            for role, names in payload["answered"].items():
                self.answered.setdefault(role, set()).update(names)
        for side, into in (("score", self.scores), ("baseline", self.baseline)):
            if payload.get(side) is not None:
                value, error, feedback, broken, stop = payload[side]
                if stop is not None:
                    self.stops.add(stop)
                else:
                    into[payload["key"]] = Score(value, error, feedback, tuple(broken))
        if failed and not self._is_error(payload["key"]):
            self.failed += 1

    @property
    def spend(self) -> Spend:
        """What judging used, in all workers."""
        return sum(self.spends.values(), Spend())

    @property
    def unasked(self) -> int:
        """Answers that no LM gave: all of them where none was called."""
        return 0 if any(self.asked.values()) else sum(score.value is not None for score in self.scores.values())

    @property
    def failing(self) -> int:
        """Items that count as failed: those that did, and every answer that no LM gave."""
        return max(self.failed, self.unasked)

    def _is_error(self, key: str) -> bool:
        return key not in self.scores or self.scores[key].value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the session knows beside the items.

    Attributes:
        overridden: the options that make a verdict exploratory, as given.
        narrowed: whether items were left out on purpose (-k, -m, a node id …).
        read_only: whether the store can only be read.
        data_branch: of the store.
        data_commit: the revision read.
        git_commit: of the checkout, None outside one.
        git_clean: whether its tree is clean.
        store_kind: which engine.
        offline: whether the offline LM played a role.
        look: which judging of the test split this would be.
        notes: what to tell the reader.
    """

    overridden: tuple[str, ...]
    narrowed: bool
    read_only: bool
    data_branch: str
    data_commit: str
    git_commit: str | None
    git_clean: bool
    store_kind: Literal["server", "embedded"]
    offline: bool
    look: int
    notes: tuple[str, ...] = ()


def run_of(gathered: Gathered, around: Circumstances) -> Run:
    """Judge what was gathered of one Eval.

    A run that lacks an item or a score judges what it has and is `partial`: no report calls it a pass.
    Where no prediction asked an LM, every answer counts as a failed item: it was not the prompt's.
    """
    assert gathered.announce is not None, "an Eval without predictions has no run"
    announce = gathered.announce
    subject = Subject.from_json(announce["subject"])
    missing = [key for key in announce["keys"] if key not in gathered.scores]
    partial = bool(missing) or around.narrowed or gathered.reported < announce["collected"]
    keys = [key for key in announce["keys"] if not partial or key in gathered.scores]
    scores = _scores(gathered.scores, keys, announce["groups"])
    baseline = _scores(gathered.baseline, keys, announce["groups"]) if announce["two_sided"] else None
    same = subject.program_digest == subject.baseline_digest
    verdict = judge(Gate.from_json(subject.gate), scores, baseline, failed_items=gathered.failing, same_program=same)
    return Run(
        run_id=str(ULID()),
        subject=subject,
        verdict=verdict,
        scores=scores,
        baseline_scores=baseline,
        same_program=same,
        standing=_standing(around, partial=partial),
        data_branch=around.data_branch,
        data_commit=around.data_commit,
        git_commit=around.git_commit,
        git_clean=around.git_clean,
        store_kind=around.store_kind,
        offline=around.offline,
        answered={role: tuple(sorted(names)) for role, names in sorted(gathered.answered.items())},
        collected=announce["collected"],
        reported=gathered.reported,
        failed_items=gathered.failing,
        spend=gathered.spend,
        compile_spend=None if announce["compile"] is None else Spend.from_json(announce["compile"]["spend"]),
        look=around.look,
        at=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        notes=around.notes + _notes(gathered, announce),
    )


def _scores(found: Mapping[str, Score], keys: list[str], groups: Mapping[str, str]) -> Scores:
    """Return the scores of these keys; a key without one is an error, never left out."""
    by_key = {key: (found[key],) if key in found else () for key in keys}
    return Scores(by_key, {key: groups[key] for key in keys})


def _standing(around: Circumstances, *, partial: bool) -> Standing:
    if partial:
        return "partial"
    if around.overridden:
        return "exploratory"
    return "not stored (read-only)" if around.read_only else "stored"


def _notes(gathered: Gathered, announce: Mapping[str, Any]) -> tuple[str, ...]:
    notes = [f"stopped by budget: {stop}" for stop in sorted(gathered.stops)]
    if gathered.unasked:
        notes.append(f"the program asked no LM: its {gathered.unasked} answers say nothing about a prompt")
    if announce["baseline_problem"] is not None:
        notes.append(announce["baseline_problem"])
    if announce["prompt_changed"]:
        notes.append(f"prompt changed: snapshots/{announce['subject']['eval_name']}/prompt.txt")
    made = announce["compile"]
    if made is not None and made["stopped"] is not None:
        notes.append(
            f"the compile stopped at its budget ({made['stopped']}); the best of {made['trials']} trials is judged"
        )
    if made is not None and not made["changed"]:
        notes.append("the compile found nothing better than the hand-written program on dev: no change")
    return tuple(notes)
