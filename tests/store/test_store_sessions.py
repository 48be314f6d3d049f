"""What is tried again on a connection, and what never is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from g6o_eval.errors import QueryError, StoreError, UnavailableError
from g6o_eval.store.address import parse_address
from g6o_eval.store.connection import ClashError, LateError, LostError, UnreachableError
from g6o_eval.store.sessions import Sessions


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(parse_address("dolt://ci@127.0.0.1:1/evals"), observe=lambda statement: None)


def failing(error: StoreError, times: int) -> tuple[list[int], Callable[[], str]]:
    """Return a list of the calls, and work that fails so many times."""
    calls: list[int] = []

    def work() -> str:
        calls.append(len(calls))
        if len(calls) <= times:
            raise error
        return "done"

    return calls, work


@pytest.mark.parametrize("error", [LostError("x"), ClashError("x"), UnreachableError("x")])
def test_what_was_lost_clashed_or_was_not_reached_is_done_again(sessions: Sessions, error: StoreError) -> None:
    calls, work = failing(error, 2)

    assert sessions.insist(work) == "done"
    assert len(calls) == 3


@pytest.mark.parametrize("error", [LateError("x"), QueryError("x", sql="y"), UnavailableError("x")])
def test_what_was_late_or_is_wrong_is_not_done_again(sessions: Sessions, error: StoreError) -> None:
    calls, work = failing(error, 1)

    with pytest.raises(StoreError) as caught:
        sessions.insist(work)

    assert caught.value is error
    assert len(calls) == 1
