"""recovery_case.py: what a recovery may be told of any session, and nothing that must not reach a prompt."""

from __future__ import annotations

import re
from dataclasses import astuple, replace

import pytest
from hypothesis import given

from g6o_eval.fleet.diagnosis import CATEGORIES, diagnose
from g6o_eval.fleet.recovery_case import COLUMNS, NONE, TEXT_CHARS, UNKNOWN_ERROR, UNKNOWN_TOOL, case_of, case_rows
from g6o_eval.fleet.session import CallStatus, Message, Session, ToolCall, Usage
from g6o_eval.fleet.testing import sessions
from g6o_eval.store.port import Store

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def call(tool: str, target: str = "", *, status: CallStatus = "completed", error: str | None = None) -> ToolCall:
    return ToolCall(
        file="f", index=0, part=0, ts=None, tool=tool, written_as=tool, target=target, args="", status=status,
        error=error,
    )  # fmt: skip


def stopped(*calls: ToolCall, task: str = "Fix the parser", usage: Usage | None = None) -> Session:
    said = Message(
        file="f", index=0, part=0, ts=None, role="user", kind="say.text", preview=task, chars=0, sha256=""
    )  # fmt: skip
    return Session(
        session_id="ses_stopped", source="test", source_digest="", parent_id=None, prompt_sha256=None,
        started_at=None, completed_at=None, mode=None, model=None, status="interrupted",
        ended_by="user_cancelled", usage=usage or Usage(), messages=(said,), tool_calls=calls,
    )  # fmt: skip


@given(sessions())
def test_any_session_gives_short_texts_without_ids_and_markers(session: Session) -> None:
    case = case_of(session)

    for text in map(str, astuple(case)):
        assert text.strip()
        assert not ID.search(text)
        assert "[[ ## " not in text
    for line in (case.task, case.summary, case.last_error, case.repeated, *case.files.splitlines()):
        assert len(line) <= TEXT_CHARS
        assert len(line.splitlines()) == 1


@given(sessions())
def test_the_diagnosis_of_any_session_is_one_of_the_five(session: Session) -> None:
    assert diagnose(session).category in CATEGORIES


def test_the_tool_that_failed_most_is_named_with_its_last_error() -> None:
    case = case_of(
        stopped(
            call("read_file", "a.py", status="error", error="no such file"),
            *(call("execute_command", "pytest", status="error", error=f"failed\n  time {n}") for n in range(3)),
            call("read_file", "b.py"),
        )
    )

    assert (case.failing_tool, case.last_error, case.retry_count) == ("execute_command", "failed time 2", 3)
    assert case.repeated == "execute_command pytest"
    assert case.tool_activity == "execute_command: 3 calls (3 errors)\nread_file: 2 calls (1 errors)"


def test_what_is_not_known_is_said_so() -> None:
    case = case_of(replace(stopped(), messages=()))

    assert (case.failing_tool, case.last_error, case.retry_count) == (UNKNOWN_TOOL, UNKNOWN_ERROR, 0)
    assert (case.task, case.repeated, case.files) == (NONE, NONE, NONE)
    assert case.tool_activity == "(no tool activity recorded)"


def test_files_that_were_changed_come_before_those_that_were_read() -> None:
    case = case_of(stopped(call("read_file", "r.py"), call("apply_diff", "e.py"), call("read_file", "e.py")))

    assert case.files == "e.py\nr.py"


@pytest.mark.parametrize(
    ("usage", "limits"),
    [
        (Usage(requests=1, request_usd=0.2), "100,000 tokens, $0.10, 30 s"),
        (Usage(requests=1, request_usd=4.0), "100,000 tokens, $2.00, 120 s"),
        (Usage(requests=1, request_usd=40.0), "100,000 tokens, $20.00, 300 s"),
        (Usage(requests=2, without_cost=1, request_usd=4.0), "100,000 tokens, $0.10, 30 s"),
        (Usage(), "100,000 tokens, $0.10, 30 s"),
    ],
    ids=["half of what it cost", "a minute per USD", "five minutes at most", "a price in part", "no price"],
)
def test_the_limits_are_those_of_the_daemons_dispatch(usage: Usage, limits: str) -> None:
    assert case_of(stopped(call("read_file", "a.py"), usage=usage)).limits == limits


def test_a_session_that_reported_completion_needs_no_recovery() -> None:
    assert case_rows(replace(stopped(), status="completed")) == []


def test_a_row_fits_its_table(store: Store) -> None:
    rows = case_rows(stopped(call("read_file", "a.py")))

    with store.change("a case") as change:
        change.insert("recovery_cases", COLUMNS, rows)

    assert list(store.read(f"SELECT {', '.join(COLUMNS)} FROM recovery_cases")) == rows
