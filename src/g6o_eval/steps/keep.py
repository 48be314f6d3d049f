"""Write what a session made: the candidate into the checkout, the verdict where tools look for it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from g6o_eval.run import Run
from g6o_eval.steps.candidate import PROGRAM_FILE, PROMPT_FILE

LAST = Path(".g6o/last")
REJECTED = Path(".g6o/rejected")


def keep_candidate(run: Run, announce: Mapping[str, Any], *, root: Path) -> str | None:
    """Write a compiled program where its verdict sends it; return a sentence about it, or None.

    A verdict of fail sends it to .g6o/rejected/<eval>/, a partial run nowhere; every other goes to
    snapshots/<eval>/program.json. prompt.txt there is left for a person to accept.
    """
    if announce["compile"] is None:
        return None
    name = run.subject.eval_name
    if run.verdict.outcome == "fail":
        folder = root / REJECTED / name
        write_whole(folder / PROGRAM_FILE, announce["program"] + "\n")
        write_whole(folder / PROMPT_FILE, announce["prompt"])
        return f"rejected: the compiled program is in {REJECTED / name}, snapshots/{name} was left alone"
    if run.standing == "partial":
        return f"the run is partial: the compiled program was not written to snapshots/{name}"
    path = root / "snapshots" / name / PROGRAM_FILE
    if not announce["compile"]["changed"] and not path.exists():
        return None
    if path.exists() and path.read_text(encoding="utf-8") == announce["program"] + "\n":
        return None
    write_whole(path, announce["program"] + "\n")
    return f"program changed: snapshots/{name}/{PROGRAM_FILE}"


def keep_verdict(run: Run, *, root: Path) -> Path:
    """Write a run as JSON to .g6o/last/<eval>.json and return the path."""
    path = root / LAST / f"{run.subject.eval_name}.json"
    write_whole(path, json.dumps(run.to_json(), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def write_whole(path: Path, text: str) -> None:
    """Write a file so that readers and crashes see the old one or the new one, nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
