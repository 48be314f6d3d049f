"""Texts from logs, made fit to keep: redacted, cut, digested; and numbers that may be anything."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from g6o_eval.fleet.ingest.array import without_surrogates
from g6o_eval.redact import HINT_REACH, find_secrets, hints_at_secret, neutralise, plain, redact

_BEYOND = 4_096
"""Characters beyond what is kept that are redacted too: a secret that reaches past the end of what is kept is
still seen whole, and a text of megabytes costs no more than a short one. Tokens are shorter; a key block needs
no end to be seen."""
_MARK_CHARS = 64
"""Longest role or field marker, in characters: what `neutralise` must see to know one."""
_ESCAPED_AT = re.compile(r"\\+@")


LABEL_CHARS = 200
"""Longest name kept of a tool, a mode, a model or a kind, in characters."""
ID_CHARS = 128
"""Longest id of a session, in characters."""
_ID = re.compile(rf"[\w.:@+-]{{1,{ID_CHARS}}}", re.ASCII)
MOST = 10**12
"""Most tokens of one request that are believed: the sums of a session fit their columns."""
END_MS = 253_402_300_800_000
"""Where the years of four digits end, epoch milliseconds; other units than these reach beyond it."""
WORKSPACE_CHARS = 400
"""Longest path kept of the folder that a session worked in, in characters."""


def kept(text: str, limit: int) -> str:
    """Return the first `limit` characters of a text, as it may reach a table, a prompt or a terminal.

    Its secrets are replaced, what cannot be seen is shown, and nothing in it can pose as a part of
    a prompt. The one place through which text from a log goes.
    """
    safe = text[: limit + HINT_REACH].replace("\r\n", "\n")
    if hints_at_secret(safe):
        safe = redact(text[: limit + _BEYOND].replace("\r\n", "\n"))
    return neutralise(plain(safe[: limit + _MARK_CHARS]))[:limit]


@lru_cache(maxsize=4096)
def label(text: str, limit: int = LABEL_CHARS) -> str:
    """Return a name from a log, kept as `kept` keeps a text; the same few come again and again."""
    return kept(text, limit)


def identifier(value: object) -> str | None:
    """Return an id of a session, or None when the value can be none; what looks like a secret is none."""
    return value if isinstance(value, str) and _is_id(value) else None


@lru_cache(maxsize=4096)
def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None and not find_secrets(text)


def sha256(text: str) -> str:
    """Return the hex SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prompt_sha256(text: str) -> str:
    r"""Return the digest by which a child's first prompt is found in its parent.

    The parent's copy may have `\@` where the child has `@`, and blank ends (Roo's NewTaskTool).
    """
    return sha256(_ESCAPED_AT.sub("@", text).strip())


def number(value: object) -> float | None:
    """Return a number from 0 to 2^53, which JavaScript counts exactly, or None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < 2**53 else None


def count(value: object) -> int:
    """Return how many tokens a request tells; 0 when it tells none, or more than MOST."""
    found = number(value)
    return int(found) if found is not None and found <= MOST else 0


def milliseconds(value: object) -> int | None:
    """Return a time in epoch milliseconds, or None when the value is none, or later than any DATETIME."""
    found = number(value)
    return int(found) if found is not None and found < END_MS else None


def json_object(text: object) -> dict[str, Any] | None:
    """Return the object that a text holds as JSON, or None when it holds none.

    Lone surrogates in it, which the text itself hides behind escapes, become U+FFFD.
    """
    if not isinstance(text, str):
        return None
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _lenient_object(text)
    return found if isinstance(found, dict) else None


def _lenient_object(text: str) -> dict[str, Any] | None:
    """Read what orjson will not: escaped lone surrogates, integers of any length."""
    try:
        found = json.loads(text)
        return without_surrogates(found)[0] if isinstance(found, dict) else None
    except (ValueError, RecursionError):
        return None


def summary(values: Mapping[str, Any], limit: int) -> str:
    """Return an object as compact JSON, its long texts cut so that every key is seen."""
    cut = {key: value[: limit // 4] if isinstance(value, str) else value for key, value in values.items()}
    return kept(json.dumps(cut, ensure_ascii=False, separators=(",", ":")), limit)
