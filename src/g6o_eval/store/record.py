"""A JSON body in a LONGTEXT column, with the SHA-256 that is checked at every read."""

from __future__ import annotations

import json
from typing import Any

from g6o_eval.artifact import canonical_json, digest_text
from g6o_eval.errors import DataError
from g6o_eval.store.port import Value


def seal(value: object) -> tuple[str, str]:
    """Return a value's canonical JSON and its SHA-256."""
    body = canonical_json(value)
    return body, digest_text(body)


def unseal(body: Value, sha256: Value, *, what: str) -> dict[str, Any]:
    """Return the JSON object that `seal` took.

    Raises:
        DataError: the text is not the one that was written; `what` names it.
    """
    found = digest_text(body) if isinstance(body, str) else None
    if found != sha256:
        raise DataError(
            f"{what} was changed in the store: its text has the SHA-256 {found}, recorded was {sha256!r}. "
            "It cannot be trusted: restore the row from the commit that wrote it"
        )
    value: dict[str, Any] = json.loads(str(body))
    return value
