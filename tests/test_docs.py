from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from g6o_eval.cli import group
from g6o_eval.fleet.measures import MEASURES
from g6o_eval.fleet.outcome import RULES
from support.shell import run

REPOSITORY = Path(__file__).parent.parent
OPTIONS = REPOSITORY / "docs" / "options.md"
COMMANDS = group.list_commands(click.Context(group))


def check(place: Path) -> tuple[int, str]:
    found = run(REPOSITORY, "python", "tools/options.py", "--check", str(place))
    return found.returncode, found.stdout


def test_the_page_of_options_is_current() -> None:
    assert check(OPTIONS) == (0, "")


def test_a_page_of_options_that_is_not_current_is_found(tmp_path: Path) -> None:
    place = tmp_path / "options.md"
    place.write_text(OPTIONS.read_text(encoding="utf-8").replace("--eval-store", "--eval-shop"), encoding="utf-8")

    assert check(place) == (1, f"{place} is not what the options say. Run: make docs\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"g6o-eval {name}" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_fleets_page_has_every_rule_measure_and_eval() -> None:
    page = (REPOSITORY / "docs" / "fleet.md").read_text(encoding="utf-8")

    for number, rule in enumerate(RULES, start=1):
        kind = "evidence" if rule.evidence else "a guess"
        assert f"| {number} | {rule.name} | {rule.outcome} | {kind} |" in page
    assert [name for name in MEASURES if f"| `{name}` |" not in page] == []
    assert [path.name for path in (REPOSITORY / "snapshots").iterdir() if f"| {path.name} |" not in page] == []


def test_every_link_of_the_docs_leads_to_a_file() -> None:
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]

    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
