from __future__ import annotations

import json

from g6o_eval.commands.status import cells, remarks, status_lines
from g6o_eval.steps.rollback import rollback
from g6o_eval.steps.status import Status, status_of
from g6o_eval.store.ledger import history
from support.desk import Desk


def status(desk: Desk) -> Status:
    (found,) = status_of(desk.store, ["triage"])
    return found


def test_an_eval_without_entries_was_never_promoted(desk: Desk) -> None:
    assert status(desk) == Status(eval_name="triage", state="never promoted")


def test_a_live_eval_says_since_when_by_which_verdict_and_on_which_data(desk: Desk) -> None:
    run = desk.judge()
    desk.promote(reason="first")

    (entry,) = history(desk.store, "triage")
    assert status(desk) == Status(
        eval_name="triage",
        state="live",
        since=entry.at,
        by="Ada",
        reason="first",
        program_digest=entry.program_digest,
        run_id=run.run_id,
        verdict=run.verdict,
        data_commit=run.data_commit,
    )


def test_a_withdrawn_eval_says_who_withdrew_it_and_what_is_revoked(desk: Desk) -> None:
    desk.judge()
    desk.promote()
    rollback(desk.store, "triage", by="Bob", reason="it lies")

    first, last = history(desk.store, "triage")
    assert status(desk) == Status(
        eval_name="triage",
        state="withdrawn",
        since=last.at,
        by="Bob",
        reason="it lies",
        revoked=(str(first.program_digest),),
    )


def test_the_state_at_an_earlier_commit_can_be_asked_for(desk: Desk) -> None:
    desk.judge()
    before = desk.store.head()
    desk.promote()

    (then,) = status_of(desk.store, ["triage"], at=before)

    assert then.state == "never promoted"


def test_the_lines_name_what_is_live_and_hide_nothing_that_a_person_wrote(desk: Desk) -> None:
    run = desk.judge()
    desk.promote(reason="first\x1b[2J", allow_offline=True)
    found = status(desk)

    header, row, *rest = status_lines([found], "doltlite:///x.db")

    assert header.split() == ["eval", "state", "since", "verdict", "data", "program"]
    low, high = run.verdict.mean_interval
    assert f"pass 1.000 [{low:.3f}, {high:.3f}] n={run.verdict.n}" in row
    assert (run.data_commit[:12] in row, str(found.program_digest)[:12] in row) == (True, True)
    assert rest == [
        r"triage: live by Ada: first\u001b[2J",
        "triage: taken on purpose with the offline LM (--allow-offline)",
        "store doltlite:///x.db",
    ]


def test_an_eval_that_is_not_live_shows_dashes() -> None:
    never = Status(eval_name="triage", state="never promoted", revoked=("a" * 64,))

    assert cells(never) == ("triage", "never promoted", "–", "–", "–", "–")
    assert remarks([never]) == ["triage: revoked: aaaaaaaaaaaa"]


def test_the_json_has_every_figure_and_no_list_of_examples(desk: Desk) -> None:
    desk.judge()
    desk.promote()

    found = json.loads(json.dumps(status(desk).to_json()))

    assert found["state"] == "live"
    assert found["verdict"]["n"] > 0
    assert "fixed" not in found["verdict"]
    assert json.loads(json.dumps(Status(eval_name="x", state="never promoted").to_json()))["verdict"] is None
