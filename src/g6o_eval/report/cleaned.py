"""What pytest itself shows of a failure, with the secrets out: error messages of providers quote keys."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from g6o_eval.redact import redact


def clean(shown: Any) -> Any:
    """Return the representation of a failure with redacted texts; objects in it are changed in place.

    Args:
        shown: `report.longrepr` or a part of it: a text, a tuple, or pytest's own objects.
    """
    if isinstance(shown, str):
        return redact(shown)
    if isinstance(shown, list):
        shown[:] = map(clean, shown)
        return shown
    if isinstance(shown, tuple):
        return tuple(map(clean, shown))
    if is_dataclass(shown):
        for name in _names(shown):
            object.__setattr__(shown, name, clean(getattr(shown, name)))
    return shown


def _names(shown: Any) -> list[str]:
    """Return the names of a part's texts and parts; `sections` is made when pytest shows some of them."""
    return [*(field.name for field in fields(shown)), *(["sections"] if hasattr(shown, "sections") else [])]
