"""g6o-eval: the command line. Each subcommand is loaded when it is named or listed, not before."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

import click

import g6o_eval
from g6o_eval.errors import DeclarationError, G6oError, RefusedError, RoleError
from g6o_eval.redact import plain, redact

GROUP = "g6o_eval.commands"
"""Entry points of this group add subcommands: NAME = "module:command", a click command."""

REFUSED, USAGE = 1, 2

_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "adopt": "g6o_eval.commands.adopt:adopt",
        "doctor": "g6o_eval.commands.doctor:doctor",
        "export": "g6o_eval.commands.export:export",
        "grants": "g6o_eval.commands.grants:grants",
        "import": "g6o_eval.commands.export:import_",
        "init": "g6o_eval.commands.init:init",
        "load": "g6o_eval.commands.load:load",
        "promote": "g6o_eval.commands.promote:promote",
        "reinstate": "g6o_eval.commands.rollback:reinstate",
        "rollback": "g6o_eval.commands.rollback:rollback",
        "show": "g6o_eval.commands.show:show",
        "status": "g6o_eval.commands.status:status",
    }
)


class Commands(click.Group):
    """Our own subcommands and those that installed packages add; ours cannot be replaced."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a subcommand; an error of ours is one message on stderr, never a traceback."""
        try:
            return super().invoke(ctx)
        except G6oError as error:
            click.echo(message(error), err=True)
            ctx.exit(exit_status(error))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, sorted."""
        return sorted({*_COMMANDS, *(point.name for point in entry_points(group=GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the subcommand of a name, loading its module; None when there is none."""
        point = _find(cmd_name)
        if point is None:
            return None
        try:
            found = getattr(import_module(point.module), point.attr)
        except (ImportError, AttributeError) as error:
            raise click.ClickException(
                f"the command {cmd_name!r} cannot be loaded from {point.value!r}: {error}. "
                "Repair or uninstall the package that adds it"
            ) from error
        if not isinstance(found, click.Command):
            raise click.ClickException(f"the command {cmd_name!r} at {point.value!r} is no click command: {found!r}")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands. One that cannot be loaded says so, and hides no other."""
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _summary(self, ctx: click.Context, name: str) -> str:
        try:
            command = self.get_command(ctx, name)
        except click.ClickException as error:
            return f"({error.message})"
        return command.get_short_help_str(limit=90) if command is not None else ""


def _find(name: str) -> EntryPoint | None:
    if name in _COMMANDS:
        return EntryPoint(name, _COMMANDS[name], GROUP)
    return next(iter(entry_points(group=GROUP, name=name)), None)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(g6o_eval.__version__, package_name="g6o-eval", message="g6o-eval %(version)s")
@click.option(
    "--store", metavar="URL", help="The store every subcommand uses. Default: $G6O_STORE, then ini g6o_store."
)
def group(store: str | None) -> None:
    """Judge prompts with pytest, and put live only what passed.

    \b
    The day of a prompt:
      pytest evals/ --compile           search a better prompt and judge it
      git diff snapshots/               see what was found
      pytest evals/ --snapshot-update   accept its text, then commit
      pytest evals/                     judge what is committed
      g6o-eval promote EVAL             put it live

    Exit status: 0 done, 1 refused, 2 wrong usage or settings, 3 already live.
    """


def main() -> None:
    """Run g6o-eval."""
    group(prog_name="g6o-eval")


def message(error: G6oError) -> str:
    """Return what stderr says of an error: every reason of a refusal on a line of its own."""
    if isinstance(error, RefusedError):
        text = "\n".join(["refused:", *(f"  - {reason}" for reason in error.reasons)])
    else:
        text = f"error: {error}"
    return plain(redact(text))


def exit_status(error: G6oError) -> int:
    """Return 2 for what the user wrote or set wrongly, 1 for everything that was refused or failed."""
    return USAGE if isinstance(error, DeclarationError | RoleError) else REFUSED
