from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from g6o_eval.budget import Spend
from g6o_eval.gate import Gate
from g6o_eval.report.facts import Facts, Unjudged
from g6o_eval.report.terminal import verdict_lines
from g6o_eval.run import Run
from g6o_eval.score import Score, Scores
from support.runs import FACTS, all_right, make_run

LIVE = {"baseline": "live"}


def shown(*runs: Run, facts: Facts = FACTS) -> str:
    return "\n".join(verdict_lines(runs, facts)) + "\n"


def test_three_evals_end_with_a_closing_line() -> None:
    compiled = make_run(
        "diagnosis",
        "4",
        offline=True,
        spend=Spend(calls=192),
        compile_spend=Spend(calls=412, seconds=3.14),
        notes=("prompt changed: snapshots/diagnosis/prompt.txt",),
    )
    worse = make_run("recovery", "5", subject=LIVE, spend=Spend(calls=576, usd=0.42))
    small = make_run("triage", "1", subject=LIVE, spend=Spend(calls=24))

    text = shown(compiled, worse, small, facts=replace(FACTS, budget_usd=5.0))

    assert (
        text == """\
diagnosis  pass          0.802 [0.723, 0.866]  n=96   baseline 0.677 (hand-written)  +0.125 [+0.036, +0.213]
           the mean lies in [0.723, 0.867], needed 0.700
           better by at least 0.035
           fixed 17, broke 5: e017, e018, e019, …   prompt changed: snapshots/diagnosis/prompt.txt   look 1
           compiled: 412 calls, $0.00, 3.1 s, offline LM
recovery   fail          0.533 [0.420, 0.644]  n=60   baseline 0.733 (7c1e…)         -0.200 [-0.316, -0.079]
           fell by 0.200, for sure by 0.078 or more; allowed 0.020
           fixed 2, broke 14: e002, e003, e004, …   look 1
triage     inconclusive  0.750 [0.473, 0.928]  n=12   baseline 0.750 (7c1e…)         +0.000 [-0.221, +0.221]
           12 examples leave a drop of 0.221 possible; allowed 0.020. If the two are equal, about 149 would do; """
        """12 can confirm a limit of 0.221 or more.
           fixed 0, broke 0   look 1
data main@3fa9c1 (clean)   store doltlite:///.g6o/evals.db   spent $0.42 of $5.00, 1,204 calls   """
        """1 pass, 1 fail, 1 inconclusive
"""
    )


CLOSING = "data main@3fa9c1 (clean)   store doltlite:///.g6o/evals.db   spent $0.10, 298 calls   {}\n"


