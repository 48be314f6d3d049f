"""g6o-eval grants: the statements that give a user of the server a role."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import chosen_url, store_option
from g6o_eval.errors import DeclarationError

if TYPE_CHECKING:
    from g6o_eval.steps.grants import Role

ROLES = ("reader", "judge", "promoter", "admin")


@click.command()
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the user is for; see above.")
@click.option("--user", "who", metavar="NAME@HOST", required=True, help="For example daemon@% or ci@10.0.0.%.")
@click.option("--apply", "run", is_flag=True, help="Run the statements, as the user of the store's URL.")
@store_option
def grants(role: Role, who: str, run: bool, store: str | None) -> None:
    """Print the statements that give a user a role, or run them.

    \b
    reader    reads the tables that consumers read, nothing else
    judge     reads everything; its verdicts are not stored
    promoter  judges, promotes and rolls back
    admin     migrates, adopts, grants

    For a server store. The user must exist: making it takes a password, which we never ask for.
    Roles protect against accidents; docs/trust.md says what they cannot prevent.
    """
    from g6o_eval.redact import plain
    from g6o_eval.settings import read_settings
    from g6o_eval.steps.grants import apply, create_user, parse_user, statements
    from g6o_eval.store.address import PASSWORD_VARIABLE, parse_address, without_password

    url = chosen_url(store, read_settings(Path.cwd()))
    if not url.startswith("dolt://"):
        raise DeclarationError(
            f"{without_password(url)} is no server store: who may write an embedded store's file may write all of it. "
            "Name the server: --store dolt://user@host:port/database"
        )
    address = parse_address(url, password=os.environ.get(PASSWORD_VARIABLE))
    user = parse_user(who)
    wanted = statements(role, user, address.database)
    if not run:
        click.echo(f"-- if there is no such user: {create_user(user)};")
        click.echo("\n".join(f"{statement};" for statement in wanted))
        return
    rights = apply(address, user, wanted)
    click.echo(plain("\n".join([f"{user} is {role} of {address.database} and has:", *(f"  {r}" for r in rights)])))
