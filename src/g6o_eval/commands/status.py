"""g6o-eval status: what is live, since when, by which verdict, on which data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.commands.table import table_lines

if TYPE_CHECKING:
    from g6o_eval.steps.status import Status

NOTHING = (
    "Nothing was promoted in this store, and snapshots/ holds no Eval. Run: pytest evals/ && g6o-eval promote EVAL"
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per Eval in a list, for machines.")
@store_option
def status(as_json: bool, store: str | None) -> None:
    """Say what is live, since when, by which verdict, on which data."""
    from g6o_eval.settings import read_settings
    from g6o_eval.steps.status import status_of
    from g6o_eval.store.ledger import eval_names

    settings = read_settings(Path.cwd())
    with open_chosen(store, read_only=True, create=False, settings=settings) as opened:
        names = sorted({*eval_names(opened), *_snapshot_names(settings.snapshots)})
        found = status_of(opened, names)
        kind, url = opened.kind, opened.url
    if as_json:
        click.echo(json.dumps({"store": url, "kind": kind, "evals": [each.to_json() for each in found]}, indent=2))
    elif not found:
        click.echo(NOTHING)
    else:
        click.echo("\n".join(status_lines(found, url)))


def _snapshot_names(snapshots: Path) -> list[str]:
    return [folder.name for folder in snapshots.iterdir() if folder.is_dir()] if snapshots.is_dir() else []


def status_lines(found: Sequence[Status], url: str) -> list[str]:
    """Return one line for each Eval, then what a line has no room for, then which store this is."""
    header = ("eval", "state", "since", "verdict", "data", "program")
    return [*table_lines(header, map(cells, found)), *remarks(found), f"store {url}"]


def cells(each: Status) -> tuple[str, ...]:
    """Return the cells of one Eval: name, state, since, verdict, data commit, program digest."""
    return (
        each.eval_name,
        each.state,
        "–" if each.since is None else each.since.replace("T", " "),
        verdict_text(each),
        (each.data_commit or "–")[:12],
        (each.program_digest or "–")[:12],
    )


def verdict_text(each: Status) -> str:
    """Return "pass 0.844 [0.770, 0.901] n=96", or a dash when nothing is live."""
    verdict = each.verdict
    if verdict is None or verdict.mean is None:
        return "–"
    low, high = verdict.mean_interval
    return f"{verdict.outcome} {verdict.mean:.3f} [{low:.3f}, {high:.3f}] n={verdict.n}"


def remarks(found: Sequence[Status]) -> list[str]:
    """Return what the table has no column for: who and why, offline proofs, revoked programs."""
    from g6o_eval.redact import plain, redact

    lines = []
    for each in found:
        if each.by is not None:
            why = f": {each.reason}" if each.reason else ""
            lines.append(f"{each.eval_name}: {each.state} by {each.by}{why}")
        if each.allow_offline:
            lines.append(f"{each.eval_name}: taken on purpose with the offline LM (--allow-offline)")
        if each.revoked:
            lines.append(f"{each.eval_name}: revoked: {', '.join(digest[:12] for digest in each.revoked)}")
    return [plain(redact(line)) for line in lines]
