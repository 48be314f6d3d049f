"""Who runs a command: the name a ledger entry carries."""

from __future__ import annotations

import os
from pathlib import Path

import click

from g6o_eval import git


def by_whom(root: Path) -> str:
    """Return "Name <mail>" of git, else $USER.

    Raises:
        click.UsageError: nobody is named; the ledger takes no anonymous entry.
    """
    found = git.user(root) or os.environ.get("USER", "").strip()
    if not found:
        raise click.UsageError("nobody is named. Run: git config user.name NAME, or set $USER")
    return found
