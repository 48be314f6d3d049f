"""A backfill of a made-up store into both engines, against the floor of the same rows.

    python benchmarks/ingest.py [--bytes 200M] [--tasks N] [--engine embedded|server] [--store FOLDER] [--runs 3]

The floor is a bare script in a process of its own: `orjson.loads` of every JSON file, then multi-row inserts
of the very rows that the import wrote, one commit. Each measurement is a process of its own, so that its peak
memory is its own; the engines' floors and imports take turns. Then the import again, with nothing changed,
and what was recovered against what is true. Times are wall and CPU (children included), medians of the runs.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

# The processes that read import this file again, as they do the command's: what is not theirs is imported where used.
if TYPE_CHECKING:
    from g6o_eval.fleet.made_up.truth import Truth
    from g6o_eval.store.port import Row, Store, Value

SESSION_BYTES = 2_300_000
"""Of the target store: 2.5 GB in 1,089 tasks."""
BATCH = 2_000


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", default="200M")
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--engine", choices=("embedded", "server"), action="append")
    parser.add_argument("--store", type=Path, help="a folder that `g6o-eval synthesize` made")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.store or make(Path(temporary) / "fleet", options.bytes, options.tasks)
        size = sum(file.stat().st_size for file in (folder / "tasks").rglob("*") if file.is_file())
        print(f"{size / 1e6:,.0f} MB, {len(list((folder / 'tasks').iterdir())):,} task folders, {os.cpu_count()} cores")
        for engine in options.engine or ("embedded", "server"):
            measure(engine, folder, Path(temporary), runs=options.runs)


def make(folder: Path, size: str, tasks: int | None) -> Path:
    """Make the store; its files' times are not of a moment ago."""
    from g6o_eval.fleet.commands.synthesize import parse_bytes
    from g6o_eval.fleet.made_up.population import Size, populate

    wanted = parse_bytes(None, None, size) or 0  # type: ignore[arg-type] # a click callback
    populate(folder, seed=7, size=Size(sessions=tasks or max(1, wanted // SESSION_BYTES), bytes=wanted))
    time.sleep(2.5)
    return folder


def measure(engine: str, folder: Path, temporary: Path, *, runs: int) -> None:
    """Print an engine's figures."""
    from g6o_eval.store.choose import open_store

    found: dict[str, list[dict[str, float]]] = {"import": [], "again": [], "floor": []}
    for _ in range(runs):
        with database(engine) as (url, root, new):
            rows = temporary / "rows"
            found["import"].append(run("import", url, root, folder))
            found["again"].append(run("import", url, root, folder))
            store = open_store(url, root=Path(root))
            keep_rows(store, rows)
            check(store, folder)
            store.close()
            found["floor"].append(run("floor", new, root, folder, rows))
    for name, each in found.items():
        wall, cpu = (statistics.median(one[key] for one in each) for key in ("wall", "cpu"))
        peak = max(one["rss"] for one in each)
        print(f"{engine:9} {name:7} {wall:8.2f} s wall  {cpu:8.2f} s CPU  peak {peak:5.0f} MB  n={len(each)}")
    ratios = [one["wall"] / floor["wall"] for one, floor in zip(found["import"], found["floor"], strict=True)]
    second = [again["wall"] / one["wall"] for again, one in zip(found["again"], found["import"], strict=True)]
    print(f"{engine:9} import / floor {statistics.median(ratios):.2f}   second / first {statistics.median(second):.4f}")


@contextmanager
def database(engine: str) -> Iterator[tuple[str, str, str]]:
    """Yield the URL of an empty store, the folder that it is relative to, and the URL of another one."""
    from g6o_eval.store.schema import SENTINEL_DDL
    from support.dolt_server import DoltServer

    with tempfile.TemporaryDirectory() as root:
        if engine == "embedded":
            yield "doltlite:///import.db", root, "doltlite:///floor.db"
            return
        server = DoltServer(Path(root) / "server")
        server.start()
        try:
            for name in ("evals", "floor"):
                server.run(f"CREATE DATABASE {name}")
                server.run(SENTINEL_DDL, "CALL DOLT_COMMIT('-Am', 'Make the store')", database=name)
            yield server.url("evals"), root, server.url("floor")
        finally:
            server.kill()


def run(what: str, *args: object) -> dict[str, float]:
    """Run a measured process and return what it measured."""
    command = [sys.executable, __file__, "--child", what, *map(str, args)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def child(what: str, url: str, root: str, folder: str, rows: str = "") -> None:
    """Import or do what the floor is made of; print seconds and the peak of all its processes together."""
    from g6o_eval.fleet.ingest.write import ingest
    from g6o_eval.store.choose import open_store
    from g6o_eval.store.schema import known_migrations, migrate

    store = open_store(url, root=Path(root))
    migrate(store, known_migrations())
    began, cpu = time.perf_counter(), _cpu()
    if what == "import":
        ingest(store, [Path(folder)])
    else:
        floor(store, Path(folder), Path(rows))
    wall = time.perf_counter() - began
    readers = os.cpu_count() or 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + readers * (
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if what == "import" else 0
    )
    store.close()
    print(json.dumps({"wall": wall, "cpu": _cpu() - cpu, "rss": peak / 1024}))


def floor(store: Store, folder: Path, rows: Path) -> None:
    """Load every file, then insert the rows."""
    import orjson

    for file in (folder / "tasks").rglob("*.json"):
        try:
            orjson.loads(file.read_bytes())
        except orjson.JSONDecodeError:
            continue  # a planted fault
    with rows.open("rb") as stream, store.change("Floor") as change:
        while stream.peek(1):
            table, columns, batch = pickle.load(stream)
            change.insert(table, columns, batch)


def keep_rows(store: Store, file: Path) -> None:
    """Write all rows that an import wrote, in batches, table by table."""
    from g6o_eval.store.schema import SENTINEL

    with file.open("wb") as stream:
        for table in sorted(store.tables() - {SENTINEL}):
            found = store.read(f"SELECT * FROM {table}")
            columns = tuple(column.name for column in found.columns)
            batch = list(found)
            for start in range(0, len(batch), BATCH):
                pickle.dump((table, columns, batch[start : start + BATCH]), stream)


def check(store: Store, folder: Path) -> None:
    """Print what was recovered of what is true."""
    from g6o_eval.fleet.made_up.population import TRUTH_FILE
    from g6o_eval.fleet.made_up.truth import read_truths

    truths = [truth for truth in read_truths(folder / TRUTH_FILE) if truth.planted is None]
    calls = {row[0]: row[1] for row in store.read("SELECT session_id, COUNT(*) FROM agent_tool_calls GROUP BY 1")}
    sql = "SELECT session_id, total_cost, parent_session_id, status FROM agent_sessions"
    sessions = {row[0]: row[1:] for row in store.read(sql)}
    total = sum(truth.calls for truth in truths)
    got = sum(int(str(calls.get(truth.session_id, 0))) for truth in truths)
    cost = sum(abs(float(str(sessions[truth.session_id][0])) - truth.usd) < 1e-6 for truth in truths)
    children = [truth for truth in truths if truth.parent_id is not None]
    linked = sum(str(sessions[truth.session_id][1]) == truth.parent_id for truth in children)
    ended = sum(str(sessions[truth.session_id][2]) == truth.status for truth in truths)
    print(
        f"clean folders: calls {got:,}/{total:,}, costs {cost}/{len(truths)}, child links {linked}/{len(children)}, "
        f"end states {ended}/{len(truths)}; {_faults(folder, sessions, calls)}"
    )


def _faults(folder: Path, sessions: Mapping[Value, Row], calls: Mapping[Value, Value]) -> str:
    from g6o_eval.fleet.made_up.population import TRUTH_FILE
    from g6o_eval.fleet.made_up.truth import read_truths

    planted = [truth for truth in read_truths(folder / TRUTH_FILE) if truth.planted is not None]
    good = sum(_survives(truth, sessions, calls) for truth in planted)
    return f"planted faults survived as they should {good}/{len(planted)}"


def _survives(truth: Truth, sessions: Mapping[Value, Row], calls: Mapping[Value, Value]) -> bool:
    planted = truth.planted
    assert planted is not None
    found = int(str(calls.get(truth.session_id, 0)))
    return (truth.session_id in sessions) == planted.session and planted.calls <= found <= truth.calls


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
