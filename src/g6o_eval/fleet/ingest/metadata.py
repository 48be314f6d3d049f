"""Reads the small JSON objects of a task folder: `task_metadata.json`, `history_item.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from g6o_eval.fleet.ingest.array import BOM, EMPTY_FILE, REPLACED, without_surrogates
from g6o_eval.fleet.ingest.census import Census
from g6o_eval.fleet.ingest.text import label

NO_OBJECT = "no JSON object"
TOO_LARGE = "too large"
SIZE_LIMIT = 1 << 24
"""Largest object that is read, in bytes; real ones have a few thousand."""


def read_object(path: Path | None, census: Census) -> tuple[Path | None, Mapping[str, Any]]:
    """Return the path and the object in it, {} when there is none; the census holds its keys.

    No key is required: other programs write objects of their own under these names.
    """
    if path is None:
        return None, {}
    if path.stat().st_size > SIZE_LIMIT:
        census.issue(-1, TOO_LARGE, f"{path.stat().st_size} bytes, read are at most {SIZE_LIMIT}")
        return path, {}
    data = path.read_bytes()
    if data.startswith(b"\xef\xbb\xbf"):
        census.issue(-1, BOM, "the file starts with a byte order mark")
    return path, _parsed(data, census)


def _parsed(data: bytes, census: Census) -> Mapping[str, Any]:
    text = data.decode("utf-8-sig", "surrogateescape")
    try:
        found, replaced = without_surrogates(json.loads(text))
    except (ValueError, RecursionError) as error:
        what = EMPTY_FILE if not data.strip() else NO_OBJECT
        census.issue(-1, what, type(error).__name__)
        return {}
    if replaced:
        census.issue(-1, REPLACED, f"{replaced} invalid characters became U+FFFD")
    if not isinstance(found, dict):
        census.issue(-1, NO_OBJECT, f"the top level is a {type(found).__name__}")
        return {}
    for key, value in found.items():
        census.add(key, None)
        census.kinds[label(key)] = len(value) if isinstance(value, list) else 1
    return found
