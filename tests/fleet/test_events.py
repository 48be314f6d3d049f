"""Events and their raw rows: the daemon's key, event time, no secret."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.ingest import events
from g6o_eval.fleet.ingest.events import Event, event_ts, parse_event, raw_row, source_hash
from support.serve import START, Json

AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone.utc)


def event(event_type: str, **properties: Any) -> Event:
    found = parse_event(json.dumps({"type": event_type, "properties": properties}))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("event_type", "properties", "session_id"),
    [
        ("session.idle", {"sessionID": "s"}, "s"),
        ("session.error", {"sessionID": "s", "error": {}}, "s"),
        ("session.updated", {"info": {"id": "s"}}, "s"),
        ("message.updated", {"info": {"id": "m", "sessionID": "s"}}, "s"),
        ("message.part.updated", {"part": {"id": "p", "sessionID": "s"}}, "s"),
        ("message.removed", {"sessionID": "s", "messageID": "m"}, "s"),
        ("session.error", {"error": {}}, None),
        ("file.edited", {"file": "a.py"}, None),
    ],
)
def test_an_event_names_its_session_where_its_type_has_it(
    event_type: str, properties: Json, session_id: str | None
) -> None:
    assert event(event_type, **properties).session_id == session_id


@pytest.mark.parametrize(
    "data", ["", "{", "[]", "7", '{"type": 7, "properties": {}}', '{"type": "x"}', '{"payload": {}}']
)
def test_what_is_no_event_is_none(data: str) -> None:
    assert parse_event(data) is None


def test_an_event_of_all_projects_is_unwrapped() -> None:
    wrapped = {"directory": "/repo", "payload": {"type": "session.idle", "properties": {"sessionID": "s"}}}

    assert parse_event(json.dumps(wrapped)) == Event("session.idle", {"sessionID": "s"}, "s")


def test_the_key_is_that_of_the_daemon() -> None:
    """The text is what node printed for JSON.stringify(sortKeysDeep({type, properties})) of this event."""
    found = event("x", _a=1.0, A=1e21, a=1e-7, b={"Z": [0.1, 1.5e-9, -0.0], "é": None}, B="ü\n", **{"1": 12345678901.5})
    text = (
        '{"properties":{"_a":1,"1":12345678901.5,"a":1e-7,"A":1e+21,"b":{"é":null,"Z":[0.1,1.5e-9,0]},"B":"ü\\n"},'
        '"type":"x"}'
    )

    assert source_hash(found) == hashlib.sha256(text.encode()).hexdigest()


@given(
    st.recursive(
        st.floats(allow_nan=False) | st.integers(-(2**53), 2**53) | st.text(max_size=2), st.lists, max_leaves=4
    )
)
def test_the_quick_way_to_the_key_is_the_slow_one(value: Any) -> None:
    properties = {"b": value, "a": {"c": value}}
    slow = "".join(events._javascript({"type": "x", "properties": properties}))

    assert (
        source_hash(Event("x", properties, None)) == hashlib.sha256(slow.encode("utf-8", "surrogatepass")).hexdigest()
    )


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=5), st.randoms())
def test_the_key_does_not_depend_on_the_order_of_keys(properties: Json, random: Any) -> None:
    shuffled = list(properties.items())
    random.shuffle(shuffled)

    assert source_hash(Event("x", properties, None)) == source_hash(Event("x", dict(shuffled), None))


@pytest.mark.parametrize(
    ("properties", "ts"),
    [
        ({"part": {"time": {"start": START}}}, START),
        ({"part": {"time": {"start": START, "end": START + 5}}}, START + 5),
        ({"part": {"state": {"time": {"start": START, "end": START + 7}}}}, START + 7),
        ({"info": {"time": {"created": START, "updated": START + 9}}}, START + 9),
        ({"info": {"time": {"created": START, "completed": START + 3}}}, START + 3),
        ({"sessionID": "s"}, None),
    ],
)
def test_an_event_has_its_own_time(properties: Json, ts: int | None) -> None:
    assert event_ts(event("x", **properties)) == ts


def test_a_row_has_the_time_of_the_event_beside_that_of_reading() -> None:
    found = event("session.updated", info={"id": "ses_a", "time": {"updated": 1_770_000_000_999}})

    row = raw_row(found, observed_at=AT)

    assert row[1:] == (
        "ses_a", "session.updated", "2026-02-02 02:40:00", "2026-02-03 04:05:06",
        '{"type":"session.updated","properties":{"info":{"id":"ses_a","time":{"updated":1770000000999}}}}',
    )  # fmt: skip


def test_secrets_are_taken_out_and_the_payload_is_json_still() -> None:
    key = "sk-ant-" + "a1B2" * 8
    block = "-----BEGIN RSA PRIVATE" + " KEY-----\nabc"
    found = event("x", sessionID="s", env={"password": "hunter22x", "n": [key, block]}, text=f'say "{key}"')

    payload = str(raw_row(found, observed_at=AT)[5])

    assert not [secret for secret in (key, "hunter22x", "PRIVATE" + " KEY") if secret in payload]
    assert json.loads(payload)["properties"]["sessionID"] == "s"
