"""g6o-eval outcomes: label and measure the sessions of a store, and say what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.commands.table import table_lines

if TYPE_CHECKING:
    from g6o_eval.fleet.agreement import Confusion
    from g6o_eval.fleet.labelling import Relabelled
    from g6o_eval.fleet.made_up.truth import Truth

NOTHING = "The store holds no sessions. Run: g6o-eval ingest PATH"


@click.command()
@click.option(
    "--budget", "budget_usd", type=click.FloatRange(min=0, min_open=True), metavar="USD",
    help="What one session may cost, for its cost efficiency. Default: it is held against the sessions of its mode.",
)  # fmt: skip
@click.option(
    "--truth", "truth_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with the truth of made-up sessions (truth.jsonl of g6o-eval synthesize).",
)  # fmt: skip
@store_option
def outcomes(budget_usd: float | None, truth_file: Path | None, store: str | None) -> None:
    """Label and measure all sessions, and pair stopped ones with their recoveries.

    Labels are written with the rule that gave them and the version of the rules, in one commit; a
    second run writes nothing. Shown are the sessions per label, rule and category, and for each
    measure how many sessions have it and how it is spread.
    """
    from g6o_eval.fleet.labelling import relabel
    from g6o_eval.fleet.made_up.truth import read_truths

    with open_chosen(store) as opened:
        found = relabel(opened, budget_usd=budget_usd)
        rows = list(opened.read("SELECT session_id, category FROM session_labels"))
    if not found.labels:
        click.echo(NOTHING)
        return
    categories = {str(session_id): str(category) for session_id, category in rows}
    lines = [*coverage_lines(found, categories), "", *measure_lines(found)]
    if truth_file is not None:
        truths = {truth.session_id: truth for truth in read_truths(truth_file)}
        lines += ["", *truth_lines(found, truths)]
    click.echo("\n".join([*lines, "", written_line(found)]))


def coverage_lines(found: Relabelled, categories: Mapping[str, str]) -> list[str]:
    """Return sessions per outcome and rule, then per outcome and category; a category nobody gave is a dash."""
    from g6o_eval.fleet.outcome import OUTCOMES

    rules = table_lines(
        ("outcome", "rule", "sessions"), ((o, rule, f"{count:,}") for o, rule, count in found.by_rule())
    )
    names = sorted({categories.get(each, "–") for each in found.labels})
    rows = []
    for name in names:
        mine = [label.outcome for each, label in found.labels.items() if categories.get(each, "–") == name]
        rows.append((name, *(f"{mine.count(outcome):,}" for outcome in OUTCOMES), f"{len(mine):,}"))
    methods = [pair.method for pair in found.pairs]
    by_method = ", ".join(f"{method} {methods.count(method)}" for method in dict.fromkeys(sorted(methods)))
    pairs = f"{len(methods)} stopped sessions have a recovery" + (f" ({by_method})" if methods else "")
    return [*rules, "", *table_lines(("category", *OUTCOMES, "all"), rows), "", pairs]


def measure_lines(found: Relabelled) -> list[str]:
    """Return how each measure is spread over the sessions that have it, and why the others have none."""
    from g6o_eval.fleet.measures import MEASURES

    rows = []
    for name in MEASURES:
        values = sorted(each[name].value for each in found.measured.values() if each[name].value is not None)  # type: ignore[type-var]  # no None is left
        reasons = [each[name].reason for each in found.measured.values() if each[name].value is None]
        most = max(sorted(set(reasons)), key=reasons.count, default="")
        spread = [f"{value:.3f}" for value in _quartiles(values)] if values else ["–"] * 5  # type: ignore[arg-type]  # idem
        rows.append((name, f"{len(values):,}", *spread, f"{len(set(values)):,}", most))
    header = ("measure", "n", "least", "25 %", "median", "75 %", "most", "values", "most common reason for none")
    return table_lines(header, rows)


def truth_lines(found: Relabelled, truths: Mapping[str, Truth]) -> list[str]:
    """Return labels, hard negatives, pairs and measures against the truth of made-up sessions."""
    from g6o_eval.fleet.agreement import confusion_of
    from g6o_eval.fleet.outcome import OUTCOMES

    both = [each for each in found.labels if each in truths]
    if not both:
        return ["The truth names none of the store's sessions: it belongs to others."]
    labels = confusion_of(((truths[each].outcome, found.labels[each].outcome) for each in both), OUTCOMES)
    long = [each for each in both if truths[each].kind == "long"]
    wrong = [each for each in long if found.labels[each].outcome != truths[each].outcome]
    return [
        *confusion_lines(labels, "outcome"),
        f"long healthy sessions: {len(long)}, of them labelled wrongly: {len(wrong)}",
        *_pair_lines(found, truths),
        "",
        *_correlations(found, truths, both),
    ]


def confusion_lines(found: Confusion, what: str) -> list[str]:
    """Return a confusion matrix, truth down and label across, with the figures of each class."""
    header = (f"true {what}", *found.columns(), "n", "precision", "recall", "F1")
    rows = [(name, *_class_cells(found, name)) for name in found.classes]
    summary = f"accuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f}, n={found.n}"
    return [*table_lines(header, rows), summary]


def _class_cells(found: Confusion, name: str) -> list[str]:
    figures = found.figures(name)
    counts = [str(found.counts.get((name, said), 0)) for said in found.columns()]
    return [*counts, str(figures.support), _share(figures.precision), _share(figures.recall), f"{figures.f1:.3f}"]


def written_line(found: Relabelled) -> str:
    """Return what was written."""
    if found.commit is None:
        return f"{len(found.labels):,} sessions; every label and measure stood there already, no commit"
    return f"{len(found.labels):,} sessions; {found.changed:,} rows written, commit {found.commit[:12]}"


def _pair_lines(found: Relabelled, truths: Mapping[str, Truth]) -> list[str]:
    true = {(t.recovery_of, t.session_id) for t in truths.values() if t.recovery_of and t.session_id in found.labels}
    said = {(pair.stopped_id, pair.recovery_id) for pair in found.pairs}
    return [f"recovery pairs: {len(true)} true, {len(said)} found, {len(true & said)} of them right"]


def _correlations(found: Relabelled, truths: Mapping[str, Truth], both: Sequence[str]) -> Iterator[str]:
    """Return how each measure goes with the true outcome: partial counts half."""
    from g6o_eval.fleet.agreement import auc, spearman
    from g6o_eval.fleet.measures import MEASURES, RECOVERED

    rows = []
    for name in MEASURES:
        values = [(found.measured[each][name].value, truths[each].outcome) for each in both]
        known = [(value, outcome) for value, outcome in values if value is not None]
        rho = spearman([(value, RECOVERED[outcome]) for value, outcome in known])
        area = auc([(value, outcome == "success") for value, outcome in known])
        rows.append((name, str(len(known)), _share(rho), _share(area)))
    yield from table_lines(("measure", "n", "Spearman with the true outcome", "AUC of true success"), rows)


def _quartiles(values: Sequence[float]) -> list[float]:
    return [values[round(share * (len(values) - 1))] for share in (0, 0.25, 0.5, 0.75, 1)]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
