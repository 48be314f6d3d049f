from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import cast

import pytest

from g6o_eval import Gate
from g6o_eval.errors import RefusedError, StaleError
from g6o_eval.run import Subject
from g6o_eval.score import Score, Scores
from g6o_eval.steps.candidate import candidate_of
from g6o_eval.steps.promote import AlreadyLive, Promoted
from g6o_eval.steps.proof import MOVED
from g6o_eval.steps.rollback import reinstate, rollback
from g6o_eval.store.ledger import history, live
from g6o_eval.store.port import Change, Kind, Row, Rows, Store, Value
from support.desk import Desk


def refusal(desk: Desk, **order: object) -> list[str]:
    """Return why a promotion is refused; nothing may be written by it."""
    before = desk.store.head()

    with pytest.raises(RefusedError) as caught:
        desk.promote(**order)

    assert desk.store.head() == before
    return list(caught.value.reasons)


def digest(desk: Desk) -> str:
    return candidate_of(desk.spec, desk.root / "snapshots").program_digest


def test_a_candidate_with_a_passing_run_goes_live(desk: Desk) -> None:
    run = desk.judge()

    done = desk.promote(reason="first")

    entry = live(desk.store, "triage")
    assert entry is not None
    assert isinstance(done, Promoted)
    assert (entry.program_digest, entry.run_id, entry.by, entry.reason) == (digest(desk), run.run_id, "Ada", "first")
    assert (done.program_digest, done.run_id, done.prompt_ids) == (digest(desk), run.run_id, ("triage:classifier",))
    assert (done.commit, done.notes) == (desk.store.head(), ())
    published = list(desk.store.read("SELECT prompt_id, compiled_prompt FROM compiled_prompts"))
    assert [prompt_id for prompt_id, _ in published] == ["triage:classifier"]


def test_what_is_live_already_is_not_promoted_again(desk: Desk) -> None:
    desk.judge()
    desk.promote()

    done = desk.promote()

    assert done == AlreadyLive(eval_name="triage", program_digest=digest(desk))
    assert len(history(desk.store, "triage")) == 1


def test_without_a_stored_run_it_is_refused(desk: Desk) -> None:
    assert refusal(desk) == [
        f"triage: this store has no run of program {digest(desk)[:12]}. "
        "Run: pytest evals/, on this store and without -k, --lf or --eval-… overrides"
    ]


def test_a_run_of_another_program_does_not_count(desk: Desk) -> None:
    desk.judge()
    desk.compile("Name the team.")

    assert refusal(desk)[0].startswith(f"triage: this store has no run of program {digest(desk)[:12]}. ")


def test_a_prompt_that_nobody_reviewed_is_refused(desk: Desk) -> None:
    desk.judge()
    desk.prompt_file.unlink()

    assert refusal(desk) == [
        "triage: snapshots/triage/prompt.txt is missing, so nobody reviewed this prompt. "
        "Run: pytest evals/ --snapshot-update, review the diff and commit it"
    ]


def test_a_tampered_prompt_text_is_refused_also_when_the_program_is_live(desk: Desk) -> None:
    desk.judge()
    desk.promote()
    desk.prompt_file.write_text(desk.prompt_file.read_text(encoding="utf-8") + "Obey me.\n", encoding="utf-8")

    assert refusal(desk) == [
        "triage: snapshots/triage/prompt.txt is not the text that this program publishes. "
        "Run: pytest evals/ --snapshot-update, review the diff and commit it"
    ]


@pytest.mark.parametrize(
    ("change", "words"), [({"lm": {"model": "openai/gpt-4o"}}, "it names an LM"), ({"surprise": 1}, "surprise")]
)
def test_a_program_that_names_an_lm_or_holds_an_unknown_key_is_refused(
    desk: Desk, change: dict[str, object], words: str
) -> None:
    desk.compile("Name the team.")
    desk.judge()
    state = json.loads(desk.program_file.read_text(encoding="utf-8"))
    desk.program_file.write_text(json.dumps(state | change), encoding="utf-8")

    (reason,) = refusal(desk)

    assert reason.startswith(f"triage: {desk.program_file}: ")
    assert words in reason


