from __future__ import annotations

from pathlib import Path

import pytest

from g6o_eval.errors import DeclarationError
from g6o_eval.steps.discover import discover

URL = "doltlite:///.g6o/evals.db"

EVAL = """
import dspy, pytest
from g6o_eval import Dataset, Eval, Gate, exact
{name} = Eval(name="{name}", program=lambda: dspy.Predict("text -> team"), metric=exact("team"), prompt_id="x:y",
              dataset=Dataset("SELECT id, text, team FROM tickets", key="id", inputs=("text",)),
              gate=Gate(min_mean=0.5))
@pytest.mark.eval({name})
def test_one(example): raise AssertionError("a test was run")
@pytest.mark.eval({name})
def test_prompt(prompt): raise AssertionError("a test was run")
def test_unmarked(): raise AssertionError("a test was run")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -k nothing\ng6o_lm = task=offline\n", encoding="utf-8")
    (tmp_path / "evals").mkdir()
    return tmp_path


def put(root: Path, file: str, text: str) -> Path:
    path = root / "evals" / file
    path.write_text(text, encoding="utf-8")
    return path


def refusal(root: Path) -> str:
    with pytest.raises(DeclarationError) as caught:
        discover((root / "evals",), root=root, store_url=URL)
    return str(caught.value)


def test_every_eval_is_found_with_its_files_without_a_store_and_whatever_addopts_deselect(root: Path) -> None:
    second = put(root, "test_discover_b.py", EVAL.format(name="bravo"))
    first = put(root, "test_discover_a.py", EVAL.format(name="alpha"))

    found = discover((root / "evals",), root=root, store_url=URL)

    assert {name: each.test_files for name, each in found.items()} == {"alpha": (first,), "bravo": (second,)}
    assert list(found) == ["alpha", "bravo"]
    assert found["alpha"].spec.name == "alpha"
    assert not (root / ".g6o").exists()


def test_a_checkout_without_an_eval_is_an_error(root: Path) -> None:
    put(root, "test_discover_c.py", "def test_x(): pass\n")

    assert refusal(root) == f"no test under {root / 'evals'} carries pytest.mark.eval(…), so there is no Eval"


def test_a_folder_that_is_not_there_is_an_error(root: Path) -> None:
    (root / "evals").rmdir()

    assert refusal(root) == f"there is no {root / 'evals'}. Run: g6o-eval init, or set g6o_evals in the ini file"


def test_a_file_that_pytest_cannot_collect_is_an_error_in_pytests_words(root: Path) -> None:
    put(root, "test_discover_d.py", "import no_such_module\n")

    first, *said = refusal(root).splitlines()

    assert first == f"pytest cannot collect {root / 'evals'} (status 2):"
    assert any("No module named 'no_such_module'" in line for line in said)


def test_a_marker_without_an_eval_is_an_error(root: Path) -> None:
    put(root, "test_discover_e.py", "import pytest\n@pytest.mark.eval('x')\ndef test_x(): pass\n")

    assert "the eval marker takes one Eval" in refusal(root)
