"""Classifies stopped sessions with the live diagnosis program, for the daemon to read.

An answer that cannot be used is an error of its session, never a category; the rules of diagnosis.py
take part only when they are asked for by name, and their rows say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Literal

import dspy

from g6o_eval.dataset import GROUP_FIELD, KEY_FIELD, key_of
from g6o_eval.errors import MissingError
from g6o_eval.fleet.diagnosis import CATEGORIES, RULES_VERSION
from g6o_eval.fleet.labelling import read_judged
from g6o_eval.fleet.outcome_tables import ORIGIN_COLUMNS
from g6o_eval.fleet.programs.diagnosis import DIAGNOSIS, INPUTS, confidence_problem
from g6o_eval.lm.meter import BudgetStop
from g6o_eval.predict import Ahead, Call, Predicted, Side, stopping
from g6o_eval.prompt.state import load_program
from g6o_eval.redact import redact
from g6o_eval.score import Score
from g6o_eval.store.ledger import live, read_artifact
from g6o_eval.store.port import Row, Store

MadeBy = Literal["program", "rules"]

ID_CHARS = 100
"""Longest session id that the daemon's table takes."""
VERSION_CHARS = 32
"""Longest classifier version that it takes: the beginning of a program digest, in hex."""
COLUMNS = ("session_id", "category", "confidence", "evidence", "classified_at", "classifier_version")
_TABLE = "diagnosis_classifications"


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The program that was promoted last."""

    program: Any
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which sessions are to be classified, and which of those asked for are not.

    Attributes:
        session_ids: to classify, sorted.
        healthy: sessions that succeeded: nothing went wrong in them.
        done: sessions with a classification already.
    """

    session_ids: tuple[str, ...]
    healthy: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """What is written of one session.

    Attributes:
        session_id: whose.
        category: one of CATEGORIES.
        confidence: in [0, 1].
        evidence: words that show it, redacted.
        made_by: the live program, or the rules in its place.
        fallback_reason: why the rules; "" of the program.
    """

    session_id: str
    category: str
    confidence: float
    evidence: str
    made_by: MadeBy = "program"
    fallback_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclassified:
    """Why nothing is written of one session.

    Attributes:
        session_id: whose.
        reason: for a person.
        answered: the rules may not stand in: an LM answered what cannot be used, or nothing may be written.
    """

    session_id: str
    reason: str
    answered: bool


def live_program(store: Store) -> Live:
    """Return the program of eval `diagnosis` that is live in the store.

    Raises:
        MissingError: nothing is live there; the message says what to do.
        CandidateError: it was compiled for other code.
    """
    entry = live(store, DIAGNOSIS.name)
    if entry is None or entry.artifact_digest is None or entry.program_digest is None:
        raise MissingError(
            f"no program of eval {DIAGNOSIS.name!r} is live in {store.url}, so nothing can be classified. "
            f"Run: pytest evals/ && g6o-eval promote {DIAGNOSIS.name}, or ask for the rules: --fallback rules"
        )
    text = read_artifact(store, entry.artifact_digest).program
    source = f"the live artifact {entry.artifact_digest[:12]} of {store.url}"
    return Live(program=load_program(DIAGNOSIS, text, source=source), digest=entry.program_digest)


def select_session(store: Store, session_id: str, *, again: bool) -> Selection:
    """Return the selection of one session, whatever its outcome.

    Raises:
        MissingError: the store holds no such session.
    """
    if not list(store.read("SELECT session_id FROM session_digests WHERE session_id = ?", (session_id,))):
        raise MissingError(
            f"there is no session {session_id!r} in {store.url}. Run: g6o-eval ingest PATH, or look up its id"
        )
    return _without_done(store, [session_id], healthy=0, again=again)


def select_since(store: Store, since: datetime, *, again: bool) -> Selection:
    """Return the selection of all sessions that ended at or after a moment (UTC) and did not succeed."""
    start = int(since.timestamp() * 1_000)
    rows = store.read(
        "SELECT s.session_id FROM agent_sessions s JOIN session_digests d ON d.session_id = s.session_id "
        "WHERE s.completed_at >= ?",
        (start,),
    )
    names = sorted(str(session_id) for (session_id,) in rows)
    labels = read_judged(store.read).labels
    # One without a label was recorded by the daemon alone: nothing says that it is healthy.
    unwell = [name for name in names if name not in labels or labels[name].outcome != "success"]
    return _without_done(store, unwell, healthy=len(names) - len(unwell), again=again)


def classify(
    store: Store, session_ids: Sequence[str], *, live: Live, lm: Any, concurrency: int
) -> list[Classified | Unclassified]:
    """Ask the live program about each session; nothing is written. Ids that cannot be written come last.

    A budget that runs out leaves the rest unclassified, with the reason.
    """
    side = Side(replace(DIAGNOSIS, metric=usable), live.program, lm)
    calls = [Call(side, example) for example in _examples(store, session_ids) if len(key_of(example)) <= ID_CHARS]
    ahead = Ahead(concurrency, limit=len(calls))
    ahead.add(calls)
    with stopping(ahead):
        found = [_result(ahead.result(call)) for call in calls]
    return [*found, *(_too_long(name) for name in session_ids if len(name) > ID_CHARS)]


