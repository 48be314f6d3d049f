"""Run a command as a user's shell would: this environment's programs first, nothing of the outer pytest."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

SCRIPTS = sysconfig.get_path("scripts")


def run(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder; return what it said, both streams in one, and its exit status."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "G6O_", "GITHUB_"))}
    path = os.pathsep.join([*variables.pop("PATH", "").split(os.pathsep), SCRIPTS, kept["PATH"]]).lstrip(os.pathsep)
    return subprocess.run(
        command,
        cwd=folder,
        env={**kept, "PATH": path, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def done(folder: Path, *command: str, **variables: str) -> str:
    """The same for a command that must succeed; return what it said."""
    found = run(folder, *command, **variables)
    assert found.returncode == 0, f"{' '.join(command)} ended with {found.returncode}:\n{found.stdout}"
    return found.stdout
