"""g6o-eval load: rows of a file into a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.commands.table import table_lines

if TYPE_CHECKING:
    from g6o_eval.steps.load import Loaded
    from g6o_eval.steps.table_file import ColumnType


@click.command()
@click.argument("table")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", default="id", show_default=True, metavar="COLUMN", help="The column that identifies a row.")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="COLUMN=TYPE",
    help="State a column's type instead of inferring it: TEXT, INT, FLOAT, BOOL or JSON. May be repeated.",
)
@store_option
def load(table: str, file: Path, key: str, types: tuple[str, ...], store: str | None) -> None:
    """Load the rows of FILE (.csv, .jsonl) into TABLE, in one commit.

    TABLE is made when it is missing. A row whose key is there already is replaced, so loading a file
    twice changes nothing. The type of each column is inferred and stated; an empty cell of a CSV file
    is NULL, in a text column the empty text. One bad row, and nothing is loaded.
    """
    from g6o_eval.steps.load import load as load_rows

    stated = dict(map(_parse_type, types))
    with open_chosen(store) as opened:
        done = load_rows(opened, table, file, key=key, types=stated)
    click.echo("\n".join(loaded_lines(done, key)))


def _parse_type(text: str) -> tuple[str, ColumnType]:
    from g6o_eval.steps.table_file import COLUMN_TYPES

    column, _, wanted = text.partition("=")
    for name in COLUMN_TYPES:
        if column and wanted.upper() == name:
            return column, name
    raise click.BadParameter(f"{text!r}: expected COLUMN=TYPE with TYPE one of {', '.join(COLUMN_TYPES)}")


def loaded_lines(loaded: Loaded, key: str) -> list[str]:
    """Return what a load says: each column with its type and who stated it, then what was done."""
    rows = [
        (column.name + (" (key)" if column.name == key else ""), column.type, column.origin)
        for column in loaded.columns
    ]
    what = "table made" if loaded.created else "upserted"
    done = f"commit {loaded.commit[:12]}" if loaded.commit else "all of them stood there already, no commit"
    return [*table_lines(("column", "type", "stated by"), rows), f"{loaded.table}: {loaded.rows} rows, {what}; {done}"]
