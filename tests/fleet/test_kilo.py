"""Task folders → Sessions: what is read from both files, and what is left of broken ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from g6o_eval.fleet.ingest import kilo
from g6o_eval.fleet.ingest.census import EMPTY_ARRAY
from g6o_eval.fleet.ingest.kilo import (
    UNCHANGED,
    read,
)
from g6o_eval.fleet.ingest.ui import NO_JSON_CALL, NO_TEXT, SUPERSEDED
from g6o_eval.fleet.session import Issue, Refused, Session
from support.task_folders import (
    API,
    START,
    UI,
    ask,
    make_folder,
    refused_in,
    request,
    say,
    session_in,
    tool,
    tool_result,
    tool_use,
    turn,
)

TALK = [say("text", "Do it.", at=0), request(at=5, cost=0.5), say("text", "Done.", at=9)]
MODE = (
    "<environment_details>\n# Current Mode\n<slug>{}</slug>\n<name>X</name>\n<model>{}</model>\n</environment_details>"
)


def test_messages_have_the_role_of_who_speaks_and_their_place(tmp_path: Path) -> None:
    events = [
        say("text", "Do it.", at=0),
        say("reasoning", "Hm.", at=1, partial=True),
        say("text", "I will.", at=2),
        ask("followup", json.dumps({"question": "Which?", "suggest": []}), at=3),
        say("user_feedback", "That one.", at=3),
        say("command_output", "ok", at=4),
        say("error", "no", at=5),
    ]

    session = session_in(make_folder(tmp_path, ui=events))

    assert [(m.index, m.ts, m.role, m.preview) for m in session.messages] == [
        (0, START, "user", "Do it."),
        (1, START + 1, "assistant", "Hm."),
        (2, START + 2, "assistant", "I will."),
        (3, START + 3, "assistant", "Which?"),
        (4, START + 3, "user", "That one."),
        (5, START + 4, "tool", "ok"),
        (6, START + 5, "notice", "no"),
    ]


def test_a_long_text_is_kept_as_preview_length_and_digest(tmp_path: Path) -> None:
    session = session_in(make_folder(tmp_path, ui=[say("text", "x" * 100_000)]))

    (message,) = session.messages
    assert (message.preview, message.chars, len(message.sha256)) == ("x" * 512, 100_000, 64)


def test_secrets_are_redacted_in_messages_arguments_and_errors(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    events = [
        say("text", f"use {secret}"),
        ask("command", f"curl -H {secret}", at=1),
        say("error", f"bad token {secret}", at=2),
    ]

    session = session_in(make_folder(tmp_path, ui=events))

    (call,) = session.tool_calls
    kept = [*(message.preview for message in session.messages), call.target, call.args, str(call.error)]
    assert not any(secret in text for text in kept)
    assert call.status == "error"


def test_calls_of_the_interface_carry_our_names_targets_and_durations(tmp_path: Path) -> None:
    mcp = {"type": "use_mcp_tool", "serverName": "files", "toolName": "list", "arguments": '{"path":"docs"}'}
    events = [
        say("text", "Do it."),
        tool("readFile", at=10, path="a.py"),
        tool("listFilesTopLevel", at=30, path="src"),
        ask("command", "pytest -q", at=60),
        ask("use_mcp_server", json.dumps(mcp), at=100),
        say("text", "Done.", at=150),
    ]

    session = session_in(make_folder(tmp_path, ui=events))

    assert [(c.tool, c.written_as, c.target, c.status, c.duration_ms) for c in session.tool_calls] == [
        ("read_file", "readFile", "a.py", "completed", 20),
        ("list_files", "listFilesTopLevel", "src", "completed", 30),
        ("execute_command", "command", "pytest -q", "completed", 40),
        ("files:list", "files:list", "docs", "completed", 50),
    ]


def test_a_batch_names_its_files(tmp_path: Path) -> None:
    files = [{"path": f"{n}.py", "key": "k"} for n in range(7)]
    session = session_in(make_folder(tmp_path, ui=[say("text", "x"), tool("readFile", batchFiles=files)]))

    assert session.tool_calls[0].target == "0.py, 1.py, 2.py, 3.py, 4.py"


def test_native_results_say_what_became_of_the_interfaces_calls(tmp_path: Path) -> None:
    ui = [
        say("text", "Do it."),
        tool("readFile", at=1, path="a.py"),
        tool("appliedDiff", at=2, path="b.py"),
        ask("command", "pytest", at=3),
        say("text", "So.", at=4),
    ]
    api = [
        turn("user", "<task>\nDo it.\n</task>"),
        turn("assistant", tool_use("read_file", "1", path="a.py"), tool_use("apply_diff", "2", path="b.py")),
        turn("user", tool_result("text of a", "1"), tool_result('{"status":"denied"}', "2")),
        turn("assistant", tool_use("execute_command", "3", command="pytest")),
        turn("user", tool_result("Command executed in terminal. Exit code: 2\nOutput:\nno tests", "3")),
    ]

    session = session_in(make_folder(tmp_path, ui=ui, api=api))

    assert [(c.tool, c.status) for c in session.tool_calls] == [
        ("read_file", "completed"),
        ("apply_diff", "denied"),
        ("execute_command", "error"),
    ]
    assert session.tool_calls[2].error == "Command executed in terminal. Exit code: 2\nOutput:\nno tests"


def test_a_call_that_failed_before_the_interface_saw_it_is_a_call_all_the_same(tmp_path: Path) -> None:
    api = [
        turn("user", "<task>\nx\n</task>"),
        turn("assistant", tool_use("apply_diff", "1", path="b.py"), at=3),
        turn("user", tool_result("The tool execution failed with the following error:\nno match", "1"), at=4),
    ]

    session = session_in(make_folder(tmp_path, ui=TALK, api=api))

    assert [(c.file, c.tool, c.status) for c in session.tool_calls] == [(API, "apply_diff", "error")]


def test_xml_calls_and_results_of_older_versions_are_read(tmp_path: Path) -> None:
    api = [
        turn("user", "<task>\nDo it.\n</task>", MODE.format("code", "m-1")),
        turn("assistant", "I read.\n<read_file>\n<path>a.py</path>\n</read_file>"),
        turn("user", "[read_file for 'a.py'] Result:", "<error>\nno such file\n</error>", MODE.format("ask", "m-2")),
        turn("assistant", "<execute_command><command>ls</command></execute_command>"),
        turn("user", "[execute_command for 'ls'] Result:", "Command executed in terminal. Exit code: 0"),
    ]

    session = session_in(make_folder(tmp_path, api=api))

    assert [(c.tool, c.target, c.status) for c in session.tool_calls] == [
        ("read_file", "a.py", "error"),
        ("execute_command", "ls", "completed"),
    ]
    assert (session.mode, session.model) == ("ask", "m-2")
    assert [m.role for m in session.messages] == ["user", "assistant", "assistant"]


def test_a_call_that_nothing_follows_is_unanswered(tmp_path: Path) -> None:
    session = session_in(
        make_folder(tmp_path, ui=[*TALK, tool("appliedDiff", at=20, path="a"), ask("resume_task", at=90)])
    )

    assert session.tool_calls[-1].status == "unanswered"


def test_the_harness_scolding_the_model_is_a_notice(tmp_path: Path) -> None:
    scolding = "[ERROR] You did not use a tool in your previous response! Please retry with a tool use."
    session = session_in(make_folder(tmp_path, ui=TALK, api=[turn("user", scolding, at=7)]))

    assert [(m.kind, m.preview) for m in session.messages if m.role == "notice"] == [("api.no_tool_used", scolding)]


@pytest.mark.parametrize(
    ("ending", "status", "ended_by"),
    [
        ([say("completion_result", "ok"), ask("completion_result")], "completed", "ask.completion_result"),
        ([say("completion_result", "ok"), ask("resume_completed_task")], "completed", "say.completion_result"),
        ([tool("finishTask")], "completed", "ask.tool finishTask"),
        ([tool("newTask", content="child")], "delegated", "ask.tool newTask"),
        ([tool("newTask", content="child"), say("subtask_result", "r")], "unknown", "say.subtask_result"),
        ([ask("api_req_failed", "503")], "failed", "ask.api_req_failed"),
        ([ask("mistake_limit_reached", "3")], "failed", "ask.mistake_limit_reached"),
        ([ask("resume_task")], "interrupted", "say.text"),
        ([request()], "interrupted", "say.api_req_started"),
        ([request(cancelReason="user_cancelled")], "interrupted", "say.api_req_started user_cancelled"),
        (
            [request(cancelReason="user_cancelled"), say("reasoning", "Let me"), say("text", "I wi")],
            "interrupted",
            "say.api_req_started user_cancelled",
        ),
        (
            [request(cancelReason="user_cancelled"), ask("resume_task"), request(), say("text", "Done.")],
            "unknown",
            "say.text",
        ),
        ([tool("readFile", path="a")], "unknown", "ask.tool readFile"),
        ([ask("followup", "{}")], "unknown", "ask.followup"),
    ],
)
def test_the_status_comes_from_how_the_log_ends(
    tmp_path: Path, ending: list[object], status: str, ended_by: str
) -> None:
    session = session_in(make_folder(tmp_path, ui=[*TALK, *ending]))

    assert (session.status, session.ended_by) == (status, ended_by)


def test_an_empty_history_is_no_session_and_says_nothing_about_success(tmp_path: Path) -> None:
    session = session_in(make_folder(tmp_path, ui=TALK, api=[]))

    assert [file.status for file in session.files] == ["ok", "empty", "missing"]
    assert session.issues == (Issue(file=API, index=-1, reason=EMPTY_ARRAY),)


def test_a_file_of_one_message_is_not_empty(tmp_path: Path) -> None:
    session = session_in(make_folder(tmp_path, ui=TALK[:1], api=[turn("assistant", "x")]))

    assert session.issues == ()


def test_a_streaming_copy_is_left_out_and_counted(tmp_path: Path) -> None:
    events = [say("text", "x"), say("text", "I wi", at=1, partial=True), say("text", "I will.", at=1, partial=False)]

    session = session_in(make_folder(tmp_path, ui=events))

    assert [m.preview for m in session.messages] == ["x", "I will."]
    assert session.skipped == {SUPERSEDED: 1}
    assert session.files[0].elements == 3


def test_reasoning_that_streams_for_ever_is_kept(tmp_path: Path) -> None:
    events = [say("text", "x"), say("reasoning", "Hm", partial=True), say("text", "Yes"), say("text", "")]

    session = session_in(make_folder(tmp_path, ui=events))

    assert [m.preview for m in session.messages] == ["x", "Hm", "Yes"]
    assert session.skipped == {NO_TEXT: 1}


def test_repeated_times_lose_no_message(tmp_path: Path) -> None:
    session = session_in(make_folder(tmp_path, ui=[say("text", str(n), at=5) for n in range(10)]))

    assert [m.index for m in session.messages] == list(range(10))
    assert session.files[0].repeated_ts == 9


def test_a_call_that_is_no_json_is_skipped_with_its_reason(tmp_path: Path) -> None:
    session = session_in(make_folder(tmp_path, ui=[*TALK, ask("tool", '{"tool":"rea'), ask("tool", '{"path":1}')]))

    assert session.tool_calls == ()
    assert [issue for issue in session.issues if issue.file == UI] == [
        Issue(file=UI, index=3, reason=NO_JSON_CALL, detail="tool with 12 characters"),
        Issue(file=UI, index=4, reason=NO_JSON_CALL, detail="tool with 10 characters"),
    ]


def test_the_parent_comes_from_the_history_item(tmp_path: Path) -> None:
    session = session_in(make_folder(tmp_path, ui=TALK, history={"id": "task-1", "parentTaskId": "p-1"}))

    assert session.parent_id == "p-1"


def test_children_are_named_by_the_parents_history(tmp_path: Path) -> None:
    child = "019c6cad-ab04-729d-8d06-0713cb1977c8"
    ui = [*TALK, tool("newTask", content="first"), tool("newTask", content=r" ask \@me ")]
    api = [
        turn("assistant", tool_use("new_task", "1", message="x")),
        turn("user", tool_result(f"Delegated to child task {child}", "1")),
    ]

    session = session_in(make_folder(tmp_path, ui=ui, api=api))
    born = session_in(make_folder(tmp_path, "child", ui=[say("text", "ask @me")]))

    assert [spawn.child_id for spawn in session.spawns] == [None, child]
    assert session.spawns[1].prompt_sha256 == born.prompt_sha256


def test_a_path_may_be_a_folder_of_tasks_the_storage_or_one_task(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    one = make_folder(storage / "tasks", "one", ui=TALK)
    make_folder(storage / "tasks", "two", ui=TALK)
    make_folder(storage / "tasks", "_index", ui=TALK)
    make_folder(storage / "tasks", ".trash", ui=TALK)

    found = [[item.session_id for item in read(path)] for path in (storage, storage / "tasks", one)]

    assert found == [["one", "two"], ["one", "two"], ["one"]]


def test_a_folder_read_before_is_unchanged_until_a_file_of_it_changes(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tasks", "one", ui=TALK)
    (first,) = read(folder)
    assert isinstance(first, Session)

    (again,) = read(folder, known=lambda _: first.source_digest)
    (folder / API).write_bytes(b"[]")
    (changed,) = read(folder, known=lambda _: first.source_digest)

    assert again == Refused(session_id="one", reason=UNCHANGED)
    assert isinstance(changed, Session)


def test_a_lone_surrogate_inside_json_inside_a_text_is_replaced(tmp_path: Path) -> None:
    session = session_in(make_folder(tmp_path, ui=[*TALK, ask("tool", '{"tool":"readFile","path":"a\\ud83d"}')]))

    assert session.tool_calls[0].target == "a\ufffd"


@pytest.mark.parametrize("name", ["x" * 129, "two words", "caf\u00e9"])
def test_a_folder_whose_name_is_no_id_is_refused(tmp_path: Path, name: str) -> None:
    refused = refused_in(make_folder(tmp_path, name, ui=TALK))

    assert refused == Refused(session_id=name[:128], reason=kilo.NO_ID)
