"""The floors of the architecture: pyproject.toml holds the contracts, import-linter checks them."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("lint-imports", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert program is not None, "lint-imports is missing: install the extra 'dev'"
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_imports_point_down_the_floors() -> None:
    ran = lint(ROOT)

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_an_import_that_points_up_is_found(tmp_path: Path) -> None:
    settings = configparser.ConfigParser()
    settings.read_dict(
        {
            "importlinter": {"root_package": "g6o_eval"},
            "importlinter:contract:1": {
                "name": "upside down",
                "type": "forbidden",
                "source_modules": "g6o_eval.gate",
                "forbidden_modules": "g6o_eval.score",
            },
        }
    )
    with (tmp_path / ".importlinter").open("w") as file:
        settings.write(file)

    ran = lint(tmp_path)

    assert ran.returncode == 1
    assert "g6o_eval.gate -> g6o_eval.score" in ran.stdout


def test_no_two_test_files_have_one_name() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))

    assert [name for name, count in names.items() if count > 1] == []