def classify_by_rules(store: Store, reasons: Mapping[str, str]) -> list[Classified]:
    """Return what the rules say of sessions; `reasons` says of each why the program does not."""
    rows = store.read("SELECT session_id, rule_category, rule_confidence, rule_summary FROM session_digests")
    found = {str(row[0]): row[1:] for row in rows if str(row[0]) in reasons}
    return [
        Classified(
            session_id=name,
            category=str(found[name][0]),
            confidence=float(found[name][1] or 0),
            evidence=redact(str(found[name][2])),
            made_by="rules",
            fallback_reason=reason,
        )
        for name, reason in sorted(reasons.items())
    ]


def write_classifications(
    store: Store, found: Sequence[Classified], *, digest: str | None, model: str | None, at: datetime
) -> str | None:
    """Write classifications and where they came from, in one commit; return the commit, None without any."""
    moment = at.astimezone(timezone.utc)
    stamp = moment.strftime("%Y-%m-%d %H:%M:%S")
    with store.change(f"Classify {len(found)} sessions") as change:
        rows = [
            (each.session_id, each.category, each.confidence, each.evidence, stamp, version_of(each, digest))
            for each in found
        ]
        change.upsert(_TABLE, COLUMNS, rows, key=("session_id",))
        origins = [_origin(each, digest=digest, model=model, at=moment) for each in found]
        change.upsert("classification_origins", ORIGIN_COLUMNS, origins, key=("session_id",))
    return change.commit


def version_of(found: Classified, digest: str | None) -> str:
    """Return `classifier_version`: the beginning of the program's digest, or the version of the rules."""
    if found.made_by == "rules":
        return RULES_VERSION
    assert digest is not None, "a program has a digest"
    return digest[:VERSION_CHARS]


def usable(example: Any, prediction: Any) -> Score:
    """Say whether an answer can be written: 1, or the error that keeps it from being.

    It stands in the place of the Eval's metric: a session to classify has no label.
    """
    category, confidence, evidence = prediction.category, prediction.confidence, prediction.evidence
    if category not in CATEGORIES:
        return Score(error=f"the category is {category!r}, none of {', '.join(CATEGORIES)}")
    if problem := confidence_problem(confidence):
        return Score(error=problem)
    if not isinstance(evidence, str) or not evidence.strip():
        return Score(error=f"the evidence is {evidence!r}, no text")
    return Score(1.0)


def _without_done(store: Store, names: Sequence[str], *, healthy: int, again: bool) -> Selection:
    done = set() if again else {str(name) for (name,) in store.read(f"SELECT session_id FROM {_TABLE}")}  # noqa: S608
    fresh = tuple(name for name in names if name not in done)
    return Selection(session_ids=fresh, healthy=healthy, done=len(names) - len(fresh))


def _examples(store: Store, session_ids: Iterable[str]) -> Iterator[Any]:
    """Yield an Example without a label for each session: the very texts that the program was judged on."""
    rows = store.read(f"SELECT session_id, {', '.join(INPUTS)} FROM session_digests")  # noqa: S608 # names of columns
    texts = {str(row[0]): row[1:] for row in rows}
    for name in session_ids:
        fields = {**dict(zip(INPUTS, texts[name], strict=True)), KEY_FIELD: name, GROUP_FIELD: name}
        example: Any = dspy.Example(**fields)  # type: ignore[no-untyped-call]  # dspy is untyped
        yield example.with_inputs(*INPUTS)


def _too_long(name: str) -> Unclassified:
    reason = f"its id has {len(name)} characters, {_TABLE}.session_id takes {ID_CHARS}"
    return Unclassified(session_id=name, reason=reason, answered=True)


def _result(found: Predicted) -> Classified | Unclassified:
    answered = any(exchange.answer is not None for exchange in found.exchanges)
    if isinstance(found.error, BudgetStop):
        return Unclassified(session_id=found.key, reason=f"the budget is used up: {found.error}", answered=False)
    if found.error is not None or found.score.error is not None:
        reason = redact(str(found.score.error))
        return Unclassified(session_id=found.key, reason=reason, answered=answered)
    if found.score.broken:
        return Unclassified(
            session_id=found.key, reason=f"the answer is refused: {found.score.feedback}", answered=True
        )
    said = found.prediction
    assert said is not None, "a prediction without an error is there"
    return Classified(
        session_id=found.key,
        category=str(said.category),
        confidence=float(said.confidence),
        evidence=redact(str(said.evidence)),
    )


def _origin(found: Classified, *, digest: str | None, model: str | None, at: datetime) -> Row:
    by_program = found.made_by == "program"
    return (
        found.session_id,
        found.made_by,
        digest if by_program else None,
        model if by_program else None,
        found.fallback_reason,
        at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
