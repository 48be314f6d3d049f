"""Sessions of OpenCode and the Kilo CLI: what was said, called, spent, and how they end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g6o_eval.fleet.ingest.array import BROKEN, CUT_OFF, EMPTY_FILE
from g6o_eval.fleet.ingest.census import FOREIGN
from g6o_eval.fleet.ingest.kilo import NO_ID, NO_MESSAGES, UNCHANGED, UNREADABLE
from g6o_eval.fleet.ingest.opencode import NO_EXPORT, TOTAL_DIFFERS, read_export, session_of
from g6o_eval.fleet.ingest.source import find_sources
from g6o_eval.fleet.ingest.text import prompt_sha256
from g6o_eval.fleet.ingest.turns import COST_DIFFERS, NOT_KEPT, REPEATED, UNKNOWN_PART
from g6o_eval.fleet.session import Refused, Session
from support.serve import START, Json, assistant, said, session, tool, user, usual

ID = "ses_one"


def read(*messages: Json, **info: Any) -> Session:
    document = session(ID, *messages)
    found = session_of({**document["info"], **info}, document["messages"], digest="d")
    assert isinstance(found, Session)
    return found


def turn(*parts: Json, **more: Any) -> Json:
    return assistant("msg_2", *parts, session_id=ID, at=1000, **more)


def reasons(found: Session | Refused) -> list[str]:
    return [issue.reason for issue in found.issues]


def test_texts_have_the_role_of_their_message_and_their_own_time() -> None:
    found = read(
        user("msg_1", "Do it.", session_id=ID), turn(said("hm", at=1010, kind="reasoning"), said("Done.", at=1020))
    )

    assert [(m.index, m.part, m.role, m.kind, m.preview, m.ts) for m in found.messages] == [
        (0, 0, "user", "user.text", "Do it.", START),
        (1, 1, "assistant", "assistant.reasoning", "hm", START + 1010),
        (1, 2, "assistant", "assistant.text", "Done.", START + 1020),
    ]
    assert found.prompt_sha256 == prompt_sha256("Do it.")
    assert (found.mode, found.model, found.status, found.ended_by) == ("code", "m-1", "completed", "assistant stop")
    assert (found.started_at, found.completed_at) == (START, START + 1900)


def test_what_the_harness_wrote_is_a_notice_and_no_prompt() -> None:
    message = user("msg_1", "Called the Read tool", session_id=ID)
    message["parts"][0]["synthetic"] = True
    message["parts"].append({**message["parts"][0], "id": "prt_x", "text": "Look.", "synthetic": False})

    found = read(message)

    assert [(m.role, m.preview) for m in found.messages] == [("notice", "Called the Read tool"), ("user", "Look.")]
    assert found.prompt_sha256 == prompt_sha256("Look.")


def test_a_call_has_arguments_duration_exit_code_and_error() -> None:
    parts = (
        tool("bash", {"command": "pytest -q"}, at=1100, took=840, metadata={"exit": 0}),
        tool("bash", {"command": "mypy"}, at=1200, output="2 errors", metadata={"exit": 1}),
        tool("read", {"filePath": "a.py"}, at=1300, status="error", error="File not found"),
        tool("edit", {"filePath": "a.py"}, at=1400, status="error", error="The user rejected permission to use it"),
        tool("bash", {"command": "sleep 9"}, at=1500, status="running"),
    )  # fmt: skip

    calls = read(turn(*parts, finish=None)).tool_calls

    assert [(c.tool, c.written_as, c.target, c.status, c.duration_ms, c.exit_code, c.error) for c in calls] == [
        ("execute_command", "bash", "pytest -q", "completed", 840, 0, None),
        ("execute_command", "bash", "mypy", "error", 35, 1, "2 errors"),
        ("read_file", "read", "a.py", "error", 35, None, "File not found"),
        ("apply_diff", "edit", "a.py", "denied", 35, None, "The user rejected permission to use it"),
        ("execute_command", "bash", "sleep 9", "unanswered", None, None, None),
    ]
    assert json.loads(calls[0].args) == {"command": "pytest -q"}
    assert calls[0].ts == START + 1100


@pytest.mark.parametrize(
    ("name", "args", "target"),
    [
        ("grep", {"pattern": "def x", "path": "src"}, "def x"),
        ("apply_patch", {"patchText": "*** Begin Patch\n*** Update File: a.py\n*** Add File: b.py\n"}, "a.py, b.py"),
        ("question", {"questions": [{"question": "Which?"}]}, "Which?"),
        ("task", {"subagent_type": "code", "prompt": "p", "description": "d"}, "code"),
        ("todowrite", {"todos": []}, ""),
    ],
)
def test_a_target_is_what_the_tool_is_aimed_at(name: str, args: Json, target: str) -> None:
    assert read(turn(tool(name, args))).tool_calls[0].target == target


@pytest.mark.parametrize(
    "state",
    [
        {"metadata": {"sessionId": "ses_child"}},
        {"output": "task_id: ses_child (for resuming)"},
        {"output": "done\n<task_metadata>\nsession_id: ses_child\n</task_metadata>"},
    ],
)
def test_a_task_names_its_child(state: Json) -> None:
    found = read(turn(tool("task", {"prompt": " Fix it. "}, at=1100, **state)))

    (spawn,) = found.spawns
    assert (spawn.child_id, spawn.prompt_sha256, spawn.ts) == ("ses_child", prompt_sha256("Fix it."), START + 1100)


def test_parallel_children_of_one_turn_are_told_apart() -> None:
    first, second = (tool("task", {"prompt": p}, metadata={"sessionId": f"ses_{p}"}) for p in "ab")

    spawns = read(turn(first, second)).spawns

    assert [(s.index, s.part, s.child_id) for s in spawns] == [(0, 1, "ses_a"), (0, 2, "ses_b")]


def test_the_parent_is_the_one_that_the_session_names() -> None:
    assert read(turn(), parentID="ses_top").parent_id == "ses_top"
    assert read(turn(), parentID="../etc").parent_id is None


def test_cost_is_the_sum_over_messages_and_tokens_count_the_cache_once() -> None:
    found = read(turn(cost=0.5), assistant("msg_3", session_id=ID, cost=0.25))

    usage = found.usage
    assert (usage.usd, usage.requests, usage.without_cost) == (0.75, 2, 0)
    assert (usage.tokens_in, usage.tokens_in_total, usage.cache_reads, usage.cache_writes) == (20, 260, 200, 40)
    assert (usage.tokens_out, usage.tokens_reasoning) == (10, 4)


def test_reasoning_beside_the_output_is_received_too() -> None:
    tokens = {"total": 137, "input": 10, "output": 5, "reasoning": 2, "cache": {"read": 100, "write": 20}}
    message = turn()
    message["parts"][-1]["tokens"] = tokens

    assert read(message).usage.tokens_out == 7


def test_a_message_of_two_steps_counts_the_tokens_of_both() -> None:
    step = {"type": "step-finish", "reason": "tool-calls", "cost": 0.25, "tokens": {"input": 3, "output": 4}}
    message = turn({"type": "step-start"}, {"id": "x", **step}, cost=0.5)
    message["parts"][-1]["cost"] = 0.25

    usage = read(message).usage

    assert (usage.requests, usage.usd, usage.tokens_in, usage.tokens_out) == (2, 0.5, 13, 9)


def test_a_price_that_is_not_that_of_its_steps_is_an_issue() -> None:
    message = turn(cost=0.5)
    message["parts"][-1]["cost"] = 0.75

    found = read(message)

    assert found.usage.usd == 0.5
    assert [(i.reason, i.index, i.detail) for i in found.issues] == [
        (COST_DIFFERS, 0, "the steps cost +0.250000 USD more")
    ]


def test_a_total_that_is_not_the_sum_is_an_issue() -> None:
    assert reasons(read(turn(cost=0.5), cost=0.5)) == []
    assert reasons(read(turn(cost=0.5), cost=0.6)) == [TOTAL_DIFFERS]


def test_a_request_that_was_cut_off_has_no_price() -> None:
    message = turn(finish=None, cost=0)
    message["parts"].pop()

    assert (read(message).usage.requests, read(message).usage.without_cost) == (1, 1)


def test_condensing_is_paid_but_is_no_request_and_no_turn() -> None:
    found = read(
        turn(), assistant("msg_3", said("So far: x"), session_id=ID, summary=True, mode="compaction", cost=0.1)
    )

    assert (found.usage.requests, found.usage.request_usd, found.usage.condense_usd) == (1, 0.25, 0.1)
    assert (found.mode, found.status) == ("code", "completed")


ABORTED = {"name": "MessageAbortedError", "data": {"message": "The operation was aborted."}}
RUNNING = tool("bash", {"command": "x"}, status="running")


@pytest.mark.parametrize(
    ("messages", "status", "ended_by"),
    [
        ([turn(finish="stop")], "completed", "assistant stop"),
        ([turn(finish="tool-calls")], "interrupted", "assistant tool-calls"),
        ([turn(finish="length")], "failed", "assistant length"),
        ([turn(finish=None)], "interrupted", "assistant unfinished"),
        ([turn(finish="end")], "unknown", "assistant end"),
        ([turn(RUNNING, finish="stop")], "interrupted", "assistant stop bash"),
        ([turn(tool("task", {}, status="running"), finish=None)], "delegated", "assistant unfinished task"),
        ([turn(finish=None, error=ABORTED)], "interrupted", "assistant MessageAbortedError"),
        ([turn(error={"name": "APIError", "data": {}})], "failed", "assistant APIError"),
        ([turn(), user("msg_3", "And?", session_id=ID)], "interrupted", "user"),
        ([user("msg_1", "Hi", session_id=ID)], "interrupted", "user"),
    ],
)
def test_the_end_is_read_from_the_last_message(messages: list[Json], status: str, ended_by: str) -> None:
    found = read(*messages)

    assert (found.status, found.ended_by) == (status, ended_by)


def test_an_error_is_told_as_a_notice() -> None:
    error = {"name": "APIError", "data": {"message": "overloaded", "statusCode": 529}}

    assert [(m.role, m.kind, m.preview) for m in read(turn(error=error)).messages] == [
        ("notice", "assistant.APIError", "overloaded")
    ]


def test_retries_and_condensing_are_notices_and_other_parts_are_counted() -> None:
    retry = {
        "type": "retry",
        "attempt": 1,
        "error": {"name": "APIError", "data": {"message": "529"}},
        "time": {"created": 7},
    }
    parts = (
        retry,
        {"type": "compaction", "auto": True},
        {"type": "patch", "hash": "h", "files": []},
        {"type": "dance"},
    )

    found = read(turn(*parts))

    assert [(m.kind, m.preview) for m in found.messages] == [("assistant.retry", "529"), ("assistant.compaction", "")]
    assert found.skipped == {NOT_KEPT: 3}
    assert [(i.reason, i.detail) for i in found.issues] == [(UNKNOWN_PART, "part 4: 'dance'")]


def test_secrets_do_not_reach_rows() -> None:
    key = "sk-ant-" + "a1B2" * 8

    found = read(
        user("msg_1", f"use {key}", session_id=ID), turn(tool("bash", {"command": f"curl -H {key}"}, output=key))
    )

    assert key not in repr(found)


@pytest.mark.parametrize(
    "message",
    [
        7, {}, {"info": {"id": "x", "role": "robot"}, "parts": []}, {"info": {"role": "user"}, "parts": []},
        {"info": {"id": "x", "role": "user"}, "parts": 3}, {"info": {"id": "x", "role": "user"}, "parts": [3]},
        {"info": {"id": "x", "role": "assistant"}, "parts": [{"type": "tool", "tool": "", "state": {}}]},
    ],
)  # fmt: skip
def test_what_is_of_another_schema_is_an_issue_and_the_rest_is_read(message: object) -> None:
    document = session(ID, turn(said("Done.")))

    found = session_of(document["info"], [message, *document["messages"]], digest="")

    assert isinstance(found, Session)
    assert reasons(found) == [FOREIGN]
    assert [m.preview for m in found.messages] == ["Done."]


def test_what_stands_twice_counts_once() -> None:
    message = turn(said("Done."))
    message["parts"].append(message["parts"][1])

    found = read(message, message)

    assert (len(found.messages), found.usage.usd, reasons(found)) == (1, 0.25, [REPEATED, REPEATED])


@pytest.mark.parametrize(("info", "reason"), [({"id": ID}, NO_MESSAGES), ({"id": "../x"}, NO_ID), ({}, NO_ID)])
def test_a_session_without_messages_or_id_is_refused(info: Json, reason: str) -> None:
    found = session_of(info, [], digest="")

    assert isinstance(found, Refused)
    assert found.reason == reason


# Files.


def write(tmp_path: Path, data: bytes | object, name: str = "one.json") -> Path:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def test_exports_are_found_by_what_they_hold(tmp_path: Path) -> None:
    write(tmp_path, usual("ses_b"), "b.json")
    write(tmp_path, usual("ses_a"), "a.json")
    write(tmp_path, {"version": 1}, "other.json")

    sources = find_sources([tmp_path])

    assert [source.session_id for source in sources] == ["ses_a", "ses_b"]
    read = [source.read(None) for source in sources]
    assert [found.session_id for found in read if isinstance(found, Session)] == ["ses_a", "ses_b"]


def test_an_export_that_is_the_same_is_not_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, usual(ID))
    first = read_export(path)
    assert isinstance(first, Session)

    assert read_export(path, known=first.source_digest) == Refused(session_id=ID, reason=UNCHANGED)


def test_a_list_of_messages_is_an_export_too(tmp_path: Path) -> None:
    whole = read_export(write(tmp_path, usual(ID)))
    bare = read_export(write(tmp_path, usual(ID)["messages"]))

    assert isinstance(whole, Session)
    assert isinstance(bare, Session)
    assert (bare.session_id, bare.messages, bare.usage) == (ID, whole.messages, whole.usage)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", EMPTY_FILE), (b"\0" * 9, EMPTY_FILE), (b"[1, 2", BROKEN), (b'{"info": {}}', NO_EXPORT), (b"7", NO_EXPORT)],
)
def test_a_file_that_is_no_export_is_refused_with_the_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    found = read_export(write(tmp_path, data))

    assert isinstance(found, Refused)
    assert reason in (found.reason, *reasons(found))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert read_export(tmp_path / "no.json").reason == UNREADABLE  # type: ignore[union-attr]


def test_a_byte_order_mark_and_lone_surrogates_are_no_loss(tmp_path: Path) -> None:
    text = json.dumps(usual(ID)).replace("Turn 1", "Turn \\ud800 1")

    found = read_export(write(tmp_path, b"\xef\xbb\xbf" + text.encode()))

    assert isinstance(found, Session)
    assert any("Turn \ufffd 1" in message.preview for message in found.messages)


def test_a_broken_message_costs_only_itself(tmp_path: Path) -> None:
    whole = usual(ID, turns=3)
    text = json.dumps(whole).replace('"finish": "tool-calls"', '"finish": oops', 1)

    found = read_export(write(tmp_path, text.encode()))

    assert isinstance(found, Session)
    assert reasons(found)[0] == BROKEN
    assert found.usage.usd == 0.5


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.001, 0.999))
def test_a_torn_export_gives_a_part_of_the_truth_and_a_reason(share: float, tmp_path_factory: Any) -> None:
    whole = json.dumps(usual(ID, turns=3)).encode()
    folder = tmp_path_factory.mktemp("torn")
    truth = read_export(write(folder, whole))
    assert isinstance(truth, Session)

    found = read_export(write(folder, whole[: int(len(whole) * share) or 1]))

    assert reasons(found)
    if isinstance(found, Session):
        assert set(found.messages) <= set(truth.messages)
        assert set(found.tool_calls) <= set(truth.tool_calls)
        assert {CUT_OFF, BROKEN} & set(reasons(found))


KEYS = ("info", "parts", "id", "role", "type", "state", "time", "cost", "tokens", "tool", "input", "error")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(ANYTHING)
def test_no_input_raises(value: object) -> None:
    message = turn(tool("task", {}))
    messages = [
        value,
        {"info": {**message["info"], "id": "a", "error": value, "time": value}, "parts": value},
        {**message, "parts": [value, {"type": "tool", "tool": "task", "state": value}]},
        {
            **turn(tool("task", {"prompt": value}, metadata=value)),
            "info": {**message["info"], "id": "b", "cost": value},
        },
    ]

    assert session_of({"id": ID, "time": value, "cost": value}, messages, digest="").session_id == ID


def test_a_session_keeps_its_keys_from_every_source() -> None:
    found = read(*usual(ID)["messages"])

    assert {(m.file) for m in found.messages} | {c.file for c in found.tool_calls} == {"messages"}
    assert replace(found, source_digest="x").messages == found.messages


def test_the_folder_and_the_time_of_work_are_known() -> None:
    found = read(*usual(ID, turns=2)["messages"])

    assert (found.workspace, found.active_ms) == ("/repo", 2_060)
