"""The tables of what was made out of sessions: facts, outcomes, recovery pairs, measures, classifications.

Facts are read from a log once, when it is imported; the other tables follow from them and from what
others recorded, and are made again by `g6o-eval outcomes` when a rule changes. None of them is an
input of a program: they hold labels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from g6o_eval.fleet.facts import Facts, facts_of
from g6o_eval.fleet.session import Session
from g6o_eval.store.port import Row, Value

NAMES = 20
"""Most other sessions that a first prompt is searched for."""
MODE_CHARS = 100
"""Longest mode that is kept, in characters."""
_SESSION_ID = re.compile(r"\b(?:ses_\w{6,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")
_BEAD = re.compile(r"\bbead(?:[ _-]?id)?\b\s*[:=]?\s*`?([a-z][\w-]*-[\w.]*\w)", re.IGNORECASE)

FACT_COLUMNS = ("session_id", "names", "bead_id", *(field.name for field in fields(Facts)))
OUTCOME_COLUMNS = ("session_id", "outcome", "rule", "rules_version")
PAIR_COLUMNS = ("stopped_id", "recovery_id", "method", "gap_seconds", "outcome", "rules_version")
MEASURE_COLUMNS = ("session_id", "measure", "value", "reason", "rules_version")
ORIGIN_COLUMNS = ("session_id", "made_by", "program_digest", "model", "fallback_reason", "classified_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A row of `session_facts`.

    Attributes:
        session_id: whose.
        names: other sessions that its first prompt names.
        bead_id: the work item that its first prompt names.
        facts: what is known of it by its log alone.
    """

    session_id: str
    names: frozenset[str]
    bead_id: str | None
    facts: Facts


def fact_rows(session: Session) -> list[Row]:
    """Return the row of `session_facts`."""
    prompt = next((message.preview for message in session.messages if message.role == "user"), "")
    names = sorted(set(_SESSION_ID.findall(prompt)) - {session.session_id})[:NAMES]
    bead = _BEAD.search(prompt)
    bead_id = bead[1][:100] if bead else None
    return [(session.session_id, json.dumps(names), bead_id, *_columns(facts_of(session)))]


def _columns(facts: Facts) -> Iterator[Value]:
    """Yield the columns of facts: gates as JSON, truths as 0 and 1."""
    for field in fields(Facts):
        value = getattr(facts, field.name)
        if isinstance(value, Mapping):
            yield json.dumps(dict(value), sort_keys=True)
        elif isinstance(value, str):
            yield value[:MODE_CHARS]
        else:
            yield int(value) if isinstance(value, bool) else value


def known_of(row: Row) -> Known:
    """Return what `fact_rows` wrote, read back in the order of FACT_COLUMNS."""
    session_id, names, bead_id, *values = row
    found: dict[str, Any] = dict(zip((field.name for field in fields(Facts)), values, strict=True))
    found["gates"] = json.loads(found["gates"])
    for name in ("killed", "card_given", "unanswered", "verified"):
        found[name] = bool(found[name])
    return Known(
        session_id=str(session_id),
        names=frozenset(json.loads(str(names))),
        bead_id=None if bead_id is None else str(bead_id),
        facts=Facts(**found),
    )
