"""A session out of its events, whatever happens to them on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from g6o_eval.fleet.ingest.events import parse_event
from g6o_eval.fleet.ingest.mirror import Held, Mirror
from support.serve import Json, events_of, usual

ID = "ses_a"
TRUTH = usual(ID, turns=2)
EVENTS = events_of(TRUTH)


def hear(events: Iterable[Json], mirror: Mirror | None = None) -> Mirror:
    mirror = mirror or Mirror()
    for each in events:
        found = parse_event(json.dumps(each))
        assert found is not None
        mirror.take(found)
    return mirror


def held(events: Iterable[Json]) -> Held:
    return hear(events).sessions[ID]


def about(event_type: str, **properties: Any) -> Json:
    return {"type": event_type, "properties": {"sessionID": ID, **properties}}


def test_events_end_as_the_session_that_they_tell_of() -> None:
    found = held(EVENTS)

    assert found.document() == TRUTH["messages"]
    assert (found.whole, found.changed, found.settled) == (True, True, True)


@settings(max_examples=60)
@given(st.permutations(EVENTS), st.lists(st.sampled_from(EVENTS)))
def test_order_and_repetition_change_nothing(events: list[Json], again: list[Json]) -> None:
    assert held([*events, *again]).document() == TRUTH["messages"]


def test_the_last_text_wins_over_its_beginnings_even_when_it_is_shorter() -> None:
    part = TRUTH["messages"][1]["parts"][1]
    longer = {**part, "text": part["text"] + "   ", "time": {"start": part["time"]["start"]}}

    found = held([*EVENTS, {"type": "message.part.updated", "properties": {"part": longer}}])

    assert found.document() == TRUTH["messages"]


def test_streamed_pieces_are_appended() -> None:
    part = {"id": "prt_x", "messageID": "msg_x", "sessionID": ID, "type": "text", "text": "a"}
    info = {"id": "msg_x", "sessionID": ID, "role": "assistant", "time": {"created": 1}}
    pieces = [about("message.part.delta", messageID="msg_x", partID="prt_x", field="text", delta=each) for each in "bc"]

    found = held([about("message.updated", info=info), about("message.part.updated", part=part), *pieces])

    assert found.document()[0]["parts"][0]["text"] == "abc"


def test_what_was_removed_does_not_come_back_late() -> None:
    removed = [about("message.removed", messageID=TRUTH["messages"][2]["info"]["id"])]
    part = about("message.part.removed", messageID="m", partID=TRUTH["messages"][1]["parts"][1]["id"])

    found = held([*EVENTS, *removed, part, *EVENTS]).document()

    assert [message["info"]["id"] for message in found] == [m["info"]["id"] for m in TRUTH["messages"][:2]]
    assert len(found[1]["parts"]) == len(TRUTH["messages"][1]["parts"]) - 1


def test_a_session_that_was_heard_from_the_middle_is_not_whole_until_it_is_learnt() -> None:
    mirror = hear(EVENTS[9:])
    assert not mirror.sessions[ID].whole

    mirror.learn(TRUTH["info"], TRUTH["messages"])

    assert mirror.sessions[ID].whole
    assert mirror.sessions[ID].document() == TRUTH["messages"]


def test_events_on_their_way_do_not_set_back_what_was_learnt() -> None:
    mirror = Mirror()
    mirror.learn(TRUTH["info"], TRUTH["messages"])

    hear(EVENTS, mirror)

    assert mirror.sessions[ID].document() == TRUTH["messages"]


def test_what_was_removed_while_nobody_listened_is_gone_after_learning() -> None:
    mirror = hear(EVENTS)

    mirror.learn(TRUTH["info"], TRUTH["messages"][:2])

    assert mirror.sessions[ID].document() == TRUTH["messages"][:2]


def test_a_session_that_goes_on_is_not_settled() -> None:
    mirror = hear(EVENTS)
    assert mirror.sessions[ID].settled

    hear(
        [about("message.updated", info={"id": "msg_z", "sessionID": ID, "role": "user", "time": {"created": 1}})],
        mirror,
    )

    assert not mirror.sessions[ID].settled


def test_errors_and_deletion_settle_a_session_and_a_busy_status_does_not() -> None:
    start = events_of(TRUTH, idle=False)

    assert not held([*start, about("session.status", status={"type": "busy"})]).settled
    assert held([*start, about("session.error", error={"name": "APIError"})]).settled
    assert held([*start, {"type": "session.deleted", "properties": {"info": TRUTH["info"]}}]).deleted


ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("id", "time", "text", "state")), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(sorted({each["type"] for each in EVENTS})), ANYTHING, ANYTHING), max_size=4))
def test_no_event_and_no_answer_raises(odd: list[tuple[str, Any, Any]]) -> None:
    events = [about(kind, info=one, part=other, status=one) for kind, one, other in odd]
    mirror = hear([*events, *EVENTS])

    mirror.learn({"id": ID, "time": 7}, [*(one for _, one, _ in odd), *TRUTH["messages"], {"info": {}, "parts": 3}])

    assert mirror.sessions[ID].document()[-3:] == TRUTH["messages"]


def test_news_of_old_do_not_unsettle_a_session() -> None:
    mirror = Mirror()
    mirror.learn(TRUTH["info"], TRUTH["messages"])

    hear(EVENTS[:5], mirror)

    assert mirror.sessions[ID].settled


def test_an_answer_in_the_middle_of_a_turn_is_no_end() -> None:
    running = json.loads(json.dumps(TRUTH["messages"]))
    del running[-1]["info"]["finish"]
    mirror = Mirror()

    assert not mirror.learn(TRUTH["info"], running).settled
    assert not mirror.learn(TRUTH["info"], running[:1]).settled
    assert mirror.learn(TRUTH["info"], TRUTH["messages"]).settled


def test_the_size_is_what_is_held() -> None:
    mirror = hear([*EVENTS, *EVENTS])
    one = hear(EVENTS)

    assert mirror.size == one.size == sum(each.size for each in mirror.sessions.values()) > 0
    mirror.drop(ID)
    assert (mirror.size, dict(mirror.sessions)) == (0, {})
