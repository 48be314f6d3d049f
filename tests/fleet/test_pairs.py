"""Kill → recovery pairs: who took up what, how that is known, and what is no recovery at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.pairs import MAX_HOURS, METHODS, Attempt, Pair, pairs_of

HOUR = 3_600_000


def stopped(name: str = "a", *, at: int = 0, until: int = 10, **fields: Any) -> Attempt:
    values = {"outcome": "failure", "stopped": True, "prompt_sha256": "p", **fields}
    return Attempt(session_id=name, started_at=at, ended_at=until, **values)


def later(name: str = "b", *, at: int | None = 1_010, until: int = 2_000, **fields: Any) -> Attempt:
    values = {"outcome": "success", "stopped": False, **fields}
    return Attempt(session_id=name, started_at=at, ended_at=until, **values)


@pytest.mark.parametrize(
    ("link", "method"),
    [
        ({"names": frozenset({"a"})}, "names it"),
        ({"parent_id": "a"}, "child"),
        ({"bead_id": "bead-7"}, "bead"),
        ({"prompt_sha256": "p"}, "prompt"),
        ({"prompt_sha256": "p", "bead_id": "bead-7"}, "bead"),
        ({"prompt_sha256": "p", "parent_id": "a", "names": frozenset({"a"})}, "names it"),
    ],
)
def test_a_recovery_is_found_by_its_surest_link(link: dict[str, Any], method: Any) -> None:
    found = pairs_of([stopped(bead_id="bead-7"), later(**link)])

    assert found == (Pair(stopped_id="a", recovery_id="b", method=method, gap_seconds=1.0, outcome="success"),)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(stopped(), later(), id="nothing links them"),
        pytest.param(stopped(outcome="success"), later(prompt_sha256="p"), id="the first had succeeded"),
        pytest.param(stopped(stopped=False), later(prompt_sha256="p"), id="the first ended by itself"),
        pytest.param(stopped(until=5_000), later(parent_id="a"), id="a child asked for while its parent worked"),
        pytest.param(stopped(), later(at=None, prompt_sha256="p"), id="nobody knows when it started"),
        pytest.param(stopped(prompt_sha256=None), later(), id="both have no prompt"),
        pytest.param(stopped(), later(at=25 * HOUR, prompt_sha256="p"), id="the same words a day later"),
        pytest.param(
            stopped(bead_id="x"), later(at=int(MAX_HOURS["bead"] + 1) * HOUR, bead_id="x"), id="the same bead a week on"
        ),
    ],
)
def test_what_is_no_recovery_is_no_pair(first: Attempt, second: Attempt) -> None:
    assert pairs_of([first, second]) == ()


def test_each_attempt_takes_up_the_one_before_it() -> None:
    attempts = [
        stopped("a", at=0, until=10),
        stopped("b", at=20, until=30),
        later("c", at=40, prompt_sha256="p"),
    ]

    assert [(pair.stopped_id, pair.recovery_id) for pair in pairs_of(attempts)] == [("a", "b"), ("b", "c")]


def test_one_recovery_takes_up_one_session_only() -> None:
    attempts = [stopped("a", until=10), stopped("b", until=30), later("c", at=40, prompt_sha256="p")]

    assert [(pair.stopped_id, pair.recovery_id) for pair in pairs_of(attempts)] == [("b", "c")]


ATTEMPTS = st.lists(
    st.builds(
        Attempt,
        session_id=st.sampled_from("abcdefgh"),
        outcome=st.sampled_from(["success", "failure", "partial"]),
        stopped=st.booleans(),
        started_at=st.none() | st.integers(0, 50),
        ended_at=st.none() | st.integers(0, 50),
        parent_id=st.none() | st.sampled_from("abc"),
        bead_id=st.none() | st.sampled_from("xy"),
        prompt_sha256=st.none() | st.sampled_from("pq"),
        names=st.frozensets(st.sampled_from("abc"), max_size=2),
    ),
    unique_by=lambda attempt: attempt.session_id,
)


@given(attempts=ATTEMPTS, order=st.randoms())
def test_pairs_do_not_depend_on_order_and_join_each_session_once(attempts: list[Attempt], order: Any) -> None:
    mixed = list(attempts)
    order.shuffle(mixed)

    found = pairs_of(attempts)

    assert found == pairs_of(mixed)
    assert len({pair.stopped_id for pair in found}) == len({pair.recovery_id for pair in found}) == len(found)
    assert all(pair.gap_seconds >= 0 and pair.method in METHODS for pair in found)
    assert all(pair.stopped_id != pair.recovery_id for pair in found)
