"""Adds up what the assistant messages of an OpenCode session used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from g6o_eval.fleet.ingest.text import count, number
from g6o_eval.fleet.session import Usage

CENT_OF_A_CENT = 1e-4
"""USD. Costs are sums of floats in the source; below this two of them are equal."""


@dataclass(slots=True)
class Spending:
    """What the messages used, so far; each field is explained at Usage."""

    requests: int = 0
    priced: int = 0
    costs: list[float] = field(default_factory=list)
    condensing: list[float] = field(default_factory=list)
    tokens: list[Mapping[str, int]] = field(default_factory=list)

    def add(self, info: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], *, started: int) -> float | None:
        """Count an assistant message and its steps; return how far the price of its steps is off, in USD.

        Its price is its own `cost`. Its tokens are those of its steps: OpenCode adds the price of every
        step to the message, but overwrites the tokens. `started` counts its step-start parts. None: the
        two prices agree, or there is nothing to compare.
        """
        cost, of_steps = number(info.get("cost")), [number(step.get("cost")) for step in steps]
        if info.get("summary"):
            self.condensing.append(cost or 0.0)
        else:
            self.costs.append(cost or 0.0)
            self.requests += max(1, started, len(steps))
            self.priced += len(steps) if steps or started else int(info.get("finish") is not None or bool(cost))
        counted = [step.get("tokens") for step in steps] or [info.get("tokens")]
        self.tokens += [_tokens(each) for each in counted if isinstance(each, dict)]
        if cost is None or not steps or None in of_steps:
            return None
        off = math.fsum(each for each in of_steps if each is not None) - cost
        return off if abs(off) >= CENT_OF_A_CENT else None

    def usage(self) -> Usage:
        """Return the sums."""
        total = {key: sum(each[key] for each in self.tokens) for key in ("in", "out", "reasoning", "read", "write")}
        return Usage(
            requests=self.requests,
            without_cost=max(0, self.requests - self.priced),
            tokens_in=total["in"],
            tokens_in_total=total["in"] + total["read"] + total["write"],
            tokens_out=total["out"],
            tokens_reasoning=total["reasoning"],
            cache_reads=total["read"],
            cache_writes=total["write"],
            request_usd=math.fsum(self.costs),
            condense_usd=math.fsum(self.condensing),
        )


def _tokens(found: Mapping[str, Any]) -> Mapping[str, int]:
    """Return token counts; reasoning is part of what was received.

    Some versions count it in `output`, some beside it. `total` tells which; without one, reasoning
    that exceeds the output cannot be part of it.
    """
    cache = found.get("cache")
    cached = cache if isinstance(cache, dict) else {}
    used, out, reasoning = (count(found.get(key)) for key in ("input", "output", "reasoning"))
    read, write = (count(cached.get(key)) for key in ("read", "write"))
    total = number(found.get("total"))
    apart = reasoning > out if total is None else total >= used + read + write + out + reasoning
    received = out + (reasoning if apart else 0)
    return {"in": used, "out": received, "reasoning": reasoning, "read": read, "write": write}
