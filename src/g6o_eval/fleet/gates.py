"""Which quality gates a command ran, and what is proven of each.

A gate passes or fails by the exit code of the call, as far as the shape of the command lets it be told
whose exit code that is; by what the gate itself printed; and else not at all. Nothing passes for want
of evidence.

| shape | exit 0 | another exit |
|---|---|---|
| one gate, after preparations like `cd` | passes | fails |
| `a && b` (and `;` under `set -e`, `|` under `pipefail`) | all pass | one of them failed: by what was printed |
| `a ; b`, `a | b` | b passes, a by what was printed | b fails, a by what was printed |
| `a || b` | a by what was printed, and never passes | both fail |
| `! a`, `a &`, loops, conditions | nothing | nothing |

Without an exit code, a call with the status error counts as another exit; a call with the status
completed counts as nothing, because a completed call is only a command that ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from g6o_eval.fleet.session import PREVIEW_CHARS, ToolCall
from g6o_eval.fleet.shell import Command, Opaque, Simple, parse

ONE_OF = "one-of:"
"""How the key of a gate_fail begins that is about one of several gates: `one-of:mypy+pytest`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One gate and whether it passed; `gate` may be ONE_OF several, joined by `+`, which did not all pass."""

    gate: str
    passed: bool


@dataclass(frozen=True, slots=True)
class _Scope:
    """What holds where a command stands.

    Attributes:
        passed: whether the command, as a whole, passed; None when that cannot be told.
        masked: a failure of it would not show, so that what it printed cannot prove a pass.
        errexit: `set -e`.
        pipefail: `set -o pipefail`.
        printed: what the call printed, as far as it is kept.
    """

    passed: bool | None
    printed: str
    masked: bool = False
    errexit: bool = False
    pipefail: bool = False


def gates_of(call: ToolCall, output: str = "") -> tuple[Finding, ...]:
    """Return what is proven of the gates that a command ran, in the order in which they were written.

    Args:
        call: of the shell; its target is the command.
        output: what it printed, as far as the log keeps it.
    """
    command = parse(call.target)
    if len(call.target) >= PREVIEW_CHARS:  # what was cut away could change whose exit code it is
        command = Opaque()
    if call.exit_code is not None:
        passed: bool | None = call.exit_code == 0
    else:
        passed = False if call.status == "error" else None
    return tuple(_findings(command, _Scope(passed, f"{call.error or ''}\n{output}")))


def gate_of(words: Sequence[str]) -> str | None:
    """Return the gate that a simple command runs, None when it runs none or its exit code says nothing.

    >>> gate_of((".venv/bin/python", "-m", "pytest", "-q"))
    'pytest'
    >>> gate_of(("pip", "install", "pytest")) is None
    True
    """
    rest = _unwrap(list(words))
    if not rest or any(word in _NO_RUN.get(_name(rest[0]), _ASKS) for word in rest[1:]):
        return None
    name = _name(rest[0])
    if name == "ruff":
        verb = next((word for word in rest[1:] if not word.startswith("-")), "")
        return {"format": "ruff-format", "check": "ruff-check"}.get(verb)
    return _GATES.get(name)


_GATES = {
    "mypy": "mypy", "dmypy": "mypy", "pytest": "pytest", "py.test": "pytest", "vitest": "vitest", "tsc": "tsc",
}  # fmt: skip
_ASKS = frozenset({"--version", "--help"})
_NO_RUN = {
    "ruff": _ASKS | {"-V", "-h", "--exit-zero", "--show-files", "--show-settings", "rule", "config", "linter", "clean"},
    "mypy": _ASKS | {"-V", "-h", "--install-types"},
    "pytest": _ASKS | {"-V", "-h", "--co", "--collect-only", "--fixtures", "--markers", "--setup-plan", "--cache-show"},
    "vitest": _ASKS | {"-v", "-h", "list", "init", "--passWithNoTests"},
    "tsc": _ASKS | {"-v", "-h", "--init", "--showConfig", "--listFilesOnly"},
}
"""Gate → words with which it checks nothing, or passes whatever it finds."""
_WRAPPERS: dict[str, tuple[str, ...]] = {
    "env": (), "command": (), "exec": (), "time": (), "nice": ("-n",), "nohup": (), "sudo": ("-u",), "stdbuf": (),
    "timeout": ("-k", "-s"), "xvfb-run": (), "npx": ("-p", "--package"), "bunx": (), "pnpx": (), "uvx": ("--from",),
}  # fmt: skip
"""Program that runs what follows it → its options that take a value."""
_RUNNERS = {
    "uv": ("run",), "poetry": ("run",), "pipenv": ("run",), "pdm": ("run",), "hatch": ("run",), "rye": ("run",),
    "pnpm": ("exec", "dlx"), "npm": ("exec",), "yarn": ("exec", "dlx", "run"), "coverage": ("run",), "bun": ("x",),
}  # fmt: skip
"""Program → its verbs that run what follows."""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=.*", re.DOTALL)
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?|py")
_PREPARATIONS = frozenset(
    {"cd", "pushd", "popd", "export", "unset", "source", ".", "set", "echo", "printf", "true", ":", "mkdir", "pwd",
     "date", "sleep", "clear", "deactivate"}
)  # fmt: skip
"""Commands that stand before a gate and as good as never fail: a failure is taken for the gate's."""
_FILTERS = frozenset({"tee", "tail", "head", "cat", "sed", "sort", "less", "more"})
"""Commands that only hand on what a gate printed."""
_PRINTED: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "ruff-format": (
        re.compile(r"^\d+ files? (?:already formatted|left unchanged)", re.M),
        re.compile(r"^Would reformat: |^\d+ files? would be reformatted", re.M),
    ),
    "ruff-check": (
        re.compile(r"^All checks passed!", re.M),
        re.compile(r"^Found \d+ errors?(?:\.| \()(?!.*\bchecked \d)", re.M),
    ),
    "mypy": (
        re.compile(r"^Success: no issues found in \d+ source file", re.M),
        re.compile(r"^Found \d+ errors? in \d+ files? \(|^\S+\.pyi?:\d+:(?:\d+:)? error: ", re.M),
    ),
    "pytest": (
        re.compile(r"^(?:=+ )?\d+ passed\b(?!.*\b(?:failed|error))", re.M),
        re.compile(r"^(?:=+ )?(?:\d+ \w+, )*\d+ (?:failed|errors?)\b|^FAILED \S+::", re.M),
    ),
    "vitest": (
        re.compile(r"^\s*Tests\s+\d+ passed\b(?!.*failed)", re.M),
        re.compile(r"^\s*(?:Tests|Test Files)\s+\d+ failed\b", re.M),
    ),
    "tsc": (
        re.compile(r"^Found 0 errors\.", re.M),
        re.compile(r"\berror TS\d+: |^Found [1-9]\d* errors? in ", re.M),
    ),
}  # fmt: skip
"""Gate → what it prints when it passes, and when it fails."""


