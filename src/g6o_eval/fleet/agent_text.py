"""What no text for agents may hold: placeholders that nobody fills, and ids of past sessions."""

from __future__ import annotations

import re
from collections.abc import Collection

from g6o_eval.errors import DeclarationError

SESSION_HOLE = "{{SESSION_ID}}"
"""What the daemon fills when it sends an agent out."""

_PLACEHOLDER = re.compile(r"\{\{?\s*\w+\s*\}?\}|\$\{?[A-Z][A-Z_]{2,}\}?")
_SESSION_ID = re.compile(r"\bses_\w{6,}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.I)


def placeholders(text: str) -> list[str]:
    """Return what looks like a placeholder, as it is written: `{{NAME}}`, `{name}`, `$NAME`, `${NAME}`."""
    return [match[0] for match in _PLACEHOLDER.finditer(text)]


def session_ids(text: str) -> list[str]:
    """Return what looks like the id of a session: a UUID, or `ses_…`."""
    return [match[0] for match in _SESSION_ID.finditer(text)]


def with_hole_filled(text: str, hole: str, value: str) -> str:
    """Return a text with one placeholder filled.

    Raises:
        DeclarationError: the text lost the placeholder: all that it is published for would read the same.
    """
    if hole not in text:
        raise DeclarationError(f"the text for {value!r} lost {hole}: write it where {value!r} has to stand")
    return text.replace(hole, value)


def check_text(prompt_id: str, text: str, *, filled: Collection[str] = (SESSION_HOLE,)) -> None:
    """Refuse a text that would mislead the agent that reads it.

    Args:
        prompt_id: of the text.
        text: as it is published.
        filled: the placeholders that the daemon fills, as they are written.

    Raises:
        DeclarationError: the text names a session, has a placeholder that nobody fills, or lost that of the session.
    """
    if ids := session_ids(text):
        raise DeclarationError(f"the text of {prompt_id} names the session {ids[0]!r}; write {SESSION_HOLE} instead")
    if unknown := sorted(set(placeholders(text)) - set(filled)):
        raise DeclarationError(f"the text of {prompt_id} holds {unknown[0]!r}, which nobody fills")
    if SESSION_HOLE not in text:
        raise DeclarationError(f"the text of {prompt_id} lost {SESSION_HOLE}: its agent would not know its session")
