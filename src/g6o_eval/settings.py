"""What pytest's ini file says of evals, read as pytest itself would read it.

Apart from the command line, because the same settings count wherever they are written (pytest.ini,
pyproject.toml, tox.ini, setup.cfg), and only pytest knows which file wins.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from g6o_eval.errors import DeclarationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the ini file says.

    Attributes:
        root: pytest's rootdir; every path of ours is relative to it.
        store_ini: the URL under `g6o_store`; "" when there is none.
        roles: the lines under `g6o_lm`, each ROLE=MODEL.
        eval_paths: where the eval tests are.
        snapshots: the folder of the committed candidates.
    """

    root: Path
    store_ini: str
    roles: tuple[str, ...]
    eval_paths: tuple[Path, ...]
    snapshots: Path


def read_settings(root: Path) -> Settings:
    """Return the settings that a pytest started in `root` would have; collects and runs nothing.

    Raises:
        DeclarationError: pytest does not start there, in its own words.
    """
    reader = _Reader()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = pytest.main([str(root)], plugins=[reader])
    if reader.found is None:
        raise DeclarationError(
            f"pytest does not start in {root} (status {int(status)}), so its settings cannot be read:\n"
            f"{said.getvalue().strip()}"
        )
    return reader.found


class _Reader:
    """A pytest plugin that notes the settings and ends the run before it begins."""

    def __init__(self) -> None:
        self.found: Settings | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        root = config.rootpath
        self.found = Settings(
            root=root,
            store_ini=str(config.getini("g6o_store") or ""),
            roles=tuple(config.getini("g6o_lm")),
            eval_paths=tuple(root / path for path in config.getini("g6o_evals")),
            snapshots=root / "snapshots",
        )
        return 0