def _findings(command: Command, scope: _Scope) -> Iterator[Finding]:
    if isinstance(command, Simple):
        yield from _of_simple(command, scope)
    elif isinstance(command, Opaque):
        return
    elif command.join == "then":
        yield from _of_sequence(command.parts, scope)
    elif command.join == "or":
        # Passed: perhaps only because the last did. Failed: all of them failed.
        inner = replace(scope, passed=False if scope.passed is False else None, masked=True)
        for part in command.parts:
            yield from _findings(part, inner)
    elif command.join == "pipe" and not scope.pipefail:
        yield from _last_counts(command.parts, scope)
    else:
        yield from _all_count(command.parts, scope, ordered=command.join == "and")


def _of_simple(command: Simple, scope: _Scope) -> Iterator[Finding]:
    words = _unwrap(list(command.words))
    if len(words) > 2 and _name(words[0]) in ("bash", "sh", "zsh") and words[1].lstrip("-") in ("c", "lc", "ec", "lec"):
        yield from _findings(parse(words[2]), replace(scope, errexit="e" in words[1], pipefail=False))
        return
    gate = gate_of(command.words)
    if gate is not None:
        passed = scope.passed if scope.passed is not None else _printed(gate, scope)
        if passed is not None:
            yield Finding(gate, passed)


