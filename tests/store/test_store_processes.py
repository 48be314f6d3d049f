"""Several processes at one store: nothing lost, nothing half, one winner."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import history, live
from g6o_eval.store.port import Store

HEAD = """
import sys, time
from pathlib import Path
from g6o_eval.artifact import Artifact, Lineage
from g6o_eval.errors import StaleError
from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import Order, live, record_promotion

def artifact(name, program):
    lineage = Lineage(data_commit="d", git_commit=None, dspy_version="3.4.1", g6o_version="0.1.0")
    return Artifact(eval_name=name, program=program, texts={name + ":p": "text " + program}, rendered=program,
                    module_name="M", signature_name="S", lineage=lineage)

store = open_store(sys.argv[1], root=Path("."))
"""

PROMOTE_MANY = (
    HEAD
    + """
name, count = sys.argv[2], int(sys.argv[3])
before = None
for number in range(count):
    each = artifact(name, f"{name} {number}")
    record_promotion(store, each, Order(by=name), run_id="01", expected_live=before)
    before = each.program_digest
print("done")
"""
)

PROMOTE_ONE = (
    HEAD
    + """
start = float(sys.argv[3])
time.sleep(max(0.0, start - time.time()))
try:
    record_promotion(store, artifact("triage", sys.argv[2]), Order(by=sys.argv[2]), run_id="01", expected_live=None)
    print("won")
except StaleError:
    print("stale")
"""
)

WRITE_UNTIL_KILLED = (
    HEAD
    + """
number = 0
while True:
    with store.change(f"Change {number}") as change:
        change.execute("UPDATE pairs SET value = ? WHERE side = 'left'", (number,))
        change.insert("log", ("number",), [(number,)])
        change.execute("UPDATE pairs SET value = ? WHERE side = 'right'", (number,))
    print(number, flush=True)
    number += 1
"""
)


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()


def test_two_processes_promote_thirty_times_each_and_none_is_lost(store: Store, store_url: str) -> None:
    running = [start(PROMOTE_MANY, store_url, name, "30") for name in ("alpha", "beta")]

    assert [finish(process) for process in running] == ["done", "done"]

    for name in ("alpha", "beta"):
        entries = history(store, name)
        assert [entry.seq for entry in entries] == list(range(1, 31))
        assert {entry.by for entry in entries} == {name}
        assert len({entry.artifact_digest for entry in entries}) == 30
        assert list(store.read("SELECT compiled_prompt FROM compiled_prompts WHERE prompt_id = ?", (f"{name}:p",))) == [
            (f"text {name} 29",)
        ]
    assert store.dirty() == ()


def test_of_two_promoters_of_one_eval_exactly_one_wins(store: Store, store_url: str) -> None:
    begin = str(time.time() + 2.0)

    said = sorted(finish(each) for each in [start(PROMOTE_ONE, store_url, who, begin) for who in ("ann", "bob")])

    assert said == ["stale", "won"]
    (entry,) = history(store, "triage")
    assert list(store.read("SELECT compiled_prompt FROM compiled_prompts")) == [(f"text {entry.by}",)]
    assert live(store, "triage") == entry


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.007, 0.012, 0.02])
def test_a_process_killed_in_a_change_leaves_the_old_or_the_new_and_never_a_half(
    store: Store, store_url: str, tmp_path: Path, delay: float
) -> None:
    with store.change("Make pairs") as change:
        change.execute("CREATE TABLE pairs (side VARCHAR(9) NOT NULL PRIMARY KEY, value BIGINT)")
        change.execute("CREATE TABLE log (number BIGINT NOT NULL PRIMARY KEY)")
        change.insert("pairs", ("side", "value"), [("left", -1), ("right", -1)])

    process = start(WRITE_UNTIL_KILLED, store_url)
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    time.sleep(delay)
    process.kill()
    acknowledged = [int(line) for line in process.stdout.read().split()]
    process.wait()
    process.stdout.close()

    again = open_store(store_url, root=tmp_path)
    for at in (None, again.head()):
        (left,), (right,) = again.read("SELECT value FROM pairs ORDER BY side", at=at)
        numbers = [number for (number,) in again.read("SELECT number FROM log ORDER BY number", at=at)]
        assert left == right == numbers[-1]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > max(acknowledged, default=2)
    assert again.dirty() == ()
    with again.change("Life goes on") as change:
        change.execute("DELETE FROM log")
    assert list(again.read("SELECT COUNT(*) FROM log", at=again.head())) == [(0,)]


def test_two_processes_that_make_one_store_share_it(tmp_path: Path) -> None:
    url = f"doltlite:///{tmp_path / 'evals.db'}"
    code = HEAD + "print(sorted(store.tables()), store.head())"

    said = {finish(each) for each in [start(code, url) for _ in range(3)]}

    assert len(said) == 1
    assert said.pop().startswith("['g6o_migrations'] ")
