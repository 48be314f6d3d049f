from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.budget import Spend
from g6o_eval.gate import Gate
from g6o_eval.report.facts import Unjudged
from g6o_eval.report.markdown import code, escape, verdict_markdown
from g6o_eval.score import Score, Scores
from support.runs import FACTS, make_run


def test_a_session_is_a_table_its_reasons_and_what_it_is_about() -> None:
    compiled = make_run(
        "diagnosis",
        "4",
        offline=True,
        compile_spend=Spend(calls=412, seconds=3.14),
        notes=("prompt changed: snapshots/diagnosis/prompt.txt",),
    )
    worse = make_run("recovery", "5", subject={"baseline": "live"}, git_clean=False, git_commit=None)

    text = verdict_markdown([compiled, worse], replace(FACTS, budget_usd=5.0))

    about = (
        "models `task=openai/gpt-4.1-mini`, git {git}, dspy `3.4.1`, g6o_eval `0.1.0`, run `01JD8Z0000000000000000000A`"
    )
    program = "program `a1a1a1a1a1a1`, prompt `b2b2b2b2b2b2`, baseline `7c1e7c1e7c1e`"
    assert (
        text
        == f"""\
### evals: 1 pass, 1 fail

| eval | verdict | mean | n | baseline | difference |
|---|---|---|---:|---|---|
| diagnosis | **pass** | 0.802 \\[0.723, 0.866\\] | 96 | 0.677 `hand-written` | +0.125 \\[+0.036, +0.213\\] |
| recovery | **fail** | 0.533 \\[0.420, 0.644\\] | 60 | 0.733 `7c1e…` | -0.200 \\[-0.316, -0.079\\] |

**diagnosis**
- the mean lies in \\[0.723, 0.867\\], needed 0.700
- better by at least 0.035
- fixed 17, broke 5: `e017`, `e018`, `e019`, …
- prompt changed: snapshots/diagnosis/prompt.txt
- look 1
- compiled: 412 calls, `$0.00,` 3.1 s, offline LM

**recovery**
- fell by 0.200, for sure by 0.078 or more; allowed 0.020
- fixed 2, broke 14: `e002`, `e003`, `e004`, …
- look 1

<details><summary>What the verdicts are about</summary>

- diagnosis: {program}, {about.format(git="`9b1deb4d3b7d` clean")}
- recovery: {program}, {about.format(git="`none` with uncommitted changes")}

</details>

data `main@3fa9c1 (clean)`, store `doltlite:///.g6o/evals.db`, spent `$0.20 of $5.00, 724 calls`
"""
    )


def test_evals_without_a_verdict_stand_in_the_table() -> None:
    stopped = Unjudged(eval_name="recovery", reason="50 of 50 calls used", stopped=True)
    broken = Unjudged(eval_name="zebra", reason="see <above>", stopped=False)

    text = verdict_markdown([], replace(FACTS, unjudged=(stopped, broken)))

    assert (
        text
        == """\
### evals: 1 stopped, 1 without a verdict

| eval | verdict | mean | n | baseline | difference |
|---|---|---|---:|---|---|
| recovery | **stopped** | | | | |
| zebra | **no verdict** | | | | |

**recovery**: 50 of 50 calls used

**zebra**: see \\<above\\>

data `main@3fa9c1 (clean)`, store `doltlite:///.g6o/evals.db`, spent `$0.00, 0 calls`
"""
    )


@pytest.mark.parametrize(
    ("changes", "cell"),
    [
        ({"same_program": True, "baseline_scores": None, "subject": {"baseline": "live"}}, "unchanged: `7c1e…`"),
        ({"baseline_scores": None}, "none"),
        ({"baseline_scores": None, "gate": Gate(min_mean=0.5)}, "not compared: `hand-written`"),
        ({"baseline_scores": Scores({}), "scores": Scores({})}, "– `hand-written`"),
        ({"subject": {"baseline": "git:a|b`c"}}, "1.000 ``git:a\\|b`c``"),
    ],
)
def test_the_baseline_has_a_cell_whatever_it_is(changes: dict[str, object], cell: str) -> None:
    row = verdict_markdown([make_run("triage", **changes)], FACTS).splitlines()[4]  # type: ignore[arg-type]  # a table of any fields

    assert row.split(" | ")[4] == cell


def test_a_session_without_evals_is_no_text() -> None:
    assert verdict_markdown([], FACTS) == ""


def test_text_from_outside_does_nothing() -> None:
    key = "`</details><img src=x onerror=alert(1)>` @admin"
    scores = Scores({key: (Score(0.0),)})
    run = make_run(
        "triage",
        scores=scores,
        baseline_scores=Scores({key: (Score(1.0),)}),
        notes=("<b>bold</b> [x](http://evil) @admin #1 **b** \n# head | cell $x$ &copy;",),
    )

    text = verdict_markdown([run], FACTS)

    assert "- fixed 0, broke 1: `` `</details><img src=x onerror=a… ``" in text
    assert (
        "- \\<b\\>bold\\</b\\> `[x](http://evil)` `@admin` `#1` \\*\\*b\\*\\* `\\n#` head \\| cell `$x$` \\&copy;\n"
        in text
    )


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a", "`a`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a``", "``` a`` ```"),
        (" a", "`  a `"),
        ("", "`  `"),
        ("a\nb", "`a\\nb`"),
    ],
)
def test_a_code_span_holds_any_text(text: str, span: str) -> None:
    assert code(text) == span


def outside_code(shown: str) -> str:
    """Return what stands neither in a code span nor behind a backslash, read as CommonMark reads it."""
    outside, at = "", 0
    while at < len(shown):
        if shown[at] == "\\":
            at += 2
        elif fence := re.match("`+", shown[at:]):
            end = re.compile(f"(?<!`){fence[0]}(?!`)").search(shown, at + len(fence[0]))
            assert end is not None, f"an open code span in {shown!r}"
            at = end.end()
        else:
            outside, at = outside + shown[at], at + 1
    return outside


@given(st.text())
def test_an_escaped_text_is_one_line_without_html(text: str) -> None:
    shown = escape(text)

    assert "\n" not in shown
    assert not {"<", "@"} & set(outside_code(shown))
