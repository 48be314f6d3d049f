"""The end of a session under a punch card: what it did, what its card says of it, and which text it reads.

Prompt ids go by card, formula and depth; readers ask for the most specific one first. Both sides, compile
and lookup, get ids from `exit_ids` and depth from `depth_of`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from g6o_eval.errors import DataError
from g6o_eval.fleet.cards import CARDS, Card, Pattern, evaluate, is_satisfiable, like
from g6o_eval.fleet.session import Punch, PunchType
from g6o_eval.fleet.vocabulary import KEYS

TABLE = "exit_cases"
"""The table of sessions that end under a card: a project's own may be loaded with `g6o-eval load exit_cases FILE`."""

MAX_DEPTH = 10
"""Levels of delegation that are believed; more is a circle in the records."""


def depth_of(session_id: str, parents: Mapping[str, str]) -> int:
    """Return how deep a session stands: 1 for one that nobody asked for, one more than its parent's else.

    Args:
        session_id: of the session.
        parents: child's session id → its parent's.

    Raises:
        DataError: the parents go in a circle, or deeper than MAX_DEPTH.
    """
    depth, at = 1, session_id
    while at in parents:
        depth, at = depth + 1, parents[at]
        if depth > MAX_DEPTH:
            raise DataError(f"session {session_id!r} stands deeper than {MAX_DEPTH} levels: its parents go in a circle")
    return depth


def exit_ids(card_id: str, *, formula: str | None = None, depth: int | None = None) -> tuple[str, ...]:
    """Return the prompt ids to ask for, the most specific first: formula and depth, formula, depth, card.

    Raises:
        DataError: the depth is below 1, which `depth_of` never says.
    """
    if depth is not None and depth < 1:
        raise DataError(f"depth must be at least 1, got {depth}: count it with depth_of")
    by_formula, by_depth = f":formula-{formula}", f":depth-{depth}"
    found = [f"card-exit:{card_id}"]
    if depth is not None:
        found.insert(0, f"card-exit:{card_id}{by_depth}")
    if formula:
        found.insert(0, f"card-exit:{card_id}{by_formula}")
    if formula and depth is not None:
        found.insert(0, f"card-exit:{card_id}{by_formula}{by_depth}")
    return tuple(found)


def passable(cards: Mapping[str, Card] = CARDS) -> dict[str, Card]:
    """Return the cards that a session can pass: one that asks for what is never punched can only mislead."""
    return {card_id: card for card_id, card in cards.items() if all(map(is_satisfiable, card.required))}


def deeds_of(punches: Sequence[Punch]) -> list[str]:
    """Return what was done and how often, as lines "gate_pass:pytest, 3 times", in the order of the first time."""
    counts = Counter(f"{punch.punch_type}:{punch.punch_key}" for punch in punches)
    return [f"{deed}, {'once' if count == 1 else f'{count} times'}" for deed, count in counts.items()]


def exit_case(case_id: str, root: str, card: Card, punches: Sequence[Punch]) -> dict[str, Any]:
    """Return a row of TABLE: the card's rules, the deeds, and what the one evaluator says of each rule.

    Raises:
        DataError: the card has no rules, or contradicts itself.
    """
    verdict = evaluate(card, punches)
    missing = [str(rule) for rule in verdict.missing]
    required = [str(rule) for rule in card.required]
    return {
        "id": case_id,
        "root": root,
        "card_id": card.card_id,
        "required": required,
        "forbidden": [str(rule) for rule in card.forbidden],
        "deeds": deeds_of(punches),
        "done": [rule for rule in required if rule not in missing],
        "missing": missing,
        "broken": [str(rule) for rule, _ in verdict.violations],
    }


# ── made-up cases ──

_MET_SHARE, _BROKEN_SHARE, _FAILED_GATE_SHARE = 0.6, 0.3, 0.5
_USUAL: tuple[tuple[PunchType, str], ...] = (
    ("message", "text_response"),
    ("tool_call", "list_files"),
    ("tool_call", "search_files"),
    ("session_lifecycle", "session_completed"),
)
"""What sessions do that no card speaks of."""


def make_exit_cases(count: int, *, seed: int) -> Iterator[dict[str, Any]]:
    """Yield made-up sessions under passable cards, the cards in turn; the truth is the evaluator's."""
    cards = sorted(passable().items())
    for number in range(count):
        rng = random.Random(f"{seed}:{number}")  # noqa: S311  # made-up data, no secret
        _, card = cards[number % len(cards)]
        yield exit_case(f"exit-{number:04d}", f"root-{number:04d}", card, _made_up(card, rng))


def _made_up(card: Card, rng: random.Random) -> list[Punch]:
    deeds = [deed for deed in _USUAL if rng.random() < 1 / 2]
    for rule in card.patterns:
        if rng.random() < (_BROKEN_SHARE if rule.forbidden else _MET_SHARE):
            deeds += [_deed(rule, rng)] * rng.randint(1, 4)
        elif rule.punch_type == "gate_pass" and rng.random() < _FAILED_GATE_SHARE:
            deeds.append(("gate_fail", rule.like))
    rng.shuffle(deeds)
    return [
        Punch(punch_type=punch_type, punch_key=key, ts=None, file="made-up", index=at)
        for at, (punch_type, key) in enumerate(deeds)
    ]


def _deed(rule: Pattern, rng: random.Random) -> tuple[PunchType, str]:
    return rule.punch_type, rng.choice([key for key in KEYS[rule.punch_type] if like(key, rule.like)])
