from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from g6o_eval.cli import group
from g6o_eval.commands.init import TEMPLATES
from g6o_eval.settings import read_settings
from support.shell import done

REPOSITORY = Path(__file__).parent.parent


def init(folder: Path) -> list[str]:
    found = CliRunner().invoke(group, ["init", str(folder)])
    assert found.exit_code == 0, found.output
    return found.output.splitlines()


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


def test_an_empty_folder_gets_an_eval_its_settings_and_two_jobs(tmp_path: Path) -> None:
    lines = init(tmp_path)

    assert lines == [
        "wrote           evals/test_triage.py",
        "wrote           evals/tickets.csv",
        "wrote           .github/workflows/gate.yml",
        "wrote           .github/workflows/promote.yml",
        "wrote           .github/g6o/gate.sh",
        "wrote           .github/g6o/promote.sh",
        "wrote           pytest.ini",
        "wrote           .gitignore: .g6o/ __pycache__/",
        "",
        "Next:",
        "  g6o-eval load tickets evals/tickets.csv   put the sample rows into the store",
        "  pytest evals/ --compile                   search a better prompt and judge it",
        "  pytest evals/ --snapshot-update           accept its text, then commit snapshots/",
    ]
    assert set(contents(tmp_path)) == {*TEMPLATES, "pytest.ini", ".gitignore"}
    assert read_settings(tmp_path).roles == ("task=offline",)


def test_a_second_init_writes_nothing_and_names_what_stands(tmp_path: Path) -> None:
    init(tmp_path)
    before = contents(tmp_path)

    lines = init(tmp_path)

    assert contents(tmp_path) == before
    assert [line.split("  ")[0] for line in lines[:8]] == ["stands already"] * 8
    assert lines[6] == "stands already  settings: g6o_lm = task=offline"


def test_a_file_that_stands_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "test_triage.py").write_text("mine\n", encoding="utf-8")

    lines = init(tmp_path)

    assert lines[0] == "stands already  evals/test_triage.py"
    assert (tmp_path / "evals" / "test_triage.py").read_text(encoding="utf-8") == "mine\n"


def test_a_pyproject_without_pytest_settings_gets_them(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\n', encoding="utf-8")

    lines = init(tmp_path)

    assert "wrote           pyproject.toml: [tool.pytest.ini_options] g6o_lm" in lines
    assert (tmp_path / "pyproject.toml").read_text("utf-8").startswith('[project]\nname = "mine"\n')
    assert read_settings(tmp_path).roles == ("task=offline",)


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = ''\n", 'ADD YOURSELF    to pyproject.toml, under its pytest settings: g6o_lm = ["task=offline"]'),  # noqa: E501  # one line
        ("tox.ini", "[pytest]\naddopts =\n", "ADD YOURSELF    to [pytest] of tox.ini: g6o_lm = task=offline"),
        ("pytest.ini", "[pytest]\naddopts =\n", "ADD YOURSELF    to [pytest] of pytest.ini: g6o_lm = task=offline"),
    ],
)  # fmt: skip
def test_settings_that_stand_are_not_edited_but_the_line_is_told(
    tmp_path: Path, file: str, text: str, line: str
) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")

    lines = init(tmp_path)

    assert line in lines
    assert (tmp_path / file).read_text(encoding="utf-8") == text


def test_a_gitignore_gets_the_lines_that_it_lacks(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("__pycache__\n*.log", encoding="utf-8")

    init(tmp_path)

    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "__pycache__\n*.log\n.g6o/\n"


def test_the_test_that_is_written_is_collected_with_one_item_per_example(tmp_path: Path) -> None:
    init(tmp_path)
    done(tmp_path, "g6o-eval", "load", "tickets", "evals/tickets.csv")

    said = done(tmp_path, "pytest", "--co", "-q", "evals/")

    assert "evals/test_triage.py::test_prompt" in said
    assert said.count("::test_triage[") == 58


@pytest.mark.parametrize("name", ["gate.sh", "promote.sh"])
def test_the_scripts_that_a_user_gets_are_those_this_repositorys_workflows_call(name: str) -> None:
    workflow = (REPOSITORY / ".github" / "workflows" / name.replace(".sh", ".yml")).read_text(encoding="utf-8")

    assert f"run: bash src/g6o_eval/templates/{name}" in workflow


@pytest.mark.parametrize("folder", [".github/workflows", "src/g6o_eval/templates"])
def test_no_workflow_runs_a_strangers_code_with_a_secret(folder: str) -> None:
    workflows = sorted((REPOSITORY / folder).glob("*.yml"))

    assert len(workflows) >= 2
    for workflow in workflows:
        text = workflow.read_text(encoding="utf-8")
        code = "\n".join(line.partition("#")[0] for line in text.splitlines())
        assert "pull_request_target" not in code
        assert "permissions:\n  contents: read\n" in code
        assert "persist-credentials: false" in code
        if "gate" in workflow.name or "ci" in workflow.name:
            assert "environment:" not in code
        if "promote" in workflow.name:
            assert "pull_request" not in code
            assert "environment: production" in code
            assert "cancel-in-progress: false" in code
