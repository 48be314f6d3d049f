"""How far an import is: a bar on a terminal, a line now and then elsewhere. On stderr: stdout is the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from g6o_eval.fleet.ingest.write import Step

PLAIN_SECONDS = 10.0
"""Between two plain lines: a log of an hour has 360 of them."""


@contextmanager
def show_progress() -> Iterator[Callable[[Step], None]]:
    """Yield what is to be called with each step."""
    if not sys.stderr.isatty():
        yield Plain(time.monotonic)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda step: bar.update(
            task,
            completed=step.read_bytes,
            total=step.total_bytes,
            description=f"{step.done:,} of {step.total:,} sources",
        )


class Plain:
    """Says a line at the end, and each PLAIN_SECONDS before."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = self._said = clock()

    def __call__(self, step: Step) -> None:
        """Take note of a step."""
        at = self._clock()
        if step.done != step.total and at - self._said < PLAIN_SECONDS:
            return
        self._said = at
        click.echo(progress_line(step, at - self._began), err=True)


def progress_line(step: Step, seconds: float) -> str:
    """Return how far a run is after so many seconds: sources, megabytes, the rate, and the time left."""
    line = f"read {step.done:,} of {step.total:,} sources"
    if not step.total_bytes or not step.read_bytes or seconds <= 0:
        return line
    rate = step.read_bytes / seconds
    line += f", {step.read_bytes / 1e6:,.1f} of {step.total_bytes / 1e6:,.1f} MB at {rate / 1e6:,.1f} MB/s"
    return line if step.done == step.total else f"{line}, {(step.total_bytes - step.read_bytes) / rate:,.0f} s left"
