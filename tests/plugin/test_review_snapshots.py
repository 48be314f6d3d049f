"""What a reviewed prompt must survive: other folders, broken files, workers."""

from __future__ import annotations

from support.eval_project import EvalProject


def test_accepting_a_compile_from_the_root_deletes_no_program(loaded: EvalProject) -> None:
    loaded.run("evals", "--compile")
    loaded.run("evals", "--snapshot-update")

    result = loaded.run("--compile", "--snapshot-update")

    folder = loaded.root / "snapshots" / "triage"
    assert sorted(path.name for path in folder.iterdir()) == ["program.json", "prompt.txt"]
    assert result.ret == 0


def test_a_run_of_the_whole_project_calls_no_snapshot_unused(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")

    result = loaded.run()

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*[0-9] snapshot* unused*")


def test_a_test_file_that_cannot_be_read_makes_no_orphans(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")
    loaded.write("evals/test_triage.py", "x = (")

    for options in ((), ("-n", "2"), ("--continue-on-collection-errors",)):
        result = loaded.run("evals", *options, subprocess=True)

        assert result.ret != 0
        result.stdout.no_fnmatch_line("*belongs to no Eval*")


def test_a_store_that_cannot_be_opened_makes_no_orphans(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")

    result = loaded.run("evals", "--eval-store", "foo", subprocess=True)

    assert result.ret == 4
    result.stdout.no_fnmatch_line("*belongs to no Eval*")


def test_an_eval_of_which_no_worker_runs_an_item_is_no_orphan(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")

    result = loaded.run("evals", "-n", "2", "-k", "test_prompt", subprocess=True)

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*belongs to no Eval*")


def test_workers_do_not_hide_a_folder_without_an_eval(loaded: EvalProject) -> None:
    loaded.run("evals", "--snapshot-update")
    loaded.write("snapshots/gone/prompt.txt", "old")

    result = loaded.run("evals", "-n", "2", subprocess=True)

    assert result.ret == 1
    assert "ERROR: snapshots/gone belongs to no Eval" in "\n".join(loaded.section(result))
