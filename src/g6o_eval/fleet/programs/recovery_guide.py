"""What a good recovery plan does, per category: the facts it is told, its points, its don'ts, and a plan by rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from g6o_eval.fleet.diagnosis import DiagnosisCategory
from g6o_eval.fleet.recovery_case import NOTHING_KNOWN

Part = Literal["first_steps", "will_not_repeat", "within_limits", "stops_when"]
PARTS: tuple[Part, ...] = ("first_steps", "will_not_repeat", "within_limits", "stops_when")
"""The output fields of a recovery: the parts of a plan."""

SHARED = (
    "summary", "suggested_action", "tool_activity", "task", "repeated", "files", "limits", "kill_reason",
)  # fmt: skip
"""The facts that every category is told."""


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that the guidance of a category asks for.

    Attributes:
        name: what it is, for the feedback.
        said: finds it, in the parts joined.
        parts: where it has to stand.
    """

    name: str
    said: re.Pattern[str]
    parts: tuple[Part, ...] = ("first_steps",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What is asked of the plans of one category.

    Attributes:
        more_facts: the facts it is told beside SHARED.
        used: the facts that a plan has to use where they are known, each with the part it belongs in.
        points: its guidance.
        dont: what a first step must not do, unless it says that it is not done.
        steps: the first steps of the plan by rule, `{fact}`s in them; a step whose fact is not known is left out.
        not_again: the same of what is not repeated.
        stops_when: when the plan by rule stops.
    """

    more_facts: tuple[str, ...] = ()
    used: tuple[tuple[str, Part], ...] = ()
    points: tuple[Point, ...]
    dont: re.Pattern[str]
    steps: tuple[str, ...]
    not_again: tuple[str, ...]
    stops_when: str


def _point(name: str, pattern: str, *parts: Part) -> Point:
    return Point(name, re.compile(pattern, re.IGNORECASE), parts or ("first_steps",))


def _dont(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_USED: tuple[tuple[str, Part], ...] = (("task", "first_steps"), ("files", "first_steps"), ("limits", "within_limits"))
_VERIFY = _point("verify the result", r"\b(verif|check|test)", "first_steps", "stops_when")
_COMMIT = _point("commit", r"\bcommit", "first_steps", "stops_when")
_STOP = _point("say when to stop", r"\b(when|until|once|limit|committed|verified|checked)\b", "stops_when")
_NOT_AGAIN = ("Do not make this call again: {repeated}", "Do not end as that session did: {kill_reason}")

GUIDES: Mapping[DiagnosisCategory, Guide] = MappingProxyType(
    {
        "stuck_on_approval": Guide(
            used=_USED,
            points=(
                _point("work without asking", r"\b(without asking|approved|no approval)\b"),
                _point("finish the pending changes", r"\b(finish|complete|pending)\b"),
                _VERIFY,
                _COMMIT,
                _point("exit", r"\b(exit|stop|done)", "first_steps", "stops_when"),
                _STOP,
            ),
            dont=_dont(r"\b(ask (\w+ )?for|request|wait for|await)\b"),
            steps=(
                "Take up the task: {task}",
                "Change {files} without asking, for file operations are approved.",
                "Finish the pending changes.",
                "Verify the result and commit it.",
            ),
            not_again=(*_NOT_AGAIN, "Do not ask what nobody answers."),
            stops_when="The changes are verified and committed, then exit; or a limit is reached.",
        ),
        "infinite_retry": Guide(
            more_facts=("failing_tool", "last_error", "retry_count"),
            used=(*_USED, ("failing_tool", "will_not_repeat"), ("last_error", "first_steps")),
            points=(
                _point("look for the root cause", r"\b(root cause|cause of|why it fail)"),
                _point("take another approach", r"\b(different|another|other) (fix|approach|way)\b"),
                _VERIFY,
                _COMMIT,
                _STOP,
            ),
            dont=_dont(r"\b(retry|try (it )?again|once more|same (call|command|approach)|rerun)\b"),
            steps=(
                "Find the root cause of the error: {last_error}",
                "Take up the task: {task}",
                "Read {files} before anything is changed.",
                "Apply a different fix.",
                "Verify that it works and commit it.",
            ),
            not_again=("Do not call it with the same arguments again: {failing_tool}", *_NOT_AGAIN),
            stops_when="The fix is verified and committed, or a limit is reached.",
        ),
        "scope_creep": Guide(
            used=_USED,
            points=(
                _point("only the core fix", r"\b(only|core|smallest|minimal)\b"),
                _point("no unrelated refactoring", r"\b(refactor|restructur|clean)", "will_not_repeat"),
                _point("no extra features", r"\b(feature|extra|addition)", "will_not_repeat"),
                _point("no wider scope", r"\b(scope|outside|unrelated|widen)", "will_not_repeat"),
                _COMMIT,
                _STOP,
            ),
            dont=_dont(r"\b(refactor|rewrite|moderni[sz]e|restructure|extra features?|also (update|rename|improve))\b"),
            steps=(
                "Take up the task: {task}",
                "Look at {files} and undo what the task did not ask for.",
                "Make only the smallest change that does the core fix.",
                "Verify it and commit it.",
            ),
            not_again=(
                *_NOT_AGAIN,
                "Do not refactor unrelated code.",
                "Do not add extra features.",
                "Do not widen the scope.",
            ),
            stops_when="The core fix is committed, or a limit is reached.",
        ),
        "context_exhaustion": Guide(
            used=_USED,
            points=(
                _point("one file at a time", r"\b(one|single) file\b|\bfile by file\b"),
                _point("read only what is edited", r"\bonly\b"),
                _point("commit each change", r"\bcommit", "first_steps", "stops_when"),
                _point("no broad search", r"\b(search|broad)", "will_not_repeat"),
                _STOP,
            ),
            dont=_dont(r"\b(search|read|open|scan) (through )?(the whole|all|every)|\beverything\b"),
            steps=(
                "Take up the task: {task}",
                "Open one file: {files}",
                "Read only what has to be edited.",
                "Make one logical change in it and commit that.",
            ),
            not_again=(*_NOT_AGAIN, "Do not search broadly."),
            stops_when="Each change is committed, or a limit is reached.",
        ),
        "model_confusion": Guide(
            more_facts=("failing_tool", "last_error"),
            used=(*_USED, ("failing_tool", "will_not_repeat"), ("last_error", "will_not_repeat")),
            points=(
                _point("keep it simple", r"\b(simple|simpler|simply|small|smallest)\b"),
                _point("one change at a time", r"\b(one|single) change\b"),
                _point("check each change", r"\b(verif|check|test)"),
                _COMMIT,
                _STOP,
            ),
            dont=_dont(r"\b(at once|in parallel|several changes|many changes)\b"),
            steps=(
                "Read the task again and keep it simple: {task}",
                "Make one change in {files} at a time.",
                "Check each change before the next one.",
                "Commit when the check passes.",
            ),
            not_again=(
                "Do not call it the way that failed: {failing_tool}",
                "Do not cause this error again: {last_error}",
                *_NOT_AGAIN,
            ),
            stops_when="One simple change is checked and committed, or a limit is reached.",
        ),
    }
)

_HOLE = re.compile(r"\{(\w+)\}")


def facts_of(category: DiagnosisCategory) -> tuple[str, ...]:
    """Return the facts that an agent is told in a category: the inputs of its program."""
    return (*SHARED, *GUIDES[category].more_facts)


DECOYS = ("Ask for approval before each step.", "Retry until it works.")
"""Lines that no recovery should get: a choice among good lines alone would prove nothing."""


def lines_of(category: DiagnosisCategory) -> tuple[str, ...]:
    """Return the lines that a compile may add to a category's text: what tells a fact or when to stop, and DECOYS."""
    guide = GUIDES[category]
    telling = [text for text in (*guide.not_again, *guide.steps) if _HOLE.search(text)]
    texts = [_HOLE.sub(lambda hole: f"{{{{{hole[1].upper()}}}}}", text) for text in telling]
    return (*texts, f"When to stop: {guide.stops_when}", *DECOYS)


def known(value: object) -> bool:
    """Tell whether a fact says anything."""
    return str(value).strip() not in NOTHING_KNOWN


def worked_plan(category: DiagnosisCategory, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan that the rules make of the facts: the right answer that metrics are tested with.

    It uses every fact that is known, of the files the first.
    """
    guide = GUIDES[category]
    told = {name: str(facts[name]).splitlines()[0] for name in facts_of(category) if known(facts[name])}
    return {
        "first_steps": _filled(guide.steps, told),
        "will_not_repeat": _filled(guide.not_again, told),
        "within_limits": [told["limits"]],
        "stops_when": guide.stops_when,
    }


def _filled(sentences: tuple[str, ...], told: Mapping[str, str]) -> list[str]:
    return [text.format_map(told) for text in sentences if set(_HOLE.findall(text)) <= told.keys()]
