"""The server store beside the bare driver: 100,000 rows read and written, and promotions one after another.

    python benchmarks/server.py [ROWS]

A private server is started (tools/dolt finds or builds it). Each figure is the best of three; ratios are what
counts. The floor of reading is a raw SSCursor; of writing the better of executemany and LOAD DATA LOCAL.
"""

from __future__ import annotations

import statistics
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

ROUNDS, PROMOTIONS = 3, 50
TABLE = "CREATE TABLE {0} (k VARCHAR(20) NOT NULL PRIMARY KEY, grp VARCHAR(20), label BIGINT, text LONGTEXT)"
SELECT = "SELECT k, grp, label, text FROM bench"
COLUMNS = ("k", "grp", "label", "text")


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rows: list[Row] = [(f"k{i:08d}", f"g{i // 4}", i % 7, f"text {i} " + "x" * 100) for i in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        server = DoltServer(Path(folder))
        server.start()
        try:
            server.run("CREATE DATABASE evals", "SET GLOBAL local_infile = 1")
            measure(server, open_store(server.url("evals"), root=Path()), rows, Path(folder))
        finally:
            server.kill()


def measure(server: DoltServer, store: Store, rows: list[Row], folder: Path) -> None:
    migrate(store, HARNESS)
    written = best(lambda: write(store, rows), lambda: drop(server))
    many = best(lambda: bare_many(server, rows), lambda: drop(server))
    loaded = best(lambda: bare_load(server, rows, folder / "rows.tsv"), lambda: drop(server))
    write(store, rows)
    raw = best(lambda: bare_read(server))
    read = best(lambda: sum(1 for _ in store.read(SELECT, at=store.head())))
    dataset = Dataset(SELECT, key="k", inputs=("text",), group="grp")
    examples = best(lambda: read_examples(store, dataset, at=store.head(), eval_name="bench"))
    times = [timed(lambda n=n: promote(store, "bench", f"p{n}", by="b")) for n in range(PROMOTIONS)]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    floor = min(many, loaded)
    print(f"{len(rows):,} rows written   store {written:.2f} s   executemany {many:.2f} s   LOAD DATA {loaded:.2f} s")
    print(f"   {written / floor:.2f} x the better of both")
    print(f"{len(rows):,} rows read      store {read:.2f} s   raw SSCursor {raw:.2f} s   {read / raw:.2f} x")
    print(f"{len(rows):,} Examples       {examples:.2f} s   {examples / raw:.2f} x the raw SSCursor")
    p50, most = statistics.median(times) * 1e3, max(times) * 1e3
    print(f"{PROMOTIONS} promotions, one process: p50 {p50:.0f} ms, max {most:.0f} ms")


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best(work: Callable[[], object], after: Callable[[], object] = lambda: None) -> float:
    times = []
    for _ in range(ROUNDS):
        times.append(timed(work))
        after()
    return min(times)


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
