from __future__ import annotations

import pytest

from g6o_eval.errors import RefusedError
from g6o_eval.steps.rollback import reinstate, rollback
from g6o_eval.store.ledger import live, revoked
from support.desk import Desk


def promoted(desk: Desk, instruction: str) -> str:
    """Compile, judge and promote a program with this instruction; return its digest."""
    desk.compile(instruction)
    desk.judge()
    desk.promote()
    entry = live(desk.store, "triage")
    assert entry is not None
    assert entry.program_digest is not None
    return entry.program_digest


def reasons(desk: Desk, program: str | None, *, reason: str = "why not") -> tuple[str, ...]:
    with pytest.raises(RefusedError) as caught:
        reinstate(desk.store, "triage", program, by="Ada", reason=reason)
    return caught.value.reasons


def test_a_rollback_brings_the_artifact_before_back_and_revokes_the_one_it_leaves(desk: Desk) -> None:
    first, second = promoted(desk, "One."), promoted(desk, "Two.")

    entry = rollback(desk.store, "triage", by="Ada", reason="it lies")

    assert (entry.program_digest, entry.by, entry.reason) == (first, "Ada", "it lies")
    assert revoked(desk.store, "triage") == {second}


def test_a_rollback_of_the_only_promotion_withdraws_the_eval(desk: Desk) -> None:
    promoted(desk, "One.")

    entry = rollback(desk.store, "triage", by="Ada", reason="it lies")

    assert (entry.action, entry.program_digest) == ("withdraw", None)
    assert live(desk.store, "triage") is None
    assert list(desk.store.read("SELECT prompt_id FROM compiled_prompts")) == []


def test_without_a_live_artifact_there_is_nothing_to_roll_back(desk: Desk) -> None:
    with pytest.raises(RefusedError) as caught:
        rollback(desk.store, "triage", by="Ada", reason="it lies")

    assert caught.value.reasons == ("triage: nothing is live, so there is nothing to roll back",)


def test_a_rollback_without_a_reason_is_refused(desk: Desk) -> None:
    with pytest.raises(RefusedError) as caught:
        rollback(desk.store, "triage", by="Ada", reason=" ")

    assert caught.value.reasons == ('triage: a rollback needs its reason for the ledger: --reason "…"',)


def test_the_only_revoked_program_needs_no_digest(desk: Desk) -> None:
    digest = promoted(desk, "One.")
    rollback(desk.store, "triage", by="Ada", reason="it lies")

    entry = reinstate(desk.store, "triage", None, by="Ada", reason="it does not")

    assert (entry.action, entry.program_digest, entry.reason) == ("reinstate", digest, "it does not")
    assert revoked(desk.store, "triage") == frozenset()


def test_of_several_revoked_programs_one_is_named_by_the_start_of_its_digest(desk: Desk) -> None:
    first, second = promoted(desk, "One."), promoted(desk, "Two.")
    rollback(desk.store, "triage", by="Ada", reason="it lies")
    rollback(desk.store, "triage", by="Ada", reason="so does this")
    both = ", ".join(sorted(digest[:12] for digest in (first, second)))

    assert reasons(desk, None) == (f"triage: which program is meant is not clear; revoked: {both}",)

    reinstate(desk.store, "triage", second[:8], by="Ada", reason="it does not")

    assert revoked(desk.store, "triage") == {first}


def test_what_is_not_revoked_cannot_be_reinstated(desk: Desk) -> None:
    assert reasons(desk, None) == ("triage: which program is meant is not clear; revoked: none",)
    assert reasons(desk, "abcdef0") == ("triage: no one revoked program begins 'abcdef0'; revoked: none",)
    assert reasons(desk, "abc") == ("triage: digest 'abc' is too short; give 6 digits or more",)
    assert reasons(desk, None, reason="") == ('triage: a reinstate needs its reason for the ledger: --reason "…"',)
