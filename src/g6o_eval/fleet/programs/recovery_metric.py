"""How good a recovery plan is: what it uses, follows and avoids, in [0, 1], with a word on each part."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from g6o_eval.fleet.agent_text import placeholders, session_ids
from g6o_eval.fleet.diagnosis import DiagnosisCategory
from g6o_eval.fleet.programs.recovery_guide import GUIDES, PARTS, Guide, Part, known, worked_plan
from g6o_eval.fleet.programs.recovery_judge import judged_factor
from g6o_eval.score import Score

QUOTED_RUN = 3
"""Words in a row that must be the fact's own for a fact of more words to count as used."""
PENALTY = 0.5
"""Factor on the score for each contradiction, and for each bound of length that is left."""
MIN_STEPS, MAX_STEPS = 2, 8
"""First steps of a plan."""
MAX_WORDS = 220
"""Words of a whole plan."""

Texts = Mapping[Part, tuple[str, ...]]

_WORD = re.compile(r"[\w$.,/-]*\w")
_NEGATED = re.compile(r"\b(not|no|never|without|instead of|nor|avoid|stop)\W+(\w+\W+){0,2}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RecoveryMetric:
    """Scores a plan by three shares: facts used, points followed, what killed the session named as not repeated.

    value = (mean of the three + the least of them) / 2, so that no part buys another one; then PENALTY
    for each contradiction and each bound of length that is left. A plan with a leftover (a placeholder,
    a session's id) is worth 0. Where a model plays the role judge, it may take JUDGED_SHARE of that away.

    Attributes:
        category: whose guidance counts.
    """

    category: DiagnosisCategory

    def __call__(self, example: Any, prediction: Any) -> Score:
        """Score one plan."""
        guide, plan = GUIDES[self.category], texts_of(prediction)
        parts = {
            "facts": _share(_facts(guide, example, plan)),
            "guidance": _share(_points(guide, plan)),
            "not repeated": _share(_not_repeated(guide, example, plan)),
        }
        faults = [*_contradictions(guide, example, plan), *_lengths(plan)]
        left = leftovers(plan)
        shares = [share for share, _ in parts.values()]
        value = 0.0 if left else (math.fsum(shares) / len(shares) + min(shares)) / 2 * PENALTY ** len(faults)
        factor = judged_factor(example, plan) if value else 1.0
        missing = [f"{name} {share:.2f}: missing {', '.join(lost)}" for name, (share, lost) in parts.items() if lost]
        told = [*missing, *faults, *(f"it leaves {text!r} in the plan" for text in left)]
        told += [f"the judge leaves it {factor:.2f} of that"] if factor < 1 else []
        return Score(value * factor, feedback=f"{'; '.join(told)}." if told else "Every part is there.")

    def answer(self, example: Any) -> dict[str, Any]:
        """Return the plan that the rules make for an example."""
        return worked_plan(self.category, example)


def texts_of(prediction: Any) -> Texts:
    """Return the parts of a plan, each as its sentences.

    Raises:
        TypeError: a part is neither a text nor a list of texts.
    """
    return {part: tuple(_sentences(part, getattr(prediction, part))) for part in PARTS}


def _sentences(part: Part, value: object) -> Iterator[str]:
    items = value if isinstance(value, list | tuple) else [value]
    for item in items:
        if not isinstance(item, str):
            raise TypeError(f"{part} is {value!r}; expected a text or a list of texts")
        if item.strip():
            yield item


def leftovers(plan: Texts) -> list[str]:
    """Return what must never reach an agent's plan: placeholders, and ids of sessions."""
    text = "\n".join(sentence for part in PARTS for sentence in plan[part])
    return [*placeholders(text), *session_ids(text)]


def uses(fact: str, said: str) -> bool:
    """Tell whether a text uses a fact: names a line of it whole, or QUOTED_RUN of its words in a row."""
    words, text = _words(fact), f" {' '.join(_words(said))} "
    if f" {' '.join(words)} " in text:
        return True
    runs = (words[at : at + QUOTED_RUN] for at in range(len(words) - QUOTED_RUN + 1))
    return any(f" {' '.join(run)} " in text for run in runs)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _share(found: Sequence[tuple[str, bool]]) -> tuple[float, list[str]]:
    """Return the share that holds, in [0, 1], and the names of the rest; 1 where nothing is asked."""
    lost = [name for name, holds in found if not holds]
    return (1 - len(lost) / len(found) if found else 1.0), lost


def _facts(guide: Guide, example: Any, plan: Texts) -> list[tuple[str, bool]]:
    told = {name: (str(example[name]), " ".join(plan[part])) for name, part in guide.used if known(example[name])}
    return [(name, any(uses(line, said) for line in fact.splitlines())) for name, (fact, said) in told.items()]


def _points(guide: Guide, plan: Texts) -> list[tuple[str, bool]]:
    return [
        (point.name, point.said.search(" ".join(text for part in point.parts for text in plan[part])) is not None)
        for point in guide.points
    ]


def _not_repeated(guide: Guide, example: Any, plan: Texts) -> list[tuple[str, bool]]:
    said = " ".join(plan["will_not_repeat"])
    killers = [name for name in ("repeated", "failing_tool", "kill_reason") if name in _told(guide, example)]
    return [(name, uses(str(example[name]), said)) for name in killers]


def _told(guide: Guide, example: Any) -> frozenset[str]:
    names = ("repeated", "kill_reason", *guide.more_facts)
    return frozenset(name for name in names if known(example[name]))


def _contradictions(guide: Guide, example: Any, plan: Texts) -> Iterator[str]:
    told = [line for name, _ in guide.used for line in str(example[name]).splitlines() if known(line)]
    for step in plan["first_steps"]:
        own = _without(step, told)
        if (match := guide.dont.search(own)) and not _NEGATED.search(own[: match.start()]):
            yield f"the step {step!r} does what went wrong"
        elif known(example["repeated"]) and " ".join(_words(example["repeated"])) in " ".join(_words(step)):
            yield f"the step {step!r} repeats the call that killed the session"
    refused = {_bare(text) for text in plan["will_not_repeat"]}
    for step in plan["first_steps"]:
        if _bare(step) in refused:
            yield f"the plan both does and refuses {step!r}"


def _without(step: str, told: Sequence[str]) -> str:
    """Return a step without the facts in it: a file may be named retry.py, a task speak of a refactoring."""
    for line in sorted(told, key=len, reverse=True):
        step = step.replace(line, "…")
    return step


def _bare(text: str) -> str:
    return " ".join(word for word in _words(text) if word not in ("do", "not", "no", "never", "don't"))


def _lengths(plan: Texts) -> Iterator[str]:
    steps, words = len(plan["first_steps"]), sum(len(text.split()) for part in PARTS for text in plan[part])
    if not MIN_STEPS <= steps <= MAX_STEPS:
        yield f"{steps} first steps, wanted {MIN_STEPS} to {MAX_STEPS}"
    if words > MAX_WORDS:
        yield f"{words} words, wanted at most {MAX_WORDS}"
