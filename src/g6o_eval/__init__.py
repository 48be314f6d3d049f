"""Evals for prompts in production: pytest, DSPy, exact statistics, and Dolt as the bus.

Importing this package loads neither dspy nor pymysql: every public name is a declaration.
"""

from g6o_eval.budget import Budget
from g6o_eval.constraint import Assert, Check, Suggest, at_most_words, between, check, one_of
from g6o_eval.dataset import Dataset, Shares
from g6o_eval.eval import Eval
from g6o_eval.gate import Gate
from g6o_eval.metric import exact
from g6o_eval.optimizer import Bootstrap
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
    "Score",
    "Shares",
    "Suggest",
    "at_most_words",
    "between",
    "check",
    "exact",
    "one_of",
]
