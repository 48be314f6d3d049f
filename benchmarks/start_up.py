"""What the plugin adds to `pytest --collect-only` in a folder without evals, whole processes, in pairs.

python benchmarks/start_up.py [--repetitions 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]


def seconds(folder: str, *extra: str) -> float:
    """Run one process and return its wall time."""
    start = time.perf_counter()
    subprocess.run([*COMMAND, *extra], cwd=folder, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print the difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=15)
    repetitions = parser.parse_args().repetitions
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_one.py").write_text("def test_one():\n    pass\n")
        seconds(folder), seconds(folder, "-p", "no:g6o_eval")
        pairs = [(seconds(folder), seconds(folder, "-p", "no:g6o_eval")) for _ in range(repetitions)]
    with_it, without = (sorted(1000 * pair[side] for pair in pairs) for side in (0, 1))
    added = sorted(1000 * (a - b) for a, b in pairs)
    print(f"pytest --collect-only, one test, no evals, n={repetitions} pairs, ms: min / median / max")
    print(f"with the plugin    {with_it[0]:.0f} / {statistics.median(with_it):.0f} / {with_it[-1]:.0f}")
    print(f"-p no:g6o_eval     {without[0]:.0f} / {statistics.median(without):.0f} / {without[-1]:.0f}")
    print(f"added              {added[0]:.0f} / {statistics.median(added):.0f} / {added[-1]:.0f}")


if __name__ == "__main__":
    main()
