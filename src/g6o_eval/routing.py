"""What a prediction prints and logs goes to its own item.

Without this a prediction's thread writes to whatever pytest has put there at that moment: the
terminal, or the captured output of another item.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, TextIO

import pytest

from g6o_eval.predict import SINK

_LINE = logging.Formatter("%(levelname)-8s %(name)s:%(filename)s:%(lineno)d %(message)s")
_HANDLERS_OF_PYTEST = ("caplog_handler", "report_handler")


class Routing:
    """Puts itself in front of stdout, stderr and the root logger; `undo` leaves them as they were."""

    def __init__(self) -> None:
        self._streams: dict[TextIO, Callable[[str], int]] = {}
        self._handler = _Keeper()
        self._muted: list[logging.Handler] = []

    def streams(self) -> None:
        """Route what threads write to the streams that stand at sys.stdout and sys.stderr now."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream not in self._streams and "write" not in vars(stream):
                self._streams[stream] = stream.write
                stream.write = _writer(name, stream.write)

    def logs(self, config: pytest.Config) -> None:
        """Route log records; pytest's own handlers take those of the running item only."""
        # First in the list: pytest takes its handlers off while threads walk it, which skips the next one.
        logging.getLogger().handlers.insert(0, self._handler)
        plugin = config.pluginmanager.getplugin("logging-plugin")
        for name in _HANDLERS_OF_PYTEST:
            if (handler := getattr(plugin, name, None)) is not None:
                handler.addFilter(_not_from_a_prediction)
                self._muted.append(handler)

    def undo(self) -> None:
        """Leave the process as it was found."""
        for stream in self._streams:
            del stream.write
        logging.getLogger().removeHandler(self._handler)
        for handler in self._muted:
            handler.removeFilter(_not_from_a_prediction)
        self._streams, self._muted = {}, []


class _Keeper(logging.NullHandler):
    """Keeps the records of predictions; all others are pytest's."""

    def handle(self, record: logging.LogRecord) -> Any:
        sink = SINK.get()
        if sink is not None:
            sink.append(("log", _LINE.format(record) + "\n"))
        return True


def _writer(name: str, write: Callable[[str], int]) -> Callable[[str], int]:
    def routed(text: str) -> int:
        sink = SINK.get()
        if sink is None:
            return write(text)
        sink.append((name, text))
        return len(text)

    return routed


def _not_from_a_prediction(record: logging.LogRecord) -> bool:
    return SINK.get() is None
