"""Whole processes, side by side: pytest items of an Eval against the same DSPy program on a bare thread pool.

    python benchmarks/items.py                      1,000 examples, 50 ms, 64 in flight, 7 repetitions
    python benchmarks/items.py --plain              the same, and plain parametrized tests without look-ahead
    python benchmarks/items.py --examples 16000 --latency-ms 0 --repetitions 3

The engine sleeps and answers; nothing here is a claim about real models.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from g6o_eval.store.choose import open_store
from g6o_eval.store.schema import known_migrations, migrate

URL = "doltlite:///.g6o/evals.db"
CONCURRENCY = 64

PROGRAM = """
    import os
    import time
    from typing import Literal

    import dspy
    from dspy.lm15 import Message, Response, TextPart, Usage

    ANSWER = "[[ ## label ## ]]\\nbilling\\n\\n[[ ## completed ## ]]"
    SECONDS = float(os.environ["BENCH_SECONDS"])


    class Triage(dspy.Signature):
        '''Route the support ticket.'''

        text: str = dspy.InputField()
        label: Literal["account", "billing", "shipping"] = dspy.OutputField()


    class Sleepy:
        def complete(self, request):
            if SECONDS:
                time.sleep(SECONDS)
            usage = Usage(input_tokens=10, output_tokens=3, total_tokens=13)
            message = Message.assistant([TextPart(ANSWER)])
            return Response(id=None, model="sleepy", message=message, finish_reason="stop", usage=usage)


    def make():
        return Sleepy()
"""

EVALS = """
    import dspy
    import pytest

    from bench_program import Triage
    from g6o_eval import Dataset, Eval, Gate, Shares, exact

    SLEEPY = Eval(
        name="sleepy",
        program=lambda: dspy.Predict(Triage),
        dataset=Dataset("SELECT id, text, label FROM tickets", key="id", inputs=("text",), shares=Shares(0, 0, 1)),
        metric=exact("label"),
        gate=Gate(min_mean=0.5),
        prompt_id="sleepy",
    )
    pytestmark = pytest.mark.eval(SLEEPY)


    def test_label(example, prediction):
        assert prediction.label == "billing"
"""

BARE = """
    import json
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    import dspy
    from bench_program import Triage, make

    lm = dspy.LM("sleepy/1", engine=make(), cache=False)
    adapter = dspy.ChatAdapter(use_json_adapter_fallback=False)
    program = dspy.Predict(Triage)
    rows = json.loads(Path("rows.json").read_text())
    examples = [dspy.Example(id=i, text=t, label=l).with_inputs("text") for i, t, l in rows]


    def score(example):
        with dspy.context(lm=lm, adapter=adapter, trace=[], disable_history=True):
            return float(program(**example.inputs()).label == example.label)


    with ThreadPoolExecutor(64) as pool:
        scores = list(pool.map(score, examples))
    assert len(scores) == len(rows) and sum(scores) == len(rows)
"""

PLAIN = """
    import json
    from pathlib import Path

    import dspy
    import pytest
    from bench_program import Triage, make

    lm = dspy.LM("sleepy/1", engine=make(), cache=False)
    program = dspy.Predict(Triage)
    rows = json.loads(Path("rows.json").read_text())


    @pytest.mark.parametrize("row", rows, ids=[row[0] for row in rows])
    def test_label(row):
        with dspy.context(lm=lm):
            assert program(text=row[1]).label == row[2]
"""


@dataclass(frozen=True)
class Ran:
    """One whole process."""

    seconds: float
    peak_mb: float


def build(folder: Path, count: int) -> None:
    """Write the project and its rows."""
    import json

    rows = [(f"t{n:06d}", f"invoice number {n} was charged twice, please refund it", "billing") for n in range(count)]
    (folder / "evals").mkdir()
    (folder / "plain").mkdir()
    for path, text in {
        "bench_program.py": PROGRAM, "evals/test_sleepy.py": EVALS, "bare.py": BARE, "plain/test_plain.py": PLAIN,
    }.items():  # fmt: skip
        (folder / path).write_text(textwrap.dedent(text))
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\ng6o_lm = task=engine:bench_program:make\n")
    (folder / "rows.json").write_text(json.dumps(rows))
    with closing(open_store(URL, root=folder)) as store:
        migrate(store, known_migrations())
        with store.change("tickets") as change:
            change.execute("CREATE TABLE tickets (id VARCHAR(20) PRIMARY KEY, text LONGTEXT, label VARCHAR(20))")
            change.insert("tickets", ["id", "text", "label"], rows)


def surroundings(folder: Path, seconds: float) -> dict[str, str]:
    """Return the environment of both sides; byte code is cached, as it is for everybody but some CI images."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"BENCH_SECONDS": str(seconds), "PYTHONPATH": str(folder)}


def run(folder: Path, command: list[str], seconds: float) -> Ran:
    """Run one process to its end."""
    environ = surroundings(folder, seconds)
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate()
    took = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{command} exited with {process.returncode}:\n{output.decode()[-4000:]}")
    return Ran(took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def peak(folder: Path, command: list[str], seconds: float) -> float:
    """Return the peak RSS in MB of one process, measured in a process of its own."""
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True, check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    environ = surroundings(folder, seconds)
    found = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=folder, env=environ, capture_output=True, text=True, check=True
    )
    return float(found.stdout)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    seconds = options.latency_ms / 1000
    python = sys.executable
    ours = [python, "-m", "pytest", "evals", "-q", f"--eval-concurrency={CONCURRENCY}", "-p", "no:cacheprovider"]
    bare = [python, "bare.py"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, options.examples)
        run(folder, bare, seconds)
        run(folder, ours, seconds)
        pairs = [(run(folder, bare, seconds), run(folder, ours, seconds)) for _ in range(options.repetitions)]
        ratios = [b.seconds / a.seconds for a, b in pairs]
        load = f"{options.examples} examples, {options.latency_ms:g} ms, {CONCURRENCY} in flight"
        print(f"{load}, n={len(pairs)} pairs, whole processes\n")
        print("| | min s | median s | max s | peak RSS MB |\n|---|---|---|---|---|")
        for label, column, command in (("bare thread pool", 0, bare), ("g6o_eval items", 1, ours)):
            times = sorted(pair[column].seconds for pair in pairs)
            middle, rss = statistics.median(times), peak(folder, command, seconds)
            print(f"| {label} | {times[0]:.2f} | {middle:.2f} | {times[-1]:.2f} | {rss:.0f} |")
        if options.plain:
            took = run(folder, [python, "-m", "pytest", "plain", "-q", "-p", "no:cacheprovider"], seconds)
            print(f"| plain parametrized, no look-ahead (n=1) | | {took.seconds:.2f} | | |")
        middle = statistics.median(ratios)
        print(f"\nratio, pair by pair: min {min(ratios):.2f}, median {middle:.2f}, max {max(ratios):.2f}")


if __name__ == "__main__":
    main()
