"""Labels, pairs and measures against the truth of made-up sessions, long healthy ones among them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from g6o_eval.fleet.agreement import auc, confusion_of
from g6o_eval.fleet.commands.outcomes import truth_lines
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.fleet.labelling import Relabelled, relabel
from g6o_eval.fleet.made_up.population import Size, populate
from g6o_eval.fleet.made_up.truth import Truth
from g6o_eval.fleet.outcome import OUTCOMES
from g6o_eval.fleet.tables import MIGRATIONS
from g6o_eval.store.choose import open_store
from g6o_eval.store.schema import HARNESS, migrate

SESSIONS = 150


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Relabelled, dict[str, Truth]]]:
    folder = tmp_path_factory.mktemp("made")
    truths = populate(folder / "fleet", seed=5, size=Size(sessions=SESSIONS, bytes=40_000 * SESSIONS))
    store = open_store("doltlite:///made.db", root=folder)
    migrate(store, (*HARNESS, *MIGRATIONS))
    ingest(store, [folder / "fleet"], workers=0)
    yield relabel(store), {truth.session_id: truth for truth in truths}
    store.close()


Made = tuple[Relabelled, dict[str, Truth]]


def test_no_long_healthy_session_is_taken_for_a_failure(made: Made) -> None:
    found, truths = made
    long = [name for name in found.labels if truths[name].kind == "long"]

    assert len(long) >= 5
    assert {found.labels[name].outcome for name in long} == {"success"}


def test_nearly_every_label_is_the_truth_and_no_failure_passes_for_a_success(made: Made) -> None:
    found, truths = made
    labels = confusion_of(((truths[name].outcome, label.outcome) for name, label in found.labels.items()), OUTCOMES)

    assert labels.n >= SESSIONS - 5
    assert labels.accuracy > 0.95
    assert labels.counts.get(("failure", "success"), 0) == 0


def test_every_recovery_is_found_by_one_of_the_ways_and_nothing_else_is_taken_for_one(made: Made) -> None:
    found, truths = made
    true = {(truth.recovery_of, name) for name, truth in truths.items() if truth.recovery_of and name in found.labels}

    assert {(pair.stopped_id, pair.recovery_id) for pair in found.pairs} == true
    assert {pair.method for pair in found.pairs} >= {"names it", "child", "prompt"}


@pytest.mark.parametrize("name", ["punch_card_pass_rate", "task_completion_rate", "self_report_accuracy"])
def test_a_measure_of_success_is_higher_where_the_truth_is_success(made: Made, name: str) -> None:
    found, truths = made
    values = [(found.measured[each][name].value, truths[each].outcome == "success") for each in found.labels]
    known = [(value, truth) for value, truth in values if value is not None]

    assert len(known) > 50
    assert (auc(known) or 0) > 0.65


def test_the_report_says_that_a_truth_is_of_other_sessions(made: Made) -> None:
    assert truth_lines(made[0], {}) == ["The truth names none of the store's sessions: it belongs to others."]
