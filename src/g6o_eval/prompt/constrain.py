"""Constraints written into a program's prompts: one delimited block at the end of the instructions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from g6o_eval.constraint import Constraint

FIRST_LINE = "Rules that every answer is checked against:"
LAST_LINE = "(End of the rules.)"

_BLOCK = re.compile(rf"\s*^{re.escape(FIRST_LINE)}\n(?:- .*\n)*{re.escape(LAST_LINE)}\s*", re.MULTILINE)


def constrained(program: Any, constraints: Sequence[Constraint]) -> Any:
    """Return a copy of a program whose predictors all tell the constraints, in the order declared.

    A block that stands there already is replaced, so doing it twice changes nothing. Blanks inside
    a clause become single spaces, so that only words make a difference.
    """
    copy = program.deepcopy()
    for _, predictor in copy.named_predictors():
        instructions = with_clauses(predictor.signature.instructions, constraints)
        predictor.signature = reworded(predictor.signature, instructions)
    return copy


def with_clauses(instructions: str, constraints: Sequence[Constraint]) -> str:
    """Return instructions that end with the clauses of these constraints, and no others."""
    own = _BLOCK.sub("\n\n", instructions).strip()
    if not constraints:
        return own
    clauses = "\n".join("- " + " ".join(constraint.clause.split()) for constraint in constraints)
    return f"{own}\n\n{FIRST_LINE}\n{clauses}\n{LAST_LINE}".strip()


def reworded(signature: Any, instructions: str) -> Any:
    """Return a signature with other instructions, under its own name: dspy would forget it."""
    changed = signature.with_instructions(instructions)
    changed.__name__ = signature.__name__
    return changed
