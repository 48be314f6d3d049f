"""The verdicts as GitHub Markdown: a pull request's comment, a job's step summary. Pure functions of data."""

from __future__ import annotations

import re
from collections.abc import Sequence

from g6o_eval.report.facts import (
    KEYS_SHOWN,
    Facts,
    baseline_name,
    compile_text,
    difference_text,
    line,
    mean_text,
    remarks,
    short_key,
    spent,
    tally,
    word,
)
from g6o_eval.run import Run

_HEAD = ("| eval | verdict | mean | n | baseline | difference |", "|---|---|---|---:|---|---|")
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>()|~!&])")
_ACTIVE = re.compile(r"[@#$]|://|www\.|mailto:", re.I)
"""What GitHub acts on after Markdown is rendered, so that a backslash does not help: mentions, issues, math, links."""


def verdict_markdown(runs: Sequence[Run], facts: Facts) -> str:
    """Return what `verdict_lines` says, and what each verdict is about; "" when nothing was judged."""
    if not runs and not facts.unjudged:
        return ""
    rows = [_row(run) for run in runs]
    rows += [
        f"| {escape(eval_.eval_name)} | **{'stopped' if eval_.stopped else 'no verdict'}** | | | | |"
        for eval_ in facts.unjudged
    ]
    parts = [f"### evals: {escape(tally(runs, facts))}", "\n".join([*_HEAD, *rows])]
    parts += [_details(run) for run in runs]
    parts += [f"**{escape(eval_.eval_name)}**: {escape(eval_.reason)}" for eval_ in facts.unjudged]
    if runs:
        summary = "<details><summary>What the verdicts are about</summary>"
        parts.append("\n".join([summary, "", *map(_about, runs), "", "</details>"]))
    parts.append(f"data {code(facts.data)}, store {code(facts.store)}, spent {code(spent(runs, facts))}")
    return "\n\n".join(parts) + "\n"


def _row(run: Run) -> str:
    cells = (
        escape(run.subject.eval_name),
        f"**{word(run)}**",
        escape(mean_text(run)),
        str(run.verdict.n),
        _baseline(run),
        escape(difference_text(run)),
    )
    return f"| {' | '.join(cells)} |"


def _baseline(run: Run) -> str:
    name = code(baseline_name(run)).replace("|", "\\|")  # a table is cut at bars before code is seen
    if run.same_program:
        return f"unchanged: {name}"
    if run.baseline_scores is None:
        return "none" if run.gate.max_drop is not None else f"not compared: {name}"
    mean = run.verdict.baseline_mean
    return f"{'–' if mean is None else f'{mean:.3f}'} {name}"


def _details(run: Run) -> str:
    bullets = [*map(escape, run.verdict.reasons)]
    if run.baseline_scores is not None:
        bullets.append(_changes(run))
    bullets += map(escape, remarks(run))
    if (compiled := compile_text(run)) is not None:
        bullets.append(escape(compiled))
    return "\n".join([f"**{escape(run.subject.eval_name)}**", *(f"- {bullet}" for bullet in bullets)])


def _changes(run: Run) -> str:
    fixed, broke = run.verdict.fixed, run.verdict.broke
    keys = [code(short_key(key)) for key in broke[:KEYS_SHOWN]] + (["…"] if len(broke) > KEYS_SHOWN else [])
    return f"fixed {len(fixed):,}, broke {len(broke):,}{': ' if keys else ''}{', '.join(keys)}"


def _about(run: Run) -> str:
    subject = run.subject
    tree = "clean" if run.git_clean else "with uncommitted changes"
    models = ", ".join(f"{role}={model}" for role, model in sorted(subject.models.items()))
    facts = (
        f"program {code(subject.program_digest[:12])}",
        f"prompt {code(subject.prompt_digest[:12])}",
        f"baseline {code(subject.baseline_digest[:12])}",
        f"models {code(models)}",
        f"git {code((run.git_commit or 'none')[:12])} {tree}",
        f"dspy {code(subject.dspy_version)}",
        f"g6o_eval {code(subject.g6o_version)}",
        f"run {code(run.run_id)}",
    )
    return f"- {escape(subject.eval_name)}: {', '.join(facts)}"


def escape(text: str) -> str:
    """Return a text from outside as Markdown that shows its characters and does nothing."""
    words = line(text).split(" ")
    return " ".join(code(each) if _ACTIVE.search(each) else _PUNCTUATION.sub(r"\\\1", each) for each in words)


def code(text: str) -> str:
    """Return a text from outside as a code span, whatever backticks it holds."""
    shown = line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if shown[:1] in {"`", " ", ""} or shown[-1:] in {"`", " "} else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
