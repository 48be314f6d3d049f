"""One table of tool names: what the VS Code interface, the model and `kilo serve` call the same tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["read", "edit", "search", "run", "plan", "delegate", "ask", "finish", "other"]
"""What a tool does to the work, whatever it is called."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        name: the one name that we store: what the model is told (Roo/Kilo API).
        action: what it does.
        interface: its names in `ui_messages.json` and `ask` kinds.
        serve: its names in `kilo serve` (OpenCode).
    """

    name: str
    action: Action
    interface: tuple[str, ...] = ()
    serve: tuple[str, ...] = ()


TOOLS = (
    Tool("read_file", "read", ("readFile",), ("read",)),
    Tool("read_command_output", "read", ("readCommandOutput",)),
    Tool("fetch_instructions", "read", ("fetchInstructions",)),
    Tool("access_mcp_resource", "read", ("access_mcp_resource",)),
    Tool("apply_diff", "edit", ("appliedDiff",), ("edit",)),
    Tool("apply_patch", "edit", (), ("apply_patch", "patch")),
    Tool("edit_file", "edit", ("editedExistingFile",)),
    Tool("fast_edit_file", "edit"),
    Tool("insert_content", "edit"),
    Tool("search_and_replace", "edit"),
    Tool("search_replace", "edit"),
    Tool("replace_in_file", "edit"),
    Tool("write_to_file", "edit", ("newFileCreated",), ("write",)),
    Tool("delete_file", "edit", ("deleteFile", "fileDeleted")),
    Tool("generate_image", "edit", ("generateImage", "imageGenerated")),
    Tool("search_files", "search", ("searchFiles",), ("grep",)),
    Tool("list_files", "search", ("listFilesTopLevel", "listFilesRecursive"), ("glob", "list")),
    Tool("codebase_search", "search", ("codebaseSearch",)),
    Tool("list_code_definition_names", "search", ("listCodeDefinitionNames",)),
    Tool("execute_command", "run", ("command",), ("bash",)),
    Tool("browser_action", "run", ("browser_action_launch",)),
    Tool("run_slash_command", "run", ("runSlashCommand",)),
    Tool("web_fetch", "search", ("webFetch",), ("webfetch",)),
    Tool("web_search", "search", ("webSearch",), ("websearch",)),
    Tool("update_todo_list", "plan", ("updateTodoList",), ("todowrite", "todoread")),
    Tool("switch_mode", "plan", ("switchMode",)),
    Tool("condense", "plan", ("summarizeTask",)),
    Tool("new_task", "delegate", ("newTask",), ("task",)),
    Tool("ask_followup_question", "ask", ("followup",), ("question",)),
    Tool("plan_mode_respond", "ask"),
    Tool("attempt_completion", "finish", ("finishTask",)),
    Tool("use_mcp_tool", "other", ("use_mcp_server",)),
    Tool("new_rule", "other"),
    Tool("report_bug", "other"),
    Tool("load_mcp_documentation", "other"),
    Tool("skill", "other", ("useSkill",), ("skill",)),
)

_BY_NAME = {name: tool for tool in TOOLS for name in (tool.name, *tool.interface, *tool.serve)}
_NATIVE_MCP = "mcp--"
MODEL_NAMES = tuple(tool.name for tool in TOOLS)


def tool_name(written_as: str) -> str:
    """Return our name of a tool; a name that no dialect knows stays as it is written.

    A native MCP name `mcp--server--tool` becomes `server:tool`.
    """
    if written_as in _BY_NAME:
        return _BY_NAME[written_as].name
    if written_as.startswith(_NATIVE_MCP):
        return written_as[len(_NATIVE_MCP) :].replace("--", ":", 1)
    return written_as


def action_of(name: str) -> Action:
    """Return what a tool does, by any of its names; "other" for MCP tools and unknown ones."""
    return _BY_NAME[name].action if name in _BY_NAME else "other"
