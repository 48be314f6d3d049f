"""g6o-eval promote: put judged candidates live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import chosen_url, open_chosen, store_option
from g6o_eval.commands.person import by_whom
from g6o_eval.errors import DeclarationError, G6oError, RefusedError
from g6o_eval.redact import plain, redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from g6o_eval.settings import Settings
    from g6o_eval.steps.discover import Found
    from g6o_eval.steps.promote import Checkout, Promoted
    from g6o_eval.store.entries import Order
    from g6o_eval.store.port import Store

PROMOTED, REFUSED, ALREADY_LIVE = 0, 1, 3


@click.command()
@click.argument("name", metavar="[EVAL]", required=False)
@click.option("--all", "every", is_flag=True, help="Every Eval of the checkout; one that is live already is done.")
@click.option("--allow-offline", is_flag=True, help="Take a verdict of the offline LM into a server store; recorded.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the ledger.")
@store_option
def promote(name: str | None, every: bool, allow_offline: bool, reason: str, store: str | None) -> None:
    """Put the committed candidate of EVAL live, if its run still proves it.

    No LM is called. What the verdict is about is computed again from the checkout and the store, and
    the outcome from the stored scores; any difference is a refusal with its reason.

    Exit status: 0 promoted, 1 refused, 2 wrong usage, 3 already live (with --all that counts as done).
    """
    if (name is None) != every:
        raise click.UsageError("name one EVAL, or say --all")
    from g6o_eval.settings import read_settings
    from g6o_eval.steps.discover import discover
    from g6o_eval.store.entries import Order

    settings = read_settings(Path.cwd())
    found = discover(settings.eval_paths, root=settings.root, store_url=chosen_url(store, settings))
    checkout = _checkout(settings)
    order = Order(by=by_whom(settings.root), reason=reason, allow_offline=allow_offline)
    with open_chosen(store, create=False, settings=settings) as opened:
        statuses = [_promote_one(found[each], opened, checkout, order) for each in _named(found, name)]
    raise SystemExit(exit_status(statuses, every=every))


def exit_status(statuses: list[int], *, every: bool) -> int:
    """Return what the command ends with: one refusal is a refusal; with --all, live already is done."""
    if REFUSED in statuses:
        return REFUSED
    return PROMOTED if every else max(statuses)


def _named(found: Mapping[str, Found], name: str | None) -> list[str]:
    if name is None:
        return list(found)
    if name not in found:
        raise DeclarationError(f"there is no Eval {name!r} in this checkout; it has {', '.join(found)}")
    return [name]


def _checkout(settings: Settings) -> Checkout:
    from g6o_eval.lm.roles import parse_roles
    from g6o_eval.steps.promote import Checkout

    models = parse_roles(settings.roles, source="ini g6o_lm")
    return Checkout(root=settings.root, snapshots=settings.snapshots, models=models)


def _promote_one(found: Found, store: Store, checkout: Checkout, order: Order) -> int:
    from g6o_eval.steps.promote import AlreadyLive
    from g6o_eval.steps.promote import promote as promote_candidate

    try:
        done = promote_candidate(found.spec, found.test_files, store=store, checkout=checkout, order=order)
    except G6oError as error:  # with --all the others are still promoted
        reasons = error.reasons if isinstance(error, RefusedError) else (str(error),)
        lines = [f"{found.spec.name}: refused", *(f"  - {reason}" for reason in reasons)]
        click.echo(plain(redact("\n".join(lines))), err=True)
        return REFUSED
    if isinstance(done, AlreadyLive):
        click.echo(f"{done.eval_name}: already live (program {done.program_digest[:12]})")
        return ALREADY_LIVE
    click.echo("\n".join(promoted_lines(done)))
    return PROMOTED


def promoted_lines(done: Promoted) -> list[str]:
    """Return what a promotion says: what is live, by which verdict, and which rules moved."""
    low, high = done.verdict.mean_interval
    return [
        f"{done.eval_name}: promoted program {done.program_digest[:12]} as {', '.join(done.prompt_ids)}",
        f"  by run {done.run_id}: mean {done.verdict.mean:.3f} [{low:.3f}, {high:.3f}], n={done.verdict.n}",
        *(f"  note: {note}" for note in done.notes),
        f"  store commit {done.commit[:12]}",
    ]
