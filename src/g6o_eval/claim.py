"""Claims: what one comparison of an interval with a limit comes to, and the sentence that says so.

Apart from gate.py so that the rule there can be read without the wording here. Ends of intervals are
rounded outward in sentences: no sentence promises more than was shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from g6o_eval.bound import detectable, examples_needed

Outcome = Literal["pass", "fail", "inconclusive"]
Interval = tuple[float, float]
"""A lower and an upper end, each of them exact at one-sided level alpha."""
Finding = tuple[Outcome, str]
"""What one claim comes to, and the sentence that says so."""


def worst(found: Sequence[Finding]) -> Outcome:
    """Return the outcome of all findings together: fail beats inconclusive beats pass; none: inconclusive."""
    outcomes = {outcome for outcome, _ in found} or {"inconclusive"}
    return "fail" if "fail" in outcomes else "inconclusive" if "inconclusive" in outcomes else "pass"


def claim_mean(needed: float, interval: Interval) -> Finding:
    """Compare the interval of the mean with `min_mean`."""
    low, high = interval
    outcome: Outcome = "pass" if low >= needed else "fail" if high < needed else "inconclusive"
    return outcome, f"the mean lies in [{_down(low)}, {_up(high)}], needed {_limit(needed)}"


def claim_drop(limit: float, interval: Interval, *, units: Sequence[float], alpha: float) -> Finding:
    """Compare the interval of the difference with `max_drop`; units are the differences, not empty."""
    low, high = interval
    worse = f"worse by at least {_down(-high)}; " if high < 0 else ""
    if low > 0:
        return "pass", f"better by at least {_down(low)}"
    if low >= -limit:
        return "pass", f"{worse}a drop of more than {_up(-low)} is ruled out, allowed {_limit(limit)}"
    if high < -limit:
        fell = -math.fsum(units) / len(units)
        return "fail", f"fell by {fell:.3f}, for sure by {_down(-high)} or more; allowed {_limit(limit)}"
    return "inconclusive", _open_question(limit, interval, units=units, alpha=alpha)


def _open_question(limit: float, interval: Interval, *, units: Sequence[float], alpha: float) -> str:
    n, (low, high) = len(units), interval
    spread = math.sqrt(math.fsum(x * x for x in units) / n)
    needed = examples_needed(limit, spread, alpha=alpha)
    worse = "worse than the baseline for sure, perhaps within the limit. " if high < 0 else ""
    return (
        f"{worse}{n} examples leave a drop of {_up(-low)} possible; allowed {_limit(limit)}. "
        f"If the two are equal, about {needed:,} would do; "
        f"{n} can confirm a limit of {_up(detectable(n, spread, alpha=alpha))} or more."
    )


def _down(value: float) -> str:
    """Round towards minus infinity to three digits; 1e-9 forgives the last bits of a bound."""
    return f"{math.floor(value * 1000 + 1e-9) / 1000:.3f}"


def _up(value: float) -> str:
    return f"{math.ceil(value * 1000 - 1e-9) / 1000:.3f}"


def _limit(value: float) -> str:
    """Three digits, or as many as the limit was written with."""
    return f"{value:.3f}" if float(f"{value:.3f}") == value else repr(value)
