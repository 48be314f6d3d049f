"""One name for one deed, whichever dialect speaks."""

from __future__ import annotations

import pytest

from g6o_eval.fleet.ingest.dialects import TOOLS
from g6o_eval.fleet.session import PunchType
from g6o_eval.fleet.vocabulary import (
    KEYS,
    canonical_key,
    mcp_key,
    mode_slug,
    punch_type_of,
    spellings,
    unknown_tools,
)
from support.task_folders import call, session_of


# factory.md §3.3: VS Code interface, Roo/API, kilo serve.
@pytest.mark.parametrize(
    ("interface", "api", "serve"),
    [
        (("readFile",), ("read_file",), ("read",)),
        (("appliedDiff", "editedExistingFile"), ("apply_diff", "edit_file"), ("edit",)),
        (("newFileCreated",), ("write_to_file",), ("write",)),
        (("searchFiles", "listFilesTopLevel", "listFilesRecursive"), ("search_files", "list_files"), ("grep", "glob")),
        (("updateTodoList",), ("update_todo_list",), ("todowrite",)),
        (("newTask",), ("new_task",), ("task",)),
        ((), ("execute_command",), ("bash",)),
    ],
)
def test_every_dialect_has_the_names_of_one_vocabulary(
    interface: tuple[str, ...], api: tuple[str, ...], serve: tuple[str, ...]
) -> None:
    assert {canonical_key("tool_call", name) for name in (*interface, *serve, *api)} <= set(api)


def test_no_name_of_one_tool_is_a_name_of_another() -> None:
    names = [name for tool in TOOLS for name in {tool.name, *tool.interface, *tool.serve}]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("augment-context-engine:codebase-retrieval", "augment-context-engine:codebase___retrieval"),
        ("augment-context-engine_codebase-retrieval", "augment-context-engine:codebase___retrieval"),
        ("mcp--augment-context-engine--codebase-retrieval", "augment-context-engine:codebase___retrieval"),
        ("sequential-thinking_process_thought", "sequentialthinking:process_thought"),
        ("sequentialthinking:process_thought", "sequentialthinking:process_thought"),
        ("context7_resolve-library-id", "context7:resolve_library_id"),
        ("github.com/a/b:list_dirs", "github.com/a/b:list_dirs"),
        ("read_file", None),
        ("server:", None),
        ("", None),
    ],
)
def test_an_mcp_tool_is_its_server_and_its_name(written: str, key: str | None) -> None:
    assert mcp_key(written) == key


@pytest.mark.parametrize("old", ["codebase___retrieval", "augment-context-engine:codebase-retrieval"])
def test_an_old_key_of_the_daemon_is_known(old: str) -> None:
    assert canonical_key("mcp_call", old) == "augment-context-engine:codebase___retrieval"


@pytest.mark.parametrize(
    ("written", "slug"),
    [("💻 Code", "code"), ("code", "code"), ("Plant Manager", "plant-manager"), ("🪃", "unknown_child"),
     ("", "unknown_child")],
)  # fmt: skip
def test_a_mode_is_its_slug_by_either_name(written: str, slug: str) -> None:
    assert mode_slug(written) == slug


def test_a_rule_about_edit_file_is_about_the_edit_of_kilo_serve() -> None:
    assert {"edit_file", "apply_diff", "edit"} <= set(spellings("tool_call", "edit"))
    assert "edit_file" not in spellings("tool_call", "write")


def test_a_name_that_nobody_knows_passes_through_and_is_counted() -> None:
    session = session_of(call("frobnicate"), call("frobnicate"), call("read_file"), call("server:tool"))

    assert canonical_key("tool_call", "frobnicate") == "frobnicate"
    assert spellings("tool_call", "frobnicate") == ("frobnicate",)
    assert unknown_tools([session]) == {"frobnicate": 2}


@pytest.mark.parametrize(
    ("written", "known"),
    [("gate_pass", "gate_pass"), ("1", "tool_call"), ("3", "mcp_call"), ("12", "message"), ("0", None), ("13", None),
     ("", None), ("gate", None), ("²", None)],
)  # fmt: skip
def test_a_punch_type_is_its_name_or_its_place_in_the_daemons_enum(written: str, known: PunchType | None) -> None:
    assert punch_type_of(written) == known


def test_every_canonical_key_is_one_of_its_own_spellings_and_stays_as_it_is() -> None:
    for punch_type, keys in KEYS.items():
        for key in keys:
            assert key in spellings(punch_type, key)
            assert canonical_key(punch_type, key) == key
