"""Following a server that misbehaves on purpose: the store ends with what was true, whatever happened on the way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from copy import deepcopy

import pytest
from httpx import HTTPError

from g6o_eval.errors import DeclarationError, UnavailableError
from g6o_eval.fleet.ingest.census import FOREIGN
from g6o_eval.fleet.ingest.replay import replay_events
from g6o_eval.fleet.live.asker import ODD
from g6o_eval.fleet.live.listen import GARBAGE, TOO_LONG, UNWRITTEN, Listener, Pace
from g6o_eval.fleet.live.server import Server, checked_url
from g6o_eval.fleet.live.stream import Backlog, Stream
from g6o_eval.store.port import Store
from support.listening import FIRST, expected, heard_all, listen, rows, serving, settled, stored
from support.serve import START, Json, Script, ServeServer, assistant, events_of, said, session, sse, tool, user, usual


def test_a_stream_ends_as_the_rows_of_the_session(store: Store) -> None:
    with serving(Script(streams=[sse(*events_of(FIRST))])) as server:
        heard = listen(store, server.url, lambda listener: listener.heard.sessions > 0)

    assert stored(store) == expected(FIRST)
    assert heard.raw == len(events_of(FIRST))
    assert rows(store, "SELECT COUNT(*) FROM raw_sse_events WHERE session_id = 'ses_a'") == [(heard.raw,)]


def test_the_price_is_the_sum_and_calls_have_arguments_and_times(store: Store) -> None:
    """The daemon keeps the last message's price, no arguments, no duration, and the time of reading."""
    with serving(Script(streams=[sse(*events_of(FIRST))])) as server:
        listen(store, server.url, lambda listener: listener.heard.sessions > 0)

    assert rows(store, "SELECT total_cost, started_at FROM agent_sessions") == [(0.5, START)]
    assert rows(store, "SELECT args_summary, duration_ms, ts, exit_code FROM agent_tool_calls ORDER BY ts") == [
        ('{"command":"make 1"}', 35, START + 1060, 0),
        ('{"command":"make 2"}', 35, START + 2060, 0),
    ]


def test_catching_up_again_and_again_makes_no_row_twice_and_no_commit(store: Store) -> None:
    script = Script(streams=[b"", b"", sse(*events_of(FIRST))] * 3, documents={"ses_a": FIRST})
    with serving(script) as server:
        listen(store, server.url, settled(server))
        head = store.head()
        again = Script(streams=[sse(*events_of(FIRST))] * 2, documents={"ses_a": FIRST})
    with serving(again) as server:
        heard = listen(store, server.url, settled(server))

    assert stored(store) == expected(FIRST)
    assert (heard.raw, heard.sessions, heard.commits, store.head()) == (0, 0, 0, head)


@pytest.mark.parametrize("cut", [0.02, 0.3, 0.5, 0.7, 0.999])
def test_a_cut_in_the_middle_of_an_event_loses_nothing(store: Store, cut: float) -> None:
    data = sse(*events_of(FIRST))
    script = Script(streams=[data[: int(len(data) * cut)], b""], documents={"ses_a": FIRST})

    with serving(script) as server:
        listen(store, server.url, settled(server))

    assert stored(store) == expected(FIRST)


def test_a_session_that_was_missed_altogether_is_asked_for_with_its_children(store: Store) -> None:
    child = usual("ses_c", parent="ses_a")
    with serving(Script(streams=[b""], documents={"ses_a": FIRST, "ses_c": child})) as server:
        listen(store, server.url, settled(server))
        asked = [path.split("?")[0] for path in server.requests]

    assert stored(store) == expected(FIRST, child)
    assert rows(store, "SELECT session_id, root_session_id, parent_method FROM agent_sessions ORDER BY session_id") == [
        ("ses_a", "ses_a", None),
        ("ses_c", "ses_a", "history"),
    ]
    assert rows(store, "SELECT parent_id, child_id, method FROM child_rels") == [("ses_a", "ses_c", "history")]
    assert {"/session", "/session/ses_a/message", "/session/ses_a/children", "/event"} <= set(asked)


def test_a_session_heard_from_the_middle_is_asked_for_before_it_is_written(store: Store) -> None:
    tail = events_of(FIRST)[-6:]
    late: dict[str, Json] = {}
    script = Script(streams=[sse(*tail)], documents=late)
    with serving(script) as server:
        late["ses_b"] = usual("ses_b")  # known to the server all the time
        heard = listen(store, server.url, lambda listener: listener.heard.left_out[UNWRITTEN] > 0)
        late["ses_a"] = FIRST

    assert rows(store, "SELECT session_id FROM agent_sessions") == [("ses_b",)]
    assert heard.left_out[UNWRITTEN] >= 1