def test_code_that_changed_after_judging_is_refused(desk: Desk) -> None:
    desk.judge()
    desk.test_file.write_text("# other tests\n", encoding="utf-8")

    assert refusal(desk) == [
        "triage: code changed after judging: a file that defines the Eval or its callables. Run: pytest evals/"
    ]


def test_a_gate_that_changed_after_judging_is_refused_and_named(desk: Desk) -> None:
    desk.judge()
    desk.spec = replace(desk.spec, gate=Gate(min_mean=0.1, max_drop=0.2, min_examples=5))

    assert refusal(desk) == ["triage: the gate changed after judging: min_mean 0.6 → 0.1. Run: pytest evals/"]


def test_examples_that_changed_after_judging_are_refused(desk: Desk) -> None:
    run = desk.judge()
    with desk.store.change("Relabel") as change:
        change.execute("UPDATE tickets SET team = 'other'")

    commit = run.data_commit[:12]
    assert refusal(desk) == [
        f"triage: the Examples changed after judging: data {commit} then. Run: pytest evals/",
        f"triage: the test split changed after judging: data {commit} then. Run: pytest evals/",
    ]


def test_a_commit_that_leaves_the_examples_as_they_are_is_no_hindrance(desk: Desk) -> None:
    desk.judge()
    with desk.store.change("Something else") as change:
        change.execute("CREATE TABLE other (id BIGINT NOT NULL PRIMARY KEY)")

    assert isinstance(desk.promote(), Promoted)


@pytest.mark.parametrize("outcome", ["fail", "inconclusive"])
def test_a_verdict_that_is_no_pass_is_refused_with_its_reasons(desk: Desk, outcome: str) -> None:
    run = desk.judge(0.0 if outcome == "fail" else 0.62)

    assert run.verdict.outcome == outcome
    assert refusal(desk) == [f"triage: the verdict is {outcome}: {'; '.join(run.verdict.reasons)}"]


def test_the_scores_count_and_not_the_word_that_was_stored(desk: Desk) -> None:
    passed = desk.judged().verdict
    run = desk.judge(0.0, verdict=passed)

    first, second = refusal(desk)

    assert first == f"triage: run {run.run_id} says pass, its scores under this gate say fail; the scores count"
    assert second.startswith("triage: the verdict is fail: ")


def test_a_broken_assert_in_the_scores_counts_whatever_the_run_says(desk: Desk) -> None:
    run = desk.judged()
    key = next(iter(run.scores))
    scores = Scores({**run.scores.by_key, key: (Score(1.0, broken=("one-team",)),)}, run.scores.groups)
    desk.judge(scores=scores, failed_items=0)

    assert any("the verdict is fail" in reason for reason in refusal(desk))


def test_a_run_without_some_of_the_examples_is_refused(desk: Desk) -> None:
    run = desk.judged()
    kept = dict(list(run.scores.by_key.items())[1:])
    stored = desk.judge(scores=Scores(kept, run.scores.groups))

    assert refusal(desk) == [
        f"triage: run {stored.run_id} scores {len(kept)} examples, not the {len(kept) + 1} of the test split"
    ]


def test_a_run_with_fewer_reports_than_items_is_refused(desk: Desk) -> None:
    run = desk.judge(reported=3)

    assert refusal(desk) == [f"triage: run {run.run_id} is partial: 3 of {run.collected} items reported"]


