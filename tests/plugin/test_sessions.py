"""What a session says and costs, however it is started, narrowed or ended."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from support.eval_project import EvalProject


@pytest.fixture
def accepted(loaded: EvalProject) -> EvalProject:
    """The loaded project with its hand-written prompt accepted."""
    assert loaded.run("evals", "--snapshot-update").ret == 0
    return loaded


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_verdict_is_the_same_with_and_without_workers(accepted: EvalProject, workers: str) -> None:
    plain = accepted.run("evals")
    expected = accepted.verdict()

    result = accepted.run("evals", "-n", workers, subprocess=True)

    found = accepted.verdict()
    assert result.ret == plain.ret
    assert found.verdict == expected.verdict
    assert found.scores == expected.scores
    assert found.subject == expected.subject
    assert found.standing == "stored"


def test_a_compile_gives_the_same_program_with_and_without_workers(accepted: EvalProject) -> None:
    accepted.run("evals", "--compile")
    alone = (accepted.root / "snapshots/triage/program.json").read_bytes()
    (accepted.root / "snapshots/triage/program.json").unlink()

    accepted.run("evals", "--compile", "-n", "2", subprocess=True)

    assert (accepted.root / "snapshots/triage/program.json").read_bytes() == alone


@pytest.mark.parametrize("options", [("-k", "t00 or t01"), ("--deselect=evals/test_triage.py::test_triage[t000]",)])
def test_a_narrowed_run_is_partial_and_never_green(accepted: EvalProject, options: tuple[str, ...]) -> None:
    key = next(iter(accepted_keys(accepted)))
    narrowed = tuple(option.replace("t000", key).replace("t00 or t01", key) for option in options)

    result = accepted.run("evals", *narrowed)

    run = accepted.verdict()
    assert run.standing == "partial"
    assert result.ret in (20, 24)
    assert any("partial" in line for line in accepted.section(result))


def accepted_keys(project: EvalProject) -> list[str]:
    project.run("evals")
    return list(project.verdict().scores)


def test_a_run_cut_short_by_x_is_partial(accepted: EvalProject) -> None:
    accepted.change("evals/test_triage.py", "assert example.id not in prediction.label", "assert False")

    result = accepted.run("evals", "-x")

    assert result.ret == 1
    assert accepted.verdict().standing == "partial"
    assert accepted.verdict().reported == 1


def test_another_model_makes_the_verdict_exploratory_and_unstored(accepted: EvalProject) -> None:
    result = accepted.run("evals", "--eval-lm=task=offline")

    assert accepted.verdict().standing == "exploratory"
    assert any("exploratory" in line for line in accepted.section(result))


def test_a_budget_stop_skips_the_rest_with_its_reason(accepted: EvalProject) -> None:
    accepted.change("evals/test_triage.py", "Budget(calls=1000)", "Budget(calls=5)")

    result = accepted.run("evals", "-rs", "--eval-concurrency=1")

    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 5 + 1  # five examples and the prompt
    assert accepted.verdict().spend.calls == 5
    result.stdout.fnmatch_lines(["SKIPPED * stopped by budget: 5 of 5 calls used"])
    assert result.ret == 22


def test_collecting_without_a_store_creates_none(project: EvalProject) -> None:
    result = project.run("evals", "--collect-only", "-q")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*test_triage[[]no-store-yet[]]*"])
    assert not (project.root / ".g6o").exists()


def test_an_eval_whose_folder_is_gone_from_the_project_is_reported(accepted: EvalProject) -> None:
    accepted.write("snapshots/gone/prompt.txt", "old\n")

    result = accepted.run("evals")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR: snapshots/gone belongs to no Eval of this project.*"])


def test_a_failing_item_shows_prompt_answer_score_and_feedback(accepted: EvalProject) -> None:
    accepted.change("evals/test_triage.py", "assert example.id not in prediction.label", 'assert "no" == "yes"')

    result = accepted.run("evals", "-x")

    result.stdout.fnmatch_lines(
        [
            "*- eval -*",
            "t*: score ?.??? *",
            "── feedback ──",
            "── prediction ──",
            "── call 1 of 1, system ──",
            "*Route the support ticket.",
            "── call 1 of 1, answer ──",
            "[[][[] ## label ## []][]]",
        ]
    )


def test_junit_carries_the_score_of_each_example(accepted: EvalProject) -> None:
    accepted.run("evals", "--junitxml=junit.xml")

    cases = ET.parse(accepted.root / "junit.xml").iter("testcase")
    scores = [p.get("value") for case in cases for p in case.iter("property") if p.get("name") == "g6o_score"]
    assert sorted(map(float, filter(None, scores))) == sorted(
        score.value
        for scores_ in accepted.verdict().scores.by_key.values()
        for score in scores_
        if score.value is not None
    )


def test_what_a_prediction_prints_belongs_to_its_own_item(accepted: EvalProject) -> None:
    accepted.change(
        "evals/test_triage.py",
        "TRIAGE = Eval(",
        "class Loud(dspy.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.answer = dspy.Predict(Triage)\n\n"
        "    def forward(self, text):\n"
        '        print("heard", text.rpartition("#")[2])\n'
        "        return self.answer(text=text)\n\n\n"
        "TRIAGE = Eval(",
    )
    accepted.change("evals/test_triage.py", "program=lambda: dspy.Predict(Triage)", "program=Loud")
    accepted.change("evals/test_triage.py", "assert example.id not in prediction.label", "assert False")

    result = accepted.run("evals", "--tb=no", "-rN", "-q")

    assert "heard" not in result.stdout.str()
    shown = accepted.run("evals", "-x").stdout.str()
    key = re.search(r"test_triage\[t0*(\d+)\]", shown)
    assert key is not None
    assert f"heard {key[1]}" in shown
    assert shown.count("heard") == 1


def test_an_unchanged_eval_is_left_out_when_only_changes_are_asked_for(accepted: EvalProject) -> None:
    accepted.run("evals")
    before = accepted.run("evals", "--eval-changed-only").parseoutcomes()

    assert "deselected" not in before  # nothing is live, so everything is a change


def test_pytest_without_evals_loads_neither_dspy_nor_a_database(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n")
    script = (
        "import sys, pytest; status = pytest.main(['-q', '--collect-only', '-p', 'no:cacheprovider']); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'dspy', 'pymysql', 'doltlite', 'litellm'})); "
        "sys.exit(status)"
    )

    found = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert found.stdout.splitlines()[-1] == "[]"


SLOW = """
import time
from dspy.lm15 import Message, Response, TextPart, Usage


