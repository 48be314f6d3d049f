from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest

import g6o_eval

HEAVY = ("dspy", "pymysql", "pytest", "litellm", "numpy", "doltlite", "syrupy", "rich", "click")


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after a statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_public_names_are_sorted_and_exist() -> None:
    assert g6o_eval.__all__ == sorted(g6o_eval.__all__)
    assert [name for name in g6o_eval.__all__ if not hasattr(g6o_eval, name)] == []


def test_the_public_names_are_complete() -> None:
    """Each name that the block for type checkers imports, and each that can be imported at run time."""
    tree = ast.parse(inspect.getsource(g6o_eval))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {name.name for node in ast.walk(blocks[0]) if isinstance(node, ast.ImportFrom) for name in node.names}

    assert imported == set(g6o_eval.__all__) == set(dir(g6o_eval))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError) as refused:
        g6o_eval.Evil  # noqa: B018

    assert str(refused.value) == "module 'g6o_eval' has no attribute 'Evil'"


@pytest.mark.parametrize("name", g6o_eval.__all__)
def test_each_public_name_is_documented(name: str) -> None:
    assert (getattr(g6o_eval, name).__doc__ or "").strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import g6o_eval") & set(HEAVY) == set()


def test_the_check_of_loaded_modules_sees_a_heavy_one() -> None:
    assert "rich" in loaded_by("import g6o_eval, rich")


def test_the_report_of_verdicts_needs_no_dspy() -> None:
    modules = "terminal, markdown, failure, exit_code"

    assert loaded_by(f"from g6o_eval.report import {modules}") & {"dspy", "pymysql", "pytest"} == set()
