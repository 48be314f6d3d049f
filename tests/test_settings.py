from __future__ import annotations

from pathlib import Path

import pytest

from g6o_eval.errors import DeclarationError
from g6o_eval.settings import Settings, read_settings

INI = "g6o_store = doltlite:///data/x.db\ng6o_lm =\n    task=offline\n    judge=openai/gpt-4o\ng6o_evals = checks\n"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pytest.ini", f"[pytest]\n{INI}"),
        ("tox.ini", f"[pytest]\n{INI}"),
        ("setup.cfg", f"[tool:pytest]\n{INI}"),
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]\ng6o_store = "doltlite:///data/x.db"\n'
            'g6o_lm = ["task=offline", "judge=openai/gpt-4o"]\ng6o_evals = ["checks"]\n',
        ),
    ],
)
def test_the_settings_are_those_of_pytest_wherever_they_are_written(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")

    found = read_settings(tmp_path)

    assert found == Settings(
        root=tmp_path,
        store_ini="doltlite:///data/x.db",
        roles=("task=offline", "judge=openai/gpt-4o"),
        eval_paths=(tmp_path / "checks",),
        snapshots=tmp_path / "snapshots",
    )


def test_a_project_without_settings_has_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")

    found = read_settings(tmp_path)

    assert (found.store_ini, found.roles, found.eval_paths) == ("", (), (tmp_path / "evals",))


def test_in_a_folder_below_the_settings_are_those_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\ng6o_lm = task=offline\n", encoding="utf-8")
    (tmp_path / "evals").mkdir()

    assert read_settings(tmp_path / "evals") == read_settings(tmp_path)


def test_nothing_is_collected_or_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -v\n", encoding="utf-8")
    (tmp_path / "test_x.py").write_text("raise SystemExit(9)\n", encoding="utf-8")

    read_settings(tmp_path)

    assert capfd.readouterr() == ("", "")


def test_settings_that_pytest_does_not_take_are_an_error_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")

    with pytest.raises(DeclarationError) as caught:
        read_settings(tmp_path)

    first, *said = str(caught.value).splitlines()
    assert first == f"pytest does not start in {tmp_path} (status 4), so its settings cannot be read:"
    assert any("unrecognized arguments: --no-such-option" in line for line in said)
