"""g6o-eval classify, as a person runs it: what it writes, and what it must never write."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.artifact import Lineage
from g6o_eval.cli import group
from g6o_eval.fleet.classify import ID_CHARS, usable
from g6o_eval.fleet.diagnosis import CATEGORIES
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.fleet.programs.diagnosis import DIAGNOSIS
from g6o_eval.steps.candidate import artifact_of, hand_written
from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import Order, record_promotion
from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import known_migrations, migrate
from support.task_folders import ask, make_folder, request, say

Run = Callable[..., Result]
URL = "doltlite:///x.db"
FAILING = [
    say("text", "Fix the tests."),
    request(at=1, cost=0.1),
    *(
        event
        for at in (2, 6, 10)
        for event in (ask("command", "pytest", at=at), say("command_output", "boom", at=at + 1))
    ),
    ask("mistake_limit_reached", "stuck", at=20),
]
TALKING = [
    say("text", "Do it."),
    *(say("text", f"May I {at}?", at=at) for at in range(1, 9)),
    ask("followup", "May I?", at=9),
]
HEALTHY = [
    say("text", "Do it."),
    ask("tool", '{"tool":"readFile","path":"a"}', at=1),
    say("completion_result", "Done.", at=5),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("G6O_STORE", raising=False)
    make_folder(tmp_path / "tasks", "failing", ui=FAILING)
    make_folder(tmp_path / "tasks", "talking", ui=TALKING)
    make_folder(tmp_path / "tasks", "healthy", ui=HEALTHY)
    return tmp_path


@pytest.fixture
def opened(project: Path) -> Iterator[Store]:
    store = open_store(URL, root=project)
    migrate(store, known_migrations())
    ingest(store, [project / "tasks"])
    yield store
    store.close()


@pytest.fixture
def digest(opened: Store) -> str:
    """Promote the hand-written program; return its digest."""
    lineage = Lineage(data_commit="d", git_commit=None, dspy_version="3.4.1", g6o_version="0.1.0")
    artifact = artifact_of(DIAGNOSIS, hand_written(DIAGNOSIS), lineage)
    record_promotion(opened, artifact, Order(by="test"), run_id="01RUN", expected_live=None)
    return artifact.program_digest


def run(*args: str, lm: str | None = "good", calls: int = 10) -> Result:
    model = ["--lm", f"task=engine:support.diagnosticians:{lm}", "--calls", str(calls)] if lm else []
    return CliRunner().invoke(group, ["classify", "--store", URL, *args, *model])


def rows(store: Store) -> list[Row]:
    sql = "SELECT session_id, category, confidence, evidence, classifier_version FROM diagnosis_classifications"
    return sorted(store.read(sql))


def origins(store: Store) -> list[Row]:
    return sorted(
        store.read("SELECT session_id, made_by, program_digest, model, fallback_reason FROM classification_origins")
    )


def test_a_session_is_classified_by_the_live_program_in_one_commit(opened: Store, digest: str) -> None:
    result = run("--session", "failing")

    assert result.exit_code == 0, result.output
    assert rows(opened) == [("failing", "infinite_retry", 0.9, "execute_command x3", digest[:32])]
    assert origins(opened) == [("failing", "program", digest, "engine:support.diagnosticians:good", "")]
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines == [
        "session  category        confidence  by       evidence",
        "failing  infinite_retry  0.90        program  execute_command x3",
        f"program {digest[:12]}, model engine:support.diagnosticians:good: 1 calls, price unknown",
        f"1 classified, commit {opened.head()[:12]}",
        "left out: 0 that succeeded, 0 that have a classification (--again replaces it)",
    ]


def test_a_second_run_writes_nothing_unless_it_is_told_to(opened: Store, digest: str) -> None:
    run("--since", "2026-01-01")
    before = opened.head()

    second = run("--since", "2026-01-01", lm="other")
    assert (second.exit_code, opened.head()) == (0, before)
    assert second.stdout == "left out: 1 that succeeded, 2 that have a classification (--again replaces it)\n"

    run("--since", "2026-01-01", "--again", lm="other")
    assert [row[1] for row in rows(opened)] == ["scope_creep", "scope_creep"]


def test_since_takes_the_sessions_that_ended_later_and_did_not_succeed(opened: Store, digest: str) -> None:
    later = run("--since", "2030-01-01")
    assert later.stdout == "left out: 0 that succeeded, 0 that have a classification (--again replaces it)\n"

    run("--since", "2026-01-01")
    assert [row[0] for row in rows(opened)] == ["failing", "talking"]


def test_without_a_live_program_nothing_is_written_and_the_message_says_what_to_do(opened: Store) -> None:
    before = opened.head()

    result = run("--session", "failing")

    assert (result.exit_code, opened.head()) == (1, before)
    assert result.stderr == (
        "error: no program of eval 'diagnosis' is live in doltlite:///x.db, so nothing can be classified. "
        "Run: pytest evals/ && g6o-eval promote diagnosis, or ask for the rules: --fallback rules\n"
    )


def test_a_withdrawn_program_is_not_used(opened: Store, digest: str) -> None:
    CliRunner().invoke(group, ["rollback", "diagnosis", "--store", URL, "--reason", "bad"], env={"USER": "t"})

    assert run("--session", "failing").exit_code == 1
    assert rows(opened) == []


@pytest.mark.parametrize(
    ("lm", "said"),
    [
        ("dead", "connection refused"),
        ("banana", "AdapterParseError"),
        ("of_no_category", "laziness"),
        ("too_sure", "the confidence is 7.0, not in [0, 1]"),
        ("not_a_number", "the confidence is nan, not in [0, 1]"),
        ("without_confidence", "confidence"),
        ("without_evidence", "the evidence is '', no text"),
        ("unsure", "Broken: Give confidence as a number between 0.5 and 0.95."),
    ],
)
def test_an_answer_that_cannot_be_used_is_an_error_of_its_session(
    opened: Store, digest: str, lm: str, said: str
) -> None:
    before = opened.head()

    result = run("--session", "failing", lm=lm)

    assert (result.exit_code, opened.head(), rows(opened)) == (1, before, [])
    assert result.stderr.startswith("failing: not classified: ")
    assert said in result.stderr
    assert "0 classified, nothing written" in result.stdout


@pytest.mark.parametrize("lm", ["banana", "of_no_category", "too_sure", "unsure"])
def test_the_rules_do_not_stand_in_for_an_answer_that_is_wrong(opened: Store, digest: str, lm: str) -> None:
    result = run("--session", "failing", "--fallback", "rules", lm=lm)

    assert (result.exit_code, rows(opened)) == (1, [])


def test_the_rules_stand_in_for_no_answer_only_when_they_are_asked_for(opened: Store, digest: str) -> None:
    result = run("--since", "2026-01-01", "--fallback", "rules", lm="half_dead")

    assert result.exit_code == 0, result.output
    assert [(row[0], row[4]) for row in rows(opened)] == [("failing", digest[:32]), ("talking", "rules-v1")]
    by_rules = origins(opened)[1]
    assert by_rules[:4] == ("talking", "rules", None, None)
    assert "gone" in str(by_rules[4])
    assert "1 by the rules, because: " in result.stdout


def test_without_the_rules_those_that_were_answered_are_written_and_the_others_named(
    opened: Store, digest: str
) -> None:
    result = run("--since", "2026-01-01", lm="half_dead")

    assert result.exit_code == 1
    assert [row[0] for row in rows(opened)] == ["failing"]
    assert result.stderr.startswith("talking: not classified: ")


def test_without_a_model_nothing_is_written_unless_the_rules_are_asked_for(opened: Store, digest: str) -> None:
    refused = run("--session", "talking", lm=None)
    assert (refused.exit_code, rows(opened)) == (2, [])
    assert refused.stderr == (
        "error: no LM answers: no model has the role task. Say --lm task=MODEL, or set ini g6o_lm\n"
    )

    run("--session", "talking", "--fallback", "rules", lm=None)
    assert [(row[0], row[1], row[4]) for row in rows(opened)] == [("talking", "stuck_on_approval", "rules-v1")]


def test_a_budget_that_runs_out_leaves_the_rest_out(opened: Store, digest: str) -> None:
    result = run("--since", "2026-01-01", calls=1)

    assert (result.exit_code, len(rows(opened))) == (1, 1)
    assert "not classified: the budget is used up: 1 of 1 calls used" in result.stderr


def test_an_unknown_session_and_a_wrong_usage_are_refused(opened: Store, digest: str) -> None:
    unknown = run("--session", "nobody")
    assert (unknown.exit_code, unknown.stderr) == (
        1,
        "error: there is no session 'nobody' in doltlite:///x.db. Run: g6o-eval ingest PATH, or look up its id\n",
    )

    both = run("--session", "failing", "--since", "2026-01-01")
    assert both.exit_code == 2
    assert "say either --session ID or --since TIME" in both.stderr


class Said:
    def __init__(self, **fields: Any) -> None:
        self.category: Any = "scope_creep"
        self.confidence: Any = 0.7
        self.evidence: Any = "words"
        self.__dict__.update(fields)


@given(confidence=st.floats() | st.none() | st.booleans() | st.text() | st.integers())
def test_only_a_confidence_between_0_and_1_is_usable(confidence: object) -> None:
    score = usable(None, Said(confidence=confidence))

    number = isinstance(confidence, int | float) and not isinstance(confidence, bool)
    assert (score.value == 1) is (number and 0 <= confidence <= 1)  # type: ignore[operator]  # number says so


@given(category=st.text() | st.none() | st.sampled_from(CATEGORIES))
def test_only_the_five_categories_are_usable(category: object) -> None:
    assert (usable(None, Said(category=category)).value == 1) is (category in CATEGORIES)


def test_an_id_that_the_daemons_table_cannot_hold_is_left_out_alone(project: Path, opened: Store, digest: str) -> None:
    name = "x" * (ID_CHARS + 1)
    make_folder(project / "more", name, ui=FAILING)
    ingest(opened, [project / "more"])

    result = run("--since", "2026-01-01")

    assert result.exit_code == 1
    assert (
        result.stderr
        == f"{name}: not classified: its id has 101 characters, diagnosis_classifications.session_id takes 100\n"
    )
    assert [row[0] for row in rows(opened)] == ["failing", "talking"]
