"""g6o-eval adopt: commit rows that another client left uncommitted in our tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.commands.person import by_whom

if TYPE_CHECKING:
    from g6o_eval.steps.adopt import Uncommitted
    from g6o_eval.store.port import Row

NOTHING = "nothing to adopt: no table of g6o_eval has uncommitted rows"
HAND = "g6o_eval commits what it writes itself: rows in {tables} came by another hand and prove nothing by being there"

_LONGEST = 60  # characters of a value that are shown


@click.command()
@click.option("--yes", is_flag=True, help="Commit without asking.")
@store_option
def adopt(yes: bool, store: str | None) -> None:
    """Show uncommitted rows of our tables, and commit them.

    A daemon that writes compiled_prompts and never commits keeps every promotion from writing that
    table. Rows of other tables stay as they are.
    """
    from g6o_eval.redact import plain, redact
    from g6o_eval.settings import read_settings
    from g6o_eval.steps.adopt import adopt as commit_rows
    from g6o_eval.steps.adopt import others, uncommitted

    settings = read_settings(Path.cwd())
    with open_chosen(store, create=False, migrated=False, settings=settings) as opened:
        found, rest = uncommitted(opened), others(opened)
        click.echo(plain(redact("\n".join([*(shown_lines(found) or [NOTHING]), *_rest(rest)]))))
        if not found:
            return
        by = by_whom(settings.root)
        if not yes:
            click.confirm("Commit these rows?", abort=True)
        commit, done = commit_rows(opened, [each.table for each in found], by=by)
    more = "" if done == found else "; rows were written meanwhile, they are in it"
    click.echo(f"adopted {', '.join(each.table for each in done)}: commit {commit[:12]}{more}")


def shown_lines(found: Sequence[Uncommitted]) -> list[str]:
    """Return one line for each table and one for each row: + it came, - it went."""
    lines: list[str] = []
    for each in found:
        lines.append(f"{each.table}: {len(each.added)} rows added, {len(each.removed)} removed")
        lines += [*_rows("-", each.columns, each.removed), *_rows("+", each.columns, each.added)]
    if by_hand := [each.table for each in found if each.table.startswith("g6o_")]:
        lines.append(HAND.format(tables=", ".join(by_hand)))
    return lines


def _rows(sign: str, columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        yield f"  {sign} " + ", ".join(f"{name}={_short(value)}" for name, value in zip(columns, row, strict=False))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(str(value))} characters)"


def _rest(tables: Sequence[str]) -> list[str]:
    return [f"uncommitted rows of other tables stay: {', '.join(tables)}"] if tables else []
