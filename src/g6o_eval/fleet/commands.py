"""g6o-eval ingest: recorded agent runs into the store."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import open_chosen, store_option

if TYPE_CHECKING:
    from g6o_eval.fleet.ingest.report import Report

INCOMPLETE = 1
"""Exit status when a folder could not be read; what could be read is in the store."""
PLAIN_EVERY = 100
"""Folders between two plain progress lines."""


@click.command()
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--report", "report_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the counts as JSON."
)
@store_option
def ingest(paths: tuple[Path, ...], report_file: Path | None, store: str | None) -> None:
    """Read Kilo Code and Roo Code task folders into the store, in one commit.

    PATH is a task folder, a folder of them, or the extension's storage. Secrets are redacted, broken
    files are salvaged, and everything that was left out is counted with its reason. A folder that was
    read before and is the same is left alone.

    Exit status: 0 done, 1 a folder could not be read, 2 wrong usage.
    """
    from g6o_eval.fleet.ingest.write import ingest as ingest_into

    with open_chosen(store) as opened, _progress() as progress:
        report = ingest_into(opened, paths, progress=progress)
    if report_file is not None:
        report_file.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")
    _show(report)
    if report.unreadable:
        sys.exit(INCOMPLETE)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show progress: a bar on a terminal, a line now and then elsewhere. On stderr: stdout is the table."""
    if not sys.stderr.isatty():
        yield _plain
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _plain(done: int, total: int) -> None:
    if done % PLAIN_EVERY == 0 or done == total:
        click.echo(f"read {done} of {total} folders", err=True)


def _show(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "which", "count", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for what, which, count in report.lines():
        table.add_row(what, which, f"{count:,}")
    Console(highlight=False, markup=False).print(table)
    click.echo(f"commit {report.commit[:12]}   {report.seconds:.1f} s")
