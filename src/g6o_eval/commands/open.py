"""Open the store that a command was told to use. Commands of other packages use this too.

@click.command()
@store_option
def ingest(store: str | None) -> None:
    with open_chosen(store) as opened:
        ...
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from g6o_eval.settings import Settings
    from g6o_eval.store.port import Store

_Command = TypeVar("_Command", bound=Callable[..., object])


def store_option(command: _Command) -> _Command:
    """Give a command `--store URL`, passed as `store: str | None`; g6o-eval's own --store is its default."""
    option: Callable[[_Command], _Command] = click.option(
        "--store",
        metavar="URL",
        default=_of_the_group,
        help="Use this store. Default: $G6O_STORE, then ini g6o_store, then doltlite:///.g6o/evals.db.",
    )
    return option(command)


@contextmanager
def open_chosen(
    option: str | None,
    *,
    read_only: bool = False,
    create: bool = True,
    migrated: bool = True,
    settings: Settings | None = None,
) -> Iterator[Store]:
    """Open the chosen store, bring its tables up to date when it may be written, close it at the end.

    Args:
        option: what `--store` said.
        read_only: nothing will be written: no table is made.
        create: whether a store that does not exist is made; else MissingError says how to.
        migrated: whether its tables are brought up to date; False: it is taken as it is.
        settings: of the project; read from the current folder when not given.

    Raises:
        StoreError: it cannot be opened, or is none that this version may use.
    """
    # Here, not above: a command's --help needs no pytest and no database.
    from g6o_eval.settings import read_settings
    from g6o_eval.store.choose import open_store
    from g6o_eval.store.schema import known_migrations, migrate

    settings = settings or read_settings(Path.cwd())
    url = chosen_url(option, settings)
    with closing(open_store(url, root=settings.root, read_only=read_only, create=create)) as store:
        if migrated and not store.read_only:
            migrate(store, known_migrations())
        yield store


def chosen_url(option: str | None, settings: Settings) -> str:
    """Return the URL of the store that a command was told to use."""
    from g6o_eval.store.choose import choose_store

    return choose_store(option, os.environ, settings.store_ini).url


def _of_the_group() -> str | None:
    found = click.get_current_context().find_root().params.get("store")
    return found if isinstance(found, str) else None