def _of_sequence(parts: Sequence[Command], scope: _Scope) -> Iterator[Finding]:
    for place, part in enumerate(parts):
        if isinstance(part, Simple) and part.words[0] == "set":
            options = " ".join(part.words[1:])
            errexit = scope.errexit or bool(re.search(r"(?:^|\s)-[a-z]*e|-o errexit", options))
            pipefail = scope.pipefail or "pipefail" in options
            scope = replace(scope, errexit=errexit, pipefail=pipefail)
            if errexit:
                yield from _all_count(parts[place + 1 :], scope, ordered=True)
                return
    yield from _last_counts(parts, scope)


def _last_counts(parts: Sequence[Command], scope: _Scope) -> Iterator[Finding]:
    for part in parts[:-1]:
        yield from _findings(part, replace(scope, passed=None))
    yield from _findings(parts[-1], scope)


def _all_count(parts: Sequence[Command], scope: _Scope, *, ordered: bool) -> Iterator[Finding]:
    """Find what is known where one failure fails the whole; ordered: and nothing after it runs."""
    able = [part for part in parts if not _cannot_fail(part)]
    if scope.passed is not False or len(able) == 1:
        for part in able:
            yield from _findings(part, scope)
        return
    gates = [gate_of(part.words) if isinstance(part, Simple) else None for part in able]
    told = [None if gate is None else _printed(gate, scope) for gate in gates]
    if ordered and False in told:
        failed = told.index(False)
        for part in able[:failed]:
            yield from _findings(part, replace(scope, passed=True))
        yield Finding(gates[failed] or "", False)
        return
    for part in able:
        yield from _findings(part, replace(scope, passed=None))
    untold = [gate for gate, passed in zip(gates, told, strict=True) if gate and passed is None]
    if untold and None not in gates and False not in told:
        yield Finding(untold[0] if len(untold) == 1 else ONE_OF + "+".join(dict.fromkeys(untold)), False)


def _cannot_fail(part: Command) -> bool:
    return isinstance(part, Simple) and _name((_unwrap(list(part.words)) or ["true"])[0]) in _PREPARATIONS | _FILTERS


def _printed(gate: str, scope: _Scope) -> bool | None:
    """Return whether a gate passed by its own words; None when it printed neither, or both."""
    good, bad = (found.search(scope.printed) is not None for found in _PRINTED[gate])
    if good == bad or (good and scope.masked):
        return None
    return good


def _unwrap(words: list[str]) -> list[str]:
    """Return a command without what stands before it: assignments, wrappers, runners, `python -m`."""
    while words:
        name = _name(words[0])
        if _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        elif name in _WRAPPERS:
            words = _after_options(words[1:], _WRAPPERS[name])
            if name == "timeout":
                words = words[1:]
        elif name in _RUNNERS and len(words) > 1 and words[1] in _RUNNERS[name]:
            words = _after_options(words[2:], ("--with", "--python", "-p", "--group", "--extra", "--source"))
            words = ["python", *words] if name == "coverage" else words
        elif _PYTHON.fullmatch(name):
            module = _module(words)
            if module is None:
                return words
            words = module
        else:
            return words
    return words


def _after_options(words: list[str], with_value: Sequence[str]) -> list[str]:
    while words and words[0].startswith("-") and words[0] != "-m":
        words = words[2:] if words[0] in with_value else words[1:]
    return words


def _module(words: list[str]) -> list[str] | None:
    """Return what `python -m` runs, None when it runs something else."""
    for place, word in enumerate(words[1:], start=1):
        if word == "-m" and place + 1 < len(words):
            return words[place + 1 :]
        if not word.startswith("-"):
            return None
    return None


def _name(word: str) -> str:
    return PurePosixPath(word.replace("\\", "/")).name.removesuffix(".exe").removesuffix(".cmd")
