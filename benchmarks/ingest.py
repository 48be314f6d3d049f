"""What an import comes to: folders, rows, what was skipped and why, seconds. python benchmarks/ingest.py [PATH [RUNS]]

Each run writes a new embedded store, and reads the same folders a second time without a change.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.store.choose import open_store
from g6o_eval.store.schema import known_migrations, migrate


def run(path: Path) -> tuple[dict[str, object], float, float]:
    """Return the report's counts, the seconds of the first run and those of the second."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store("doltlite:///bench.db", root=Path(folder))
        migrate(store, known_migrations())
        first = ingest(store, [path])
        start = time.perf_counter()
        ingest(store, [path])
        again = time.perf_counter() - start
        store.close()
    return first.to_json(), first.seconds, again


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "evals" / "data"
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    found = [run(path) for _ in range(runs)]
    counts = {name: value for name, value in found[0][0].items() if name not in ("commit", "seconds")}
    size = sum(file.stat().st_size for file in path.rglob("*.json"))
    print(json.dumps(counts, indent=2))
    print(f"{size / 1e6:.2f} MB of JSON, {runs} runs, median of {runs}:")
    print(f"first import   {statistics.median(seconds for _, seconds, _ in found):.3f} s")
    print(f"nothing new    {statistics.median(seconds for _, _, seconds in found):.3f} s")
    print(f"peak memory    {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
