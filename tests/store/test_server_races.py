"""Promoters in a race on one server, each in a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import history, live
from g6o_eval.store.port import Store
from g6o_eval.store.schema import HARNESS, migrate
from support.dolt_server import DoltServer

PROMOTER = Path(__file__).parent.parent / "support" / "promoter.py"
EACH, DUELS = 100, 50


@pytest.fixture
def server_store(server_url: str) -> Store:
    store = open_store(server_url, root=Path())
    migrate(store, HARNESS)
    return store


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, PROMOTER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ask(process: subprocess.Popen[str], question: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(question) + "\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def leftovers(server: DoltServer, database: str) -> list[Any]:
    branches = server.run("SELECT name FROM dolt_branches WHERE name <> 'main'", database=database)
    rights = server.run(f"SELECT branch FROM dolt_branch_control WHERE `database` = '{database}'", database=database)
    return [*branches, *rights]


def test_two_processes_promote_a_hundred_times_each_and_none_is_lost(
    server_store: Store, server_url: str, dolt_server: DoltServer, database: str, record_property: Any
) -> None:
    running = {name: start("many", server_url, name, str(EACH)) for name in ("alpha", "beta")}
    took = {name: [json.loads(line) for line in process.communicate()[0].split()] for name, process in running.items()}
    every = [each for times in took.values() for each in times]
    record_property("p50_ms", round(statistics.median(every), 1))
    record_property("max_ms", round(max(every), 1))

    assert {name: process.returncode for name, process in running.items()} == {"alpha": 0, "beta": 0}
    for name in running:
        entries = history(server_store, name)
        assert [entry.seq for entry in entries] == list(range(1, EACH + 1))
        assert len({entry.program_digest for entry in entries}) == EACH
        assert list(
            server_store.read("SELECT compiled_prompt FROM compiled_prompts WHERE prompt_id = ?", (f"{name}:p",))
        ) == [(f"text of {name} {EACH - 1}",)]
    assert server_store.dirty() == ()
    assert leftovers(dolt_server, database) == []


def test_of_two_promoters_of_one_eval_exactly_one_wins_fifty_times(
    server_store: Store, server_url: str, dolt_server: DoltServer, database: str
) -> None:
    both = [start("duel", server_url, who) for who in ("ann", "bob")]
    before, winners = None, []

    for number in range(DUELS):
        for process in both:
            ask(process, [number, before])
        said = [answer(process) for process in both]
        assert sorted(each for each, _ in said) == ["stale", "won"]
        ((before, who),) = [(digest, who) for (each, digest), who in zip(said, ("ann", "bob"), strict=True) if digest]
        winners.append(who)
        entry = live(server_store, "triage")
        assert entry is not None
        assert (entry.program_digest, entry.by, entry.seq) == (before, who, number + 1)

    for process in both:
        process.communicate()
    assert [entry.by for entry in history(server_store, "triage")] == winners
    assert leftovers(dolt_server, database) == []