def test_a_stale_baseline_is_refused(desk: Desk) -> None:
    desk.judge()
    desk.promote()
    desk.compile("Name the team.")
    stale = desk.judged()
    desk.compile("Name the right team.")
    desk.judge()
    desk.promote()
    desk.compile("Name the team.")
    desk.judge(subject=stale.subject)

    (reason,) = refusal(desk)

    judged = stale.subject.baseline_digest[:12]
    assert reason == (
        f"triage: the baseline is stale: judged against program {judged}, it is "
        f"{live_program(desk)[:12]} here. Run: pytest evals/"
    )


def live_program(desk: Desk) -> str:
    entry = live(desk.store, "triage")
    assert entry is not None
    assert entry.program_digest is not None
    return entry.program_digest


def test_a_prompt_that_another_dspy_rendered_is_refused(desk: Desk) -> None:
    subject = replace(desk.judged().subject, prompt_digest="0" * 64, dspy_version="3.4.0")
    desk.judge(subject=subject)

    first, second = refusal(desk)

    assert first.startswith("triage: the rendered prompt changed after judging (000000000000 → ")
    assert second == f"triage: judged with dspy 3.4.0, this is dspy {version('dspy')}. Run: pytest evals/"


def test_every_other_difference_is_named_in_words(desk: Desk) -> None:
    subject = replace(
        desk.judged().subject, metric_hash="m", dataset_hash="d", baseline="git:main", models={"task": "openai/x"},
        adapter="json", g6o_version="0.0.1",
    )  # fmt: skip
    desk.judge(subject=subject)

    assert refusal(desk) == [
        f"triage: {words}. Run: pytest evals/"
        for words in (
            "the metric's file changed after judging",
            "the Dataset changed after judging",
            "the baseline is stale: judged against 'git:main', it is 'hand-written' here",
            "judged with other models: task openai/x → offline",
            "the adapter changed after judging: 'json' → 'chat'",
            "judged with g6o_eval 0.0.1, this is g6o_eval 0.1.0",
        )
    ]


def test_every_field_of_a_subject_has_its_words() -> None:
    names = {field.name for field in fields(Subject)}

    assert set(MOVED) == names - {"eval_name", "program_digest"}  # a run is looked up by these


def test_a_revoked_program_is_refused_until_it_is_reinstated(desk: Desk) -> None:
    desk.judge()
    desk.promote()
    rollback(desk.store, "triage", by="Ada", reason="it lies")

    short = digest(desk)[:12]
    assert refusal(desk) == [
        f"triage: program {short} was rolled back and is revoked. "
        f'Run: g6o-eval reinstate triage {short} --reason "…", if it may come back'
    ]

    reinstate(desk.store, "triage", None, by="Ada", reason="it does not")

    assert isinstance(desk.promote(), Promoted)


def test_all_reasons_are_given_at_once(desk: Desk) -> None:
    desk.judge(0.0)
    desk.test_file.write_text("# other tests\n", encoding="utf-8")
    desk.prompt_file.unlink()

    assert [reason.split(":")[1].split(" ")[1] for reason in refusal(desk)] == [
        "snapshots/triage/prompt.txt",
        "code",
        "the",
    ]


def test_rules_that_moved_since_the_live_promotion_are_noted(desk: Desk) -> None:
    desk.judge()
    desk.promote()
    desk.spec = replace(desk.spec, gate=Gate(min_mean=0.1, max_drop=0.5, min_examples=5))
    desk.compile("Name the team.")
    desk.judge()

    done = desk.promote()

    assert isinstance(done, Promoted)
    assert done.notes == ("gate changed since the live promotion: max_drop 0.2 → 0.5, min_mean 0.6 → 0.1",)


def test_another_promoter_in_between_wins(desk: Desk) -> None:
    desk.judge()
    desk.promote()
    desk.compile("Name the team.")
    desk.judge()
    expected = live_program(desk)
    rollback(desk.store, "triage", by="Bob", reason="in between")
    late = Outdated(desk.store, expected)

    with pytest.raises(StaleError) as caught:
        replace(desk, store=cast("Store", late)).promote()

    assert str(caught.value).startswith(f"triage: it was judged against program {expected[:12]}, but nothing is live.")


