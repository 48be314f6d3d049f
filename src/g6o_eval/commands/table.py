"""Rows as aligned text, as wide as they are: what a pipe gets is what a terminal shows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

_WIDEST = 1_000
"""Columns of the terminal that rich is told of; a narrower one wraps by itself and loses nothing."""


def table_lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return one line for the header and one for each row, columns aligned, without trailing blanks."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=_WIDEST, color_system=None, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]
