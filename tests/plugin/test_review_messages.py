"""What a session says when something is wrong: once, in words, without secrets."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from support.eval_project import EvalProject

KEY = "sk-proj-" + "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"
ODD = """
class Odd(dspy.Module):
    def __init__(self):
        super().__init__()
        self.predict = dspy.Predict(Triage)

    def forward(self, text):
        print("KEY")
        {body}
        return self.predict(text=text)


TRIAGE = Eval("""


def odd(project: EvalProject, body: str) -> None:
    """Let the program run a line before it predicts."""
    project.change("evals/test_triage.py", "TRIAGE = Eval(", ODD.replace("{body}", body).replace("KEY", KEY))
    project.change("evals/test_triage.py", "lambda: dspy.Predict(Triage)", "Odd")


def test_a_secret_in_an_error_reaches_neither_terminal_nor_junit(loaded: EvalProject) -> None:
    odd(loaded, f'raise ValueError("Incorrect API key provided: {KEY}")')

    result = loaded.run("evals", "--junit-xml=out.xml", "-rA")

    assert result.ret == 1
    shown = str(result.stdout) + str(result.stderr) + (loaded.root / "out.xml").read_text(encoding="utf-8")
    assert "Incorrect API key provided" in shown
    assert KEY not in shown


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt"])
def test_a_program_that_wants_to_end_the_process_is_an_error_of_its_item(loaded: EvalProject, kind: str) -> None:
    odd(loaded, f'if "tax" in text: raise {kind}("3")')

    result = loaded.run("evals", "-k", "not prompt", subprocess=True)

    assert result.ret == 1
    run = loaded.verdict()
    assert run.reported == run.collected
    assert 0 < run.scores.errors < len(run.scores)
    result.stdout.fnmatch_lines([f"the program raised {kind}: 3"])


def test_an_eval_that_cannot_be_judged_says_so_once(loaded: EvalProject) -> None:
    loaded.change("evals/test_triage.py", 'inputs=("text",)', 'inputs=("text", "label")')

    result = loaded.run("evals", "-rE")

    assert result.ret == 1
    outcomes = result.parseoutcomes()
    assert (outcomes["errors"], outcomes["skipped"]) == (2, 53)  # the first example's, and the prompt's
    assert any(line.startswith("triage  no verdict    cannot be judged: ") for line in loaded.section(result))


@pytest.mark.parametrize(
    ("marker", "given"), [("eval", ""), ('eval("triage")', "'triage'"), ("eval(TRIAGE, n=2)", None)]
)
def test_a_marker_without_an_eval_is_one_line(loaded: EvalProject, marker: str, given: str | None) -> None:
    loaded.change("evals/test_triage.py", "pytest.mark.eval(TRIAGE)", f"pytest.mark.{marker}")

    result = loaded.run("evals", subprocess=True)

    assert result.ret == 4
    said = "ERROR: evals/test_triage.py::test_triage: the eval marker takes one Eval, as in pytest.mark.eval(TRIAGE)"
    (line,) = [line for line in (*result.outlines, *result.errlines) if line.startswith(said)]
    assert given is None or line == f"{said}; got pytest.mark.eval({given})"
    result.stdout.no_fnmatch_line("*Error*hookexec*")


def test_a_compile_without_an_optimizer_says_that_there_is_nothing_to_do(loaded: EvalProject) -> None:
    loaded.change("evals/test_triage.py", "optimizer=Bootstrap(candidates=4, max_demos=8, seed=7),", "")

    result = loaded.run("evals", "--compile", subprocess=True)

    result.stdout.fnmatch_lines(["triage: nothing to compile: the Eval has no optimizer"])


def test_a_crashed_worker_takes_its_eval_with_it(loaded: EvalProject) -> None:
    odd(loaded, 'if "tax" in text: __import__("os")._exit(9)')

    result = loaded.run("evals", "-n", "2", "-k", "not prompt", subprocess=True)

    assert result.ret == 1
    text = str(result.stdout) + str(result.stderr)
    assert text.count("triage: judging with offline") == 1
    assert " pass " not in text


def test_a_budget_is_named_beside_what_was_spent_whoever_runs_the_items(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")

    for options in ((), ("-n", "2")):
        result = loaded.run("evals", *options, subprocess=True)

        assert any("spent $0.00, 54 of 1,000 calls" in line for line in loaded.section(result))


def test_ctrl_c_does_not_wait_for_workers_that_wait_for_an_lm(loaded: EvalProject) -> None:
    odd(loaded, '__import__("time").sleep(30)')
    command = [sys.executable, "-m", "pytest", "evals", "-p", "no:cacheprovider", "-n", "2"]
    process = subprocess.Popen(command, cwd=loaded.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    while "judging with" not in process.stdout.readline():
        assert process.poll() is None

    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    process.communicate(timeout=20)

    assert time.monotonic() - start < 4  # two on a machine with nothing else to do
    assert process.returncode == pytest.ExitCode.INTERRUPTED