class Slow:
    def complete(self, request):
        time.sleep(30)


def make():
    return Slow()
"""


def test_ctrl_c_ends_the_session_within_two_seconds_and_says_what_was_spent(accepted: EvalProject) -> None:
    accepted.write("engines.py", SLOW)
    accepted.write("pytest.ini", "[pytest]\npythonpath = .\ng6o_lm = task=engine:engines:make\n")
    command = [sys.executable, "-m", "pytest", "evals", "-p", "no:cacheprovider"]
    process = subprocess.Popen(
        command, cwd=accepted.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    assert process.stdout is not None
    while "judging with" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.5)

    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    rest = process.stdout.read()
    process.wait(timeout=10)

    assert time.monotonic() - start < 2
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "8 calls" in rest


def test_a_crashed_worker_leaves_a_partial_verdict(accepted: EvalProject) -> None:
    key = accepted_keys(accepted)[3]
    accepted.change(
        "evals/test_triage.py",
        "assert example.id not in prediction.label",
        f'import os; example.id == "{key}" and "PYTEST_XDIST_WORKER" in os.environ and os._exit(3)',
    )

    result = accepted.run("evals", "-n", "2", subprocess=True)

    assert result.ret == 1
    assert accepted.verdict().standing == "partial"


def test_the_verdict_is_written_as_json(accepted: EvalProject) -> None:
    accepted.run("evals")

    data = json.loads((accepted.root / ".g6o/last/triage.json").read_text(encoding="utf-8"))

    assert data["subject"]["eval_name"] == "triage"
    assert data["verdict"]["outcome"] in ("pass", "fail", "inconclusive")
