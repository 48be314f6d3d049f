"""What a session's report claims of its own checks, and how far that is so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

CHECKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"tests": ("pytest", "vitest"), "types": ("mypy", "tsc"), "lint": ("ruff-check",), "format": ("ruff-format",)}
)
"""What reports speak of → the gates that prove it, any one of them."""

_WORDS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "tests": re.compile(r"\b(?:py|vi|unit |integration )?tests?\b|\btest suite\b", re.IGNORECASE),
        "types": re.compile(r"\bmypy\b|\btsc\b|\btype[- ]?checks?\b|\btype[- ]?checking\b", re.IGNORECASE),
        "lint": re.compile(r"\blint(?:er|ers|ing)?\b|\bruff check\b", re.IGNORECASE),
        "format": re.compile(r"\bruff format\b|\bformatting\b|\bformat check\b", re.IGNORECASE),
    }
)
_GOOD = re.compile(r"\b(?:pass(?:es|ed|ing)?|green|clean|succeed(?:s|ed)?|met|satisfied|fulfilled)\b", re.IGNORECASE)
_BAD = re.compile(
    r"\b(?:fail(?:s|ed|ing|ure|ures)?|red|broken|skip(?:s|ped)?|not|never|no|cannot|unable|without running)\b|n't\b",
    re.IGNORECASE,
)
_SUBJECT = r"(?:gates?|checks?|requirements?|punch(?:es| card)?|exit conditions?|criteria)"
_ALL = re.compile(rf"\b(?:all|every)\b[^.\n;]{{0,30}}\b{_SUBJECT}\b", re.IGNORECASE)
_COUNTED = re.compile(
    rf"\b(\d{{1,3}}) ?(?:/|of|out of) ?(?:the )?(\d{{1,3}})\b[^.\n;]{{0,30}}\b{_SUBJECT}\b", re.IGNORECASE
)
_CLAUSE = re.compile(r"[.;\n,]|\bbut\b|\bexcept\b|\bwhile\b|\bhowever\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """How far a report is so.

    Attributes:
        required: what was to be shown: rules of the card, or checks. At least 1.
        wrong: those that are claimed and not so, or so and denied.
    """

    required: int
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is verified, beside the report.

    Attributes:
        gates: quality gate → whether its last run passed.
        card: how many of the card's required rules are met, and how many there are; None without a card.
        card_gates: gates that the card asks for.
    """

    gates: Mapping[str, bool]
    card: tuple[int, int] | None = None
    card_gates: Sequence[str] = ()


def claim_of(report: str, shown: Shown) -> Claim | None:
    """Hold a report against what is verified; None when it claims nothing that can be checked.

    A report that speaks of all requirements, or of so many of them, is held against the card by
    |claimed − verified|; one that names checks, check by check. A check that is not named is not
    claimed and not counted, unless the report says "all".
    """
    counted, everything = _COUNTED.search(report), _says_all(report)
    if shown.card is not None and (counted or everything):
        met, required = shown.card
        claimed = _scaled(counted, required) if counted else required
        return Claim(required=required, wrong=abs(claimed - met))
    claims = dict(_named(report))
    if everything:
        claims = {**dict.fromkeys(_at_stake(shown), True), **claims}
    if not claims:
        return None
    so = {check: any(shown.gates.get(gate, False) for gate in CHECKS[check]) for check in claims}
    return Claim(required=len(claims), wrong=sum(claims[check] != so[check] for check in claims))


def _says_all(report: str) -> bool:
    return any(_ALL.search(clause) and _polarity(clause) is True for clause in _CLAUSE.split(report))


def _scaled(counted: re.Match[str], required: int) -> int:
    """Return the claimed count in the card's own units: "2 of 4" of a card of 8 claims 4."""
    claimed, total = int(counted[1]), int(counted[2])
    return min(required, round(required * claimed / total)) if total else 0


def _at_stake(shown: Shown) -> Iterator[str]:
    """Yield the checks that were run, or that the card asks for."""
    known = {*shown.gates, *shown.card_gates}
    return (check for check, gates in CHECKS.items() if known.intersection(gates))


def _named(report: str) -> Iterator[tuple[str, bool]]:
    for clause in _CLAUSE.split(report):
        good = _polarity(clause)
        if good is not None:
            yield from ((check, good) for check, words in _WORDS.items() if words.search(clause))


def _polarity(clause: str) -> bool | None:
    """Tell whether a clause says that something holds or that it does not; None when it says neither."""
    if _BAD.search(clause):
        return False
    return True if _GOOD.search(clause) else None
