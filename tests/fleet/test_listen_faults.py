"""Listeners that are killed, and stores that die under them: nothing that was heard is lost, nothing is there twice."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from g6o_eval.errors import UnavailableError, UnfitError
from g6o_eval.fleet.live.listen import Listener, Pace
from g6o_eval.store.choose import open_store
from g6o_eval.store.embedded import EmbeddedStore
from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import known_migrations, migrate
from support.copies import Copies, Copy
from support.dolt_server import DoltServer
from support.listening import FIRST, QUICK, expected, heard_all, listen, rows, serving, stored
from support.serve import Json, Script, ServeServer, events_of, sse, usual

KILLS = int(os.environ.get("G6O_TEST_KILLS", "2"))


@pytest.fixture(scope="module")
def copies() -> Iterator[Copies]:
    """The command, ready to be started."""
    made = Copies()
    yield made
    made.close()


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoltServer]:
    """A Dolt server that these tests may kill; it runs between them."""
    server = DoltServer(tmp_path_factory.mktemp("own"))
    server.start()
    yield server
    server.kill()


def wait_until(holds: Callable[[], object], *, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "never came"
        time.sleep(0.01)


def says(copy: Copy, what: str) -> Callable[[], bool]:
    return lambda: what in (copy.folder / f"{copy.pid}.err").read_text()


def connected(server: ServeServer) -> Callable[[], bool]:
    return lambda: bool(server.headers)


def caught_up(server: ServeServer) -> Callable[[], bool]:
    """Hold once every session was asked for, with its children: that is the last thing asked."""
    return lambda: sum("children" in path for path in server.requests) == len(server.script.documents)


def everything(url: str, folder: Path) -> tuple[dict[str, list[Row]], list[Row]]:
    """Return the rows of all tables that sessions are read into, and the keys of the raw events."""
    store = open_store(url, root=folder)
    try:
        tables = ("agent_sessions", "agent_messages", "agent_tool_calls", "punches", "tasks", "child_rels", "spawns")
        found = {table: sorted(rows(store, f"SELECT * FROM {table}"), key=repr) for table in tables}
        return found, rows(store, "SELECT source_hash FROM raw_sse_events")
    finally:
        store.close()


# The store's server.


def test_a_store_killed_under_the_listener_loses_no_event(
    own_server: DoltServer, copies: Copies, tmp_path: Path
) -> None:
    """Short deaths, and one that outlasts all patience, in the middle of which the person presses Ctrl-C."""
    documents = [usual(f"ses_{number}", turns=3) for number in range(4)]
    events = [event for document in documents for event in events_of(document)]
    own_server.run("CREATE DATABASE fleet")
    url = own_server.url("fleet")
    store = open_store(url, root=tmp_path)
    migrate(store, known_migrations())
    moments = random.Random(7)

    with serving(Script(streams=[sse(*events)], pause_seconds=0.0005)) as server:
        copy = copies.run("listen", server.url, "--seconds", "0.1", "--events", "40", folder=tmp_path, store=url)
        wait_until(connected(server))
        for _ in range(2):
            time.sleep(moments.uniform(0.05, 0.3))
            own_server.kill()
            own_server.start()
        assert server.drained.wait(20)
        wait_until(lambda: rows(store, "SELECT COUNT(*) FROM raw_sse_events") > [(len(events) // 2,)])
        own_server.kill()
        copy.send(signal.SIGINT)
        wait_until(says(copy, "cannot write, again in 0.5 s: cannot reach the Dolt server"))
        own_server.start()
        status, out, err = copy.end()

    assert (status, re.sub(r"(?m)^cannot write, again in 0.5 s: .*$", "", err).strip()) == (0, "")
    assert out.startswith(f"heard {len(events) + 1} events over 1 connections: ")
    assert stored(store) == expected(*documents)
    assert rows(store, "SELECT COUNT(*) FROM raw_sse_events") == [(len(events),)]
    assert store.dirty() == ()


# A store that is away: somebody else holds it.


@pytest.fixture
def impatient(tmp_path: Path, store: Store) -> Iterator[Store]:
    """The same store in a handle that does not wait for others."""
    opened = EmbeddedStore(tmp_path / "fleet.db", url="doltlite:///fleet.db", busy_seconds=0)
    yield opened
    opened.close()


def held_message(folder: Path) -> str:
    return (
        f"{folder / 'fleet.db'} is in use: another process has been writing to it for 0 s (database is locked). "
        "Wait for it, or end it"
    )


def test_a_store_that_is_away_is_tried_again(tmp_path: Path, store: Store, impatient: Store) -> None:
    notices: list[str] = []
    with serving(Script(streams=[sse(*events_of(FIRST))])) as server, ExitStack() as held:
        held.enter_context(store.change("Keep everybody out"))

        def until(listener: Listener) -> bool:
            if len(notices) == 3:
                held.close()
            return listener.heard.sessions > 0

        listen(impatient, server.url, until, notices=notices)

    assert stored(store) == expected(FIRST)
    assert notices == [f"cannot write, again in 0.01 s: {held_message(tmp_path)}"] * 3


def test_a_store_that_stays_away_ends_it_with_what_was_not_written(
    tmp_path: Path, store: Store, impatient: Store
) -> None:
    pace = Pace(seconds=60, retry_seconds=0.01, closing_seconds=0.05)
    with (
        serving(Script(streams=[sse(*events_of(FIRST))])) as server,
        store.change("Keep everybody out"),
        pytest.raises(UnavailableError) as caught,
    ):
        listen(impatient, server.url, heard_all(len(events_of(FIRST)) + 1), pace=pace)

    assert str(caught.value) == (
        f"{held_message(tmp_path)}\nNot written: {len(events_of(FIRST))} events, and what is new in 1 sessions. "
        "Listen again and the server is asked for the sessions; it sends no event twice"
    )


# A daemon that writes to the same tables, and does not commit.


def test_raw_events_of_a_daemon_that_does_not_commit_are_refused_or_left_to_it(
    dolt_server: DoltServer, database: str, tmp_path: Path
) -> None:
    url = dolt_server.url(database)
    store = open_store(url, root=tmp_path)
    migrate(store, known_migrations())
    dolt_server.run(
        "INSERT INTO raw_sse_events VALUES ('h', 'ses_a', 'x', NULL, '2026-01-01 00:00:00', '{}')", database=database
    )
    head = store.head()

    with serving(Script(streams=[sse(*events_of(FIRST))])) as server, pytest.raises(UnfitError) as caught:
        listen(store, server.url, lambda listener: False)
    refused_at = store.head()
    with serving(Script(streams=[sse(*events_of(FIRST))])) as server:
        listen(store, server.url, lambda listener: listener.heard.sessions > 0, pace=replace(QUICK, keep_raw=False))

    assert str(caught.value) == (
        f"{url}: another client left uncommitted rows in raw_sse_events, which this change writes to. Nothing was "
        "written. Look at them and commit them: g6o-eval adopt. Or listen with --no-raw, and leave that table to "
        "whoever writes to it"
    )
    assert refused_at == head
    assert stored(store) == expected(FIRST)
    assert store.dirty() == ("raw_sse_events",)
    assert rows(store, "SELECT source_hash FROM raw_sse_events") == [("h",)]


# The listener itself.


def sessions(turns: int) -> list[Json]:
    return [usual("ses_a", turns=turns), usual("ses_b", turns=turns, parent="ses_a")]


def catch_up(copies: Copies, folder: Path, url: str) -> None:
    documents = {each["info"]["id"]: each for each in sessions(KILLS)}
    with serving(Script(streams=[b""], documents=documents)) as server:
        copy = copies.run("listen", server.url, folder=folder, store=url)
        wait_until(caught_up(server))
        copy.send(signal.SIGTERM)
        assert copy.end()[0] == 0


@pytest.fixture(scope="module")
def unharmed(copies: Copies, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """The rows of a listener that nobody killed."""
    folder = tmp_path_factory.mktemp("unharmed")
    catch_up(copies, folder, "doltlite:///own.db")
    return everything("doltlite:///own.db", folder)[0]


@pytest.mark.parametrize("engine", ["embedded", "server"])
def test_a_listener_killed_at_any_moment_loses_and_doubles_nothing(
    engine: str, request: pytest.FixtureRequest, copies: Copies, tmp_path: Path, unharmed: dict[str, list[Row]]
) -> None:
    url = "doltlite:///own.db"
    if engine == "server":
        url = request.getfixturevalue("dolt_server").url(request.getfixturevalue("database"))
    migrate(open_store(url, root=tmp_path), known_migrations())
    moments = random.Random(KILLS)

    for turns in range(1, KILLS + 1):
        with serving(grown(sessions(turns))) as server:
            copy = copies.run("listen", server.url, "--seconds", "0.1", "--events", "7", folder=tmp_path, store=url)
            wait_until(connected(server))
            time.sleep(moments.uniform(0, 0.4))
            copy.send(signal.SIGKILL)
            assert copy.end()[0] == -signal.SIGKILL
    catch_up(copies, tmp_path, url)

    found, raw = everything(url, tmp_path)
    assert found == unharmed
    assert len(raw) == len(set(raw))
    assert len(unharmed["agent_tool_calls"]) == 2 * KILLS


def grown(documents: Sequence[Json]) -> Script:
    """Return a server that tells what is new in sessions since their last turn, and knows all of them when asked."""
    news = [event for each in documents for event in events_of({**each, "messages": each["messages"][-2:]})]
    known = {each["info"]["id"]: each for each in documents}
    return Script(streams=[sse(*news)], documents=known, pause_seconds=0.002)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_what_was_heard_and_ends_well(number: signal.Signals, copies: Copies, tmp_path: Path) -> None:
    events = events_of(FIRST, idle=False)
    with serving(Script(streams=[sse(*events)], documents={"ses_b": usual("ses_b")})) as server:
        copy = copies.run("listen", server.url, "--seconds", "60", folder=tmp_path)
        wait_until(caught_up(server))
        assert server.drained.wait(20)
        time.sleep(0.1)  # until what was sent has arrived
        copy.send(number)
        status, out, err = copy.end()

    store = open_store("doltlite:///own.db", root=tmp_path)
    assert (status, err) == (0, "")
    assert out == (
        f"heard {len(events) + 1} events over 1 connections: {len(events)} kept, 2 sessions written in 1 commits\n"
    )
    assert stored(store) == expected(FIRST, usual("ses_b"))


def test_a_second_signal_does_not_wait_for_a_store_that_is_away(
    own_server: DoltServer, copies: Copies, tmp_path: Path
) -> None:
    own_server.run("CREATE DATABASE twice")
    url = own_server.url("twice")
    with serving(Script(streams=[sse(*events_of(FIRST))], documents={"ses_a": FIRST})) as server:
        copy = copies.run("listen", server.url, "--seconds", "60", folder=tmp_path, store=url)
        wait_until(caught_up(server))
        own_server.kill()
        copy.send(signal.SIGINT)
        time.sleep(0.3)  # until it waits for the store
        copy.send(signal.SIGINT)

        status, _, err = copy.end()

    assert (status, err) == (1, "\nAborted!\n")
    own_server.start()
    assert rows(open_store(url, root=tmp_path), "SELECT * FROM raw_sse_events") == []


def test_url_or_replay_must_be_given(copies: Copies, tmp_path: Path) -> None:
    status, _, err = copies.run("listen", folder=tmp_path).end()

    assert status == 2
    assert "give the URL of a server, or --replay to read the events in the store again" in err
