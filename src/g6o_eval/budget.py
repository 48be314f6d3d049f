"""Budget: what a compile may use. Spend: what was used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from g6o_eval.errors import DeclarationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What LM calls used so far.

    Attributes:
        calls: calls that reached an engine, retries included.
        input_tokens: tokens sent, as the engine counted them.
        output_tokens: tokens received.
        usd: their price; None as soon as one call had no known price. Unknown is not 0.
        seconds: wall time.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0

    def __add__(self, other: Spend) -> Spend:
        return Spend(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            usd=None if self.usd is None or other.usd is None else self.usd + other.usd,
            seconds=self.seconds + other.seconds,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # asdict copies, and this runs once an item

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spend:
        """Return the Spend that `to_json` wrote."""
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Hard limits; the first one reached stops the work. None: not limited by it.

    A limit of 50 calls means that the 51st never reaches the engine. Tokens, USD and seconds are
    known only after a call, so they stop the call after the one that crossed them.
    """

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        limits = {f.name: getattr(self, f.name) for f in fields(self)}
        if all(limit is None for limit in limits.values()):
            raise DeclarationError("a Budget needs at least one limit: calls, tokens, usd or seconds")
        for name, limit in limits.items():
            if limit is not None and not (math.isfinite(limit) and limit > 0):
                raise DeclarationError(f"Budget: {name} must be above 0, got {limit!r}")

    def __str__(self) -> str:
        """Return the limits for a person: "1,000 calls, $5.00"."""
        known = {
            "calls": "{:,} calls", "tokens": "{:,} tokens", "usd": "${:,.2f}", "seconds": "{:g} s",
        }  # fmt: skip
        limits = {name: getattr(self, name) for name in known}
        return ", ".join(known[name].format(limit) for name, limit in limits.items() if limit is not None)

    def stop_reason(self, spend: Spend) -> str | None:
        """Return why no further call may start, or None when one may."""
        if self.calls is not None and spend.calls >= self.calls:
            return f"{spend.calls} of {self.calls} calls used"
        tokens = spend.input_tokens + spend.output_tokens
        if self.tokens is not None and tokens >= self.tokens:
            return f"{tokens} of {self.tokens} tokens used"
        if self.usd is not None and spend.usd is None:
            return f"the price of a call is unknown, so ${self.usd:.2f} cannot be kept"
        if self.usd is not None and spend.usd is not None and spend.usd >= self.usd:
            return f"${spend.usd:.4f} of ${self.usd:.2f} spent"
        if self.seconds is not None and spend.seconds >= self.seconds:
            return f"{spend.seconds:.1f} of {self.seconds:.1f} seconds used"
        return None
