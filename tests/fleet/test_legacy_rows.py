"""Rows of the daemon, one by one: whatever stands in a column, a row of ours or the reason why there is none."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.daemon.rows import (
    child_row,
    diagnosis_row,
    event_row,
    integer_of,
    number_of,
    punch_row,
    time_of,
    verdict_row,
)
from g6o_eval.fleet.daemon.tasks import Seen, task_rows
from g6o_eval.store.port import Value

PUNCH: dict[str, Value] = {
    "punch_id": 1, "task_id": "ses_1", "punch_type": "tool_call", "punch_key": "readFile",
    "observed_at": "2026-02-20 10:00:00", "source_hash": "h", "cost": "0.5", "tokens_input": 7,
    "tokens_output": None, "tokens_reasoning": None,
}  # fmt: skip
VERDICT: dict[str, Value] = {
    "checkpoint_id": 1, "task_id": "ses_1", "card_id": "c", "status": "fail",
    "validated_at": "2026-02-20 10:00:00", "missing_punches": None, "violations": None,
}  # fmt: skip
IDS = ("parent_id", "child_id")
UUID = "019c6cad-ab04-729d-8d06-0713cb1977c8"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-02-20 10:00:00", "2026-02-20 10:00:00"),
        ("2026-02-20T10:00:00Z", "2026-02-20 10:00:00"),
        ("2026-02-20T12:00:00.900+02:00", "2026-02-20 10:00:00"),
        ("0000-00-00 00:00:00", None),
        ("1970-01-01 00:00:00", None),
        ("soon", None),
        (None, None),
    ],
)
def test_a_time_without_a_zone_is_utc_and_one_before_there_was_a_daemon_is_none(
    written: str | None, read: str | None
) -> None:
    assert time_of(written) == read


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"task_id": "unknown"}, "no session id"),
        ({"task_id": None}, "no session id"),
        ({"punch_type": "13"}, "unknown punch type"),
        ({"observed_at": None}, "no time that can be read"),
        ({"source_hash": None}, "no source hash"),
    ],
)
def test_a_punch_that_cannot_be_kept_says_why(change: dict[str, Value], reason: str) -> None:
    assert punch_row({**PUNCH, **change}, Counter()) == reason


def test_a_punch_type_that_is_the_place_in_the_enum_is_read_and_counted() -> None:
    counts: Counter[str] = Counter()

    row = punch_row({**PUNCH, "punch_type": "4", "punch_key": "mypy"}, counts)

    assert row[1:3] == ("gate_pass", "mypy")
    assert counts["punch type written as a number"] == 1


def test_the_price_of_a_kill_is_the_sessions_and_is_left_out() -> None:
    counts: Counter[str] = Counter()

    assert punch_row({**PUNCH, "punch_type": "governor_kill"}, counts)[5] is None
    assert punch_row(PUNCH, counts)[5] == 0.5
    assert counts["cost of a governor_kill, which is the session's once more"] == 1


def test_a_secret_in_an_old_command_does_not_come_along() -> None:
    counts: Counter[str] = Counter()
    secret = "ghp_" + "a1B2" * 9

    row = punch_row({**PUNCH, "punch_type": "command_exec", "punch_key": f"curl -H 'token: {secret}'"}, counts)

    assert secret not in str(row)
    assert counts["text redacted or cut"] == 1


@pytest.mark.parametrize(
    ("missing", "violations", "expected"),
    [
        ('{"missing":[],"violations":[]}', None, (None, None)),
        ('{"missing":["3:%x%"]}', None, ([["mcp_call", "%x%", None]], None)),
        ('{"violations":["tool_call:a:b (12x)"]}', None, (None, [["tool_call", "a:b", 12]])),
        ('[{"punch_type":"gate_pass","punch_key_pattern":"mypy"}]', None, ([["gate_pass", "mypy", None]], None)),
        (None, '[{"punch_type":"5","punch_key_pattern":"x","count":2}]', (None, [["gate_fail", "x", 2]])),
        ("no JSON", None, ([["", "", None]], None)),
        ("", "", (None, None)),
    ],
)
def test_both_forms_of_a_verdict_are_read(
    missing: str | None, violations: str | None, expected: tuple[object, object]
) -> None:
    row = verdict_row({**VERDICT, "missing_punches": missing, "violations": violations}, Counter())

    def short(text: Value) -> object:
        if text is None:
            return None
        return [[one["punch_type"], one["punch_key_pattern"], one.get("count")] for one in json.loads(str(text))]

    assert (short(row[4]), short(row[5])) == expected


@pytest.mark.parametrize(
    ("parent", "child", "expected"),
    [
        ("ses_1", "ses_2", ("ses_1", "ses_2", None, None)),
        (UUID, "1747094900403", (UUID, "1747094900403", None, None)),
        ("ses_1", "code", "child is the name of a mode"),
        ("ses_1", "💻 Code", "child is the name of a mode"),
        ("ses_1", "unknown_child", "child is the name of a mode"),
        ("ses_1", "my-own-mode", "parent or child is no session id"),
        ("ses_1", None, "parent or child is no session id"),
        ("ses_1", "ses_1", "session is its own parent"),
    ],
)
def test_a_link_is_between_sessions(parent: str, child: str | None, expected: object) -> None:
    assert child_row({"parent_id": parent, "child_id": child}, IDS) == expected


_ANY: st.SearchStrategy[Value] = st.none() | st.text(max_size=12) | st.integers() | st.floats() | st.binary(max_size=9)
_CELLS = (
    st.sampled_from(("ses_1", "4", "fail", "2026-02-20 10:00:00", '{"missing":1}', "[1]", "{}", "[[", "nan")) | _ANY
)


@given(st.data())
def test_whatever_stands_in_a_column_gives_a_row_or_a_reason(data: st.DataObject) -> None:
    names = {
        *PUNCH, *VERDICT, "parent_id", "child_id", "session_id", "event_type", "event_ts", "payload_json", "category",
        "confidence", "evidence", "classified_at", "classifier_version",
    }  # fmt: skip
    found = {name: data.draw(_CELLS) for name in sorted(names)}

    rows = [row_of(found, Counter()) for row_of in (punch_row, verdict_row, event_row, diagnosis_row)]

    assert all(row and isinstance(row, tuple | str) for row in (*rows, child_row(found, IDS)))


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "x", "", None, b"\xff"])
def test_a_number_that_is_none_is_none(value: Value) -> None:
    assert (number_of(value), integer_of(value)) == (None, None)


def test_a_session_without_a_start_anywhere_is_counted_and_has_no_task() -> None:
    seen, counts = Seen(), Counter[str]()
    blank = dict.fromkeys(
        ("session_id", "mode", "model", "status", "total_cost", "started_at", "completed_at", "outcome")
    )
    seen.session({**blank, "session_id": "ses_1"})

    assert list(task_rows(seen, counts)) == []
    assert counts == {"no start anywhere": 1}
