"""Gates in commands: the daemon's table with our answers, and whatever a shell says."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from g6o_eval.fleet.gates import gate_of, gates_of
from support.task_folders import call

ALL_FOUR = "ruff format --check . && ruff check . && mypy src && pytest"


def found(
    command: str, exit_code: int | None = 0, *, output: str = "", status: str = "completed", error: str | None = None
) -> list[str]:
    """Return "+gate" for each that passes, "-gate" for each that fails."""
    from dataclasses import replace

    made = replace(call("execute_command", target=command, status=status, error=error), exit_code=exit_code)
    return [f"{'+' if each.passed else '-'}{each.gate}" for each in gates_of(made, output)]


# The rows of the daemon's classifier. Deviation: what it answered.
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (ALL_FOUR, ["+ruff-format", "+ruff-check", "+mypy", "+pytest"]),  # the daemon: ruff-format alone
        ("pip install pytest", []),  # the daemon: gate_pass
        ('echo "run pytest later"', []),  # the daemon: gate_pass
        ("which mypy", []),  # the daemon: gate_pass
        (".venv/bin/pytest -q", ["+pytest"]),  # the daemon: no gate
        ("npx vitest run", ["+vitest"]),  # the daemon: no gate
        ("tsc", ["+tsc"]),  # the daemon: no gate
        ("ruff check . ; true", []),  # the daemon: gate_pass
        ("ruff check . || true", []),  # the daemon: gate_pass
        ("ruff format .", ["+ruff-format"]),  # as the daemon: what it leaves behind is formatted
    ],
)
def test_a_command_that_exits_0_passes_the_gates_whose_exit_that_is(command: str, expected: list[str]) -> None:
    assert found(command, 0) == expected


def test_a_command_that_exits_otherwise_fails_its_gate_whatever_its_status_says() -> None:
    assert found("pytest", 1, status="completed") == ["-pytest"]  # the daemon: gate_pass


def test_an_exit_code_of_0_passes_even_where_the_status_says_error() -> None:
    assert found("pytest", 0, status="error", error="x") == ["+pytest"]


def test_without_an_exit_code_the_status_error_fails_and_completed_says_nothing() -> None:
    assert found("pytest", None, status="error", error="killed") == ["-pytest"]
    assert found("pytest", None, status="completed") == []


@pytest.mark.parametrize(
    ("gate", "command", "good", "bad"),
    [
        ("ruff-format", "ruff format --check .", "12 files already formatted", "Would reformat: a.py\n1 file would be"),
        ("ruff-check", "ruff check .", "All checks passed!", "a.py:1:1: F401\nFound 1 error."),
        ("mypy", "mypy src", "Success: no issues found in 9 source files", "Found 2 errors in 1 file (checked 9 "),
        ("pytest", "pytest -q", "3 passed in 0.12s", "1 failed, 3 passed in 0.12s"),
        ("pytest", "pytest", "===== 3 passed, 1 skipped in 1s =====", "FAILED tests/a.py::test_b - assert 0"),
        ("vitest", "vitest run", " Tests  4 passed (4)", " Tests  1 failed | 3 passed (4)"),
        ("tsc", "tsc --noEmit", "Found 0 errors.", "a.ts(1,2): error TS2304: Cannot find name"),
    ],
)
def test_what_a_gate_prints_is_evidence_where_there_is_no_exit_code(
    gate: str, command: str, good: str, bad: str
) -> None:
    assert found(command, None, output=good) == [f"+{gate}"]
    assert found(command, None, output=bad) == [f"-{gate}"]
    assert found(command, None, output=f"{good}\n{bad}") == []
    assert found(f"echo '{good}'", None, output=good) == []


def test_of_a_failed_chain_one_failed_and_which_is_told_by_what_was_printed() -> None:
    assert found(ALL_FOUR, 1) == ["-one-of:ruff-format+ruff-check+mypy+pytest"]
    assert found(ALL_FOUR, 1, output="src/a.py:3: error: bad") == ["+ruff-format", "+ruff-check", "-mypy"]
    assert found("ruff check . && mypy .", 1, output="All checks passed!") == ["+ruff-check", "-mypy"]
    assert found("make && mypy .", 2) == []
    assert found("make && mypy .", 2, output="a.py:3: error: bad") == ["-mypy"]


@pytest.mark.parametrize("command", ["cd app && pytest", "export A=1; pytest", "source .venv/bin/activate && pytest"])
def test_a_preparation_before_a_gate_does_not_hide_whose_failure_it_is(command: str) -> None:
    assert found(command, 1) == ["-pytest"]


@pytest.mark.parametrize(
    ("command", "passes", "fails"),
    [
        ("mypy . ; pytest", ["+pytest"], ["-pytest"]),
        ("mypy .\npytest", ["+pytest"], ["-pytest"]),
        ("set -e; mypy .\npytest", ["+mypy", "+pytest"], ["-one-of:mypy+pytest"]),
        ("pytest | tail -3", [], []),
        ("set -o pipefail; pytest | tail -3", ["+pytest"], ["-pytest"]),
        ("mypy . || pytest", [], ["-mypy", "-pytest"]),
        ("pytest || true", [], ["-pytest"]),
        ("pytest || echo failed && mypy .", ["+mypy"], []),
        ("(cd app && pytest)", ["+pytest"], ["-pytest"]),
        ("{ mypy .; pytest; }", ["+pytest"], ["-pytest"]),
        ("bash -c 'mypy . && pytest'", ["+mypy", "+pytest"], ["-one-of:mypy+pytest"]),
        ("! pytest", [], []),
        ("pytest &", [], []),
        ("if pytest; then echo ok; fi", [], []),
        ("for i in 1 2; do pytest; done", [], []),
        ("pytest() { true; }; pytest", [], []),
        ("echo $(pytest)", [], []),
        ("cat <<EOF\npytest\nEOF", [], []),
        ("# pytest", [], []),
        ("git commit -m 'fix pytest'", [], []),
        ("pytest 'unclosed", [], []),
    ],
)
def test_the_shape_of_a_command_says_whose_exit_code_it_is(command: str, passes: list[str], fails: list[str]) -> None:
    assert (found(command, 0), found(command, 1)) == (passes, fails)


def test_a_masked_gate_never_passes_whatever_it_prints() -> None:
    assert found("pytest || true", 0, output="3 passed in 0.1s") == []
    assert found("pytest || true", 0, output="1 failed in 0.1s") == ["-pytest"]


def test_a_gate_whose_output_is_filtered_is_believed_by_what_it_printed() -> None:
    assert found("pytest -q 2>&1 | tail -5", 0, output="3 passed in 0.1s") == ["+pytest"]
    assert found("pytest -q 2>&1 | tail -5", 0, output="1 failed in 0.1s") == ["-pytest"]


def test_a_command_that_was_cut_proves_nothing() -> None:
    assert found("pytest " + "a" * 505, 0) == []


@pytest.mark.parametrize(
    "words",
    [
        "pytest", ".venv/bin/pytest -q", "python -m pytest", ".venv/bin/python3.11 -B -m pytest tests",
        "A=1 B=2 pytest",
        "env A=1 pytest", "uv run pytest", "uv run --with x pytest", "poetry run pytest", "timeout 60 pytest",
        "timeout -k 5 60 pytest", "nice -n 5 pytest", "coverage run -m pytest", "time pytest", "py.test",
        "sudo -u ci pytest",
        "C:\\venv\\Scripts\\pytest.exe",
    ],
)  # fmt: skip
def test_a_gate_is_known_by_its_program_however_it_is_started(words: str) -> None:
    assert gate_of(words.split()) == "pytest"


@pytest.mark.parametrize(
    "words",
    [
        "pip install pytest", "python -m pip install pytest", "echo pytest", "which pytest", "grep pytest",
        "cat pytest.ini",
        "pytest --collect-only", "pytest --version", "pytest --help", "mypy --version", "ruff check --exit-zero .",
        "ruff rule F401", "ruff --version", "tsc --init", "python pytest.py", "python -c pytest", "rm -rf pytest",
        "A=pytest",
        "vitest list", "uv add pytest", "pytest-watch", "",
    ],
)  # fmt: skip
def test_what_only_speaks_of_a_gate_runs_none(words: str) -> None:
    assert gate_of(words.split()) is None


GATES = ("mypy", "pytest", "tsc", "vitest")
_LEAF = st.sampled_from((*(f"{gate} {n}" for gate in GATES for n in range(3)), "true", "false", "echo pytest", "cd ."))


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(parts, st.sampled_from((" && ", " || ", " ; ", "\n", " | ")), parts).map("".join),
        parts.map(lambda part: f"({part})"),
        parts.map(lambda part: f"{{ {part}; }}"),
        parts.map(lambda part: f"! {part}"),
        parts.map(lambda part: f"set -e; {part}"),
        parts.map(lambda part: f"set -o pipefail; {part}"),
        parts.map(lambda part: f"if {part}; then {part}; fi"),
        parts.map(lambda part: f"bash -c '{part}'" if "'" not in part else part),
    )


COMMANDS = st.recursive(_LEAF, _joined, max_leaves=5)


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs with the gates' names that note each call, and exit as $FATE says."""
    folder = tmp_path_factory.mktemp("stubs")
    for gate in GATES:
        program = folder / gate
        program.write_text('#!/bin/sh\ncase " $FATE " in *" ${0##*/}$1 "*) e=1;; *) e=0;; esac\n'
                           'echo "${0##*/} $e" >> "$NOTES"\nexit $e\n')  # fmt: skip
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


