"""Rows that the agents' daemon wrote, as rows of ours: one pure function per table.

Each returns the row, or the reason why there is none, and notes in `counts` what it mended.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from g6o_eval.fleet.ingest.events import safe_payload
from g6o_eval.fleet.ingest.opencode import parse_json
from g6o_eval.fleet.ingest.text import ID_CHARS, kept, label
from g6o_eval.fleet.vocabulary import MODES, UNKNOWN_CHILD, canonical_key, mode_slug, punch_type_of
from g6o_eval.redact import plain, redact
from g6o_eval.store.port import Row, Value

Found = Mapping[str, Value]
"""A row by column names; a column that the table lacks is None."""

NO_SESSION = "no session id"
UNKNOWN_TYPE = "unknown punch type"
NO_TIME = "no time that can be read"
NO_HASH = "no source hash"
NO_CARD = "no card id"
UNKNOWN_STATUS = "status neither pass nor fail"
MODE_AS_CHILD = "child is the name of a mode"
NO_SESSION_AS_CHILD = "parent or child is no session id"
OWN_PARENT = "session is its own parent"
ORDINAL = "punch type written as a number"
RENAMED = "key in another dialect"
KILL_COST = "cost of a governor_kill, which is the session's once more"
UNPROVEN = "gate whose exit code the daemon never read"
REDACTED = "text redacted or cut"
FOREIGN_VERDICT = "verdict in the daemon's own form"
EVIDENCE_CHARS = 4_000

_NO_ID = frozenset({"", "unknown", "null", "undefined", "none"})
_SESSION_ID = re.compile(
    r"ses_[\w-]{1,120}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|1[0-9]{12}", re.ASCII
)
_RULE = re.compile(r"(?P<type>[a-z_]+|\d+):(?P<pattern>.*?)(?: \((?P<count>\d{1,9})x\))?", re.DOTALL)


def punch_row(found: Found, counts: Counter[str]) -> Row | str:
    """Return a row of `punches`, its key in the canonical vocabulary, under its old hash."""
    task_id, kind = session_id_of(found["task_id"]), punch_type_of(text_of(found["punch_type"]).strip())
    if task_id is None:
        return NO_SESSION
    if kind is None:
        return UNKNOWN_TYPE
    observed_at, source_hash = time_of(found["observed_at"]), text_of(found["source_hash"]).strip()
    if observed_at is None:
        return NO_TIME
    if not source_hash:
        return NO_HASH
    written = text_of(found["punch_key"])
    safe = kept(written, 200)
    key = canonical_key(kind, safe)[:200]
    cost = number_of(found["cost"])
    counts[ORDINAL] += text_of(found["punch_type"]) != kind
    counts[RENAMED] += key != safe
    counts[REDACTED] += safe != written
    counts[UNPROVEN] += kind == "gate_pass"
    if kind == "governor_kill" and cost is not None:
        counts[KILL_COST] += 1
        cost = None
    tokens = (found["tokens_input"], found["tokens_output"], found["tokens_reasoning"])
    return (task_id, kind, key, observed_at, label(source_hash, 64), cost, *(integer_of(each) for each in tokens))


def card_row(found: Found, counts: Counter[str]) -> Row | str:
    """Return a row of `punch_cards`."""
    kind = punch_type_of(text_of(found["punch_type"]).strip())
    if kind is None:
        return UNKNOWN_TYPE
    if not found["card_id"]:
        return NO_CARD
    counts[ORDINAL] += text_of(found["punch_type"]) != kind
    required = found["required"] is None or bool(integer_of(found["required"]))
    barred, hard = (int(bool(integer_of(found[each]))) for each in ("forbidden", "enforced"))
    names = (name_of(found["card_id"], 50), name_of(found["workflow_name"] or found["card_id"], 50))
    return (*names, kind, name_of(found["punch_key_pattern"], 200), int(required), barred, hard,
            name_of(found["description"], 200) or None)  # fmt: skip


def verdict_row(found: Found, counts: Counter[str]) -> Row | str:
    """Return a row of `checkpoints`, whichever of the two programs wrote what was missing."""
    task_id, status, validated_at = (
        session_id_of(found["task_id"]),
        text_of(found["status"]).strip(),
        time_of(found["validated_at"]),
    )
    if task_id is None:
        return NO_SESSION
    if not found["card_id"]:
        return NO_CARD
    status = {"1": "pass", "2": "fail"}.get(status, status)
    if status not in ("pass", "fail"):
        return UNKNOWN_STATUS
    if validated_at is None:
        return NO_TIME
    missing, violations = _lists(found["missing_punches"], found["violations"], counts)
    return (task_id, name_of(found["card_id"], 50), status, validated_at, missing, violations)


def child_row(found: Found, names: Sequence[str]) -> Row | str:
    """Return a row of `child_rels` without its method: the daemon says none. `names`: of parent and child."""
    parent, child = (found[name] for name in names)
    if text_of(child).strip() and mode_slug(text_of(child)) in (*MODES, UNKNOWN_CHILD):
        return MODE_AS_CHILD
    ids = [text_of(each) for each in (parent, child)]
    if not all(_SESSION_ID.fullmatch(each) for each in ids):
        return NO_SESSION_AS_CHILD
    return OWN_PARENT if ids[0] == ids[1] else (*ids, None, None)


def event_row(found: Found, counts: Counter[str]) -> Row | str:
    """Return a row of `raw_sse_events`, its payload redacted."""
    session_id, observed_at = session_id_of(found["session_id"]), time_of(found["observed_at"])
    if session_id is None:
        return NO_SESSION
    if observed_at is None:
        return NO_TIME
    if not found["source_hash"]:
        return NO_HASH
    payload = text_of(found["payload_json"])
    safe = payload if redact(payload) == plain(payload) == payload else _safe(payload)
    counts[REDACTED] += safe != payload
    names = (name_of(found["source_hash"], 64), session_id, name_of(found["event_type"], 100))
    return (*names, time_of(found["event_ts"]), observed_at, safe)


def diagnosis_row(found: Found, counts: Counter[str]) -> Row | str:
    """Return a row of `diagnosis_classifications`."""
    session_id, classified_at = session_id_of(found["session_id"]), time_of(found["classified_at"])
    if session_id is None:
        return NO_SESSION
    if classified_at is None:
        return NO_TIME
    evidence = text_of(found["evidence"])
    safe = kept(evidence, EVIDENCE_CHARS)
    counts[REDACTED] += safe != evidence
    said = (name_of(found["category"], 64), number_of(found["confidence"]) or 0.0, safe)
    return (session_id[:100], *said, classified_at, name_of(found["classifier_version"], 32) or "unknown")


def session_id_of(value: Value) -> str | None:
    """Return a session's id, None when the daemon knew none, or it holds what no id has: a secret, a control sign."""
    text = text_of(value).strip()
    return None if text.lower() in _NO_ID or name_of(text, ID_CHARS) != text else text


