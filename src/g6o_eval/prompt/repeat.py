"""The adapter of many calls: what it writes of a signature is the same each time, and is written once.

That text is a fifth of what DSPy computes for a call; for a thousand calls it took a sixth of a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from g6o_eval.eval import Adapter
from g6o_eval.prompt.render import make_adapter

Said: TypeAlias = tuple[str | None, list[tuple[str, Any, list[Any], dict[str, Any]]]]


def repeating_adapter(name: Adapter) -> Any:
    """Return the DSPy adapter of an Eval, for many calls in any number of threads."""
    adapter = make_adapter(name)
    # Not a subclass: DSPy would wrap `format` and `parse` of one in its callbacks a second time.
    adapter.format_system_message = _once(adapter.format_system_message)
    return adapter


def _once(write: Callable[[Any], str]) -> Callable[[Any], str]:
    kept: WeakKeyDictionary[Any, tuple[Said, str]] = WeakKeyDictionary()

    def written(signature: Any) -> str:
        said = _said(signature)
        found = kept.get(signature)
        if found is None or found[0] != said:
            found = kept[signature] = (said, write(signature))
        return found[1]

    return written


def _said(signature: Any) -> Said:
    """Return all that the text is made of: a program may change a signature between two calls, in place."""
    fields = signature.model_fields.items()
    parts = [(name, field.annotation, list(field.metadata), dict(field.json_schema_extra)) for name, field in fields]
    return signature.__doc__, parts
