"""Guidance: lines added to a program's instructions, one at a time, as long as dev gets better."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from g6o_eval.errors import DeclarationError
from g6o_eval.eval import Eval
from g6o_eval.optimize.proposal import Proposal
from g6o_eval.optimizer import Guidance
from g6o_eval.prompt.constrain import reworded, with_clauses


def propose_guidance(spec: Eval, settings: Guidance, program: Any, *, best: Callable[[], Any]) -> Iterator[Proposal]:
    """Yield the best program so far with each line it lacks, round by round, until a round brings nothing.

    Args:
        spec: the Eval; its clauses stay at the end of the instructions.
        settings: the lines.
        program: the hand-written one, the best before the first round.
        best: the best program so far, read again after each round.

    Raises:
        DeclarationError: the program has several predictors, or none.
    """
    if len(program.named_predictors()) != 1:
        paths = [path for path, _ in program.named_predictors()]
        raise DeclarationError(
            f"eval {spec.name!r}: Guidance is for programs with one predictor, this one has {len(paths)}: {paths!r}"
        )
    base, left = program, dict(enumerate(settings.lines, start=1))
    for taken in range(min(settings.most, len(left))):
        candidates = {number: with_line(spec, base, line) for number, line in left.items()}
        for number, candidate in candidates.items():
            yield Proposal(f"{taken + 1}: line {number}", candidate)
        helped = [number for number, candidate in candidates.items() if candidate is best()]
        if not helped:
            return
        base = candidates[helped[0]]
        del left[helped[0]]


def with_line(spec: Eval, program: Any, line: str) -> Any:
    """Return a copy of the program whose instructions have one line more, as a bullet before the clauses."""
    copy = program.deepcopy()
    [(_, predictor)] = copy.named_predictors()
    own = with_clauses(predictor.signature.instructions, ())
    gap = "\n" if own.splitlines()[-1].lstrip().startswith("- ") else "\n\n"
    text = with_clauses(f"{own}{gap}- {line}", spec.constraints)
    predictor.signature = reworded(predictor.signature, text)
    return copy
