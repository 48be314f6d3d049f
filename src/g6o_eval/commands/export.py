"""g6o-eval export and import: a store's history into a file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.commands.person import by_whom


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@store_option
def export(file: Path, store: str | None) -> None:
    """Write the ledger, artifacts, runs and scores into FILE.

    JSON Lines with a header and checksums, readable by you alone: it holds every prompt and every
    score that the store holds. A FILE that stands already is replaced when the new one is whole.
    """
    from g6o_eval.redact import plain, redact
    from g6o_eval.steps.transfer import export_history

    with open_chosen(store, read_only=True, create=False) as opened:
        done = export_history(opened, file)
        url = opened.url
    click.echo(plain(redact(f"{file}: {counted(done.rows)}; {url} at {done.head[:12]}")))


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@store_option
def import_(file: Path, store: str | None) -> None:
    """Bring the history that export wrote into this store.

    For disaster recovery, and to move one store elsewhere. All of it in one commit; a second time
    changes nothing; a store with another history refuses. What was live is live again. A proof does
    not travel: the runs are marked with their origin, and none of them promotes anything.
    """
    from g6o_eval.redact import plain, redact
    from g6o_eval.settings import read_settings
    from g6o_eval.steps.transfer import import_history

    settings = read_settings(Path.cwd())
    with open_chosen(store, settings=settings) as opened:
        done = import_history(opened, file, by=by_whom(settings.root))
        url = opened.url
    what = counted(done.rows) if done.commit else "everything stood there already"
    commit = f"commit {done.commit[:12]}" if done.commit else "no commit"
    click.echo(plain(redact(f"{url}: {what}; from {done.origin}, {commit}")))


def counted(rows: Mapping[str, int]) -> str:
    """Return "2 entries, 1 artifacts, 3 runs, 180 scores" of the tables that were carried."""
    names = {"g6o_ledger": "entries", "g6o_artifacts": "artifacts", "g6o_runs": "runs", "g6o_scores": "scores"}
    return ", ".join(f"{rows.get(table, 0)} {name}" for table, name in names.items())
