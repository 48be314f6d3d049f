"""What a report says beside the runs, and the words that the terminal and Markdown share."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from g6o_eval.budget import Spend
from g6o_eval.gate import Interval
from g6o_eval.redact import plain, redact
from g6o_eval.run import Run

Word = Literal["pass", "fail", "inconclusive", "partial"]

KEYS_SHOWN = 3
"""Keys of broken examples that a line names; `g6o-eval show` lists all."""
_KEY_LENGTH = 32
_WORDS: tuple[Word, ...] = ("pass", "fail", "inconclusive", "partial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """An Eval that was collected and has no verdict.

    Attributes:
        eval_name: name of the Eval.
        reason: why, for a person.
        stopped: whether its budget stopped it.
    """

    eval_name: str
    reason: str
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true of the whole session.

    Attributes:
        store_url: without a password.
        read_only: whether the store may only be read.
        data_branch: branch the Examples were read from.
        data_commit: revision they were read at.
        dirty_tables: of the store, with rows that no commit holds.
        budget_usd: of all budgets together; None: one of them has no such limit.
        budget_calls: the same for calls.
        unjudged: Evals without a verdict.
    """

    store_url: str
    read_only: bool
    data_branch: str
    data_commit: str
    dirty_tables: tuple[str, ...] = ()
    budget_usd: float | None = None
    budget_calls: int | None = None
    unjudged: tuple[Unjudged, ...] = ()

    @property
    def data(self) -> str:
        """Branch, short commit, and whether every row is in a commit."""
        state = f"uncommitted rows in {', '.join(self.dirty_tables)}" if self.dirty_tables else "clean"
        return f"{self.data_branch}@{self.data_commit[:6]} ({state})"

    @property
    def store(self) -> str:
        """The store's URL, and whether it may only be read."""
        return f"{self.store_url} (read-only)" if self.read_only else self.store_url

    @property
    def stopped_by_budget(self) -> bool:
        """Whether a budget kept an Eval from its verdict."""
        return any(eval_.stopped for eval_ in self.unjudged)


def word(run: Run) -> Word:
    """Return what a run comes to: its outcome, but a run of some items never says pass."""
    return "partial" if run.standing == "partial" and run.verdict.outcome == "pass" else run.verdict.outcome


def tally(runs: Sequence[Run], facts: Facts) -> str:
    """Return "1 pass, 1 fail, 1 inconclusive": what occurs, in this order."""
    words = [word(run) for run in runs]
    counts = [(words.count(each), str(each)) for each in _WORDS]
    stopped = sum(eval_.stopped for eval_ in facts.unjudged)
    counts += [(stopped, "stopped"), (len(facts.unjudged) - stopped, "without a verdict")]
    return ", ".join(f"{count} {each}" for count, each in counts if count) or "no verdict"


def total_spend(runs: Sequence[Run]) -> Spend:
    """Return what judging and compiling used together."""
    parts = [spend for run in runs for spend in (run.spend, run.compile_spend) if spend is not None]
    return functools.reduce(operator.add, parts, Spend())


def spent(runs: Sequence[Run], facts: Facts) -> str:
    """Return "$0.42 of $5.00, 1,204 calls"."""
    spend = total_spend(runs)
    of_usd = "" if facts.budget_usd is None else f" of {dollars(facts.budget_usd)}"
    of_calls = "" if facts.budget_calls is None else f" of {facts.budget_calls:,}"
    return f"{dollars(spend.usd)}{of_usd}, {spend.calls:,}{of_calls} {'call' if spend.calls == 1 else 'calls'}"


def dollars(usd: float | None) -> str:
    """Return an amount to the cent; an unknown one is not 0, and neither is one below a cent."""
    if usd is None:
        return "unknown price"
    return "<$0.01" if 0 < usd < 0.01 else f"${usd:,.2f}"


def mean_text(run: Run) -> str:
    """Return "0.844 [0.770, 0.901]", or a dash when nothing was scored."""
    verdict = run.verdict
    low, high = verdict.mean_interval
    return "–" if verdict.mean is None else f"{verdict.mean:.3f} [{low:.3f}, {high:.3f}]"


def difference_text(run: Run) -> str:
    """Return "+0.125 [+0.036, +0.213]", or nothing when there is no difference to tell."""
    verdict = run.verdict
    if run.same_program or verdict.difference is None or verdict.difference_interval is None:
        return ""
    return f"{_signed(verdict.difference)} {_signed_interval(verdict.difference_interval)}"


def baseline_name(run: Run) -> str:
    """Return what the candidate was compared with: "hand-written", "git:main", or the live digest's start."""
    subject = run.subject
    return f"{subject.baseline_digest[:4]}…" if subject.baseline == "live" else line(subject.baseline)


def compile_text(run: Run) -> str | None:
    """Return "compiled: 412 calls, $0.00, 3.1 s, offline LM", or None when nothing was compiled."""
    spend = run.compile_spend
    if spend is None:
        return None
    offline = ", offline LM" if run.offline else ""
    calls = f"{spend.calls:,} {'call' if spend.calls == 1 else 'calls'}"
    return f"compiled: {calls}, {dollars(spend.usd)}, {spend.seconds:.1f} s{offline}"


def remarks(run: Run) -> list[str]:
    """Return what else a reader must know before trusting the verdict, without the changed keys."""
    found = [_standing(run)] if run.standing != "stored" else []
    if run.verdict.errors:
        found.append(f"{run.verdict.errors:,} {'error' if run.verdict.errors == 1 else 'errors'}")
    if (examples := len(run.scores)) > run.verdict.n:
        found.append(f"{examples:,} examples in {run.verdict.n:,} {'group' if run.verdict.n == 1 else 'groups'}")
    found += [line(note) for note in run.notes]
    found.append(f"look {run.look}")
    if run.offline and run.compile_spend is None:
        found.append("offline LM")
    return found


def _standing(run: Run) -> str:
    if run.standing == "exploratory":
        return "exploratory: not stored"
    if run.standing != "partial":
        return run.standing
    if run.reported < run.collected:
        return f"partial: {run.reported:,} of {run.collected:,} items reported"
    return f"partial: {len(run.scores):,} {'example' if len(run.scores) == 1 else 'examples'} scored"


def short_key(key: str) -> str:
    """Return a key fit for a list: one line, no secret, not longer than 32 characters."""
    shown = line(key)
    return shown if len(shown) <= _KEY_LENGTH else f"{shown[: _KEY_LENGTH - 1]}…"


def line(text: str) -> str:
    """Return a text from outside as one harmless line: secrets out, control characters made visible."""
    return plain(redact(text)).replace("\n", "\\n").replace("\t", "\\t")


def _signed(value: float) -> str:
    return f"{value + 0.0:+.3f}" if f"{value:.3f}" != "-0.000" else "+0.000"


def _signed_interval(interval: Interval) -> str:
    return f"[{_signed(interval[0])}, {_signed(interval[1])}]"
