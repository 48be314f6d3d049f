"""What the terminal ends with: one block per Eval and a closing line. A pure function of data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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

WIDTH = 120
"""Columns after which the remarks go on in the next line."""
_GAP = "   "
_OUTCOME_WIDTH = len("inconclusive")


def verdict_lines(runs: Sequence[Run], facts: Facts) -> list[str]:
    """Return the lines of the section "evals", in the order of the runs; nothing when nothing was judged."""
    if not runs and not facts.unjudged:
        return []
    names = [run.subject.eval_name for run in runs] + [eval_.eval_name for eval_ in facts.unjudged]
    indent = max(map(len, names)) + 2
    lines: list[str] = []
    for run, figures in zip(runs, _columns([_figures(run) for run in runs]), strict=True):
        lines.append(f"{run.subject.eval_name:<{indent}}{word(run):<{_OUTCOME_WIDTH}}  {figures}".rstrip())
        lines += [" " * indent + text for text in _below(run, WIDTH - indent)]
    for eval_ in facts.unjudged:
        outcome = "stopped" if eval_.stopped else "no verdict"
        lines.append(f"{eval_.eval_name:<{indent}}{outcome:<{_OUTCOME_WIDTH}}  {line(eval_.reason)}")
    return [*lines, _closing(runs, facts)]


def _closing(runs: Sequence[Run], facts: Facts) -> str:
    parts = (f"data {facts.data}", f"store {facts.store}", f"spent {spent(runs, facts)}", tally(runs, facts))
    return _GAP.join(line(part) for part in parts)


def _figures(run: Run) -> tuple[str, str, str, str]:
    return mean_text(run), f"n={run.verdict.n}", _baseline(run), difference_text(run)


def _columns(rows: Sequence[tuple[str, str, str, str]]) -> list[str]:
    """Pad the columns to one width each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return [f"{mean}  {n}   {baseline}  {difference}".rstrip() for mean, n, baseline, difference in padded]


def _baseline(run: Run) -> str:
    if run.same_program:
        return f"unchanged ({baseline_name(run)})"
    if run.baseline_scores is None:
        return "no baseline" if run.gate.max_drop is not None else f"not compared ({baseline_name(run)})"
    mean = run.verdict.baseline_mean
    return f"baseline {'–' if mean is None else f'{mean:.3f}'} ({baseline_name(run)})"


def _below(run: Run, width: int) -> list[str]:
    """Return the reasons, the remarks and what the compile used."""
    changes = [] if run.baseline_scores is None else [_changes(run)]
    compiled = compile_text(run)
    lines = [*map(line, run.verdict.reasons), *_wrapped([*changes, *remarks(run)], width)]
    return lines if compiled is None else [*lines, compiled]


def _changes(run: Run) -> str:
    fixed, broke = run.verdict.fixed, run.verdict.broke
    shown = [*map(short_key, broke[:KEYS_SHOWN]), *(["…"] if len(broke) > KEYS_SHOWN else [])]
    return f"fixed {len(fixed):,}, broke {len(broke):,}{': ' if shown else ''}{', '.join(shown)}"


def _wrapped(items: Iterable[str], width: int) -> list[str]:
    """Join items to lines of at most this width; an item is never cut."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(_GAP) + len(item) <= width:
            lines[-1] += _GAP + item
        else:
            lines.append(item)
    return lines