def test_an_unclean_checkout_is_refused_by_a_server_store_alone(desk: Desk) -> None:
    desk.judge()
    (desk.root / "notes.txt").write_text("x", encoding="utf-8")
    server = replace(desk, store=cast("Store", ServerLike(desk.store)))

    assert refusal(server, allow_offline=True) == ["the checkout is unclean: notes.txt. Commit, ignore or remove them"]
    assert isinstance(desk.promote(), Promoted)


def test_of_many_changed_files_three_are_named(desk: Desk) -> None:
    desk.judge()
    for name in "edcba":
        (desk.root / name).write_text("x", encoding="utf-8")
    server = replace(desk, store=cast("Store", ServerLike(desk.store)))

    assert refusal(server, allow_offline=True) == [
        "the checkout is unclean: a, b, c and 2 more. Commit, ignore or remove them"
    ]


def test_a_folder_that_is_no_checkout_is_refused_by_a_server_store(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    desk.judge()
    shutil.rmtree(desk.root / ".git")
    server = replace(desk, store=cast("Store", ServerLike(desk.store)))

    assert refusal(server, allow_offline=True) == [
        "this folder is no git checkout, so nothing says what would go live: a server store takes only commits"
    ]


def test_a_run_of_an_unclean_checkout_is_refused_by_a_server_store(desk: Desk) -> None:
    run = desk.judge(git_clean=False)
    server = replace(desk, store=cast("Store", ServerLike(desk.store)))

    assert refusal(server, allow_offline=True) == [
        f"triage: run {run.run_id} was judged in an unclean checkout. Commit, then run: pytest evals/"
    ]


@pytest.mark.parametrize("said", [True, False], ids=["the run says so", "only the model's name says so"])
def test_the_offline_lm_needs_a_word_for_a_server_store_and_the_word_is_recorded(desk: Desk, said: bool) -> None:
    desk.judge(offline=said)
    server = replace(desk, store=cast("Store", ServerLike(desk.store)))

    assert refusal(server) == [
        "triage: judged with the offline LM; say --allow-offline if that is meant (it is recorded)"
    ]

    assert isinstance(server.promote(allow_offline=True), Promoted)
    assert [entry.allow_offline for entry in history(desk.store, "triage")] == [True]


class Passed:
    """A store that passes every call on: the base of the stores that differ in one thing."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    kind: Kind = "embedded"

    @property
    def url(self) -> str:
        return self._inner.url

    @property
    def read_only(self) -> bool:
        return self._inner.read_only

    def head(self) -> str:
        return self._inner.head()

    def branch(self) -> str:
        return self._inner.branch()

    def dirty(self) -> tuple[str, ...]:
        return self._inner.dirty()

    def tables(self, *, at: str | None = None) -> frozenset[str]:
        return self._inner.tables(at=at)

    def read(self, sql: str, params: Sequence[Value] = (), *, at: str | None = None) -> Rows:
        return self._inner.read(sql, params, at=at)

    def change(self, message: str) -> AbstractContextManager[Change]:
        return self._inner.change(message)

    def label(self, name: str, commit: str, message: str) -> None:
        self._inner.label(name, commit, message)


class ServerLike(Passed):
    """A store that a team shares."""

    kind: Kind = "server"


class Outdated(Passed):
    """A store that still shows the ledger as it was before the last entry, except inside a change."""

    def __init__(self, inner: Store, expected: str) -> None:
        super().__init__(inner)
        self._expected = expected

    def read(self, sql: str, params: Sequence[Value] = (), *, at: str | None = None) -> Rows:
        found = super().read(sql, params, at=at)
        if "FROM g6o_ledger" not in sql:
            return found
        return Rows(found.columns, self._without_last(list(found)))

    def _without_last(self, rows: list[Row]) -> Iterator[Row]:
        yield from rows[:-1]
