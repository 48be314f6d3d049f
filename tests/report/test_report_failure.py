from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from g6o_eval import Assert, Dataset, Eval, Gate, exact, one_of
from g6o_eval.lm.meter import Exchange
from g6o_eval.predict import Predicted
from g6o_eval.report.failure import failure_text, shorten
from g6o_eval.score import Score

SPEC = Eval(
    name="triage",
    program=lambda: None,
    dataset=Dataset("SELECT id, text, label FROM tickets", key="id", inputs=("text",)),
    metric=exact("label"),
    gate=Gate(max_drop=0.1),
    prompt_id="triage:classifier",
    constraints=(
        Assert("one-label", "Answer with exactly one of: {labels}.", one_of("label", labels=("bug", "question"))),
    ),
)
EXCHANGE = Exchange((("system", "Sort tickets."), ("user", "It crashes.")), "[[ ## label ## ]]\npraise")


def predicted(score: Score, **fields: Any) -> Predicted:
    return Predicted("t001", fields.pop("prediction", None), score, 0.25, exchanges=fields.pop("exchanges", [EXCHANGE]))


def test_a_wrong_answer_shows_prompt_answer_score_feedback_and_the_broken_clause() -> None:
    score = Score(0.0, feedback="Wrong: label is 'praise'.", broken=("one-label",))

    text = failure_text(SPEC, predicted(score, prediction=SimpleNamespace(label="praise")))

    assert (
        text
        == """\
t001: score 0.000 (0.25 s)
── broken ──
one-label: Answer with exactly one of: bug, question.
── feedback ──
Wrong: label is 'praise'.
── prediction ──
namespace(label='praise')
── call 1 of 1, system ──
Sort tickets.
── call 1 of 1, user ──
It crashes.
── call 1 of 1, answer ──
[[ ## label ## ]]
praise"""
    )


def test_an_error_stands_where_the_score_would() -> None:
    failed = Exchange((("user", "It crashes."),), None, "TimeoutError: too slow")

    text = failure_text(SPEC, predicted(Score(error="TimeoutError: too slow"), exchanges=[failed]))

    assert (
        text
        == """\
t001: error: TimeoutError: too slow (0.25 s)
── call 1 of 1, user ──
It crashes.
── call 1 of 1, answer ──
failed: TimeoutError: too slow"""
    )


def test_a_prediction_without_a_call_says_so() -> None:
    text = failure_text(SPEC, predicted(Score(error="KeyError: 'x'"), exchanges=[]))

    assert text == "t001: error: KeyError: 'x' (0.25 s)\n── no LM call was made ──"


@pytest.mark.parametrize(("count", "left_out"), [(4, "1 earlier LM call"), (9, "6 earlier LM calls")])
def test_of_many_calls_the_last_ones_are_shown(count: int, left_out: str) -> None:
    exchanges = [Exchange((), f"answer {number}") for number in range(1, count + 1)]

    lines = failure_text(SPEC, predicted(Score(0.5), exchanges=exchanges)).splitlines()

    assert lines[1] == f"── {left_out} left out ──"
    assert lines[2:4] == [f"── call {count - 2} of {count}, answer ──", f"answer {count - 2}"]
    assert lines[-1] == f"answer {count}"


def test_a_constraint_that_is_gone_is_named() -> None:
    text = failure_text(SPEC, predicted(Score(0.0, broken=("old",)), exchanges=[]))

    assert "old: no such constraint any more" in text


def test_secrets_and_control_characters_do_not_reach_the_terminal() -> None:
    exchange = Exchange((("user", "key sk-ant-api03-" + "a1" * 20 + "\x1b[2J"),), "ok")

    text = failure_text(SPEC, predicted(Score(0.0), exchanges=[exchange]))

    assert "key [redacted:anthropic-key]\\u001b[2J" in text


@pytest.mark.parametrize(
    ("count", "lines", "shown"),
    [
        (4, 4, "1\n2\n3\n4"),
        (5, 4, "1\n2\n… 1 line left out …\n4\n5"),
        (9, 4, "1\n2\n… 5 lines left out …\n8\n9"),
        (9, 3, "1\n2\n… 6 lines left out …\n9"),
        (9, 1, "1\n… 8 lines left out …"),
    ],
)
def test_a_long_text_is_shortened_in_its_middle(count: int, lines: int, shown: str) -> None:
    assert shorten("\n".join(map(str, range(1, count + 1))), lines=lines) == shown


def test_a_long_line_is_shortened_in_its_middle() -> None:
    assert shorten("a" * 600 + "b" * 1_000 + "c" * 600) == f"{'a' * 500}… 1,200 characters left out …{'c' * 500}"
    assert shorten("a" * 1_000) == "a" * 1_000
