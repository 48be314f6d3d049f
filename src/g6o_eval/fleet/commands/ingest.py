"""g6o-eval ingest: recorded agent runs into the store."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.fleet.commands.progress import show_progress
from g6o_eval.fleet.commands.report_file import report_option, write_report
from g6o_eval.redact import plain, redact

if TYPE_CHECKING:
    from g6o_eval.fleet.ingest.report import Report
    from g6o_eval.store.port import Store

INCOMPLETE = 1
"""Exit status when a folder could not be read; what could be read is in the store."""


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(exists=True, path_type=Path))
@report_option
@click.option(
    "--follow", is_flag=True, help="Keep up with what is being written, until Ctrl-C; one commit for each quiet moment."
)
@store_option
def ingest(paths: tuple[Path, ...], report_file: Path | None, follow: bool, store: str | None) -> None:
    """Read recorded agent runs into the store, in one commit.

    PATH is a task folder of Kilo Code, Roo Code or Cline, a folder of them, the extension's storage,
    an OpenCode export, kilo.db, or OpenCode's storage. Secrets are redacted, broken files are
    salvaged, and everything that was left out is counted with its reason. What looks as it did when it
    was read is not opened again. A run that is killed leaves nothing behind: start it again. Two runs
    at once follow each other.

    With --follow, --report holds the counts of the last run that wrote something.

    Exit status: 0 done, also after Ctrl-C of --follow, 1 a source could not be read, a process that
    reads was killed or the store said no, 2 wrong usage.
    """
    from g6o_eval.errors import DataError
    from g6o_eval.fleet.ingest.write import ingest as ingest_into

    with open_chosen(store) as opened:
        if follow:
            _follow(opened, paths, report_file)
            return
        try:
            with show_progress() as progress:
                report = ingest_into(opened, paths, progress=progress)
        except DataError as error:
            raise click.UsageError(plain(redact(str(error)))) from None
        except OSError as error:
            raise click.ClickException(_unlistable(error)) from error
    _tell(report, report_file)
    if report.unreadable:
        sys.exit(INCOMPLETE)


def _unlistable(error: OSError) -> str:
    where = redact(repr(str(error.filename)))
    return f"cannot look into {where}: {error.strerror}. Nothing was written; is it yours to read?"


def _follow(store: Store, paths: tuple[Path, ...], report_file: Path | None) -> None:
    from g6o_eval.fleet.ingest.follow import follow

    def wrote(report: Report) -> None:
        click.echo(follow_line(report))
        if report_file is not None:
            write_report(report_file, report.to_json())

    with suppress(KeyboardInterrupt):
        follow(
            store, paths, wrote=wrote, lost=lambda error: click.echo(plain(redact(f"{error}; trying again")), err=True)
        )


def _tell(report: Report, report_file: Path | None) -> None:
    _show(report)
    if report_file is not None:
        write_report(report_file, report.to_json())


def follow_line(report: Report) -> str:
    """Return what --follow says of a run that wrote something."""
    rows = report.rows.total()
    sessions = f"{report.sessions} session{'' if report.sessions == 1 else 's'}"
    return f"commit {report.commit[:12]}   {sessions}, {rows:,} rows   {report.seconds:.1f} s"


def _show(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "which", "count", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for what, which, count in report.lines():
        table.add_row(what, which, f"{count:,}")
    Console(highlight=False, markup=False).print(table)
    click.echo(f"commit {report.commit[:12]}   {report.seconds:.1f} s")
