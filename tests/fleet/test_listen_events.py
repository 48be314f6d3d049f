"""Events are read as a browser reads them, whatever the pieces they come in; one without end fills no memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from httpx import Response
from httpx_sse import EventSource
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.live.events import HEAD_CHARS, Sent, TooLong, read_events

LINE = st.sampled_from(
    ["data: x", "data:yy", "data", "data:  z", "id: 7", "id", "retry: 30", "event: e", ": c", "odd: o"]
)
END = st.sampled_from(["\n", "\r\n", "\r"])


@given(st.lists(st.tuples(LINE | st.just(""), END)), st.lists(st.integers(0, 200)))
def test_the_events_are_those_of_another_reader_in_whatever_pieces(
    lines: list[tuple[str, str]], cuts: list[int]
) -> None:
    text = "".join(line + end for line, end in lines)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})

    found = list(read_events(text[start:end] for start, end in pairwise(places)))

    response = Response(200, headers={"Content-Type": "text/event-stream"}, content=text.encode())
    other = [Sent(each.data, each.id, each.retry) for each in EventSource(response).iter_sse()]
    # Where nothing was said the other one tells of an event, too.
    assert [each for each in found if isinstance(each, Sent) and (each.data or each.retry_ms is not None)] == [
        each for each in other if each.data or each.retry_ms is not None
    ]


def test_an_event_that_the_end_cuts_off_is_none() -> None:
    assert list(read_events(["data: 1\n\ndata: 2\n"])) == [Sent("1", "", None)]


@pytest.mark.parametrize(("size", "refused"), [(99, False), (100, False), (101, True), (5_000, True)])
@pytest.mark.parametrize("lines", [1, 2])
def test_an_event_may_be_as_long_as_the_limit_and_no_longer(size: int, lines: int, refused: bool) -> None:
    data = "x" * size if lines == 1 else "x" * (size - 50) + "\n" + "x" * 49
    text = "data: a\n\n" + "".join(f"data: {line}\n" for line in data.split("\n")) + "\ndata: b\n\n"

    first, found, last = read_events([text], most=100)

    assert found == (TooLong(data[: len(found.head)]) if isinstance(found, TooLong) else Sent(data, "", None))
    assert isinstance(found, TooLong) is refused
    assert (first, last) == (Sent("a", "", None), Sent("b", "", None))


def test_an_event_without_end_fills_no_memory() -> None:
    def endless() -> Iterator[str]:
        yield 'data: {"properties":{"sessionID":"ses_a","text":"'
        for _ in range(1_000):
            yield "x" * 60_000
        yield '"}}\n\ndata: after\n\n'

    tracemalloc.start()
    found = list(read_events(endless(), most=1_000_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [type(each) for each in found] == [TooLong, Sent]
    assert isinstance(found[0], TooLong)
    assert (found[0].session_id, len(found[0].head)) == ("ses_a", HEAD_CHARS)
    assert peak < 6_000_000


@pytest.mark.parametrize(
    ("head", "session_id"),
    [
        ('{"type":"message.updated","properties":{"info":{"id":"msg_1","sessionID":"ses_b"', "ses_b"),
        ('{"type":"session.updated","properties":{"info":{"id":"ses_c"', "ses_c"),
        ('{"type":"file.edited","properties":{"file":"x', None),
        ('{"type":"x","properties":{"sessionID":"../ses_d"', None),
    ],
)
def test_the_session_of_a_long_event_is_read_from_its_head(head: str, session_id: str | None) -> None:
    assert TooLong(head).session_id == session_id
