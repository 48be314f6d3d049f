"""Labels of a whole store: one commit or none, what others recorded counts, pairs are found in real logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from g6o_eval.cli import group
from g6o_eval.fleet.facts import Facts, last_gates
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.fleet.labelling import Relabelled, relabel
from g6o_eval.fleet.measures import MEASURES, MEASURES_VERSION
from g6o_eval.fleet.outcome import RULES_VERSION
from g6o_eval.fleet.pairs import PAIRS_VERSION
from g6o_eval.fleet.session import Punch, PunchType
from g6o_eval.store.port import Row, Store
from support.task_folders import ask, make_folder, request, say, tool

SHARED = Path(__file__).parents[3] / "shared" / "data"
SAMPLE = Path(__file__).parents[2] / "evals" / "data"
HOUR = 3_600_000


def stopped(prompt: str = "Fix it.", at: int = 0) -> list[dict[str, object]]:
    return [
        say("text", prompt, at=at),
        request(at=at + 1, cost=0.2),
        tool("readFile", path="a.py", at=at + 2),
        request(at=at + 3, cost=0.1, cancelReason="user_cancelled"),
    ]


def done(prompt: str = "Fix it.", at: int = HOUR) -> list[dict[str, object]]:
    return [
        say("text", prompt, at=at),
        request(at=at + 1, cost=0.3),
        tool("appliedDiff", path="a.py", at=at + 2),
        say("completion_result", "Done, the tests pass.", at=at + 9),
    ]


def record(store: Store, table: str, columns: tuple[str, ...], *rows: Row) -> None:
    with store.change("recorded by the daemon") as change:
        change.insert(table, columns, rows)


def punched(store: Store, name: str, punch_type: str, key: str, second: int = 0) -> None:
    columns = ("task_id", "punch_type", "punch_key", "observed_at", "source_hash")
    record(store, "punches", columns, (name, punch_type, key, f"2026-01-21 12:00:{second:02}", f"{name}{key}{second}"))


def imported(store: Store, folder: Path, **sessions: object) -> Relabelled:
    for name, ui in sessions.items():
        make_folder(folder / "tasks", name, ui=ui)
    ingest(store, [folder / "tasks"], workers=0)
    return relabel(store)


def test_a_run_is_one_commit_with_every_version_and_a_second_one_none(store: Store, tmp_path: Path) -> None:
    found = imported(store, tmp_path, a=stopped(), b=done())

    assert found.commit == store.head()
    assert list(store.read("SELECT * FROM session_outcomes ORDER BY session_id")) == [
        ("a", "failure", "it was stopped", RULES_VERSION),
        ("b", "success", "it reports completion", RULES_VERSION),
    ]
    assert list(store.read("SELECT * FROM recovery_pairs")) == [
        ("a", "b", "prompt", (HOUR - 3) / 1_000, "success", PAIRS_VERSION)
    ]
    measured = list(store.read("SELECT session_id, value, rules_version FROM session_measures WHERE measure = ?",
                               ("fitter_recovery_success_rate",)))  # fmt: skip
    assert sorted(measured, key=str) == [("a", None, MEASURES_VERSION), ("b", 1.0, MEASURES_VERSION)]
    assert (relabel(store).commit, relabel(store).changed) == (None, 0)


def test_a_kill_that_the_daemon_recorded_makes_a_failure(store: Store, tmp_path: Path) -> None:
    imported(store, tmp_path, a=[*stopped()[:3], say("text", "on it", at=5)])
    assert relabel(store).labels["a"].outcome == "partial"

    punched(store, "a", "governor_kill", "cost_overflow")

    assert relabel(store).labels["a"].rule == "the governor killed it"


def test_a_gate_run_that_others_recorded_counts_where_the_log_shows_none(store: Store, tmp_path: Path) -> None:
    imported(store, tmp_path, b=done())

    punched(store, "b", "gate_fail", "mypy", 1)
    assert relabel(store).labels["b"].rule == "the last run of a gate failed"

    punched(store, "b", "gate_pass", "mypy", 2)
    assert relabel(store).labels["b"].rule == "it reports completion and its gates pass"


@pytest.mark.parametrize(
    ("given", "status", "rule"),
    [
        ("my-card", "fail", "the card that it was given is not met"),
        ("my-card", "pass", "its card is met"),
        (None, "fail", "it reports completion"),
    ],
)
def test_only_a_card_that_was_given_to_a_session_can_fail_it(
    store: Store, tmp_path: Path, given: str | None, status: str, rule: str
) -> None:
    imported(store, tmp_path, b=done())
    columns = ("task_id", "card_id", "status", "validated_at")

    record(store, "checkpoints", columns, ("b", "my-card", status, "2026-01-21 12:00:00"))
    with store.change("dispatch") as change:
        change.execute("DELETE FROM tasks WHERE task_id = 'b'")
        change.insert(
            "tasks",
            ("task_id", "mode", "started_at", "punch_card_id"),
            [("b", "code", "2026-01-21 12:00:00", given)],
        )

    assert relabel(store).labels["b"].rule == rule


def test_a_session_that_left_no_log_is_labelled_by_its_punches(store: Store) -> None:
    punched(store, "ses_x", "step_complete", "session_completed")
    punched(store, "ses_x", "gate_pass", "pytest")
    punched(store, "ses_y", "governor_kill", "tool_cycle")

    found = relabel(store)

    assert {name: label.rule for name, label in found.labels.items()} == {
        "ses_x": "it reports completion and its gates pass",
        "ses_y": "the governor killed it",
    }


def test_a_recovery_that_names_the_stopped_session_is_found_by_it(store: Store, tmp_path: Path) -> None:
    name = "0a1fb43b-c6e0-473a-8d2f-29e715c2c81a"
    found = imported(
        store, tmp_path, **{name: stopped(), "fitter": done(f"RECOVERY TASK: session {name} was stopped.")}
    )

    assert [(pair.stopped_id, pair.recovery_id, pair.method) for pair in found.pairs] == [(name, "fitter", "names it")]


def test_a_bead_joins_two_sessions_whatever_their_words(store: Store, tmp_path: Path) -> None:
    found = imported(
        store, tmp_path, a=stopped("Bead: core-4f0.11. Fix it."), b=done("Take up bead core-4f0.11 again.")
    )

    assert [(pair.recovery_id, pair.method) for pair in found.pairs] == [("b", "bead")]


def test_a_child_that_its_stopped_parent_asked_for_is_no_recovery(store: Store, tmp_path: Path) -> None:
    parent = [
        say("text", "Split it."),
        tool("newTask", mode="code", content="Do part one.", at=2),
        ask("resume_task", at=60),
    ]
    child = done("Do part one.", at=70)

    found = imported(store, tmp_path, parent=parent, child=child)

    assert (found.labels["parent"].outcome, found.pairs) == ("partial", ())


def test_a_gate_of_several_is_clear_once_each_of_them_passed() -> None:
    def run(punch_type: PunchType, key: str, at: int) -> Punch:
        return Punch(punch_type=punch_type, punch_key=key, ts=at, file="", index=at)

    failed = [run("gate_fail", "one-of:mypy+pytest", 1), run("gate_pass", "mypy", 2)]
    assert last_gates(failed) == {"one-of:mypy+pytest": False, "mypy": True}
    assert last_gates([*failed, run("gate_pass", "pytest", 3)]) == {"mypy": True, "pytest": True}
    assert last_gates([run("gate_pass", "mypy", 5), run("gate_fail", "mypy", 9)]) == {"mypy": False}


def test_facts_come_back_from_the_store_as_they_went_in(store: Store, tmp_path: Path) -> None:
    found = imported(store, tmp_path, b=done()).facts["b"]

    assert found == Facts(
        status="completed", usd=0.3, requests=1, active_minutes=found.active_minutes, calls=1, completed=1, edits=1,
        claim_required=1, claim_wrong=1,
    )  # fmt: skip


def run(*args: str) -> str:
    result = CliRunner().invoke(group, ["outcomes", "--store", "doltlite:///fleet.db", *args])
    assert result.exit_code == 0, result.output
    return "\n".join(line.rstrip() for line in result.stdout.splitlines())


def test_the_command_shows_labels_by_rule_and_by_category(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    assert run() == "The store holds no sessions. Run: g6o-eval ingest PATH"
    imported(store, tmp_path, a=stopped(), b=done())

    said = run()

    assert said.startswith(
        "outcome  rule                   sessions\n"
        "failure  it was stopped         1\n"
        "success  it reports completion  1\n"
        "\n"
        "category  success  failure  partial  all\n"
        "–         1        1        0        2\n"
        "\n"
        "1 stopped sessions have a recovery (prompt 1)\n"
    )
    assert said.endswith("2 sessions; every label and measure stood there already, no commit")
    assert all(name in said for name in MEASURES)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded sessions in ../shared/data are not here")
def test_recorded_sessions_and_the_sample_give_at_least_50_labels_of_each_kind_of_evidence(store: Store) -> None:
    ingest(store, [SHARED / "roo", SHARED / "cline", SAMPLE], workers=0)

    found = relabel(store)

    assert len(found.labels) >= 50
    assert {label.outcome for label in found.labels.values()} == {"success", "failure", "partial"}
