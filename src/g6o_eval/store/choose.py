"""Which store: the option, the environment, the ini file, else the embedded default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from g6o_eval.errors import DeclarationError
from g6o_eval.store.address import PASSWORD_VARIABLE, parse_address, without_password
from g6o_eval.store.port import Store

__all__ = ["Choice", "choose_store", "open_store", "without_password"]

DEFAULT_URL = "doltlite:///.g6o/evals.db"
OPTION, VARIABLE, INI = "--eval-store", "G6O_STORE", "g6o_store"

_EMBEDDED = "doltlite:///"


@dataclass(frozen=True, slots=True)
class Choice:
    """A store's URL and who named it.

    Attributes:
        url: doltlite:///PATH (relative to the root; absolute with a fourth slash) or dolt://user@host:port/database.
        source: "--eval-store", "G6O_STORE", "g6o_store" or "default".
    """

    url: str
    source: str


def choose_store(option: str | None, environ: Mapping[str, str], ini: str) -> Choice:
    """Return the first that is named: the option, the environment variable, the ini value, the default."""
    for url, source in ((option, OPTION), (environ.get(VARIABLE), VARIABLE), (ini, INI)):
        if url:
            return Choice(url, source)
    return Choice(DEFAULT_URL, "default")


def open_store(url: str, *, root: Path, read_only: bool = False, create: bool = True) -> Store:
    """Open the store behind a URL.

    Args:
        url: see Choice.
        root: what a relative path is relative to.
        read_only: refuse writes.
        create: make the file and its folder when there is none. False makes nothing. On a server a
            database is never made.

    Raises:
        DeclarationError: the URL has another form.
        MissingError: there is no file, and none may be made; the server has no such database.
        UnavailableError: it cannot be reached, opened or loaded.
        UnfitError: it is not a store of ours.
    """
    if url.startswith("dolt://"):
        from g6o_eval.store.server import ServerStore

        return ServerStore(parse_address(url, password=os.environ.get(PASSWORD_VARIABLE)), read_only=read_only)
    path = url.removeprefix(_EMBEDDED)
    if not url.startswith(_EMBEDDED) or not path or path.endswith("/"):
        raise DeclarationError(
            f"a store's URL is doltlite:///PATH/FILE or dolt://user@host:port/database, got {without_password(url)!r}"
        )
    # Loaded here, so that choosing a store loads no engine.
    from g6o_eval.store.embedded import EmbeddedStore

    return EmbeddedStore(root / path, url=url, read_only=read_only, create=create)
