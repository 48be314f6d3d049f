"""Evals for prompts in production: pytest, DSPy, exact statistics, and Dolt as the bus.

Importing this package loads nothing: the plugin is imported by every pytest session of every
project it is installed for. Every public name is a declaration, imported at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from g6o_eval.budget import Budget
    from g6o_eval.constraint import Assert, Check, Suggest, at_most_words, between, check, one_of
    from g6o_eval.dataset import Dataset, Shares
    from g6o_eval.eval import Eval
    from g6o_eval.gate import Gate
    from g6o_eval.metric import exact
    from g6o_eval.optimizer import Bootstrap, Guidance
    from g6o_eval.score import Score

__version__ = "0.1.0"

__all__ = [
    "Assert",
    "Bootstrap",
    "Budget",
    "Check",
    "Dataset",
    "Eval",
    "Gate",
    "Guidance",
    "Score",
    "Shares",
    "Suggest",
    "at_most_words",
    "between",
    "check",
    "exact",
    "one_of",
]

_HOMES = {
    "Assert": "constraint",
    "Bootstrap": "optimizer",
    "Budget": "budget",
    "Check": "constraint",
    "Dataset": "dataset",
    "Eval": "eval",
    "Gate": "gate",
    "Guidance": "optimizer",
    "Score": "score",
    "Shares": "dataset",
    "Suggest": "constraint",
    "at_most_words": "constraint",
    "between": "constraint",
    "check": "constraint",
    "exact": "metric",
    "one_of": "constraint",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
