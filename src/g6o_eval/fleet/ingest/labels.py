"""Reads `truth.jsonl`: what somebody else knows of sessions. It reaches the store as labels only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from g6o_eval.errors import DataError
from g6o_eval.fleet.ingest.text import json_object
from g6o_eval.store.port import Row

TRUTH_FILE = "truth.jsonl"


def read_labels(path: Path) -> Iterator[Row]:
    """Yield (session id, category, source) of the truth file at a path or in its `tasks/`, if there is one.

    A session that nothing is wrong with has the category "none".

    Raises:
        DataError: a line is no object with the texts session_id, category and source.
    """
    for folder in (path, path / "tasks"):
        file = folder / TRUTH_FILE
        if file.is_file():
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
                yield _label(line, file=file, number=number)


def _label(line: str, *, file: Path, number: int) -> Row:
    found = json_object(line) or {}
    values = tuple(found.get(key) for key in ("session_id", "category", "source"))
    if not all(isinstance(value, str) and value for value in values):
        raise DataError(
            f"{file.name} line {number}: expected an object with the texts session_id, category and source, "
            f"got {line[:120]!r}. Mend the line, or take the file away to import without labels"
        )
    return values
