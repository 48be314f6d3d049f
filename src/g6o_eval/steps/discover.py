"""Find the Evals of a checkout as pytest finds them: by collecting, running nothing, calling no LM."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from g6o_eval.errors import DeclarationError
from g6o_eval.eval import Eval


@dataclass(frozen=True, slots=True)
class Found:
    """An Eval, and the files whose tests carry its marker, in the order of collection."""

    spec: Eval
    test_files: tuple[Path, ...]


def discover(paths: tuple[Path, ...], *, root: Path, store_url: str) -> dict[str, Found]:
    """Return name → Eval under these paths, sorted by name.

    Args:
        paths: files or folders of eval tests.
        root: pytest's rootdir.
        store_url: the store that collection reads Examples from; it is neither made nor written.

    Raises:
        DeclarationError: a path is missing, collection failed (in pytest's own words), or there is
            no Eval.
    """
    shown = ", ".join(map(str, paths))
    if missing := [str(path) for path in paths if not path.exists()]:
        raise DeclarationError(
            f"there is no {', '.join(missing)}. Run: g6o-eval init, or set g6o_evals in the ini file"
        )
    finder, said = _Finder(), io.StringIO()
    arguments = [f"--rootdir={root}", "--collect-only", "-q", f"--eval-store={store_url}", *map(str, paths)]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = pytest.main(arguments, plugins=[finder])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise DeclarationError(f"pytest cannot collect {shown} (status {int(status)}):\n{said.getvalue().strip()}")
    if not finder.specs:
        raise DeclarationError(f"no test under {shown} carries pytest.mark.eval(…), so there is no Eval")
    return {name: Found(spec, tuple(finder.files[name])) for name, spec in sorted(finder.specs.items())}


class _Finder:
    """A pytest plugin that notes the Eval of every marked test.

    At generation, because a deselected test (-k or -m in addopts) still belongs to its Eval.
    """

    def __init__(self) -> None:
        self.specs: dict[str, Eval] = {}
        self.files: dict[str, list[Path]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        mark = metafunc.definition.get_closest_marker("eval")
        if mark is None or not mark.args or not isinstance(mark.args[0], Eval):
            return  # our plugin refuses such a marker by itself
        spec = mark.args[0]
        self.specs.setdefault(spec.name, spec)
        files = self.files.setdefault(spec.name, [])
        if metafunc.definition.path not in files:
            files.append(metafunc.definition.path)