@pytest.mark.parametrize(
    ("run", "text"),
    [
        pytest.param(
            make_run("triage", subject=LIVE, same_program=True, baseline_scores=None, offline=True),
            """\
triage  pass          1.000 [0.980, 1.000]  n=149   unchanged (7c1e…)
        unchanged: the candidate is the baseline
        look 1   offline LM
"""
            + CLOSING.format("1 pass"),
            id="the live program",
        ),
        pytest.param(
            make_run("triage", standing="partial", reported=40, notes=("stopped by budget: 50 of 50 calls used",)),
            """\
triage  partial       1.000 [0.980, 1.000]  n=149   baseline 1.000 (hand-written)  +0.000 [-0.020, +0.020]
        a drop of more than 0.020 is ruled out, allowed 0.020
        fixed 0, broke 0   partial: 40 of 149 items reported   stopped by budget: 50 of 50 calls used   look 1
"""
            + CLOSING.format("1 partial"),
            id="a part of the items",
        ),
        pytest.param(
            make_run("triage", standing="partial"),
            """\
triage  partial       1.000 [0.980, 1.000]  n=149   baseline 1.000 (hand-written)  +0.000 [-0.020, +0.020]
        a drop of more than 0.020 is ruled out, allowed 0.020
        fixed 0, broke 0   partial: 149 examples scored   look 1
"""
            + CLOSING.format("1 partial"),
            id="a selection",
        ),
        pytest.param(
            make_run("triage", standing="exploratory", look=7),
            """\
triage  pass          1.000 [0.980, 1.000]  n=149   baseline 1.000 (hand-written)  +0.000 [-0.020, +0.020]
        a drop of more than 0.020 is ruled out, allowed 0.020
        fixed 0, broke 0   exploratory: not stored   look 7
"""
            + CLOSING.format("1 pass"),
            id="exploratory",
        ),
        pytest.param(
            make_run("triage", standing="not stored (read-only)", subject={"baseline": "git:origin/main"}),
            """\
triage  pass          1.000 [0.980, 1.000]  n=149   baseline 1.000 (git:origin/main)  +0.000 [-0.020, +0.020]
        a drop of more than 0.020 is ruled out, allowed 0.020
        fixed 0, broke 0   not stored (read-only)   look 1
"""
            + CLOSING.format("1 pass"),
            id="a read-only store",
        ),
        pytest.param(
            make_run(
                "triage",
                scores=Scores({**all_right(148).by_key, "e148": (Score(error="ValueError: x"),)}),
                failed_items=3,
            ),
            """\
triage  fail          0.993 [0.969, 1.000]  n=149   baseline 1.000 (hand-written)  -0.007 [-0.031, +0.020]
        3 items failed
        1 error, limit 0
        fixed 0, broke 1: e148   1 error   look 1
"""
            + CLOSING.format("1 fail"),
            id="errors and failed items",
        ),
        pytest.param(
            make_run(
                "triage",
                notes=(
                    "the gate changed since the live promotion: max_drop 0.02 → 0.5",
                    "the metric changed since the live promotion",
                    "the dataset changed since the live promotion",
                ),
            ),
            """\
triage  pass          1.000 [0.980, 1.000]  n=149   baseline 1.000 (hand-written)  +0.000 [-0.020, +0.020]
        a drop of more than 0.020 is ruled out, allowed 0.020
        fixed 0, broke 0   the gate changed since the live promotion: max_drop 0.02 → 0.5
        the metric changed since the live promotion   the dataset changed since the live promotion   look 1
"""
            + CLOSING.format("1 pass"),
            id="changed rules",
        ),
        pytest.param(
            make_run("triage", baseline_scores=None),
            """\
triage  inconclusive  1.000 [0.980, 1.000]  n=149   no baseline
        no baseline: a drop cannot be judged
        look 1
"""
            + CLOSING.format("1 inconclusive"),
            id="no baseline",
        ),
        pytest.param(
            make_run("triage", baseline_scores=None, gate=Gate(min_mean=0.5)),
            """\
triage  pass          1.000 [0.980, 1.000]  n=149   not compared (hand-written)
        the mean lies in [0.980, 1.000], needed 0.500
        look 1
"""
            + CLOSING.format("1 pass"),
            id="a gate on the mean alone",
        ),
        pytest.param(
            make_run("triage", "10", spend=Spend(calls=298, usd=0.1)),
            """\
triage  pass          0.667 [0.588, 0.706]  n=24   baseline 0.667 (hand-written)  +0.000 [-0.117, +0.117]
        the mean lies in [0.588, 0.706], needed 0.300
        a drop of more than 0.118 is ruled out, allowed 0.250
        fixed 24, broke 24: e001, e003, e005, …   48 examples in 24 groups   look 1
"""
            + CLOSING.format("1 pass"),
            id="groups",
        ),
        pytest.param(
            make_run("triage", scores=Scores({}), baseline_scores=Scores({}), spend=Spend(calls=298, usd=0.1)),
            """\
triage  inconclusive  –  n=0   baseline – (hand-written)
        no examples
        fixed 0, broke 0   look 1
"""
            + CLOSING.format("1 inconclusive"),
            id="no examples",
        ),
    ],
)
def test_each_outcome_has_its_text(run: Run, text: str) -> None:
    assert shown(run) == text


