"""Measures of one session, each a number in [0, 1], higher is better; None with a reason where it cannot be known.

A measure looks at what a session did and cost. None of them looks at the outcome that the session's
own label says, except recovery, which is about another session's work.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from g6o_eval.fleet.facts import Facts
from g6o_eval.fleet.outcome import Outcome

MEASURES_VERSION = "measures-1"
"""Stored with every value; raised with each change of a definition or a threshold."""

MIN_PEERS = 5
"""Other sessions of a mode, with a known price, that a place among them needs. Source: with fewer, one
session moves the place by more than a fifth."""
EXPECTED_EDITS = (1, 30)
"""Edits that a task of an editing mode takes. Source: the edit range of the daemon's session audit."""
EDITING_MODES = frozenset({"code", "code-simplifier", "debug", "docs-specialist", "fitter", "general"})
"""Modes whose tasks are expected to change files; of the others, none has to."""
RECOVERED: Mapping[Outcome, float] = MappingProxyType({"success": 1.0, "partial": 0.5, "failure": 0.0})
"""What the outcome of a recovery is worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A value in [0, 1], or the reason why there is none; never both.

    Attributes:
        value: in [0, 1]; None when it cannot be known.
        reason: why it cannot; "" beside a value.
    """

    value: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a session is measured against.

    Attributes:
        budget_usd: what it may cost, when the caller says so.
        mode_usd: known prices of all sessions of its mode, its own among them, ascending.
        expected_edits: fewest and most edits of its task, when the caller says so.
        recovers: the outcome of its work when it took up a stopped session's; None when it did not.
    """

    budget_usd: float | None = None
    mode_usd: Sequence[float] = ()
    expected_edits: tuple[int, int] | None = None
    recovers: Outcome | None = None


ALONE = Setting()


def measure(facts: Facts, setting: Setting = ALONE) -> dict[str, Measured]:
    """Return every measure of a session by name."""
    return {name: definition(facts, setting) for name, definition in MEASURES.items()}


def measure_all(
    facts: Mapping[str, Facts], recovers: Mapping[str, Outcome], *, budget_usd: float | None = None
) -> dict[str, dict[str, Measured]]:
    """Return session → measure → value, each session among those of its mode.

    Args:
        facts: of every session.
        recovers: session → its outcome, of those that took up a stopped one's work.
        budget_usd: what one session may cost; None: its price is held against its mode's.
    """
    prices: dict[str | None, list[float]] = {}
    for each in facts.values():
        if each.requests and not each.without_cost:
            prices.setdefault(each.mode, []).append(each.usd)
    for found in prices.values():
        found.sort()
    return {
        name: measure(
            each,
            Setting(budget_usd=budget_usd, mode_usd=prices.get(each.mode, ()), recovers=recovers.get(name)),
        )
        for name, each in sorted(facts.items())
    }


def punch_card_pass_rate(facts: Facts, setting: Setting) -> Measured:
    """Return the share of its mode's card that it kept.

    kept / all, over the card's rules: a required one is kept when a punch fits it, a forbidden one when
    none does. Unit: share of rules. 1 is a passed card. None without a card. Source: the card verdict
    of cards.py, on punches read from the log.
    """
    if not facts.card_rules:
        return Measured(reason="its mode has no punch card" if facts.mode else "its mode is not known")
    return Measured(value=facts.card_kept / facts.card_rules)


def cost_efficiency(facts: Facts, setting: Setting) -> Measured:
    """Return how cheap it was: against a budget, or among the sessions of its mode.

    With a budget: 1 − usd / budget, at least 0. Else the share of its peers that cost more, ties
    counting half. Unit: share of USD, or of peers. None when one of its requests has no price, or with
    fewer than MIN_PEERS peers. Source: the prices that the log gives, condensing included.
    """
    if not facts.requests:
        return Measured(reason="it made no request")
    if facts.without_cost:
        return Measured(reason=f"{facts.without_cost} of its {facts.requests} requests have no price")
    if setting.budget_usd is not None:
        return Measured(value=max(0.0, 1 - facts.usd / setting.budget_usd))
    peers = max(0, len(setting.mode_usd) - 1)
    if peers < MIN_PEERS:
        return Measured(reason=f"{peers} other sessions of its mode have a price, {MIN_PEERS} are needed")
    first, after = bisect_left(setting.mode_usd, facts.usd), bisect_right(setting.mode_usd, facts.usd)
    dearer, equal = len(setting.mode_usd) - after, after - first - 1
    return Measured(value=(dearer + equal / 2) / peers)


def task_completion_rate(facts: Facts, setting: Setting) -> Measured:
    """Return the share of what it set out to do that it finished.

    Of its last list of things to do, the share that is ticked off; without a list, the share of its
    children that came back; without children, 1 when it handed its work in and 0 when it was stopped,
    failed or left waiting. Unit: share of items. None when the log just ends. Source: the calls and
    the end of the log.
    """
    if facts.todo_total and facts.todo_done is not None:
        return Measured(value=facts.todo_done / facts.todo_total)
    if facts.children_asked:
        return Measured(value=min(1.0, facts.children_returned / facts.children_asked))
    if facts.status == "unknown" and not facts.unanswered:
        return Measured(reason="it has no list of things to do, and its log just ends")
    return Measured(value=float(facts.status == "completed"))


def fitter_recovery_success_rate(facts: Facts, setting: Setting) -> Measured:
    """Return how well it recovered the work of a stopped session.

    1 when it succeeded, 0.5 when part of the work stands, 0 when it failed too. Unit: RECOVERED. None
    when it took up no stopped session's work. Source: pairs.py and the recovery's own label; the mean
    over the sessions of a mode is the mode's success rate.
    """
    if setting.recovers is None:
        return Measured(reason="it took up no stopped session's work")
    return Measured(value=RECOVERED[setting.recovers])


def tool_adherence(facts: Facts, setting: Setting) -> Measured:
    """Return how well its tools fit its task: edits in the expected range, and nothing forbidden.

    range × (1 − forbidden calls / calls), where range is 1 within the expected edits, edits / fewest
    below them and most / edits above. The range is the caller's, else EXPECTED_EDITS of an editing mode
    and up to its upper end of any other. Unit: share. None without calls, or without mode and range.
    Source: ToolAdherenceResult of the daemon (editCount, expectedRange), and its forbidden punches.
    """
    if not facts.calls:
        return Measured(reason="it called no tool")
    if setting.expected_edits is None and facts.mode is None:
        return Measured(reason="its mode is not known, and nobody said how many edits its task takes")
    fewest, most = setting.expected_edits or (EXPECTED_EDITS[0] * (facts.mode in EDITING_MODES), EXPECTED_EDITS[1])
    fits = 1.0
    if facts.edits < fewest:
        fits = facts.edits / fewest
    elif facts.edits > most:
        fits = most / facts.edits
    return Measured(value=fits * (1 - min(1.0, facts.forbidden_calls / facts.calls)))


def self_report_accuracy(facts: Facts, setting: Setting) -> Measured:
    """Return how far its report is so: 1 − |claimed − verified| / required.

    Says all pass and all do: 1. Says all pass, 3 of 5 are missing: 0.4. Says that 3 of 5 are open, and
    they are: 1. Unit: share of what it was held against. None when it claims nothing that can be
    checked: silence is neither honest nor dishonest. Source: claims.py, on the kept beginning of the report.
    """
    if facts.claim_required is None or facts.claim_wrong is None:
        return Measured(reason="its report claims nothing that can be checked")
    return Measured(value=max(0.0, 1 - facts.claim_wrong / facts.claim_required))


Definition = Callable[[Facts, Setting], Measured]
MEASURES: Mapping[str, Definition] = MappingProxyType(
    {
        each.__name__: each
        for each in (
            punch_card_pass_rate,
            cost_efficiency,
            task_completion_rate,
            fitter_recovery_success_rate,
            tool_adherence,
            self_report_accuracy,
        )
    }
)
"""Every measure, by the name that it is stored under."""
