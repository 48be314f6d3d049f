"""Cline's task folders: calls that nobody had to approve, its own fields, its older files, both tool protocols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from g6o_eval.fleet.ingest.kilo import CLINE, SOURCE
from g6o_eval.fleet.ingest.ui import MUTE_KIND
from g6o_eval.fleet.session import Session, Usage
from support.task_folders import START, make_folder, request, say, session_in, tool, tool_result, tool_use

INFO = {"providerId": "anthropic", "modelId": "claude-4", "mode": "plan"}
ID = "1746455217503"


def cline(tmp_path: Path, *, ui: object = None, api: object = None, **more: object) -> Session:
    files = {key: value for key, value in {"ui": ui, "api": api, **more}.items() if value is not None}
    return session_in(make_folder(tmp_path, ID, **files))


def message(role: str, *texts: str | dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "role": role,
        "content": [{"type": "text", "text": text} if isinstance(text, str) else text for text in texts],
        **more,
    }


def test_calls_that_were_approved_by_themselves_are_calls(tmp_path: Path) -> None:
    mcp = {"type": "use_mcp_tool", "serverName": "files", "toolName": "list", "arguments": "{}"}
    ui = [
        say("task", "Do it.", at=0),
        say("tool", json.dumps({"tool": "readFile", "path": "a.py"}), at=10),
        say("command", "pytest", at=20),
        say("command_output", "ok", at=25),
        say("use_mcp_server", json.dumps(mcp), at=30),
        say("completion_result", "Done.HAS_CHANGES", at=40),
    ]

    session = cline(tmp_path, ui=ui)

    assert [(c.tool, c.target, c.status) for c in session.tool_calls] == [
        ("read_file", "a.py", "completed"),
        ("execute_command", "pytest", "completed"),
        ("files:list", "", "completed"),
    ]
    assert [(m.role, m.preview) for m in session.messages] == [
        ("user", "Do it."),
        ("tool", "ok"),
        ("assistant", "Done."),
    ]
    assert session.status == "completed"


def test_a_command_is_read_without_the_mark_that_asks_for_approval(tmp_path: Path) -> None:
    session = cline(tmp_path, ui=[say("task", "x"), {**say("command", "make cleanREQ_APP"), "partial": False}])

    assert session.tool_calls[0].target == "make clean"


def test_mode_and_model_come_from_the_last_word_on_them(tmp_path: Path) -> None:
    ui = [say("task", "x", modelInfo=INFO), say("text", "y", modelInfo={**INFO, "mode": "act", "modelId": "m-2"})]

    session = cline(tmp_path, ui=ui)

    assert (session.source, session.mode, session.model) == (CLINE, "act", "m-2")


def test_the_metadata_name_the_model_when_the_log_does_not(tmp_path: Path) -> None:
    used = {"model_usage": [{"ts": 1, "model_id": "old", "mode": "plan"}, {"ts": 2, "model_id": "m-9", "mode": "act"}]}

    session = cline(tmp_path, ui=[say("text", "x")], metadata=used)

    assert (session.source, session.mode, session.model) == (CLINE, "act", "m-9")
    assert session_in(make_folder(tmp_path, ui=[say("text", "x")])).source == SOURCE


def test_the_mode_is_read_from_what_the_model_is_told(tmp_path: Path) -> None:
    where, mode = "# Current Working Directory (c:/shop) Files\na", "# Current Mode\nACT MODE"
    told = f"<environment_details>\n{where}\n\n{mode}\n</environment_details>"

    session = cline(tmp_path, api=[message("user", "<task>\nx\n</task>", told), message("assistant", "y")])

    assert (session.source, session.mode, session.workspace) == (CLINE, "act", "c:/shop")


def test_a_plan_is_said_in_the_words_inside_its_object(tmp_path: Path) -> None:
    plan = {**say("x"), "type": "ask", "ask": "plan_mode_respond", "text": json.dumps({"response": "First, the cart."})}

    assert cline(tmp_path, ui=[say("task", "x"), plan]).messages[-1].preview == "First, the cart."


def test_native_calls_are_answered_by_texts_that_name_the_tool(tmp_path: Path) -> None:
    api = [
        message("user", "<task>\nx\n</task>"),
        message(
            "assistant",
            tool_use("read_file", "1", path="a"),
            tool_use("c9f0mcp0list", "2", path="b"),
            tool_use("read_file", "3", path="c"),
        ),
        message(
            "user",
            "[read_file for 'a'] Result:\ntext of a",
            "[use_mcp_tool for 'files'] Result:\nError executing MCP tool: gone",
            "[read_file for 'c'] Result:\nThe tool execution failed with the following error:\nENOENT",
        ),
    ]

    session = cline(tmp_path, api=api)

    assert [(c.written_as, c.status, c.result) for c in session.tool_calls] == [
        ("read_file", "completed", "text of a"),
        ("c9f0mcp0list", "error", "Error executing MCP tool: gone"),
        ("read_file", "error", "The tool execution failed with the following error:\nENOENT"),
    ]


def test_xml_and_native_calls_of_one_turn_are_joined_by_the_index_that_cline_notes(tmp_path: Path) -> None:
    ui = [
        say("task", "x", conversationHistoryIndex=-1),
        {**tool("editedExistingFile", path="/w/a.py"), "conversationHistoryIndex": 0},
        {**tool("editedExistingFile", path="/w/a.py"), "conversationHistoryIndex": 2},
    ]
    call = "<replace_in_file>\n<path>a.py</path>\n<diff>x</diff>\n</replace_in_file>"
    api = [
        message("user", "<task>\nx\n</task>"),
        message("assistant", call),
        message(
            "user", "[replace_in_file for 'a.py'] Result:", "The tool execution failed with the following error:\nno"
        ),
        message("assistant", call),
        message("user", "[replace_in_file for 'a.py'] Result:", "Saved."),
    ]

    session = cline(tmp_path, ui=ui, api=api)

    assert [(c.index, c.status, c.result) for c in session.tool_calls] == [
        (1, "error", "The tool execution failed with the following error:\nno"),
        (2, "completed", "Saved."),
    ]


def test_the_price_comes_from_the_history_when_there_is_nothing_else(tmp_path: Path) -> None:
    metrics = {"tokens": {"prompt": 100, "completion": 20, "cached": 900}, "cost": 0.25}
    api = [message("user", "<task>\nx\n</task>"), message("assistant", "y", metrics=metrics, modelInfo=INFO)]

    alone, both = cline(tmp_path / "a", api=api), cline(tmp_path / "b", api=api, ui=[say("task", "x"), request(cost=1)])

    assert alone.usage == Usage(
        requests=1, tokens_in=100, tokens_in_total=1_000, tokens_out=20, cache_reads=900, request_usd=0.25
    )
    assert both.usage.request_usd == 1.0


def test_the_history_under_its_old_name_is_read(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ID)
    (folder / "claude_messages.json").write_text(
        json.dumps([message("user", "<task>\nx\n</task>"), message("assistant", "y")])
    )

    session = session_in(folder)

    assert [m.preview for m in session.messages] == ["x", "y"]


@pytest.mark.parametrize(
    ("session_id", "started"),
    [
        (ID, 1_746_455_217_503),
        ("019c6cad-ab04-729d-8d06-0713cb1977c8", 1_771_349_846_788),
        ("91e837de-a4b2-4c18-ab9b-6fcd36596e38", None),
    ],
)
def test_without_times_the_id_tells_when_a_session_began(tmp_path: Path, session_id: str, started: int | None) -> None:
    api = [message("user", "<task>\nx\n</task>"), message("assistant", "y")]

    session = session_in(make_folder(tmp_path, session_id, api=api))

    assert (session.started_at, session.completed_at, session.active_ms) == (started, None, None)


def test_an_answer_with_thoughts_and_pictures_loses_nothing_unseen(tmp_path: Path) -> None:
    api = [
        message("user", "<task>\nx\n</task>", {"type": "image", "source": {"data": "AAAA"}}),
        message(
            "assistant",
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "redacted_thinking", "data": "z"},
        ),
        message("user", tool_result("late", "nobody"), {"type": "later", "x": 1}),
    ]

    session = cline(tmp_path, api=api)

    assert [(m.kind, m.preview) for m in session.messages] == [("api.user", "x"), ("api.reasoning", "Hm.")]
    assert session.skipped == {
        "block that is neither text nor tool": 1,
        "image block": 1,
        "redacted_thinking block": 1,
        "result whose call is not here": 1,
    }


def test_every_element_of_the_interface_is_a_row_a_sum_or_counted(tmp_path: Path) -> None:
    ui = [
        say("task", "x"),
        request(cost=1),
        say("checkpoint_created"),
        say("text", ""),
        say("teleported", "?"),
        tool("readFile", path="a"),
        say("deleted_api_reqs", '{"cost":2}'),
        say("subagent_usage", '{"cost":4}'),
        {"ts": START},
    ]

    session = cline(tmp_path, ui=ui)

    told = [issue for issue in session.issues if issue.index >= 0]
    assert session.usage.usd == 7.0
    assert len(session.messages) + len(session.tool_calls) + sum(session.skipped.values()) + len(told) + 3 == len(ui)
    assert [(issue.index, issue.reason, issue.detail) for issue in told] == [
        (4, "kind of message that is not known", "say.teleported"),
        (8, "element of another schema", "keys: ts"),
    ]
    assert session.skipped[MUTE_KIND] == 1
