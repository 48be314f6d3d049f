"""g6o-eval synthesize: a fleet of made-up sessions, with the truth beside."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def parse_bytes(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Return a size such as 2500000, 500M or 2.5G in bytes.

    Raises:
        click.BadParameter: it is no such size.
    """
    if value is None:
        return None
    text = value.strip().upper().removesuffix("B")
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS and text else (text, "")
    try:
        size = int(float(number) * _UNITS[unit])
    except (ValueError, OverflowError):
        size = 0
    if size < 1:
        raise click.BadParameter(f"{value!r} is no size: expected bytes, or a number with K, M or G, such as 2.5G")
    return size


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=int, default=7, show_default=True, help="Decides, with the other two, every byte.")
@click.option("--tasks", type=click.IntRange(min=1), default=1_089, show_default=True, help="Task folders, at least.")
@click.option("--bytes", "size", metavar="SIZE", callback=parse_bytes, help="About how much, such as 500M or 2.5G.")
def synthesize(folder: Path, seed: int, tasks: int, size: int | None) -> None:
    """Make task folders of made-up sessions under FOLDER/tasks, and FOLDER/truth.jsonl beside.

    The forest, the tools, the prices, the ends and the sizes follow those of recorded fleets; 1.5 % of
    the folders have a fault planted. The truth has a line for each: what went wrong, what came of it,
    who asked for it, whose work it took up, its calls and its price. Without --bytes a folder has
    about 360 KB.

    Exit status: 0 done, 1 there are task folders already, 2 wrong usage.
    """
    from g6o_eval.fleet.made_up.population import Size, populate

    try:
        truths = populate(folder, seed=seed, size=Size(sessions=tasks, bytes=size), progress=_say_hundreds())
    except FileExistsError as error:
        click.echo(f"{error.filename} is there already: name another folder, or delete it", err=True)
        sys.exit(1)
    written = sum(path.stat().st_size for path in (folder / "tasks").rglob("*") if path.is_file())
    faults = sum(truth.planted is not None for truth in truths)
    click.echo(f"{len(truths):,} task folders, {written / 1e6:,.1f} MB, {faults} with a planted fault")


def _say_hundreds() -> Callable[[int, int], None]:
    """Return what says every hundredth session, on stderr."""
    said = 0

    def say(done: int, total: int) -> None:
        nonlocal said
        if done // 100 > said or done == total:
            said = done // 100
            click.echo(f"made {done:,} of {total:,} sessions", err=True)

    return say
