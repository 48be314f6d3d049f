"""g6o-eval init: a first eval, its settings, and the two CI jobs. Nothing that stands is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import click

TEMPLATES: Mapping[str, str] = MappingProxyType(
    {
        "evals/test_triage.py": "test_triage.py.txt",
        "evals/tickets.csv": "tickets.csv",
        ".github/workflows/gate.yml": "gate.yml",
        ".github/workflows/promote.yml": "promote.yml",
        ".github/g6o/gate.sh": "gate.sh",
        ".github/g6o/promote.sh": "promote.sh",
    }
)
"""Path in the project → file of this package."""

IGNORED = (".g6o/", "__pycache__/")
"""Made by a run; a server store refuses to promote from a checkout that holds what git neither has nor ignores."""
_LM_COMMENT = "# Which model plays which role: the offline stand-in, or for example task=openai/gpt-4o-mini."
_INI = f"[pytest]\n{_LM_COMMENT}\ng6o_lm =\n    task=offline\n"
_TOML = f'\n[tool.pytest.ini_options]\n{_LM_COMMENT}\ng6o_lm = ["task=offline"]\n'
_OTHER_INI = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg")

NEXT = """
Next:
  g6o-eval load tickets evals/tickets.csv   put the sample rows into the store
  pytest evals/ --compile                   search a better prompt and judge it
  pytest evals/ --snapshot-update           accept its text, then commit snapshots/"""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path())
def init(folder: Path) -> None:
    """Write a first eval into FOLDER: its test, sample rows, settings and CI jobs.

    FOLDER is the current one when left out. A file that stands already stays as it is, and is named.
    """
    for line in written(folder):
        click.echo(line)
    click.echo(NEXT)


def written(root: Path) -> Iterator[str]:
    """Write what is missing under a folder; yield one line for each file, written or standing."""
    for place, template in TEMPLATES.items():
        yield _write(root / place, place, files("g6o_eval").joinpath("templates", template).read_text("utf-8"))
    yield _settings(root)
    yield _ignore(root)


def _write(path: Path, place: str, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return f"stands already  {place}"
    return f"wrote           {place}"


def _settings(root: Path) -> str:
    """Set the model of the role task, where pytest will look for it."""
    from g6o_eval.settings import read_settings

    if roles := read_settings(root).roles:
        return f"stands already  settings: g6o_lm = {', '.join(roles)}"
    pyproject = root / "pyproject.toml"
    others = [name for name in _OTHER_INI if (root / name).exists()]
    if others and not pyproject.exists():
        return f"ADD YOURSELF    to [pytest] of {others[0]}: g6o_lm = task=offline"
    if not pyproject.exists():
        return _write(root / "pytest.ini", "pytest.ini", _INI)
    if others or "[tool.pytest" in pyproject.read_text(encoding="utf-8"):
        where = others[0] if others else "pyproject.toml, under its pytest settings"
        return f'ADD YOURSELF    to {where}: g6o_lm = ["task=offline"]'
    with pyproject.open("a", encoding="utf-8", newline="\n") as file:
        file.write(_TOML)
    return "wrote           pyproject.toml: [tool.pytest.ini_options] g6o_lm"


def _ignore(root: Path) -> str:
    path = root / ".gitignore"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    standing = {line.strip().rstrip("/") for line in text.splitlines()}
    missing = [line for line in IGNORED if line.rstrip("/") not in standing]
    if not missing:
        return f"stands already  .gitignore: {' '.join(IGNORED)}"
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write("\n" if text and not text.endswith("\n") else "")
        file.writelines(f"{line}\n" for line in missing)
    return f"wrote           .gitignore: {' '.join(missing)}"
