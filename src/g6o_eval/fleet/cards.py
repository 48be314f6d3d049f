"""Punch cards: what a mode must do, and must not do. One evaluator.

A card is a set of rules; a rule asks for (or forbids) a punch by its type and a pattern over its key,
with the meaning of SQL's LIKE. A forbidden rule is never also asked for, whatever its row says: in the
daemon's seeds every forbidden row carries required = TRUE as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from g6o_eval.errors import DataError
from g6o_eval.fleet.inventory import ENFORCED, MODE_CARDS, OBSERVED, WORDS
from g6o_eval.fleet.session import Punch, PunchType
from g6o_eval.fleet.vocabulary import KEYS, mode_slug, punch_type_of, spellings
from g6o_eval.store.port import Change, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One rule of a card.

    Attributes:
        punch_type: of the punches it is about.
        like: the pattern of their keys: `%` any characters, `_` exactly one, a backslash before either
            means itself; letters count as they are written.
        forbidden: a punch that fits breaks the card; else one is asked for.
        enforced: whether the daemon stops a session for it; the verdict does not depend on it.
        description: for a person.
    """

    punch_type: PunchType
    like: str
    forbidden: bool = False
    enforced: bool = False
    description: str = ""

    def __str__(self) -> str:
        """As the daemon writes it into a checkpoint: "gate_pass:pytest"."""
        return f"{self.punch_type}:{self.like}"

    def fits(self, punch: Punch) -> bool:
        """Say whether a punch is what this rule is about, by any spelling of its key."""
        if punch.punch_type != self.punch_type:
            return False
        return any(like(key, self.like) for key in spellings(punch.punch_type, punch.punch_key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A named set of rules; where it comes from is its workflow."""

    card_id: str
    workflow: str
    patterns: tuple[Pattern, ...]

    @property
    def required(self) -> tuple[Pattern, ...]:
        """The rules that ask for a punch."""
        return tuple(pattern for pattern in self.patterns if not pattern.forbidden)

    @property
    def forbidden(self) -> tuple[Pattern, ...]:
        """The rules that forbid one."""
        return tuple(pattern for pattern in self.patterns if pattern.forbidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardVerdict:
    """What a session's punches say of a card.

    Attributes:
        card_id: of the card.
        status: pass when nothing is missing and nothing forbidden was done.
        missing: required rules that no punch fits.
        violations: forbidden rules, and how many punches fit each.
        unsatisfiable: those of the missing that no known punch could ever fit.
    """

    card_id: str
    status: Literal["pass", "fail"]
    missing: tuple[Pattern, ...]
    violations: tuple[tuple[Pattern, int], ...]
    unsatisfiable: tuple[Pattern, ...]


def evaluate(card: Card, punches: Sequence[Punch]) -> CardVerdict:
    """Hold a session's punches against a card.

    Raises:
        DataError: the card has no rule (it would pass everything), or contradicts itself.
    """
    check_card(card)
    missing = tuple(rule for rule in card.required if not any(rule.fits(punch) for punch in punches))
    counts = ((rule, sum(rule.fits(punch) for punch in punches)) for rule in card.forbidden)
    violations = tuple((rule, count) for rule, count in counts if count)
    return CardVerdict(
        card_id=card.card_id,
        status="fail" if missing or violations else "pass",
        missing=missing,
        violations=violations,
        unsatisfiable=tuple(rule for rule in missing if not is_satisfiable(rule)),
    )


def check_card(card: Card) -> None:
    """Raise DataError when a card cannot be judged by: it is empty, or asks for what it forbids."""
    if not card.patterns:
        raise DataError(f"card {card.card_id!r} has no rules: every session would pass. Add one, or drop the card")
    both = sorted(str(rule) for rule in card.required if any(_covers(other, rule) for other in card.forbidden))
    if both:
        raise DataError(f"card {card.card_id!r} asks for and forbids {', '.join(both)}: drop one of the two rules")


def _covers(rule: Pattern, other: Pattern) -> bool:
    """Say whether every key that fits the other rule fits this one, too."""
    odd = {"%": "\0\0", "_": "\0"}  # what no pattern is written with: only a wildcard fits it
    key = "".join(odd.get(part) or part[-1] for part in _parts(other.like))
    return rule.punch_type == other.punch_type and (rule.like == other.like or like(key, rule.like))


def is_satisfiable(rule: Pattern) -> bool:
    """Say whether a key of the vocabulary fits a rule; one that fits none can never be punched."""
    return any(like(name, rule.like) for key in KEYS[rule.punch_type] for name in spellings(rule.punch_type, key))


def unsatisfiable(cards: Iterable[Card]) -> dict[str, tuple[Pattern, ...]]:
    """Return the rules of each card that ask for what is never punched: such a card cannot be passed."""
    found = {card.card_id: tuple(rule for rule in card.required if not is_satisfiable(rule)) for card in cards}
    return {card_id: rules for card_id, rules in found.items() if rules}


def like(text: str, pattern: str) -> bool:
    """Say whether `text LIKE pattern` holds on Dolt's server under its binary collation: all of the text, case counts.

    `%` is any number of characters, `_` exactly one, and a backslash takes its meaning from what
    follows. A pattern that ends in such a backslash fits nothing, as on the server.
    """
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    signs = {"%": ".*", "_": "."}
    parts = _parts(pattern)
    if parts and parts[-1] == "\\":
        return re.compile(r"(?!)")
    return re.compile("".join(signs.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


def _parts(pattern: str) -> list[str]:
    return re.findall(r"\\.|.", pattern, re.DOTALL)


def card_of_mode(mode: str | None, cards: Mapping[str, Card] | None = None) -> Card | None:
    """Return the card of a mode, by slug or display name; None when it has none."""
    card_id = MODE_CARDS.get(mode_slug(mode)) if mode else None
    return None if card_id is None else (CARDS if cards is None else cards).get(card_id)


CardRow = tuple[str, str, str, str, bool, bool, bool, str]
"""A row of `punch_cards`: card, workflow, punch type, pattern, required, forbidden, enforced, description."""


def read_cards(rows: Iterable[CardRow]) -> dict[str, Card]:
    """Return the cards that rows of `punch_cards` make, by id, their rules in the order of the rows.

    Forbidden wins over required; a row that is neither is an option and no rule.

    Raises:
        DataError: a row's punch type is none.
    """
    rules: dict[str, list[Pattern]] = {}
    workflows: dict[str, str] = {}
    for card_id, workflow, punch_type, like_pattern, required, forbidden, enforced, description in rows:
        known = punch_type_of(punch_type)
        if known is None:
            raise DataError(
                f"punch_cards: card {card_id!r} asks for punch type {punch_type!r}, expected one of {', '.join(KEYS)}"
            )
        workflows.setdefault(card_id, workflow)
        mine = rules.setdefault(card_id, [])
        if required or forbidden:
            mine.append(
                Pattern(
                    punch_type=known, like=like_pattern, forbidden=forbidden, enforced=enforced, description=description
                )
            )
    return {each: Card(card_id=each, workflow=workflows[each], patterns=tuple(mine)) for each, mine in rules.items()}


def load_cards(store: Store | Change) -> Mapping[str, Card]:
    """Return the cards of `punch_cards`, or the inventory's where that table has no row.

    Raises:
        DataError: a row cannot be read.
    """
    sql = """
        SELECT card_id, workflow_name, punch_type, punch_key_pattern, required, forbidden, enforced, description
        FROM punch_cards ORDER BY card_id, punch_type, punch_key_pattern
    """
    rows = [
        (str(card), str(workflow), str(kind), str(pattern), bool(asked), bool(barred), bool(hard), str(words or ""))
        for card, workflow, kind, pattern, asked, barred, hard, words in store.read(sql)
    ]
    return read_cards(rows) if rows else CARDS


def seed_rows() -> list[CardRow]:
    """Return the rows of `punch_cards` that the inventory makes."""
    rows = [_seed(card, rule) for card, rules in OBSERVED.items() for rule in rules]
    for card, (required, forbidden) in ENFORCED.items():
        rows += [_seed(card, rule, enforced=True) for rule in required]
        rows += [_seed(card, rule, forbidden=True, enforced=True) for rule in forbidden]
    return rows


def _seed(card_id: str, rule: str, *, forbidden: bool = False, enforced: bool = False) -> CardRow:
    punch_type, _, pattern = rule.partition(":")
    words = WORDS.get(rule) or f"{punch_type.replace('_', ' ')}: {pattern.strip('%')}"
    return card_id, card_id, punch_type, pattern, not forbidden, forbidden, enforced, words


CARDS: Mapping[str, Card] = MappingProxyType(read_cards(seed_rows()))
"""The inventory's cards, by id."""
