from __future__ import annotations

from collections import Counter

import pytest

from g6o_eval.fleet.ingest.dialects import TOOLS, action_of, tool_name


@pytest.mark.parametrize(
    ("interface", "model", "serve", "action"),
    [
        ("readFile", "read_file", "read", "read"),
        ("appliedDiff", "apply_diff", "edit", "edit"),
        ("newFileCreated", "write_to_file", "write", "edit"),
        ("searchFiles", "search_files", "grep", "search"),
        ("listFilesTopLevel", "list_files", "glob", "search"),
        ("command", "execute_command", "bash", "run"),
        ("updateTodoList", "update_todo_list", "todowrite", "plan"),
        ("newTask", "new_task", "task", "delegate"),
        ("finishTask", "attempt_completion", "attempt_completion", "finish"),
    ],
)
def test_three_dialects_name_one_tool(interface: str, model: str, serve: str, action: str) -> None:
    assert {tool_name(name) for name in (interface, model, serve)} == {model}
    assert {action_of(name) for name in (interface, model, serve)} == {action}


def test_no_name_stands_for_two_tools() -> None:
    names = Counter(name for tool in TOOLS for name in {tool.name, *tool.interface, *tool.serve})

    assert [name for name, count in names.items() if count > 1] == []


def test_a_native_mcp_name_becomes_server_and_tool() -> None:
    assert tool_name("mcp--sonarqube--search_my--issues") == "sonarqube:search_my--issues"


def test_an_unknown_name_stays_as_it_is() -> None:
    assert (tool_name("frobnicate"), action_of("frobnicate")) == ("frobnicate", "other")