@given(COMMANDS, st.sets(st.sampled_from([f"{gate}{n}" for gate in GATES for n in range(3)])))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_found_is_what_a_real_shell_did(stubs: Path, command: str, fate: set[str]) -> None:
    notes = stubs / "notes"
    notes.unlink(missing_ok=True)
    env = {"PATH": f"{stubs}{os.pathsep}{os.environ['PATH']}", "FATE": " ".join(fate), "NOTES": str(notes)}

    done = subprocess.run(["bash", "-c", command], env=env, cwd=stubs, capture_output=True, timeout=20)

    ran = notes.read_text().splitlines() if notes.exists() else []
    for each in found(command, done.returncode):
        gates = each[1:].removeprefix("one-of:").split("+")
        wanted = "0" if each[0] == "+" else "1"
        assert any(f"{gate} {wanted}" in ran for gate in gates), (command, fate, done.returncode, each, ran)


@given(COMMANDS)
def test_without_any_evidence_nothing_passes_and_nothing_fails(command: str) -> None:
    assert found(command, None) == []


@given(COMMANDS)
def test_nothing_passes_behind_a_mask(command: str) -> None:
    assert [each for each in found(f"({command}) || true", 0) if each[0] == "+"] == []


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    assert isinstance(found(text, 0), list)