def test_a_server_that_fails_is_tried_again(store: Store) -> None:
    failures = iter([500, 503, 500, 429, 502, 500])
    script = Script(streams=[sse(*events_of(FIRST))], documents={"ses_a": FIRST}, fail=lambda path: next(failures, 0))
    notices: list[str] = []

    with serving(script) as server:
        heard = listen(store, server.url, settled(server), notices=notices)

    assert stored(store) == expected(FIRST)
    assert heard.connections >= 1
    assert "lost the events of" in notices[0]
    assert "500 Internal Server Error" in notices[0]


def test_garbage_is_counted_and_everything_else_taken(store: Store) -> None:
    events = events_of(FIRST)
    odd = [
        "data: {oops\n\n",
        ": keep-alive\n\n",
        "data: 7\n\n",
        'data: {"type":"x"}\n\n',
        "event: ping\ndata\n\n",
        "\n\n\n",
    ]
    huge = {"type": "file.edited", "properties": {"file": "x" * 3_000_000}}
    several = "data: " + json.dumps(events[1], indent=1).replace("\n", "\ndata: ") + "\n\n"
    mixed: list[Json | str] = [events[0], *odd, several, huge, *events[2:], *events]
    stream = sse(*mixed).replace(b"\n\n", b"\r\n\r\n", 4)

    with serving(Script(streams=[stream])) as server:
        heard = listen(store, server.url, heard_all(len(mixed) - 3 + 1))

    assert stored(store) == expected(FIRST)
    assert heard.left_out[GARBAGE] == 3


@pytest.mark.parametrize("named", [True, False])
def test_an_event_that_is_too_long_is_counted_and_its_session_asked_for(store: Store, named: bool) -> None:
    """Also when it does not say early enough which session it is about."""
    long = {**FIRST, "messages": [*FIRST["messages"][:-1], deepcopy(FIRST["messages"][-1])]}
    part = next(part for part in long["messages"][-1]["parts"] if part["type"] == "text")
    part["text"] = "x" * 20_000
    events = events_of(long, deltas=1)
    if not named:
        held = next(event for event in events if event["properties"].get("part") == part)
        held["properties"] = {"odd": "x" * 5_000, **held["properties"]}

    answers = iter([500])  # nothing is learned at the beginning
    fail: Callable[[str], int] = lambda path: next(answers, 0) if path == "/session" else 0  # noqa: E731
    with serving(Script(streams=[sse(*events)], documents={"ses_a": long}, fail=fail)) as server:
        heard = listen(store, server.url, settled(server), event_chars=10_000)

    assert stored(store) == expected(long)
    assert +heard.left_out == {TOO_LONG: 1}
    assert heard.raw == len(events) - 1


def test_what_is_no_message_in_an_answer_is_counted_and_told_with_its_reason(store: Store) -> None:
    odd = {**FIRST, "messages": [{"info": {"role": "user"}, "parts": []}, 7, *deepcopy(FIRST["messages"])]}
    odd["messages"][-1]["parts"] += ["text", {"type": "text"}]
    documents = {"ses_a": odd, "ses_b": {"info": {"title": "no id"}, "messages": []}}

    with serving(Script(streams=[b"", b""], documents=documents)) as server:
        heard = listen(store, server.url, lambda listener: listener.heard.sessions > 0 and len(server.headers) > 1)

    assert heard.left_out[ODD] == 5
    assert stored(store)[1:] == expected(FIRST)[1:]
    assert rows(store, "SELECT reason, detail FROM import_issues ORDER BY detail") == [
        (FOREIGN, "a int"),
        (FOREIGN, "a str"),
        (FOREIGN, "keys: info, parts"),
        (FOREIGN, "keys: type"),
    ]


def test_an_answer_that_is_too_long_is_told(store: Store) -> None:
    with serving(Script(documents={"ses_a": FIRST})) as server:
        client = Server(server.url, environ={}, most=1_000)
        with pytest.raises(HTTPError) as caught:
            client.messages("ses_a")
        client.close()

    assert str(caught.value) == "/session/ses_a/message answered with more than 1,000 bytes"


