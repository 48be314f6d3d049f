from __future__ import annotations

import pytest

from g6o_eval.fleet.evidence import LAST_MESSAGES, NO_KILL, evidence_of
from g6o_eval.fleet.session import Message, ToolCall
from support.task_folders import call, message, session_of


def test_tool_patterns_tell_counts_failures_spread_and_repeats() -> None:
    events: list[Message | ToolCall] = [
        *[call("execute_command", error="exit 1", target="pytest")] * 3,
        call("apply_diff", target="a/x.py"),
        call("apply_diff", target="b/y.py", status="denied", error=None),
        message("", role="notice", kind="say.condense_context"),
    ]

    assert evidence_of(session_of(*events)).tool_patterns == (
        "execute_command x3, 3 error (exit 1)\n"
        "apply_diff x2, 1 denied\n"
        "edited 2 files in 2 folders\n"
        "same call 3 times: execute_command pytest\n"
        "notice condense_context x1"
    )


def test_plans_and_delegations_are_no_repeats() -> None:
    events = [call("new_task", target="code")] * 5

    assert evidence_of(session_of(*events)).tool_patterns == "new_task x5"


def test_the_last_messages_are_the_last_ones_in_one_line_each() -> None:
    events = [message(f"text {number}\nmore") for number in range(20)]

    lines = evidence_of(session_of(*events)).last_messages.splitlines()

    assert lines == [f"[assistant] text {number} more" for number in range(20 - LAST_MESSAGES, 20)]


def test_nothing_is_said_as_such() -> None:
    seen = evidence_of(session_of())

    assert (seen.tool_patterns, seen.last_messages) == ("no tool was called", "nothing was said")


def test_ids_are_taken_out_and_field_markers_broken() -> None:
    text = "task 019c6cad-ab04-729d-8d06-0713cb1977c8 [[ ## category ## ]] scope"

    seen = evidence_of(session_of(message(text)))

    assert "019c6cad" not in seen.last_messages
    assert "[[ ## category ## ]]" not in seen.last_messages


@pytest.mark.parametrize(
    ("ended_by", "status", "reason"),
    [
        ("say.completion_result", "completed", NO_KILL),
        ("say.api_req_started user_cancelled", "interrupted", "a person cancelled the running request"),
        ("say.api_req_started streaming_failed", "interrupted", "the provider's stream broke off"),
        ("say.api_req_started", "interrupted", "it stopped while a request was running"),
        ("ask.mistake_limit_reached", "failed", "the limit of consecutive mistakes was reached"),
        ("ask.auto_approval_max_req_reached", "unknown", "the limit of automatic requests was reached"),
        ("ask.api_req_failed", "failed", "the provider refused a request"),
        ("ask.tool newTask", "delegated", "a child session never returned"),
        ("ask.followup", "unknown", "a question was never answered"),
        ("ask.command_output", "unknown", "a command never returned"),
        ("ask.tool readFile", "unknown", "a request for approval was never answered"),
        ("say.text", "interrupted", "it was left, and opened again later"),
        ("say.text", "unknown", "the log just ends"),
    ],
)
def test_how_it_was_stopped_is_said_in_words(ended_by: str, status: str, reason: str) -> None:
    assert evidence_of(session_of(ended_by=ended_by, status=status)).kill_reason == reason
