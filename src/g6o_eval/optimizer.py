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


Optimizer = Bootstrap