def test_a_slow_server_is_waited_for(store: Store) -> None:
    with serving(Script(streams=[sse(*events_of(usual("ses_a")))], pause_seconds=0.001)) as server:
        listen(store, server.url, lambda listener: listener.heard.sessions > 0)

    assert stored(store) == expected(usual("ses_a"))


def test_the_last_id_is_offered_and_retry_is_obeyed(store: Store) -> None:
    head = b"retry: 30\n\nid: 41\n" + sse(events_of(FIRST)[0])
    with serving(Script(streams=[head, b""], documents={"ses_a": FIRST})) as server:
        listen(store, server.url, settled(server))
        offered = [headers.get("Last-Event-ID") for headers in server.headers]

    assert offered == [None, "41"]


def test_pauses_grow_are_bounded_and_differ() -> None:
    stream = Stream(Server("http://127.0.0.1:1", environ={}), notice=lambda _: None, first_seconds=0.5)
    longest = []
    for failures in range(1, 12):
        stream._in_a_row = failures
        pauses = [stream.pause_seconds() for _ in range(20)]
        assert len(set(pauses)) == 20
        longest.append((min(pauses), max(pauses)))

    assert all(low >= 0.25 and high <= 30.0 for low, high in longest)
    assert longest[0][1] <= 0.5
    assert longest[-1][0] >= 15.0


def test_a_server_that_comes_back_on_its_port_is_found_again(store: Store) -> None:
    second = usual("ses_b")
    with serving(Script(streams=[sse(*events_of(FIRST))])) as server:
        port = server.port

        def restart(listener: Listener) -> bool:
            if listener.heard.sessions == 1 and server.drained.is_set() and len(servers) == 1:
                server.close()
                script = Script(streams=[sse(*events_of(second)[:3])], documents={"ses_a": FIRST, "ses_b": second})
                servers.append(ServeServer(script, port=port))
            return listener.heard.sessions >= 2

        servers = [server]
        listen(store, server.url, restart)
        servers[1].close()

    assert stored(store) == expected(FIRST, second)


def test_removed_messages_and_parts_are_gone_from_the_rows(store: Store) -> None:
    last = FIRST["messages"][-1]["info"]["id"]
    removed = {"type": "message.removed", "properties": {"sessionID": "ses_a", "messageID": last}}
    idle = events_of(FIRST)[-1]
    with serving(Script(streams=[sse(*events_of(FIRST), removed, idle)])) as server:
        listen(store, server.url, settled(server))

    assert stored(store) == expected({**FIRST, "messages": FIRST["messages"][:-1]})


def test_a_deleted_session_keeps_its_rows(store: Store) -> None:
    deleted = {"type": "session.deleted", "properties": {"info": FIRST["info"]}}
    with serving(Script(streams=[sse(*events_of(FIRST, idle=False), deleted)])) as server:
        listen(store, server.url, settled(server))

    assert stored(store) == expected(FIRST)


def test_a_session_that_failed_is_written_though_it_is_never_idle(store: Store) -> None:
    error = {"name": "APIError", "data": {"message": "overloaded"}}
    failed = session("ses_a", user("m1", "Go", session_id="ses_a"), assistant("m2", session_id="ses_a", error=error))
    ended = {"type": "session.error", "properties": {"sessionID": "ses_a", "error": error}}
    with serving(Script(streams=[sse(*events_of(failed, idle=False), ended)])) as server:
        listen(store, server.url, lambda listener: listener.heard.sessions > 0)

    assert rows(store, "SELECT status, ended_by FROM agent_sessions") == [("failed", "assistant APIError")]


def test_a_running_session_is_written_when_it_says_nothing_more_or_listening_ends(store: Store) -> None:
    running = tool("bash", {"command": "sleep"}, status="running")
    answer = assistant("m2", said("x"), running, session_id="ses_a", finish=None)
    open_yet = session("ses_a", user("m1", "Go", session_id="ses_a"), answer)
    stream = sse(*events_of(open_yet, idle=False))

    with serving(Script(streams=[stream])) as server:
        listen(
            store, server.url, lambda listener: listener.heard.sessions > 0, pace=Pace(seconds=0.05, quiet_seconds=0.1)
        )
    quiet = stored(store)
    with serving(Script(streams=[sse(*events_of(usual("ses_b"), idle=False))])) as server:
        listen(store, server.url, lambda listener: listener.heard.events > 5, pace=Pace(seconds=60))

    assert quiet == expected(open_yet)
    assert rows(store, "SELECT session_id FROM agent_sessions ORDER BY session_id") == [("ses_a",), ("ses_b",)]


