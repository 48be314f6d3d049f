from __future__ import annotations

from dataclasses import replace

import pytest

from g6o_eval.errors import DataError, MissingError, QueryError, RefusedError
from g6o_eval.run import Run, Standing
from g6o_eval.score import Score, Scores
from g6o_eval.store.port import Store
from g6o_eval.store.results import count_looks, latest_run, read_run, save_run
from support.runs import make_run

SCORES = Scores(
    {
        "b": (Score(1.0), Score(0.1 + 0.2, feedback="so so", broken=("short", "one-label"))),
        "a": (Score(error="ValueError: é\0🎉"),),
        "never scored": (),
        "Z" * 400: (Score(0.0),),
    },
    {"a": "g1", "b": "g1"},
)


def run_of(run_id: str = "01JD8Z0000000000000000000A", *, name: str = "triage", **subject: str) -> Run:
    run = make_run(name, subject=subject)
    return replace(run, run_id=run_id)


def test_a_run_comes_back_as_it_was_saved(store: Store) -> None:
    run = replace(run_of(), scores=SCORES)

    commit = save_run(store, run)

    assert read_run(store, run.run_id).to_json() == run.to_json()
    assert read_run(store, run.run_id).scores.by_key == SCORES.by_key
    assert commit == store.head()
    assert store.dirty() == ()


def test_a_run_without_a_baseline_comes_back_without_one(store: Store) -> None:
    run = replace(run_of(), baseline_scores=None)

    save_run(store, run)

    assert read_run(store, run.run_id).baseline_scores is None


def test_scores_stand_as_rows_that_sql_can_ask(store: Store) -> None:
    save_run(store, replace(run_of(), scores=SCORES, baseline_scores=None))

    rows = list(
        store.read("SELECT example_key, repeat_number, value, broken FROM g6o_scores ORDER BY place, repeat_number")
    )

    assert rows == [
        ("Z" * 400, 1, 0.0, "[]"),
        ("a", 1, None, "[]"),
        ("b", 1, 1.0, "[]"),
        ("b", 2, 0.1 + 0.2, '["short","one-label"]'),
        ("never scored", 0, None, None),
    ]


@pytest.mark.parametrize("standing", ["partial", "exploratory", "not stored (read-only)"])
def test_a_run_that_proves_nothing_is_not_saved(store: Store, standing: Standing) -> None:
    run = run_of().with_standing(standing)

    with pytest.raises(RefusedError) as caught:
        save_run(store, run)

    assert str(caught.value) == f"run {run.run_id} of eval 'triage' is {standing}: it proves nothing"
    assert list(store.read("SELECT * FROM g6o_runs")) == []


def test_a_run_is_saved_once(store: Store) -> None:
    save_run(store, run_of())

    with pytest.raises(QueryError):
        save_run(store, run_of())


def test_a_run_that_is_not_there_is_missing(store: Store) -> None:
    with pytest.raises(MissingError) as caught:
        read_run(store, "01NOPE")

    assert str(caught.value) == f"{store.url} has no run '01NOPE'"


def test_the_latest_run_is_the_one_with_the_highest_ulid(store: Store) -> None:
    for run_id, digest in (("01B", "x"), ("01C", "y"), ("01A", "x")):
        save_run(store, run_of(run_id, program_digest=digest))
    save_run(store, run_of("01Z", name="other"))

    latest, of_x = latest_run(store, "triage"), latest_run(store, "triage", "x")

    assert latest is not None
    assert of_x is not None
    assert (latest.run_id, of_x.run_id) == ("01C", "01B")
    assert latest_run(store, "triage", "z") is None
    assert latest_run(store, "nobody") is None


def test_looks_are_counted_per_test_split_and_baseline(store: Store) -> None:
    for number, (test, baseline) in enumerate([("t1", "b1"), ("t1", "b1"), ("t2", "b1"), ("t1", "b2")]):
        save_run(store, run_of(f"01{number}", test_hash=test, baseline_digest=baseline))

    assert count_looks(store, "triage", test_hash="t1", baseline_digest="b1") == 2
    assert count_looks(store, "triage", test_hash="t2", baseline_digest="b1") == 1
    assert count_looks(store, "triage", test_hash="t3", baseline_digest="b1") == 0
    assert count_looks(store, "other", test_hash="t1", baseline_digest="b1") == 0


def test_a_store_without_our_tables_has_no_runs(empty_store: Store) -> None:
    assert latest_run(empty_store, "triage") is None
    assert count_looks(empty_store, "triage", test_hash="t", baseline_digest="b") == 0


def test_a_run_whose_body_was_changed_is_not_believed(store: Store) -> None:
    run = run_of()
    save_run(store, run)
    with store.change("Tamper") as change:
        change.execute("UPDATE g6o_runs SET body = REPLACE(body, 'triage', 'TRIAGE')")

    with pytest.raises(DataError) as caught:
        read_run(store, run.run_id)

    assert str(caught.value).startswith(f"run {run.run_id} was changed in the store: its text has the SHA-256 ")
    assert str(caught.value).endswith("It cannot be trusted: restore the row from the commit that wrote it")


def test_a_run_that_lost_scores_is_not_believed(store: Store) -> None:
    run = replace(run_of(), scores=SCORES)
    save_run(store, run)
    with store.change("Tamper") as change:
        change.execute("DELETE FROM g6o_scores WHERE side = 'candidate' AND example_key = 'a'")

    with pytest.raises(DataError) as caught:
        read_run(store, run.run_id)

    assert str(caught.value) == (f"run {run.run_id} has candidate scores of 3 examples in the store, 4 were written")
