"""g6o-eval synthesize, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from g6o_eval.fleet.commands.synthesize import synthesize


def made(*args: str) -> Result:
    return CliRunner().invoke(synthesize, args)


def test_it_makes_folders_and_says_how_much(tmp_path: Path) -> None:
    result = made(str(tmp_path / "fleet"), "--seed", "2", "--tasks", "3", "--bytes", "100K")

    folders = list((tmp_path / "fleet" / "tasks").iterdir())
    assert result.exit_code == 0
    assert len(folders) >= 3
    assert result.stdout.startswith(f"{len(folders)} task folders, 0.")
    assert result.stderr == "made 3 of 3 sessions\n"
    assert len((tmp_path / "fleet" / "truth.jsonl").read_text().splitlines()) == len(folders)


def test_folders_that_are_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()

    result = made(str(tmp_path), "--tasks", "1")

    assert (result.exit_code, result.stderr) == (
        1,
        f"{tmp_path / 'tasks'} is there already: name another folder, or delete it\n",
    )


@pytest.mark.parametrize("size", ["", "x", "-1", "0", "nan", "inf", "1T", "0.1"])
def test_what_is_no_size_is_wrong_usage(tmp_path: Path, size: str) -> None:
    result = made(str(tmp_path), "--bytes", size)

    assert result.exit_code == 2
    expected = f"{size!r} is no size: expected bytes, or a number with K, M or G, such as 2.5G"
    assert expected in " ".join(result.stderr.split())
