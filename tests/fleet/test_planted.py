"""A secret, a marker and an escape sequence, planted in every text of a source: no column holds them as they were."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from g6o_eval.fleet.daemon import rows as legacy_rows
from g6o_eval.fleet.daemon.tasks import Seen, task_rows
from g6o_eval.fleet.ingest.events import parse_event, raw_row
from g6o_eval.fleet.ingest.opencode import read_export, session_of
from g6o_eval.fleet.ingest.reading import Reading, reading_of
from g6o_eval.redact import find_secrets, neutralise, plain
from g6o_eval.store.port import Row, Value
from support.serve import assistant, events_of, said, session, tool, user

SECRET = "gh" + "p_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
PLANTED = {
    "secret": SECRET,
    "secret behind an escape": f"colour \x1b[32m{SECRET}\x1b[0m",
    "markers and signs": "[[ ## category ## ]] \x1b[31mred\u202e\u200b\U000e0041 <|im_start|>",
}
DAY = "2026-02-20 10:00:00"
DAEMON: dict[str, tuple[Callable[[Mapping[str, Value], Counter[str]], Row | str], dict[str, Value]]] = {
    "punches": (
        legacy_rows.punch_row,
        {"task_id": "ses_1", "punch_type": "child_spawn", "punch_key": "code", "observed_at": DAY, "source_hash": "h",
         "cost": "0.5", "tokens_input": 7, "tokens_output": None, "tokens_reasoning": None},
    ),
    "punch_cards": (
        legacy_rows.card_row,
        {"card_id": "c", "workflow_name": "w", "punch_type": "tool_call", "punch_key_pattern": "edit%",
         "required": 1, "forbidden": 0, "enforced": 0, "description": "d"},
    ),
    "checkpoints": (
        legacy_rows.verdict_row,
        {"task_id": "ses_1", "card_id": "c", "status": "fail", "validated_at": DAY,
         "missing_punches": '[{"punch_type":"tool_call","punch_key_pattern":"p","description":"d"}]',
         "violations": '["edit"]'},
    ),
    "child_rels": (
        lambda found, _: legacy_rows.child_row(found, ("parent_id", "child_id")),
        {"parent_id": "ses_1", "child_id": "ses_2"},
    ),
    "raw_sse_events": (
        legacy_rows.event_row,
        {"source_hash": "h", "session_id": "ses_1", "event_type": "session.idle", "event_ts": DAY,
         "observed_at": DAY, "payload_json": "{}"},
    ),
    "diagnosis_classifications": (
        legacy_rows.diagnosis_row,
        {"session_id": "ses_1", "category": "scope_creep", "confidence": 0.5, "evidence": "e", "classified_at": DAY,
         "classifier_version": "1"},
    ),
}  # fmt: skip


def everything() -> dict[str, Any]:
    """Return an export with every part and every field that is read."""
    calls = [
        tool("bash", {"command": "ls"}, at=20, output="out", metadata={"exit": 1, "description": "x"}),
        tool("edit", {"filePath": "a.py", "oldString": "o"}, at=30, status="error", error="bad"),
        tool("task", {"prompt": "do", "subagent_type": "code"}, at=40, metadata={"sessionId": "ses_c"}),
        tool("task", {"prompt": "do", "subagent_type": "code"}, at=41, output="task_id: ses_d"),
        tool("context7_resolve-library-id", {"libraryName": "x"}, at=46, status="running"),
    ]
    others: list[dict[str, Any]] = [
        {"type": "reasoning", "text": "think", "time": {"start": 1, "end": 2}},
        {"type": "subtask", "prompt": "p", "description": "d", "agent": "a", "command": "c"},
        {"type": "retry", "attempt": 1, "error": {"name": "APIError", "data": {"message": "oops"}}},
        {"type": "of another version", "text": "t"},
    ]
    error = {"name": "APIError", "data": {"message": "went"}}
    last = assistant("msg_2", said("end", at=90), session_id="ses_a", at=80)
    turn = assistant("msg_1", said("hello", at=10), *calls, *others, session_id="ses_a", at=10, error=error)
    return session("ses_a", user("msg_0", "Do it", session_id="ses_a"), turn, last, parent="ses_0")


def leaves(value: Any, kind: Any = str, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, kind):
        yield path
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, kind, (*path, key))


def planted(value: Any, path: tuple[Any, ...], new: object) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = planted(value[path[0]], path[1:], new)
    return copy


def texts_of(reading: Reading) -> Iterator[str]:
    rows = [reading.row, *(row for some in reading.rows.values() for row in some)]
    yield from (value for row in rows for value in row if isinstance(value, str))
    yield reading.session_id
    yield from (*reading.issues, *reading.left_out)


def unsafe(texts: Iterator[str]) -> list[str]:
    return [text for text in texts if find_secrets(text) or plain(text) != text or neutralise(text) != text]


@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED)
def test_no_text_of_an_export_reaches_a_column_as_it_was(text: str) -> None:
    document = everything()
    found: dict[tuple[Any, ...], list[str]] = {}

    for path in leaves(document):
        changed = planted(document, path, text)
        reading = reading_of(session_of(changed["info"], changed["messages"], digest=""))
        found[path] = unsafe(texts_of(reading))

    assert len(found) > 90
    assert {path: texts for path, texts in found.items() if texts} == {}


@pytest.mark.parametrize("odd", [2**63, 10**400, 1.7e308, 2**52, -1, float("nan")], ids=str)
def test_whatever_number_an_export_holds_it_fits_its_column(odd: float) -> None:
    document = everything()
    numbers: list[float] = []

    for path in leaves(document, int | float):
        changed = planted(planted(document, path, odd), ("messages", 2, "info", "cost"), odd)
        reading = reading_of(session_of(changed["info"], changed["messages"], digest=""))
        assert reading.node is not None
        rows = [reading.row, *(row for some in reading.rows.values() for row in some)]
        numbers += [value for row in rows for value in row if isinstance(value, int | float)]

    assert len(numbers) > 1_000
    assert all(abs(value) < 2**63 for value in numbers)


@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED)
def test_no_text_of_an_event_reaches_a_column_as_it_was(text: str) -> None:
    document, now = everything(), datetime.now(timezone.utc)
    texts: list[str] = []

    for path in leaves(document):
        for event in map(parse_event, map(json.dumps, events_of(planted(document, path, text), deltas=1))):
            assert event is not None
            texts += [value for value in raw_row(event, observed_at=now) if isinstance(value, str)]

    assert [value for value in texts if find_secrets(value) or plain(value) != value] == []


def test_an_event_keeps_its_signs_as_json_escapes_them() -> None:
    told = {"type": "x", "properties": {"text": "red\u202e\u200b\U000e0041 é 💻"}}
    event = parse_event(json.dumps(told))
    assert event is not None

    payload = raw_row(event, observed_at=datetime.now(timezone.utc))[-1]

    assert json.loads(str(payload)) == told
    assert plain(str(payload)) == payload


@pytest.mark.parametrize("table", DAEMON)
@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED)
def test_no_text_of_a_daemons_table_reaches_a_column_as_it_was(table: str, text: str) -> None:
    row_of, whole = DAEMON[table]
    assert isinstance(row_of(whole, Counter()), tuple)

    rows = [row_of({**whole, name: text}, Counter()) for name, value in whole.items() if isinstance(value, str)]
    if table == "raw_sse_events":
        rows = [row[:-1] for row in rows if isinstance(row, tuple)]  # the payload is JSON, and no prompt's
    kept = [row for row in rows if isinstance(row, tuple)]
    assert unsafe(value for row in kept for value in row if isinstance(value, str)) == []


@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED)
def test_a_daemons_payload_is_json_still_without_the_secret(text: str) -> None:
    row_of, whole = DAEMON["raw_sse_events"]
    told = json.dumps({"type": "x", "properties": {"text": f"a\n{text}", "n": 1}}, ensure_ascii=False)

    payload = str(row_of({**whole, "payload_json": told}, Counter())[-1])

    assert SECRET not in payload
    assert plain(payload) == payload
    assert json.loads(payload)["properties"]["n"] == 1


@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED)
def test_no_text_of_a_daemons_sessions_reaches_a_task_as_it_was(text: str) -> None:
    names = ("session_id", "mode", "model", "status", "total_cost", "started_at", "completed_at", "outcome")
    seen = Seen()
    for place, name in enumerate(names):
        seen.session({**dict.fromkeys(names), "session_id": f"ses_{place}", "started_at": DAY, name: text})

    rows = list(task_rows(seen, Counter()))

    assert len(rows) >= 5
    assert unsafe(value for row in rows for value in row if isinstance(value, str)) == []


@pytest.mark.parametrize("text", [SECRET, "ses_\u202e\u200b"], ids=["secret", "signs"])
def test_the_name_of_a_file_without_a_session_is_kept_as_text_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / f"{text}.json"
    file.write_bytes(b"{}")

    reading = reading_of(read_export(file))

    assert reading.refused == "no export of a session"
    assert unsafe(texts_of(reading)) == []


@pytest.mark.parametrize("text", [*PLANTED.values(), "../session", "a b", ""])
def test_an_event_of_what_can_be_no_id_belongs_to_no_session(text: str) -> None:
    event = parse_event(json.dumps({"type": "session.idle", "properties": {"sessionID": text}}))

    assert event is not None
    assert event.session_id is None
    assert raw_row(event, observed_at=datetime.now(timezone.utc))[1] == "unknown"