def time_of(value: Value) -> str | None:
    """Return a DATETIME as text: UTC, whole seconds. A time without a zone is UTC, as the daemon means it."""
    try:
        found = datetime.fromisoformat(text_of(value).strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    if found.tzinfo is not None:
        found = found.astimezone(timezone.utc)
    return None if found.year < 2000 else found.strftime("%Y-%m-%d %H:%M:%S")


def text_of(value: Value) -> str:
    """Return a value as text; NULL as none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def name_of(value: Value, limit: int) -> str:
    """Return the first characters of a name as every text from a log is kept."""
    return label(text_of(value), limit)


def number_of(value: Value) -> float | None:
    """Return a number from 0 to 2^53, which a DECIMAL column gives as text; None for anything else."""
    try:
        found = float(text_of(value))
    except ValueError:
        return None
    return found if 0 <= found < 2**53 else None


def integer_of(value: Value) -> int | None:
    """Return a whole number of at least 0, None for anything else."""
    found = number_of(value)
    return None if found is None else int(found)


def _safe(payload: str) -> str:
    try:
        return safe_payload(parse_json(payload))
    except ValueError:
        return plain(redact(payload))


def _lists(missing: Value, violations: Value, counts: Counter[str]) -> tuple[str | None, str | None]:
    """Return both lists in the one form: arrays of objects, NULL when empty."""
    found = _json(missing)
    if isinstance(found, dict):  # {"missing": ["type:pattern"], "violations": ["type:pattern (Nx)"]}
        counts[FOREIGN_VERDICT] += 1
        return _array(found.get("missing")), _array(found.get("violations"))
    return _array(found), _array(_json(violations))


def _json(value: Value) -> object:
    text = text_of(value).strip()
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return [text]


def _array(found: object) -> str | None:
    if not isinstance(found, list) or not found:
        return None
    rules = [_rule(each) for each in found]
    return kept(json.dumps(rules, ensure_ascii=False, separators=(",", ":")), 60_000)


def _rule(found: object) -> dict[str, object]:
    if isinstance(found, dict):
        kind = punch_type_of(str(found.get("punch_type", ""))) or str(found.get("punch_type", ""))
        rule: dict[str, object] = {
            "punch_type": kind,
            "punch_key_pattern": str(found.get("punch_key_pattern", "")),
            "description": str(found.get("description") or ""),
        }
        return rule if "count" not in found else {**rule, "count": found["count"]}
    told = _RULE.fullmatch(str(found))
    if told is None:
        return {"punch_type": "", "punch_key_pattern": "", "description": str(found)}
    rule = {
        "punch_type": punch_type_of(told["type"]) or told["type"],
        "punch_key_pattern": told["pattern"],
        "description": "",
    }
    return rule if told["count"] is None else {**rule, "count": int(told["count"])}
