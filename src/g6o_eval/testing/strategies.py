"""Hypothesis strategies: examples of a signature, values of a type, scores of a run."""

from __future__ import annotations

import importlib.util
import types
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from g6o_eval.dataset import GROUP_FIELD, KEY_FIELD
from g6o_eval.errors import DeclarationError
from g6o_eval.score import Score, Scores

if TYPE_CHECKING:
    import dspy
    from hypothesis.strategies import SearchStrategy

MAX_TEXT, MAX_ITEMS = 40, 4
"""Longest text, in characters, and list that is made: what breaks a metric breaks it small."""


def examples_for(signature: type[dspy.Signature]) -> SearchStrategy[dspy.Example]:
    """Return a strategy of Examples with a value of the right type for every field of a signature.

    Inputs are marked as such, outputs stand in it as labels, and each has a key that is its own
    group, as if a Dataset had made it. A number keeps the field's `ge`, `gt`, `le` and `lt`; without
    them a float lies in [0, 1] and an int in [0, 100]. No text is empty.

    Raises:
        DeclarationError: a field has a type that nothing can be made of here; it names the field.
    """
    import dspy

    need_hypothesis()
    from hypothesis import strategies as st

    inputs = tuple(signature.input_fields)
    values = {name: _of_field(name, field) for name, field in signature.fields.items()}
    key = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=4, max_size=12)

    def build(key: str, fields: Mapping[str, Any]) -> dspy.Example:
        example = dspy.Example(**fields, **{KEY_FIELD: key, GROUP_FIELD: key})  # type: ignore[no-untyped-call]  # dspy is untyped
        return example.with_inputs(*inputs)  # type: ignore[no-any-return,no-untyped-call]  # likewise

    return st.builds(build, key, st.fixed_dictionaries(values))


def values_of(annotation: Any, *, low: float | None = None, high: float | None = None) -> SearchStrategy[Any]:
    """Return a strategy of values of a type: str, bool, int, float, Literal, Enum, None, list, dict, models, unions.

    Args:
        annotation: the type.
        low: least number; None: 0.
        high: greatest number; None: 1 for a float, 100 for an int.

    Raises:
        DeclarationError: it is another type.
    """
    need_hypothesis()
    from hypothesis import strategies as st

    plain: dict[Any, Callable[[], SearchStrategy[Any]]] = {
        str: lambda: st.text(min_size=1, max_size=MAX_TEXT).filter(str.strip),
        bool: st.booleans,
        float: lambda: st.floats(0.0 if low is None else low, 1.0 if high is None else high, allow_nan=False),
        int: lambda: st.integers(0 if low is None else int(low), 100 if high is None else int(high)),
        type(None): st.none,
    }
    if annotation in plain:
        return plain[annotation]()
    return _composed(annotation, get_origin(annotation), get_args(annotation))


def _composed(annotation: Any, origin: Any, inner: tuple[Any, ...]) -> SearchStrategy[Any]:
    from pydantic import BaseModel

    need_hypothesis()
    from hypothesis import strategies as st

    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(values_of, inner))
    if origin is list:
        return st.lists(values_of(inner[0]), max_size=MAX_ITEMS)
    if origin is dict and inner[0] is str:
        return st.dictionaries(values_of(str), values_of(inner[1]), max_size=MAX_ITEMS)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return st.builds(annotation, **{name: _of_field(name, f) for name, f in annotation.model_fields.items()})
    raise DeclarationError(
        f"no values can be made for the type {annotation!r}; known are str, bool, int, float, None, Literal, Enum, "
        "list[…], dict[str, …], pydantic models and unions of them. Give that field a strategy of your own"
    )


def _of_field(name: str, field: Any) -> SearchStrategy[Any]:
    limits = {
        bound: value
        for limit in field.metadata
        for bound in ("ge", "gt", "le", "lt")
        if (value := getattr(limit, bound, None)) is not None
    }
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    excluded = [limits[bound] for bound in ("gt", "lt") if bound in limits]
    try:
        values = values_of(field.annotation, low=low, high=high)
    except DeclarationError as error:
        raise DeclarationError(f"field {name!r}: {error}") from error
    return values.filter(lambda value: value not in excluded) if excluded else values


def scores(*, min_size: int = 0, max_size: int = 30, errors: bool = True) -> SearchStrategy[Scores]:
    """Return a strategy of Scores: groups, repeats, and errors unless they are unwanted.

    Args:
        min_size: fewest examples.
        max_size: most examples.
        errors: whether scores without a value, and examples without a score, may occur.
    """
    need_hypothesis()
    from hypothesis import strategies as st

    value = st.one_of(st.sampled_from((0.0, 1.0)), st.floats(0, 1)).map(Score)
    failed = st.sampled_from(("TimeoutError: slow", "ValueError: no")).map(lambda text: Score(error=text))
    one = st.one_of(value, failed) if errors else value
    repeats = st.lists(one, min_size=0 if errors else 1, max_size=3).map(tuple)
    by_key = st.dictionaries(st.text(min_size=1, max_size=6), repeats, min_size=min_size, max_size=max_size)
    return by_key.flatmap(
        lambda found: (
            st.dictionaries(st.sampled_from(sorted(found)), st.sampled_from("ABCDE"), max_size=len(found)).map(
                lambda groups: Scores(found, groups)
            )
            if found
            else st.just(Scores({}))
        )
    )


def need_hypothesis() -> None:
    """Raise where Hypothesis is missing. It is asked for here: whoever only runs evals has none."""
    if importlib.util.find_spec("hypothesis") is None:
        raise ModuleNotFoundError(
            "the strategies of g6o_eval.testing need Hypothesis. Run: pip install 'g6o-eval[testing]'",
            name="hypothesis",
        )
