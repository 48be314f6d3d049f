from __future__ import annotations

import pytest

from g6o_eval.commands.show import looked_lines
from g6o_eval.errors import MissingError
from g6o_eval.score import Score, Scores
from g6o_eval.steps.show import live_texts, look_at
from support.desk import Desk


def test_the_live_texts_are_those_that_consumers_read(desk: Desk) -> None:
    assert live_texts(desk.store, "triage") is None

    desk.judge()
    desk.promote()

    ((prompt_id, text),) = desk.store.read("SELECT prompt_id, compiled_prompt FROM compiled_prompts")
    assert live_texts(desk.store, "triage") == {prompt_id: text}


def test_an_example_is_shown_as_it_was_when_it_was_judged(desk: Desk) -> None:
    run = desk.judged()
    key = next(iter(run.scores))
    scores = Scores(
        {**run.scores.by_key, key: (Score(0.25, feedback="Wrong.\nTwo lines.", broken=("one-team",)),)},
        run.scores.groups,
    )
    desk.judge(scores=scores, baseline_scores=Scores({key: (Score(error="KeyError: x"),)}, {}))
    with desk.store.change("Relabel afterwards") as change:
        change.execute("UPDATE tickets SET text = 'other'")

    found = look_at(desk.spec, desk.store, key)

    assert looked_lines(found) == [
        f"triage {key}   run {found.run.run_id}, 2026-01-02T03:04:05+00:00, data {run.data_commit[:12]}",
        f"input text: ticket number {key}",
        f"label team: {'bug' if int(key) % 2 else 'sales'}",
        "score: 0.250",
        "    broke one-team",
        "    Wrong.",
        "    Two lines.",
        "baseline (hand-written): KeyError: x",
    ]


def test_an_example_that_was_not_judged_is_an_error_that_names_some_that_were(desk: Desk) -> None:
    run = desk.judge()

    with pytest.raises(MissingError) as caught:
        look_at(desk.spec, desk.store, "none")

    keys = sorted(run.scores.by_key)
    assert str(caught.value) == (
        f"triage: run {run.run_id} judged no example 'none'; it judged {len(keys)}, for example {', '.join(keys[:3])}"
    )


def test_without_a_run_there_is_nothing_to_look_at(desk: Desk) -> None:
    with pytest.raises(MissingError) as caught:
        look_at(desk.spec, desk.store, "1")

    assert str(caught.value) == "triage: this store has no run. Run: pytest evals/"
