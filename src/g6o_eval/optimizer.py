"""Optimizer settings as plain data: which one, which knobs, which seed. optimize/ runs them."""

from __future__ import annotations

from dataclasses import dataclass

from g6o_eval.errors import DeclarationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Few-shot demos from the program's own good answers on train, chosen on dev by random search.

    Attributes:
        candidates: programs proposed beside the hand-written one.
        max_demos: most demos that one predictor gets.
        threshold: lowest score, in (0, 1], that makes an answer on train a demo.
        seed: of the random search; same Examples, seed and deterministic LM give the same program.
    """

    candidates: int = 8
    max_demos: int = 8
    threshold: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.candidates < 1 or self.max_demos < 1:
            raise DeclarationError(
                f"Bootstrap: candidates and max_demos must be at least 1, "
                f"got {self.candidates!r} and {self.max_demos!r}"
            )
        if not 0 < self.threshold <= 1:
            raise DeclarationError(f"Bootstrap: threshold must lie in (0, 1], got {self.threshold!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """Lines of guidance added to the instructions of a program with one predictor, chosen on dev.

    Greedy: each round tries every line that is left on top of the best program so far, and keeps
    the best of them; it ends when none helps. No demos: what is judged is what is published, also
    where consumers read instructions only.

    Attributes:
        lines: what may be added, each one line of text; their order decides ties.
        most: lines added at most.
    """

    lines: tuple[str, ...]
    most: int = 4

    def __post_init__(self) -> None:
        if isinstance(self.lines, str) or not self.lines:
            raise DeclarationError(f"Guidance: lines must be a tuple of texts, got {self.lines!r}")
        if bad := [line for line in self.lines if not line.strip() or len(line.splitlines()) > 1]:
            raise DeclarationError(f"Guidance: {bad[0]!r} is not one line of text")
        if len(set(self.lines)) < len(self.lines):
            raise DeclarationError(f"Guidance: lines names a text twice: {self.lines!r}")
        if self.most < 1:
            raise DeclarationError(f"Guidance: most must be at least 1, got {self.most!r}")

    @property
    def candidates(self) -> int:
        """Programs proposed at most."""
        rounds = min(self.most, len(self.lines))
        return sum(len(self.lines) - taken for taken in range(rounds))


Optimizer = Bootstrap | Guidance
