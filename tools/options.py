"""Write docs/options.md from the options themselves; with --check only say whether it is current.

python tools/options.py [--check] [FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import click
import pytest

from g6o_eval import plugin
from g6o_eval.cli import group

PAGE = Path(__file__).parent.parent / "docs" / "options.md"
WIDTH = 100

HEAD = """\
# Options

Written by `make docs` from the programs themselves; a test keeps it current.

## pytest

Beside pytest's own options. `--snapshot-update` is syrupy's: alone it leaves out every test that takes
`example`, renders the prompts and writes `snapshots/<eval>/prompt.txt`; no LM call, no verdict.

Exit statuses beside pytest's own: 20 a gate failed, 22 a budget stopped an eval, 24 inconclusive; the
smallest wins, and a status of pytest's own wins over all.
"""


class Recorder:
    """Stands for pytest's parser and notes what it is told: argparse's own layout differs by Python version."""

    def __init__(self) -> None:
        self.options: list[tuple[str, str]] = []
        self.settings: list[tuple[str, str]] = []

    def getgroup(self, name: str, description: str = "") -> Recorder:
        """Every group is this one."""
        return self

    def addoption(self, *names: str, **attributes: object) -> None:
        """Note an option with the name of its value."""
        metavar = attributes.get("metavar")
        self.options.append((f"{names[0]} {metavar}" if metavar else names[0], str(attributes["help"])))

    def addini(self, name: str, help: str, **_: object) -> None:  # noqa: A002  # pytest's name
        """Note a setting of the ini file."""
        self.settings.append((name, help))


def page() -> str:
    """Return the whole page."""
    recorder = Recorder()
    plugin.pytest_addoption(cast("pytest.Parser", recorder))
    lines = [HEAD, *_table("option", recorder.options), "", *_table("setting (ini file)", recorder.settings), ""]
    for title, text in _commands():
        lines += [f"## {title}", "", "```", text, "```", ""]
    return "\n".join(lines)


def _table(header: str, rows: list[tuple[str, str]]) -> list[str]:
    body = [f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in rows]
    return [f"| {header} | what it does |", "| --- | --- |", *body]


def _commands() -> Iterator[tuple[str, str]]:
    help_names = group.context_settings["help_option_names"]
    root = click.Context(
        group, info_name="g6o-eval", terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=help_names
    )
    yield "g6o-eval", group.get_help(root)
    for name in group.list_commands(root):
        command = group.get_command(root, name)
        if command is not None:
            context = click.Context(command, root, name, terminal_width=WIDTH, max_content_width=WIDTH)
            yield f"g6o-eval {name}", command.get_help(context)


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit status."""
    places = [Path(argument) for argument in arguments if argument != "--check"]
    place = places[0] if places else PAGE
    wanted = page()
    if "--check" not in arguments:
        place.write_text(wanted, encoding="utf-8")
        return 0
    if place.exists() and place.read_text(encoding="utf-8") == wanted:
        return 0
    sys.stderr.write(f"{place} is not what the options say. Run: make docs\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
