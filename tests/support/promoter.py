"""Promoters and readers of a store that a test runs as processes of their own and kills.

`python promoter.py PART URL …`; each part below says what it takes and what it prints, a JSON value a line.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from g6o_eval.artifact import Artifact, Lineage
from g6o_eval.errors import StaleError, StoreError, UnavailableError
from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import Order, history, live, record_promotion
from g6o_eval.store.port import Store
from g6o_eval.store.schema import HARNESS, migrate


def artifact(name: str, program: str) -> Artifact:
    """Return an artifact that publishes `text of PROGRAM` under NAME:p."""
    lineage = Lineage(data_commit="d", git_commit=None, dspy_version="3.4.1", g6o_version="0.1.0")
    return Artifact(
        eval_name=name, program=program, texts={f"{name}:p": f"text of {program}"}, rendered=program,
        module_name="M", signature_name="S", lineage=lineage,
    )  # fmt: skip


def promote(store: Store, name: str, program: str, *, by: str) -> str:
    """Promote over whatever is live; return the program digest."""
    current, wanted = live(store, name), artifact(name, program)
    expected = current.program_digest if current else None
    record_promotion(store, wanted, Order(by=by), run_id="01RUN", expected_live=expected)
    return wanted.program_digest


def many(store: Store, name: str, count: str) -> None:
    """Promote COUNT times; print how many milliseconds each took."""
    before = None
    for number in range(int(count)):
        wanted = artifact(name, f"{name} {number}")
        start = time.perf_counter()
        record_promotion(store, wanted, Order(by=name), run_id="01RUN", expected_live=before)
        say((time.perf_counter() - start) * 1e3)
        before = wanted.program_digest


def duel(store: Store, who: str) -> None:
    """Promote once for each line read, against the digest it names; print "won" or "stale"."""
    for line in sys.stdin:
        number, before = json.loads(line)
        wanted = artifact("triage", f"{who} {number}")
        try:
            record_promotion(store, wanted, Order(by=who), run_id="01RUN", expected_live=before)
            say(["won", wanted.program_digest])
        except StaleError:
            say(["stale", None])


def endure(store: Store, name: str, folder: str) -> None:
    """Promote until FOLDER has a file `stop`, whatever fails; print [digest, what came of it] for each."""
    number = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label that could not be put
        while not (Path(folder) / "stop").exists():
            number += 1
            wanted = artifact(name, f"{name} {number}")
            try:
                current = live(store, name)
            except UnavailableError:
                continue
            expected = current.program_digest if current else None
            try:
                record_promotion(store, wanted, Order(by=name), run_id="01RUN", expected_live=expected)
                said = "promoted"
            except UnavailableError as error:
                said = "nothing" if "Nothing was written" in str(error) else "unknown"
                if "Nothing was written" not in str(error) and "is not known" not in str(error):
                    said = "not begun"
            say([wanted.program_digest, said])


def fill(store: Store, name: str) -> None:
    """Promote long texts until one fails, then one for each line read; print what came of each."""
    number = 0
    while "error" not in (said := attempt(store, name, number)):
        say(said)
        number += 1
    say(said)
    for _ in sys.stdin:
        number += 1
        say(attempt(store, name, number))


def attempt(store: Store, name: str, number: int) -> dict[str, Any]:
    """Promote a text of 60,000 characters that no compression shortens; return its digest, or the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a label that could not be put
            return {"promoted": promote(store, name, Random(number).randbytes(30_000).hex(), by=name)}
    except StoreError as error:
        return {"error": type(error).__name__, "said": str(error)}


def tell(store: Store, name: str) -> None:
    """Print what is there: the digests of the history, the texts that consumers read, and what is not committed."""
    digests = [entry.program_digest for entry in history(store, name)]
    programs = [text.removeprefix("text of ") for text in _text(store, name, None)]
    say(
        {"history": digests, "live": [artifact(name, each).program_digest for each in programs], "dirty": store.dirty()}
    )


def migrate_once(store: Store) -> None:
    """Say "ready", wait for a line, migrate, and print how many migrations that applied."""
    say("ready")
    sys.stdin.readline()
    say(len(migrate(store, HARNESS)))


def watch(store: Store, folder: str, *names: str) -> None:
    """Read what is live until FOLDER has a file `stop`; print problems, then [reads, longest gap in seconds]."""
    reads, gap, last = 0, 0.0, time.monotonic()
    while not (Path(folder) / "stop").exists():
        for name in names:
            try:
                at = store.head()
                entries, texts = history(store, name, at=at), _text(store, name, at)
                current = _text(store, name, None)
            except UnavailableError:
                continue
            reads, gap, last = reads + 1, max(gap, time.monotonic() - last), time.monotonic()
            pinned = [artifact(name, text.removeprefix("text of ")).program_digest for text in texts]
            if pinned != [entry.program_digest for entry in entries[-1:]]:
                say(f"{name} at {at}: {texts} but {entries[-1:]}")
            if [entry.seq for entry in entries] != list(range(1, len(entries) + 1)) or len(current) > 1:
                say(f"{name}: {current} {[entry.seq for entry in entries]}")
    say([reads, gap])


def _text(store: Store, name: str, at: str | None) -> list[str]:
    rows = store.read("SELECT compiled_prompt FROM compiled_prompts WHERE prompt_id = ?", (f"{name}:p",), at=at)
    return [str(text) for (text,) in rows]


def say(value: Any) -> None:
    """Print a JSON value."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    opened = open_store(sys.argv[2], root=Path())
    parts: dict[str, Callable[..., None]] = {"many": many, "duel": duel, "endure": endure, "watch": watch}
    parts |= {"fill": fill, "tell": tell, "migrate": migrate_once}
    parts[sys.argv[1]](opened, *sys.argv[3:])
