"""What a failing item shows: what was sent, what came back, and what was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from g6o_eval.eval import Eval
from g6o_eval.lm.meter import Exchange
from g6o_eval.redact import plain, redact
from g6o_eval.score import Score

if TYPE_CHECKING:  # it loads dspy, and a report needs none
    from g6o_eval.predict import Predicted

LINES_SHOWN = 40
"""Lines of one text before its middle is left out."""
CHARACTERS_SHOWN = 1_000
"""Characters of one line before its middle is left out."""
CALLS_SHOWN = 3
"""LM calls of one prediction that are shown, the last ones."""


def failure_text(spec: Eval, predicted: Predicted) -> str:
    """Return the text below a failing item, with secrets out and control characters visible."""
    parts = [_score(predicted.key, predicted.score, seconds=predicted.seconds), *_broken(spec, predicted.score)]
    if predicted.score.feedback:
        parts.append(_part("feedback", predicted.score.feedback))
    if predicted.prediction is not None:
        parts.append(_part("prediction", str(predicted.prediction)))
    return "\n".join([*parts, *_calls(predicted.exchanges)])


def shorten(text: str, *, lines: int = LINES_SHOWN) -> str:
    """Leave out the middle of a long text and of its long lines, and say how much that was."""
    rows = [_shorten_line(row) for row in text.split("\n")]
    if len(rows) <= lines:
        return "\n".join(rows)
    head, tail = (lines + 1) // 2, lines // 2
    gone = len(rows) - head - tail
    return "\n".join(
        [*rows[:head], f"… {gone:,} {'line' if gone == 1 else 'lines'} left out …", *rows[len(rows) - tail :]]
    )


def _shorten_line(row: str) -> str:
    gone = len(row) - CHARACTERS_SHOWN
    half = CHARACTERS_SHOWN // 2
    return row if gone <= 0 else f"{row[:half]}… {gone:,} characters left out …{row[-half:]}"


def _score(key: str, score: Score, *, seconds: float) -> str:
    what = f"error: {score.error}" if score.value is None else f"score {score.value:.3f}"
    return f"{_safe(key)}: {_safe(what)} ({seconds:.2f} s)"


def _broken(spec: Eval, score: Score) -> list[str]:
    clauses = {constraint.name: constraint.clause for constraint in spec.constraints}
    rules = [f"{name}: {clauses.get(name, 'no such constraint any more')}" for name in score.broken]
    return [_part("broken", "\n".join(rules))] if rules else []


def _calls(exchanges: Sequence[Exchange]) -> list[str]:
    if not exchanges:
        return ["── no LM call was made ──"]
    left_out = max(0, len(exchanges) - CALLS_SHOWN)
    parts = [f"── {left_out} earlier LM {'call' if left_out == 1 else 'calls'} left out ──"] if left_out else []
    for number, exchange in enumerate(exchanges[left_out:], start=left_out + 1):
        of = f"call {number} of {len(exchanges)}"
        parts += [_part(f"{of}, {role}", text) for role, text in exchange.messages]
        answer = f"failed: {exchange.error}" if exchange.answer is None else exchange.answer
        parts.append(_part(f"{of}, answer", answer))
    return parts


def _part(title: str, text: str) -> str:
    return f"── {_safe(title)} ──\n{shorten(_safe(text))}"


def _safe(text: str) -> str:
    return plain(redact(text))
