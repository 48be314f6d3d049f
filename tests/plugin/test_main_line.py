"""The day of a prompt: compile, look at the diff, accept, judge."""

from __future__ import annotations

from support.eval_project import EvalProject


def test_a_first_compile_fails_only_the_prompt_test_and_passes_its_gate(loaded: EvalProject) -> None:
    result = loaded.run("evals", "--compile")

    result.assert_outcomes(passed=len(loaded.verdict().scores), failed=1)
    assert result.ret == 1
    verdict = loaded.verdict()
    assert verdict.verdict.outcome == "pass"
    assert verdict.subject.baseline == "hand-written"
    assert (loaded.root / "snapshots/triage/program.json").exists()
    assert not (loaded.root / "snapshots/triage/prompt.txt").exists()


def test_after_the_prompt_was_accepted_a_plain_run_is_green(loaded: EvalProject) -> None:
    loaded.run("evals", "--compile")
    accepted = loaded.run("evals", "--snapshot-update")

    result = loaded.run("evals")

    assert accepted.ret == 0
    assert result.ret == 0
    assert "[[ ## label ## ]]" in (loaded.root / "snapshots/triage/prompt.txt").read_text(encoding="utf-8")


def test_compiling_again_changes_nothing_and_is_green(loaded: EvalProject) -> None:
    loaded.run("evals", "--compile")
    loaded.run("evals", "--snapshot-update")
    before = (loaded.root / "snapshots/triage/program.json").read_bytes()

    result = loaded.run("evals", "--compile")

    assert result.ret == 0
    assert (loaded.root / "snapshots/triage/program.json").read_bytes() == before


def test_accepting_a_prompt_makes_no_lm_call_and_no_verdict(loaded: EvalProject) -> None:
    result = loaded.run("evals", "--snapshot-update")

    assert not (loaded.root / ".g6o/last").exists()
    result.stdout.no_fnmatch_line("*= evals =*")
