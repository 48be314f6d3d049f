"""g6o-eval listen: the events of a running `kilo serve` or `opencode serve`, into the store as they happen."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.redact import plain, redact

if TYPE_CHECKING:
    from g6o_eval.fleet.live.listen import Heard


@click.command()
@click.argument("url", required=False)
@click.option("--replay", is_flag=True, help="Read the events in the store again instead of a server's.")
@click.option("--directory", help="Listen to this project folder of the server, not to the one it was started in.")
@click.option("--events", default=2_000, show_default=True, type=click.IntRange(min=1), help="Events of one commit.")
@click.option(
    "--seconds", default=5.0, show_default=True, type=click.FloatRange(min=0.1), help="Longest time between commits."
)
@click.option("--raw/--no-raw", default=True, help="Whether events are kept as they came, in raw_sse_events.")
@store_option
def listen(
    url: str | None, replay: bool, directory: str | None, events: int, seconds: float, raw: bool, store: str | None
) -> None:
    """Follow the server at URL until Ctrl-C, for example http://127.0.0.1:4096.

    An event of more than 8,000,000 characters is not kept: its session is asked for. At the end a store that is
    away is waited for, half a minute at most; a second Ctrl-C gives up.

    Events are kept as they come, secrets redacted. A session's rows are written when it settles: it waits
    for a person, failed, was deleted, or said nothing for a minute. After every lost connection the server is
    asked for what was missed. A password is read from $KILO_SERVER_PASSWORD or $OPENCODE_SERVER_PASSWORD, a
    bearer token from $G6O_SERVE_TOKEN.

    Exit status: 0 stopped with everything written, 1 the server or the store refuses, 2 wrong usage.
    """
    if (url is None) != replay:
        raise click.UsageError("give the URL of a server, or --replay to read the events in the store again")
    from g6o_eval.fleet.ingest.replay import replay_events
    from g6o_eval.fleet.live.listen import Listener, Pace
    from g6o_eval.fleet.live.server import Server
    from g6o_eval.fleet.live.stream import Stream

    with open_chosen(store) as opened:
        if url is None:
            count = replay_events(opened)
            click.echo(f"replayed {count.events:,} events: {count.sessions} sessions written, {count.left} left alone")
            return
        with closing(Server(url, environ=os.environ, directory=directory)) as server, _stopped() as stopped:
            listener = Listener(opened, server, pace=Pace(events=events, seconds=seconds, keep_raw=raw), notice=_notice)
            stream = Stream(server, notice=_notice, seed=os.getpid())
            with closing(stream):
                stream.start()
                heard = listener.follow(stream, stopped.is_set)
    _show(heard)


@contextmanager
def _stopped() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set, so that what was heard is written before the end.

    The second of them raises KeyboardInterrupt: somebody does not want to wait for that.
    """
    stopped = threading.Event()

    def stop(*_: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    earlier = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _notice(text: str) -> None:
    click.echo(plain(redact(text)), err=True)


def _show(heard: Heard) -> None:
    click.echo(
        f"heard {heard.events:,} events over {heard.connections} connections: {heard.raw:,} kept, "
        f"{heard.sessions:,} sessions written in {heard.commits:,} commits"
    )
    for reason, count in sorted(heard.left_out.items()):
        if count:
            click.echo(f"left out {count:,}: {reason}")
