"""The option --report: a run's counts as JSON, in a file that is looked at before the run and written after it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def report_option(command: _Command) -> _Command:
    """Add --report FILE, the parameter `report_file`, to a command."""
    return click.option(
        "--report",
        "report_file",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_checked,
        help="Write the counts as JSON.",
    )(command)


def write_report(file: Path, counts: Mapping[str, object]) -> None:
    """Write the counts.

    Raises:
        ClickException: the file cannot be written; what the run did stays done.
    """
    try:
        file.write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(
            f"cannot write the report to {str(file)!r}: {error.strerror}. The store has everything; "
            "run it again with another FILE to see what is in it"
        ) from error


def _checked(ctx: click.Context, param: click.Parameter, file: Path | None) -> Path | None:
    if file is not None and not os.access(file if file.exists() else file.parent, os.W_OK):
        raise click.BadParameter(f"{str(file)!r} cannot be written: is its folder there?", ctx, param)
    return file
