"""What a verdict is about: the one function that computes it, when judging and when promoting."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import g6o_eval
from g6o_eval.artifact import digest, digest_text
from g6o_eval.errors import DeclarationError
from g6o_eval.eval import Eval
from g6o_eval.run import Subject
from g6o_eval.steps.baseline import Baseline
from g6o_eval.steps.candidate import Candidate, dspy_version, prompt_digest_of
from g6o_eval.store.examples import Splits


def subject_of(
    spec: Eval,
    test_files: Sequence[Path],
    *,
    candidate: Candidate,
    baseline: Baseline,
    splits: Splits,
    models: Mapping[str, str],
) -> Subject:
    """Return everything a verdict on this candidate is about.

    Args:
        spec: the Eval.
        test_files: the files whose tests carry its marker.
        candidate: the program judged.
        baseline: the program it is compared with.
        splits: all Examples.
        models: role → the model asked for.
    """
    return Subject(
        eval_name=spec.name,
        program_digest=candidate.program_digest,
        prompt_digest=prompt_digest_of(spec, candidate.program),
        code_hash=code_hash(spec, test_files),
        gate=spec.gate.to_json(),
        metric_hash=_files_hash([_source_file(spec.metric)]),
        dataset_hash=digest(asdict(spec.dataset)),
        examples_hash=splits.examples_hash,
        test_hash=splits.test_hash,
        baseline=baseline.name,
        baseline_digest=baseline.digest,
        models=dict(models),
        adapter=spec.adapter,
        dspy_version=dspy_version(),
        g6o_version=g6o_eval.__version__,
    )


def code_hash(spec: Eval, test_files: Sequence[Path]) -> str:
    """Return the hash of the files that define an Eval: its own, its callables', and what they import.

    Imports are followed within the project of the file they stand in, never into the installed
    packages of the environment: those are named by their versions.
    """
    program = spec.program()
    callables: list[object] = [spec.program, spec.metric, type(program)]
    callables += [constraint.check.test for constraint in spec.constraints]
    callables += [] if spec.publish is None else [spec.publish]
    callables += [predictor.signature for _, predictor in program.named_predictors()]
    files = {file for file in map(_source_file, callables) if file is not None}
    return _files_hash(_with_imports(files | {file.resolve() for file in test_files}))


def _source_file(value: object) -> Path | None:
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


def _is_project(path: Path) -> bool:
    """Whether a file is somebody's project rather than an installed package or the standard library."""
    outside = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    return path.suffix == ".py" and "site-packages" not in path.parts and not any(p in path.parents for p in outside)


def _with_imports(files: Iterable[Path]) -> set[Path]:
    """Return the files and every project file that their modules use, directly or not."""
    modules = {path: module for module in list(sys.modules.values()) if (path := _file_of(module)) is not None}
    todo, found = list(files), set()
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        if path in modules:
            todo += [used for used in _used_by(modules[path]) if used not in found]
    return found


def _used_by(module: ModuleType) -> set[Path]:
    names = {
        value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
        for value in vars(module).values()
    }
    used = {sys.modules[name] for name in names if isinstance(name, str) and name in sys.modules}
    paths = {path for module in used if (path := _file_of(module)) is not None}
    return {path for path in paths if _is_project(path) and not _is_ours(path)}


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def _is_ours(path: Path) -> bool:
    """Whether a file is part of this package; its version stands for the parts an Eval does not name."""
    return Path(g6o_eval.__file__).resolve().parent in path.parents


def _files_hash(files: Iterable[Path | None]) -> str:
    """Return a hash of file contents that does not depend on where the files lie."""
    texts = {digest_text(path.read_text(encoding="utf-8")) for path in files if path is not None}
    return digest(sorted(texts))