def test_what_is_held_is_bounded_and_dropped_sessions_are_asked_for_again(store: Store) -> None:
    many = [usual(f"ses_{number:02}", turns=2) for number in range(12)]
    first = [event for each in many for event in events_of({**each, "messages": each["messages"][:2]})]
    then = [event for each in many for event in events_of(each)[-9:]]
    script = Script(streams=[sse(*first), sse(*then)], documents={each["info"]["id"]: each for each in many})
    sizes: list[int] = []

    with serving(script) as server:
        done = settled(server)

        def until(listener: Listener) -> bool:
            sizes.append(listener._mirror.size)
            return done(listener)

        listen(store, server.url, until, pace=Pace(events=30, seconds=0.05, held_chars=4_000))

    assert stored(store) == expected(*many)
    assert sizes[-1] <= 4_000


def test_a_full_backlog_makes_the_reader_wait() -> None:
    backlog = Backlog(limit=1_000)
    put: list[int] = []

    def fill() -> None:
        for number in range(5):
            if not backlog.put("x" * 500):
                return
            put.append(number)

    thread = threading.Thread(target=fill)
    thread.start()
    time.sleep(0.05)
    waiting = list(put)
    taken = backlog.take(0, most=1)
    time.sleep(0.05)
    went_on = list(put)
    backlog.close()
    thread.join(timeout=2)

    assert (waiting, taken, went_on) == ([0, 1], ["x" * 500], [0, 1, 2])
    assert not thread.is_alive()


@pytest.mark.parametrize("status", [401, 404])
def test_a_server_that_refuses_ends_it_with_the_reason(store: Store, status: int) -> None:
    asks = "; credentials are read from $KILO_SERVER_PASSWORD, $OPENCODE_SERVER_PASSWORD, $G6O_SERVE_TOKEN"
    with serving(Script(fail=lambda path: status)) as server, pytest.raises(UnavailableError) as caught:
        listen(store, server.url, lambda listener: False)

    tail = asks if status == 401 else ""
    assert str(caught.value) == f"{server.url}/event answered {status}: is this `kilo serve`?{tail}"


def test_credentials_come_from_the_environment_alone(store: Store) -> None:
    with serving(Script(streams=[b""])) as server:
        for environ in ({"KILO_SERVER_PASSWORD": "p1"}, {"G6O_SERVE_TOKEN": "t1"}):
            client = Server(server.url, environ=environ)
            with client.events(""):
                pass
            client.close()
        sent = [headers["Authorization"] for headers in server.headers]
    assert sent == ["Basic a2lsbzpwMQ==", "Bearer t1"]

    with pytest.raises(DeclarationError) as caught:
        checked_url("http://me:" + "pw@localhost:1")
    assert str(caught.value) == (
        "the URL of 'localhost' holds credentials: give them in the environment "
        "($KILO_SERVER_PASSWORD, $OPENCODE_SERVER_PASSWORD, $G6O_SERVE_TOKEN)"
    )


@pytest.mark.parametrize("url", ["", "localhost:4096", "ftp://x", "http://", "http://h:99999"])
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(DeclarationError, match="is no URL of a server"):
        checked_url(url)


# Replay.


def test_replaying_the_raw_events_gives_the_same_rows(store: Store) -> None:
    with serving(Script(streams=[sse(*events_of(FIRST))])) as server:
        listen(store, server.url, lambda listener: listener.heard.sessions > 0)
    before = stored(store)
    with store.change("Forget") as change:
        for table in ("agent_sessions", "agent_messages", "agent_tool_calls", "session_digests", "spawns"):
            change.execute(f"DELETE FROM {table}")
        for table in ("recovery_cases", "session_facts"):
            change.execute(f"DELETE FROM {table}")

    first, second = replay_events(store), replay_events(store)

    assert stored(store) == before
    assert (first.sessions, first.left, second.sessions, second.left) == (1, 0, 0, 1)


def test_replay_leaves_a_session_alone_of_which_the_store_holds_more(store: Store) -> None:
    tail = events_of(FIRST)[-6:]
    with serving(Script(streams=[sse(*tail)], documents={"ses_a": FIRST})) as server:
        listen(store, server.url, settled(server))
    before = stored(store)

    done = replay_events(store)

    assert (done.sessions, done.left) == (0, 1)
    assert stored(store) == before == expected(FIRST)
