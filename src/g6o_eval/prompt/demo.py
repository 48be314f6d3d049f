"""One demo as plain JSON values, so that it reads back as it was written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel

from g6o_eval.errors import DataError


def demo_of(signature: Any, values: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Return the values of a signature's fields, in its order; everything else is left out.

    Args:
        signature: whose fields count: never a key, a note or a label of another name.
        values: field → value.
        where: which demo it is, for the message.

    Raises:
        DataError: a value has no exact form in JSON, as Decimal, NaN and dates have none.
    """
    return {name: _plain(values[name], f"{where}, field {name!r}") for name in signature.fields if _given(values, name)}


def _given(values: Mapping[str, Any], name: str) -> bool:
    return name in values and values[name] is not None


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value, where)
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"), where)
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, where) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item, where) for key, item in value.items()}
    raise DataError(
        f"{where}: {value!r} ({type(value).__name__}) has no exact form in JSON; "
        "use str, int, float, bool, None, or lists and objects of them"
    )
