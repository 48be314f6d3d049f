"""g6o-eval rollback and reinstate: take a promotion back, and let a program return."""

from __future__ import annotations

from pathlib import Path

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.commands.person import by_whom


@click.command()
@click.argument("name", metavar="EVAL")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the ledger.")
@store_option
def rollback(name: str, reason: str, store: str | None) -> None:
    """Make what was live before live again, or withdraw EVAL.

    When nothing was live before, readers get no prompt. The program that is left is revoked: no
    promote brings it back until it is reinstated.
    """
    from g6o_eval.settings import read_settings
    from g6o_eval.steps.rollback import rollback as take_back

    settings = read_settings(Path.cwd())
    with open_chosen(store, create=False, settings=settings) as opened:
        entry = take_back(opened, name, by=by_whom(settings.root), reason=reason)
    if entry.program_digest is None:
        click.echo(f"{name}: withdrawn; nothing was live before, so readers get no prompt")
    else:
        click.echo(f"{name}: rolled back to program {entry.program_digest[:12]}")


@click.command()
@click.argument("name", metavar="EVAL")
@click.argument("program", metavar="[DIGEST]", required=False)
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the ledger.")
@store_option
def reinstate(name: str, program: str | None, reason: str, store: str | None) -> None:
    """Let a revoked program of EVAL be promoted again. Nothing goes live by this.

    DIGEST is the beginning of its program digest; it may be left out when only one is revoked.
    """
    from g6o_eval.settings import read_settings
    from g6o_eval.steps.rollback import reinstate as let_return

    settings = read_settings(Path.cwd())
    with open_chosen(store, create=False, settings=settings) as opened:
        entry = let_return(opened, name, program, by=by_whom(settings.root), reason=reason)
    click.echo(f"{name}: program {(entry.program_digest or '')[:12]} may be promoted again: g6o-eval promote {name}")
