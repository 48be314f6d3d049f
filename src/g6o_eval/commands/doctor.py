"""g6o-eval doctor: is everything fit for use?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import chosen_url, open_chosen, store_option
from g6o_eval.commands.table import table_lines
from g6o_eval.errors import StoreError

if TYPE_CHECKING:
    from g6o_eval.settings import Settings
    from g6o_eval.steps.doctor import Check

UNFIT = 1
LONGEST_FOUND = 60
"""In the table; the whole of it stands below, before what to do."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
@store_option
def doctor(as_json: bool, store: str | None) -> None:
    """Check whether this installation and this store are fit for use.

    Packages, engine, tables, rights, uncommitted rows, clocks, free space. Changes nothing.

    Exit status: 0 all is well, 1 something is not.
    """
    from g6o_eval.settings import read_settings

    settings = read_settings(Path.cwd())
    found = tuple(_checks(store, settings))
    failed = any(check.state == "fail" for check in found)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": [check.to_json() for check in found]}, indent=2))
    else:
        click.echo("\n".join(doctor_lines(found)))
    if failed:
        click.get_current_context().exit(UNFIT)


def _checks(option: str | None, settings: Settings) -> Iterator[Check]:
    from g6o_eval.steps.doctor import free_space, installation_checks, store_checks, unreachable
    from g6o_eval.store.choose import without_password

    yield from installation_checks()
    url = chosen_url(option, settings)
    try:
        with open_chosen(option, create=False, migrated=False, settings=settings) as opened:
            yield from store_checks(opened)
    except StoreError as error:
        yield unreachable(error, without_password(url))
    yield free_space(settings.root, "this machine")


def doctor_lines(found: Sequence[Check]) -> list[str]:
    """Return one line for each check, then what to do about those that failed."""
    from g6o_eval.redact import plain, redact

    said = {check: " ".join(check.found.split()) for check in found}
    rows = [(check.state, check.name, _short(text), check.wanted) for check, text in said.items()]
    lines = table_lines(("", "what", "found", "wanted"), rows)
    failed = [check for check in found if check.state == "fail"]
    for check in failed:
        whole = f"{said[check]}. " if len(said[check]) > LONGEST_FOUND else ""
        lines.append(f"{check.name}: {whole}{check.remedy}")
    lines.append(f"{len(failed)} of {len(found)} checks failed" if failed else f"all {len(found)} checks hold")
    return [plain(redact(line)) for line in lines]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_FOUND else f"{text[: LONGEST_FOUND - 1]}…"
