"""Promoters and servers that die: at every statement, and at any moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from g6o_eval.errors import UnavailableError
from g6o_eval.store.address import parse_address
from g6o_eval.store.ledger import history, live
from g6o_eval.store.schema import HARNESS, SENTINEL_DDL, migrate
from g6o_eval.store.server import ServerStore
from support.dolt_server import DoltServer
from support.faults import Faults, Kill, die_before, die_during, in_a_child
from support.promoter import artifact, promote

PROMOTER = Path(__file__).parent.parent / "support" / "promoter.py"
KILLS = int(os.environ.get("G6O_TEST_KILLS", "25"))
MOMENTS, MOMENT_SECONDS = 14, 0.0003  # a commit or a merge takes 2 to 4 ms


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[DoltServer]:
    """A server that this test may kill, with a database `evals`."""
    server = DoltServer(tmp_path / "own")
    server.start()
    server.run("CREATE DATABASE evals")
    server.run(SENTINEL_DDL, "CALL DOLT_COMMIT('-Am', 'Make the store')", database="evals")
    yield server
    server.kill()


def opened(url: str, observe: Callable[[str], None] = lambda statement: None) -> ServerStore:
    return ServerStore(parse_address(url), busy_seconds=10, observe=observe)


def promote_and_die(url: str, program: str, faults: Faults) -> None:
    store = opened(url, faults)
    faults.statements.clear()  # opening is no part of the promotion
    promote(store, "triage", program, by="killed")


def state(store: ServerStore) -> tuple[str, list[str]]:
    """Return the live program and the texts that consumers read, at one commit."""
    at = store.head()
    entry = live(store, "triage", at=at)
    assert entry is not None
    return str(entry.program_digest), [str(row[0]) for row in store.read(TEXTS, at=at)]


def message(program: str) -> str:
    return f"Promote triage {artifact('triage', program).program_digest[:12]}"


TEXTS = "SELECT compiled_prompt FROM compiled_prompts WHERE prompt_id = 'triage:p'"


def leftovers(server: DoltServer, database: str) -> list[Any]:
    branches = server.run("SELECT name FROM dolt_branches WHERE name <> 'main'", database=database)
    rights = server.run(f"SELECT branch FROM dolt_branch_control WHERE `database` = '{database}'", database=database)
    merges = server.run("SELECT source FROM dolt_merge_status WHERE is_merging", database=database)
    return [*branches, *rights, *merges]


@pytest.mark.parametrize("kill", [die_before, die_during])
def test_a_promoter_killed_at_any_statement_leaves_the_old_or_the_new(
    server_url: str, dolt_server: DoltServer, database: str, kill: Kill
) -> None:
    store = opened(server_url)
    migrate(store, HARNESS)
    promote(store, "triage", "start", by="ann")
    counted = Faults()
    counting = opened(server_url, counted)
    counted.statements.clear()
    promote(counting, "triage", "counted", by="ann")
    before, killed = state(store), 0

    for at in range(1, len(counted.statements) + 1):
        program = f"at {at}"
        new = (artifact("triage", program).program_digest, [f"text of {program}"])

        killed += bool(in_a_child(partial(promote_and_die, server_url, program, Faults(at, kill))))

        found = state(store)
        assert found in (before, new), counted.statements[at - 1]
        assert [(text,) for text in found[1]] == list(store.read(TEXTS)), counted.statements[at - 1]
        promote(store, "triage", f"after {at}", by="ann")
        before = state(store)
        assert before[1] == [f"text of after {at}"]
        assert leftovers(dolt_server, database) == []
        assert store.dirty() == ()

    assert len(counted.statements) > 15
    assert killed == len(counted.statements) if kill is die_before else killed
    assert [entry.seq for entry in history(store, "triage")] == list(range(1, len(history(store, "triage")) + 1))


def test_a_server_that_dies_and_returns_before_any_statement_leaves_the_old_or_the_new(
    own_server: DoltServer,
) -> None:
    def die_and_return() -> None:
        own_server.kill()
        own_server.start()

    faults = Faults()
    store = opened(own_server.url("evals"), faults)
    migrate(store, HARNESS)
    promote(store, "triage", "start", by="ann")
    faults.statements.clear()
    promote(store, "triage", "counted", by="ann")
    statements, said = list(faults.statements), {}

    for at, statement in enumerate(statements, 1):
        before, program = state(store), f"at {at}"
        faults.set(at, die_and_return)
        said[at] = outcome(store, program)
        assert sent_twice(faults.statements) == [], statement
        faults.set(None)
        new = (artifact("triage", program).program_digest, [f"text of {program}"])
        assert state(store) == (new if said[at] == "promoted" else before), statement
        assert store.dirty() == (), statement
        promote(store, "triage", f"after {at}", by="ann")
        assert leftovers(own_server, "evals") == [], statement

    assert set(said.values()) == {"promoted", "nothing"}


@pytest.mark.parametrize("verb", ["CALL DOLT_COMMIT", "CALL DOLT_MERGE"])
def test_a_server_that_dies_inside_the_commit_or_the_merge_leaves_the_old_or_the_new(
    own_server: DoltServer, verb: str
) -> None:
    faults = Faults()
    store = opened(own_server.url("evals"), faults)
    migrate(store, HARNESS)
    promote(store, "triage", "start", by="ann")
    faults.statements.clear()
    promote(store, "triage", "counted", by="ann")
    at = next(place for place, statement in enumerate(faults.statements, 1) if statement.startswith(verb))

    over, returned = threading.Event(), threading.Event()

    def die_and_return() -> None:
        own_server.kill()
        own_server.start()
        returned.set()
        over.wait()  # the server dies with the thread that started it

    for step in range(MOMENTS):
        before, program = state(store), f"at {step}"
        returned.clear()
        faults.set(at, threading.Timer(step * MOMENT_SECONDS, die_and_return).start)
        said = outcome(store, program)
        returned.wait()
        faults.set(None)
        new = (artifact("triage", program).program_digest, [f"text of {program}"])
        assert state(store) == (new if said == "promoted" else before), step
        assert [(text,) for text in state(store)[1]] == list(store.read(TEXTS)), step
        assert said in ("promoted", "nothing")
        assert store.dirty() == (), step
        promote(store, "triage", f"after {step}", by="ann")
    over.set()


def sent_twice(statements: list[str]) -> list[str]:
    """Return what was sent again although the first one may have been done."""
    once = ("COMMIT", "CALL DOLT_COMMIT", "CALL DOLT_MERGE", "INSERT")
    return [each for each in set(statements) if each.startswith(once) and statements.count(each) > 1]


def outcome(store: ServerStore, program: str) -> str:
    """Promote, and return "promoted", "nothing" when the error says that nothing was written, else the error."""
    try:
        promote(store, "triage", program, by="ann")
    except UnavailableError as error:
        return "nothing" if str(error).endswith(f"Nothing was written by {message(program)!r}") else str(error)
    return "promoted"


def test_a_server_killed_under_promoters_and_readers_loses_nothing(
    own_server: DoltServer, tmp_path: Path, record_property: Any
) -> None:
    url, names = own_server.url("evals"), ("alpha", "beta")
    migrate(opened(url), HARNESS)
    promoters = {name: start("endure", url, name, str(tmp_path)) for name in names}
    reader = start("watch", url, str(tmp_path), *names)

    for number in range(KILLS):
        wait_for_a_line(promoters["alpha"])
        time.sleep(number * 7 % 40 / 1000)  # a promotion takes about 30 ms: each time at another place in it
        own_server.kill()
        own_server.start()
    (tmp_path / "stop").touch()

    *problems, (reads, gap) = [json.loads(line) for line in reader.communicate(timeout=60)[0].splitlines()]
    attempts = {name: outcomes(process) for name, process in promoters.items()}
    store = opened(url)
    assert problems == []
    assert reads > KILLS
    assert gap < 10
    for name in names:
        live_ones = [entry.program_digest for entry in history(store, name)]
        assert len(set(live_ones)) == len(live_ones), "a promotion was made twice"
        by_outcome = {said: [each for each, what in attempts[name] if what == said] for _, said in attempts[name]}
        assert [each for each in by_outcome["promoted"] if each not in live_ones] == [], "lost"
        assert [each for each in by_outcome.get("nothing", []) if each in live_ones] == [], "said to be not written"
        assert [each for each in by_outcome.get("not begun", []) if each in live_ones] == [], "said to be not begun"
        record_property(name, {said: len(each) for said, each in by_outcome.items()})
    promote(store, "alpha", "at the end", by="ann")
    assert store.dirty() == ()
    assert leftovers(own_server, "evals") == []
    record_property("kills", KILLS)
    record_property("reads", reads)
    record_property("longest_unavailability_seconds", round(gap, 2))


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, PROMOTER, *arguments], stdout=subprocess.PIPE, text=True)


_READ: dict[int, list[str]] = {}


def wait_for_a_line(process: subprocess.Popen[str]) -> None:
    """Wait until a promoter has come to the end of one more attempt; it is in the middle of the next."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the promoter ended"
    _READ.setdefault(process.pid, []).append(line)


def outcomes(process: subprocess.Popen[str]) -> list[tuple[str, str]]:
    rest = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 0
    return [tuple(json.loads(line)) for line in [*_READ.pop(process.pid, []), *rest]]
