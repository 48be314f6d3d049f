"""The server store beside the bare driver: 100,000 rows read and written, and promotions alone and in a race.

    python benchmarks/server.py [ROWS] [REPETITIONS]

A private server is started (tools/dolt finds or builds it). What is compared takes turns; figures are medians,
ratios are of medians, the load average stands beside. The floor of reading is a raw SSCursor; of writing the
better of executemany and LOAD DATA LOCAL. In the race two processes promote 100 times each, one eval each.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import pymysql
from pymysql.cursors import SSCursor

from g6o_eval.dataset import Dataset
from g6o_eval.store.choose import open_store
from g6o_eval.store.examples import read_examples
from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import HARNESS, migrate
from support.dolt_server import DoltServer
from support.promoter import promote

PROMOTIONS, EACH = 50, 100
PROMOTER = Path(__file__).parent.parent / "tests" / "support" / "promoter.py"
TABLE = "CREATE TABLE {0} (k VARCHAR(20) NOT NULL PRIMARY KEY, grp VARCHAR(20), label BIGINT, text LONGTEXT)"
SELECT = "SELECT k, grp, label, text FROM bench"
COLUMNS = ("k", "grp", "label", "text")


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    repetitions = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rows: list[Row] = [(f"k{i:08d}", f"g{i // 4}", i % 7, f"text {i} " + "x" * 100) for i in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        server = DoltServer(Path(folder))
        server.start()
        try:
            server.run("CREATE DATABASE evals", "CREATE DATABASE race", "SET GLOBAL local_infile = 1")
            store = open_store(server.url("evals"), root=Path())
            migrate(store, HARNESS)
            measure_promotions(server, store)
            measure_writing(server, store, rows, Path(folder), repetitions=repetitions)
            measure_reading(server, store, rows, repetitions=repetitions)
        finally:
            server.kill()


def measure_promotions(server: DoltServer, store: Store) -> None:
    times = [timed(lambda n=n: promote(store, "bench", f"p{n}", by="b")) for n in range(PROMOTIONS)]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    show(f"{PROMOTIONS} promotions, one process, what is live read before each", [each * 1e3 for each in times])
    migrate(open_store(server.url("race"), root=Path()), HARNESS)
    running = [
        subprocess.Popen(
            [sys.executable, PROMOTER, "many", server.url("race"), name, str(EACH)], stdout=subprocess.PIPE, text=True
        )
        for name in ("alpha", "beta")
    ]
    taken = [float(line) for each in running for line in each.communicate()[0].split()]
    ((kept,),) = server.run("SELECT COUNT(*) FROM g6o_ledger", database="race")
    show(f"2 processes x {EACH} promotions, lost {2 * EACH - kept}", taken)


def show(what: str, milliseconds: list[float]) -> None:
    p50, most = statistics.median(milliseconds), max(milliseconds)
    print(f"{what}: n={len(milliseconds)}, p50 {p50:.1f} ms, max {most:.1f} ms, load {os.getloadavg()[0]:.1f}")


def measure_writing(server: DoltServer, store: Store, rows: list[Row], folder: Path, *, repetitions: int) -> None:
    ways: dict[str, Callable[[], object]] = {
        "store": lambda: write(store, rows),
        "executemany": lambda: bare_many(server, rows),
        "LOAD DATA": lambda: bare_load(server, rows, folder / "rows.tsv"),
    }
    found = medians(ways, repetitions, after=lambda: drop(server))
    report(f"{len(rows):,} rows written", found, floor=min(found["executemany"], found["LOAD DATA"]))


def measure_reading(server: DoltServer, store: Store, rows: list[Row], *, repetitions: int) -> None:
    write(store, rows)
    at, dataset = store.head(), Dataset(SELECT, key="k", inputs=("text",), group="grp")
    ways: dict[str, Callable[[], object]] = {
        "raw SSCursor": lambda: bare_read(server),
        "rows": lambda: sum(1 for _ in store.read(SELECT, at=at)),
        "Examples": lambda: read_examples(store, dataset, at=at, eval_name="bench"),
    }
    found = medians(ways, repetitions)
    report(f"{len(rows):,} rows read", found, floor=found["raw SSCursor"])


def report(what: str, found: dict[str, float], *, floor: float) -> None:
    each = "   ".join(f"{way} {seconds:.2f} s ({seconds / floor:.2f} x)" for way, seconds in found.items())
    print(f"{what}, load {os.getloadavg()[0]:.1f}: {each}")


def medians(
    ways: dict[str, Callable[[], object]], repetitions: int, *, after: Callable[[], object] = lambda: None
) -> dict[str, float]:
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repetitions):
        for way, work in ways.items():
            times[way].append(timed(work))
            after()
    return {way: statistics.median(taken) for way, taken in times.items()}


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    result = work()
    taken = time.perf_counter() - start
    del result  # freed outside the measured time, for every way alike
    return taken


def drop(server: DoltServer) -> None:
    server.run("DROP TABLE bench", "CALL DOLT_COMMIT('-Am', 'drop')", database="evals")


def write(store: Store, rows: list[Row]) -> None:
    with store.change("Write") as change:
        change.execute(TABLE.format("bench"))
        change.insert("bench", COLUMNS, rows)


def bare(server: DoltServer) -> pymysql.connections.Connection:
    return pymysql.connect(
        host="127.0.0.1", port=server.port, user="root", database="evals", ssl_disabled=True, local_infile=True
    )


def bare_many(server: DoltServer, rows: list[Row]) -> None:
    client = bare(server)
    cursor = client.cursor()
    cursor.execute(TABLE.format("bench"))
    cursor.executemany("INSERT INTO bench (k, grp, label, text) VALUES (%s, %s, %s, %s)", rows)
    client.commit()
    cursor.execute("CALL DOLT_COMMIT('-Am', 'write')")
    client.close()


def bare_load(server: DoltServer, rows: list[Row], path: Path) -> None:
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    client = bare(server)
    cursor = client.cursor()
    cursor.execute(TABLE.format("bench"))
    cursor.execute(f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE bench (k, grp, label, text)")
    client.commit()
    cursor.execute("CALL DOLT_COMMIT('-Am', 'write')")
    client.close()


def bare_read(server: DoltServer) -> int:
    client = bare(server)
    cursor = client.cursor(SSCursor)
    cursor.execute(SELECT)
    count = sum(1 for _ in cursor)
    client.close()
    return count


if __name__ == "__main__":
    main()