def test_an_eval_that_its_budget_stopped_has_a_line_of_its_own() -> None:
    stopped = Unjudged(eval_name="recovery", reason="50 of 50 calls used", stopped=True)
    broken = Unjudged(eval_name="zebra", reason="nothing was predicted", stopped=False)

    text = shown(make_run("triage"), facts=replace(FACTS, unjudged=(stopped, broken), budget_calls=50))

    assert (
        text == """\
triage    pass          1.000 [0.980, 1.000]  n=149   baseline 1.000 (hand-written)  +0.000 [-0.020, +0.020]
          a drop of more than 0.020 is ruled out, allowed 0.020
          fixed 0, broke 0   look 1
recovery  stopped       50 of 50 calls used
zebra     no verdict    nothing was predicted
data main@3fa9c1 (clean)   store doltlite:///.g6o/evals.db   spent $0.10, 298 of 50 calls   """
        """1 pass, 1 stopped, 1 without a verdict
"""
    )


def test_only_stopped_evals_still_end_with_a_closing_line() -> None:
    stopped = Unjudged(eval_name="recovery", reason="50 of 50 calls used", stopped=True)

    assert shown(facts=replace(FACTS, unjudged=(stopped,), budget_usd=1.0)) == (
        "recovery  stopped       50 of 50 calls used\n"
        "data main@3fa9c1 (clean)   store doltlite:///.g6o/evals.db   spent $0.00 of $1.00, 0 calls   1 stopped\n"
    )


def test_a_session_without_evals_shows_nothing() -> None:
    assert verdict_lines([], FACTS) == []


@pytest.mark.parametrize(
    ("facts", "closing"),
    [
        ({"read_only": True}, "data main@3fa9c1 (clean)   store doltlite:///.g6o/evals.db (read-only)   "),
        (
            {"dirty_tables": ("a", "b")},
            "data main@3fa9c1 (uncommitted rows in a, b)   store doltlite:///.g6o/evals.db   ",
        ),
        (
            {"store_url": "dolt://me:hunter2secret@db:3306/evals"},
            "data main@3fa9c1 (clean)   store dolt://me:[redacted:url-password]@db:3306/evals   ",
        ),
    ],
)
def test_the_closing_line_says_what_was_read(facts: dict[str, Any], closing: str) -> None:
    last = verdict_lines([make_run("triage")], replace(FACTS, **facts))[-1]

    assert last == closing + "spent $0.10, 298 calls   1 pass"


@pytest.mark.parametrize(
    ("spend", "text"),
    [
        (Spend(calls=1, usd=0.004), "spent <$0.01, 1 call"),
        (Spend(calls=2, usd=None), "spent unknown price, 2 calls"),
        (Spend(calls=2, usd=1234.5), "spent $1,234.50, 2 calls"),
    ],
)
def test_an_unknown_or_tiny_price_is_not_zero(spend: Spend, text: str) -> None:
    assert f"   {text}   " in verdict_lines([make_run("triage", spend=spend)], FACTS)[-1]


def test_text_from_outside_cannot_move_the_cursor_or_carry_a_secret() -> None:
    secret = "sk-ant-api03-" + "a1" * 20
    scores = Scores({f"\x1b[2J\n{index:02}": (Score(0.0),) for index in range(30)} | {secret: (Score(0.0),)})
    baseline = Scores({key: (Score(1.0),) for key in scores.by_key})
    run = make_run(
        "triage",
        scores=scores,
        baseline_scores=baseline,
        subject={"baseline": "git:\u202eniam"},
        notes=(f"bell\a {secret}",),
    )

    text = shown(run)

    assert secret not in text
    assert "(git:\\u202eniam)" in text
    assert "broke 31: \\u001b[2J\\n00, \\u001b[2J\\n01, \\u001b[2J\\n02, …" in text
    assert "bell\\u0007 [redacted:anthropic-key]" in text
    assert not {"\x1b", "\a", "\u202e"} & set(text)


def test_a_long_key_is_shortened() -> None:
    scores = Scores({"k" * 40: (Score(0.0),)})
    run = make_run("triage", scores=scores, baseline_scores=Scores({"k" * 40: (Score(1.0),)}))

    assert f"fixed 0, broke 1: {'k' * 31}…   look 1" in shown(run)
