"""The project's own files behind an Eval: which they are, and their hash."""

from __future__ import annotations

import ast
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.machinery import PathFinder
from importlib.util import resolve_name
from pathlib import Path

import g6o_eval
from g6o_eval.artifact import digest, digest_text
from g6o_eval.errors import DeclarationError
from g6o_eval.eval import Eval


def code_hash(spec: Eval, test_files: Sequence[Path]) -> str:
    """Return the hash of the files that define an Eval: its own, its callables', and what they import.

    Imports are followed within the project of the file they stand in, never into the installed
    packages of the environment: those are named by their versions.
    """
    callables: list[object] = [spec.metric, *(constraint.check.test for constraint in spec.constraints)]
    callables += [] if spec.publish is None else [spec.publish]
    files = {file for file in map(source_file, callables) if file is not None}
    return files_hash(program_files(spec) | _with_imports(files | {file.resolve() for file in test_files}))


def program_files(spec: Eval) -> set[Path]:
    """Return the project's files that define the hand-written program, and what they import."""
    program = spec.program()
    parts: list[object] = [spec.program, type(program)]
    parts += [predictor.signature for _, predictor in program.named_predictors()]
    return _with_imports(file for file in map(source_file, parts) if file is not None)


def source_file(value: object) -> Path | None:
    """Return the project file in which a callable is written; None for one of an installed package."""
    while isinstance(value, functools.partial):
        value = value.func
    target = value if inspect.isroutine(value) or inspect.isclass(value) else type(value)
    try:
        found = inspect.getsourcefile(target)
    except TypeError:
        raise DeclarationError(
            f"{value!r} has no source file: write it in a .py file, so that its code can be hashed"
        ) from None
    if found is None:
        raise DeclarationError(f"the source of {value!r} cannot be found: write it in a .py file")
    path = Path(found).resolve()
    return path if _is_project(path) else None


def files_hash(files: Iterable[Path | None]) -> str:
    """Return a hash of file contents that does not depend on where the files lie."""
    texts = {digest_text(path.read_text(encoding="utf-8")) for path in files if path is not None}
    return digest(sorted(texts))


def _is_project(path: Path) -> bool:
    """Whether a file is somebody's project rather than an installed package or the standard library."""
    outside = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    return path.suffix == ".py" and "site-packages" not in path.parts and not any(p in path.parents for p in outside)


def _with_imports(files: Iterable[Path]) -> set[Path]:
    """Return the files and every project file that they import, directly or not."""
    packages = functools.cache(_packages)
    todo, found = list(files), set()
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += _imported(path, packages)
    return found


def _packages() -> dict[str, str]:
    """Return file → package of all modules that are loaded."""
    return {
        _real(file): getattr(module, "__package__", None) or ""
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None))
    }


def _real(file: str) -> str:
    """Return a module's file without symbolic links; 1,500 modules are loaded, in 200 folders."""
    folder, name = os.path.split(file)
    real = os.path.join(_real_folder(folder), name)  # noqa: PTH118  # Path.resolve() takes 130 ms for them
    return os.path.realpath(real) if os.path.islink(real) else real  # noqa: PTH114


@functools.cache
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def _imported(path: Path, packages: Callable[[], Mapping[str, str]]) -> Iterator[Path]:
    """Yield the project files that a file imports, wherever in it the import stands.

    They are read from the text, not from what the module holds: a number or a tuple that it took
    from another file does not say where it came from.
    """
    tree = ast.parse(path.read_bytes(), filename=str(path))
    for name in _imports(tree, lambda: packages().get(str(path), "")):
        file = _file_of(name)
        if file is not None and _is_project(file) and not _is_ours(file):
            yield file


def _imports(tree: ast.AST, package_of: Callable[[], str]) -> Iterator[str]:
    """Yield the full names of all that is imported, and of the packages they lie in.

    The file's own package is asked for by relative imports only: it takes 25 ms to find.
    """
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.level == 0 or package_of()):
            origin = resolve_name("." * node.level + (node.module or ""), package_of() if node.level else "")
            names = [f"{origin}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _file_of(name: str) -> Path | None:
    """Return the file of a module, without importing it; None when the name is none, or has no file."""
    places: Sequence[str] | None = None
    found = None
    for end in range(1, name.count(".") + 2):
        found = PathFinder.find_spec(".".join(name.split(".")[:end]), places)
        if found is None:
            return None
        places = found.submodule_search_locations or []
    return None if found is None or not found.origin else Path(found.origin).resolve()


def _is_ours(path: Path) -> bool:
    """Whether a file is part of this package; its version stands for the parts an Eval does not name."""
    return Path(g6o_eval.__file__).resolve().parent in path.parents
