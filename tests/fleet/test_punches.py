"""What a session's agent did, as punches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from g6o_eval.fleet.punches import punches_of
from g6o_eval.fleet.session import Session, SessionStatus, ToolCall, Usage
from support.task_folders import ask, call, make_folder, message, request, say, session_in, session_of, tool

WHOLE = ("session_lifecycle", "cost_checkpoint")


def deeds(session: Session) -> list[str]:
    """Return "type:key" of all punches but those of the session as a whole."""
    return [f"{each.punch_type}:{each.punch_key}" for each in punches_of(session) if each.punch_type not in WHOLE]


def ran(command: str, exit_code: int | None, **more: str) -> ToolCall:
    return replace(call("execute_command", target=command), exit_code=exit_code, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("read_file", "tool_call:read_file"),
        ("apply_diff", "tool_call:apply_diff"),
        ("frobnicate", "tool_call:frobnicate"),
        ("execute_command", "command_exec:bash"),
        ("augment-context-engine:codebase-retrieval", "mcp_call:augment-context-engine:codebase___retrieval"),
        ("sequentialthinking_process_thought", "mcp_call:sequentialthinking:process_thought"),
        ("attempt_completion", "step_complete:task_exit"),
    ],
)
def test_a_call_is_punched_by_what_kind_of_tool_it_is(name: str, deed: str) -> None:
    assert deeds(session_of(call(name))) == [deed]


@pytest.mark.parametrize("status", ["denied", "unanswered"])
def test_a_call_that_was_never_carried_out_is_no_deed(status: str) -> None:
    assert deeds(session_of(call("apply_diff", status=status))) == []


def test_a_call_that_failed_is_a_deed() -> None:
    assert deeds(session_of(call("apply_diff", error="no such file"))) == ["tool_call:apply_diff"]


@pytest.mark.parametrize(
    ("exit_code", "gate"), [(0, ["gate_pass:pytest"]), (1, ["gate_fail:pytest"]), (None, [])]
)  # fmt: skip
def test_a_gate_is_punched_by_its_exit_code(exit_code: int | None, gate: list[str]) -> None:
    assert deeds(session_of(ran("pytest -q", exit_code))) == ["command_exec:bash", *gate]


def test_a_retry_keeps_the_failure_and_the_pass() -> None:
    found = deeds(session_of(ran("pytest", 1), ran("pytest", 0)))

    assert found == ["command_exec:bash", "gate_fail:pytest", "command_exec:bash", "gate_pass:pytest"]


def test_without_an_exit_code_a_gate_is_believed_by_what_it_printed() -> None:
    by_result = ran("pytest", None, result="3 passed in 0.1s")
    by_message = message("3 passed in 0.1s", role="tool", kind="say.command_output")

    assert "gate_pass:pytest" in deeds(session_of(by_result))
    assert "gate_pass:pytest" in deeds(session_of(ran("pytest", None), by_message))
    assert "gate_pass:pytest" not in deeds(session_of(by_message, ran("pytest", None)))


@pytest.mark.parametrize(
    ("target", "args", "child"),
    [
        ("💻 Code", "{}", "code"),
        ("architect", "{}", "architect"),
        ("Fix the bug", '{"subagent_type":"general","description":"Fix the bug"}', "general"),
        ("", "{}", "unknown_child"),
    ],
)
def test_a_child_is_punched_by_the_mode_that_was_asked_for(target: str, args: str, child: str) -> None:
    spawned = replace(call("new_task", target=target), args=args)

    assert deeds(session_of(spawned)) == [f"child_spawn:{child}"]


def test_a_child_that_came_back_is_punched_once_where_its_result_stands() -> None:
    back = message("done", role="tool", kind="say.subtask_result")

    assert deeds(session_of(call("new_task", target="code"), back)) == [
        "child_spawn:code",
        "child_complete:child_return",
    ]


def test_a_child_of_kilo_serve_came_back_when_its_call_ended() -> None:
    task = replace(call("new_task", target="general"), written_as="task")

    assert deeds(session_of(task)) == ["child_spawn:general", "child_complete:child_return"]
    assert deeds(session_of(replace(task, status="error"))) == ["child_spawn:general", "child_complete:child_error"]
    assert deeds(session_of(replace(task, status="unanswered"))) == []


def test_a_report_of_completion_is_punched_once_per_round() -> None:
    report = message("done", kind="say.completion_result")

    found = deeds(session_of(call("attempt_completion"), report, report, status="completed"))

    assert found == ["step_complete:task_exit"] * 2


@pytest.mark.parametrize(("status", "exits"), [("completed", 1), ("interrupted", 0), ("failed", 0), ("unknown", 0)])
def test_where_no_tool_reports_it_the_exit_is_a_last_turn_that_ended_by_itself(
    status: SessionStatus, exits: int
) -> None:
    assert deeds(session_of(call("read_file"), status=status)).count("step_complete:task_exit") == exits


def test_the_price_of_a_session_stands_in_one_punch_and_a_session_without_requests_has_none() -> None:
    paid = session_of(usage=Usage(requests=3, request_usd=0.5))

    assert [each.punch_key for each in punches_of(paid)] == ["session_unknown", "session_total"]
    assert [each.punch_key for each in punches_of(session_of())] == ["session_unknown"]


def test_no_two_punches_of_a_session_share_a_place_and_type() -> None:
    command = ran("ruff format --check . && ruff check . && mypy src && pytest", 0)
    session = session_of(command, call("new_task", target="code"), message("hi"), usage=Usage(requests=1))

    places = [(each.punch_type, each.file, each.index, each.part) for each in punches_of(session)]

    assert len(places) == len(set(places)) == 9


def test_a_recorded_folder_becomes_punches_with_the_time_of_their_events(tmp_path: Path) -> None:
    folder = make_folder(
        tmp_path,
        ui=[
            say("text", "Fix it", at=0), request(at=1, cost=0.5), tool("readFile", at=2, path="a.py"),
            ask("command", "pytest -q", at=3), say("command_output", "1 failed, 2 passed in 0.1s", at=4),
            tool("newTask", at=5, mode="💻 Code", content="Do it"), say("subtask_result", "done", at=6),
            say("completion_result", "Fixed", at=7),
        ],
    )  # fmt: skip

    session = session_in(folder)

    start = session.started_at or 0
    assert [(f"{each.punch_type}:{each.punch_key}", (each.ts or 0) - start) for each in punches_of(session)] == [
        ("tool_call:read_file", 2), ("command_exec:bash", 3), ("gate_fail:pytest", 3), ("child_spawn:code", 5),
        ("child_complete:child_return", 6), ("session_lifecycle:session_completed", 7),
        ("cost_checkpoint:session_total", 7), ("step_complete:task_exit", 7),
    ]  # fmt: skip
