"""Engines of the user's own: `engine:package.module:factory`, for gateways, local models and tests."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from g6o_eval.errors import RoleError

if TYPE_CHECKING:
    from g6o_eval.lm.engine import Engine

PREFIX = "engine:"


def is_own(model: str) -> bool:
    """Tell whether a model names an engine of the user's own."""
    return model.startswith(PREFIX)


def own_engine(model: str) -> Engine:
    """Call the factory that a model names and return its engine.

    The engine follows DSPy 3.4: `complete(dspy.lm15.Request) -> dspy.lm15.Response`. What it costs
    is not known to us, so a Budget(usd=…) refuses it; limit calls, tokens or seconds.

    Raises:
        RoleError: there is no such factory, it raised, or what it made is no engine.
    """
    module, separator, factory = model.removeprefix(PREFIX).partition(":")
    if not (separator and module and factory):
        raise RoleError(f"the model {model!r} names no factory: write {PREFIX}package.module:factory")
    try:
        engine: Engine = getattr(import_module(module), factory)()
    except Exception as error:
        raise RoleError(
            f"the model {model!r} cannot be made: {type(error).__name__}: {error}. The module must be importable "
            f"from {str(Path.cwd())!r} (pytest: set pythonpath = . in the ini file)"
        ) from error
    if not callable(getattr(engine, "complete", None)):
        raise RoleError(f"the model {model!r} made {engine!r}, which has no complete(Request) -> Response")
    return engine
