"""Engines that play the LM of `g6o-eval classify`: `--lm task=engine:support.diagnosticians:NAME`."""

from __future__ import annotations

from typing import Any

from g6o_eval.testing import Answer, ScriptedEngine

GOOD: dict[str, Any] = {"category": "infinite_retry", "confidence": 0.9, "evidence": "execute_command x3"}


def _always(answer: Answer) -> ScriptedEngine:
    return ScriptedEngine(lambda messages: answer)


def good() -> ScriptedEngine:
    return _always(GOOD)


def other() -> ScriptedEngine:
    return _always({**GOOD, "category": "scope_creep"})


def dead() -> ScriptedEngine:
    return _always(ConnectionError("connection refused"))


def banana() -> ScriptedEngine:
    return _always("banana")


def of_no_category() -> ScriptedEngine:
    return _always({**GOOD, "category": "laziness"})


def too_sure() -> ScriptedEngine:
    return _always({**GOOD, "confidence": 7})


def not_a_number() -> ScriptedEngine:
    return _always({**GOOD, "confidence": float("nan")})


def without_confidence() -> ScriptedEngine:
    return _always({**GOOD, "confidence": None})


def unsure() -> ScriptedEngine:
    return _always({**GOOD, "confidence": 0.1})


def without_evidence() -> ScriptedEngine:
    return _always({**GOOD, "evidence": "  "})


def half_dead() -> ScriptedEngine:
    """One session's LM answers, the other's does not."""
    return ScriptedEngine(lambda messages: GOOD if "execute_command" in messages[-1][1] else ConnectionError("gone"))
