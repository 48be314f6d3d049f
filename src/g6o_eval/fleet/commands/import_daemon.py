"""g6o-eval import-daemon: what an agents' daemon kept, into the store."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.fleet.commands.report_file import report_option, write_report


@click.command("import-daemon")
@click.option("--from", "source", required=True, metavar="URL", help="The daemon's database; it is only read.")
@report_option
@store_option
def import_daemon(source: str, report_file: Path | None, store: str | None) -> None:
    """Read a database of the agents' daemon into the store, in one commit.

    Punches, cards, verdicts, tasks, links between sessions, raw events and diagnoses that the store does
    not have yet. Nothing is written to the daemon's database. Everything that was mended, flagged or left
    is counted with its reason; a second import writes nothing.

    Exit status: 0 done, 1 refused, 2 wrong usage.
    """
    from g6o_eval.fleet.daemon.database import import_daemon as import_from
    from g6o_eval.store.choose import open_store

    with (
        closing(open_store(source, root=Path.cwd(), read_only=True, create=False)) as daemon,
        open_chosen(store) as opened,
    ):
        report = import_from(opened, daemon)
    for table, what, count in report.lines():
        click.echo(f"{table:<26} {what:<60} {count:>8,}")
    click.echo(f"commit {report.commit[:12]}")
    if report_file is not None:
        counts = {table: {what: n for what, n in sorted(found.items()) if n} for table, found in report.counts.items()}
        write_report(report_file, {"counts": counts, "commit": report.commit})
