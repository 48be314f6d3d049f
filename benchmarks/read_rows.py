"""Read 100,000 rows from the embedded store, as rows and as Examples, beside stock sqlite3.

Run: python benchmarks/read_rows.py [ROWS] [REPETITIONS]
The store's Examples are also sorted, checked value by value and kept apart by key, group and text.
Each repetition reads all ways once, in turn, in this one process; the table shows medians.
"""

from __future__ import annotations

import json
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import dspy

from g6o_eval.dataset import Dataset
from g6o_eval.store.embedded import EmbeddedStore
from g6o_eval.store.examples import read_examples
from g6o_eval.store.port import Row

QUERY = "SELECT id, body, steps, label FROM sessions"
COLUMNS = ("id", "body", "steps", "label")
# One row per group: nothing is shared, as in a table of tickets.
DATASET = Dataset(QUERY, key="id", inputs=("body", "steps"))


def rows(count: int) -> Iterator[Row]:
    for number in range(count):
        body = {
            "tools": ["read", "edit"],
            "cost": number * 0.37,
            "last": f"step {number} of the session: it went on " + "." * 44,
        }
        yield f"session-{number:08d}", json.dumps(body), number, ("success", "failure", "partial")[number % 3]


def fill_stock(path: Path, count: int) -> sqlite3.Connection:
    stock = sqlite3.connect(path)
    stock.execute("CREATE TABLE sessions (id TEXT PRIMARY KEY, body TEXT, steps INTEGER, label TEXT)")
    stock.executemany("INSERT INTO sessions VALUES (?, ?, ?, ?)", rows(count))
    stock.commit()
    return stock


def fill_ours(path: Path, count: int) -> EmbeddedStore:
    store = EmbeddedStore(path, url=f"doltlite:///{path}")
    with store.change("Fill") as change:
        change.execute(
            "CREATE TABLE sessions (id VARCHAR(50) NOT NULL PRIMARY KEY, body LONGTEXT, steps BIGINT, "
            "label VARCHAR(20))"
        )
        change.insert("sessions", COLUMNS, rows(count))
    return store


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    result = work()
    taken = time.perf_counter() - start
    del result  # freed outside the measured time, for every way alike
    return taken


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    repetitions = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with tempfile.TemporaryDirectory() as folder:
        stock = fill_stock(Path(folder) / "stock.db", count)
        store = fill_ours(Path(folder) / "ours.db", count)
        with closing(stock), closing(store):
            report(measure(stock, store, repetitions), count, repetitions)


def measure(stock: sqlite3.Connection, store: EmbeddedStore, repetitions: int) -> dict[str, list[float]]:
    head = store.head()
    wanted = stock.execute(QUERY + " ORDER BY id").fetchall()
    assert list(store.read(QUERY + " ORDER BY id", at=head)) == wanted, "the two read different rows"
    del wanted
    ways: dict[str, Callable[[], object]] = {
        "stock sqlite3, fetchall": lambda: stock.execute(QUERY).fetchall(),
        "store, rows": lambda: list(store.read(QUERY, at=head)),
        "stock sqlite3, bare dspy.Example": lambda: [
            dspy.Example(**dict(zip(COLUMNS, row, strict=True))).with_inputs("body", "steps")
            for row in stock.execute(QUERY)
        ],
        "store, Examples": lambda: read_examples(store, DATASET, at=head, eval_name="benchmark"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, work in ways.items():
            times[name].append(seconds(work))
    return times


def report(times: dict[str, list[float]], count: int, repetitions: int) -> None:
    base = statistics.median(times["stock sqlite3, fetchall"])
    print(
        f"{count:,} rows, {repetitions} repetitions, alternated; "
        f"Python {platform.python_version()}, {platform.machine()}\n"
    )
    print("| way | median s | min s | max s | ratio of medians |")
    print("|---|---|---|---|---|")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"| {name} | {median:.3f} | {min(taken):.3f} | {max(taken):.3f} | {median / base:.2f} |")


if __name__ == "__main__":
    main()
