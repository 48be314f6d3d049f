"""What an agent's deeds are called: one canonical key per deed, and every other spelling of it.

Logs, daemon rows and cards speak three dialects of tool names (`ingest/dialects.py` is the table) and
as many of MCP names. A punch is stored under one key; a card's pattern is held against all spellings
of it, so that a rule about `edit_file` also sees the `edit` of `kilo serve`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import get_args

from g6o_eval.fleet.ingest.dialects import TOOLS, tool_name
from g6o_eval.fleet.session import PunchType, Session, SessionStatus

SHELL = "bash"
"""The key of every command: what was run stands in the tool call."""
TASK_EXIT = "task_exit"
CHILD_RETURN, CHILD_ERROR, UNKNOWN_CHILD = "child_return", "child_error", "unknown_child"
TEXT_RESPONSE = "text_response"
GATES = ("ruff-format", "ruff-check", "mypy", "pytest", "vitest", "tsc")
"""Quality gates that are recognised in commands."""
MODES = (
    "plant-manager", "process-orchestrator", "audit-orchestrator", "orchestrator", "architect", "code",
    "code-simplifier", "fitter", "docs-specialist", "product-skeptic", "pr-review", "thinker-abstract",
    "thinker-adversarial", "thinker-systems", "thinker-concrete", "thinker-epistemic", "ask", "debug", "general",
    "explore",
)  # fmt: skip
"""Agents that may be delegated to: the fleet's own, and those that the tools bring."""
MCP_TOOLS = (
    "augment-context-engine:codebase___retrieval", "sequentialthinking:process_thought",
    "sequentialthinking:generate_summary", "sequentialthinking:import_session", "sequentialthinking:export_session",
    "sequentialthinking:clear_history", "context7:resolve_library_id", "context7:get_library_docs",
    "context7:query_docs", "sonarqube:search_sonar_issues_in_projects",
)  # fmt: skip
"""MCP tools that the fleet is known to use; any other server may be added."""
KILLS = ("step_overflow", "cost_overflow", "tool_cycle", "cache_plateau")
LIFECYCLE = tuple(f"session_{status}" for status in get_args(SessionStatus))
SESSION_TOTAL = "session_total"
"""The key of the one punch that carries what a session cost: the sum of its punches' costs is its cost."""

KEYS: Mapping[PunchType, tuple[str, ...]] = MappingProxyType(
    {
        "tool_call": tuple(tool.name for tool in TOOLS),
        "command_exec": (SHELL,),
        "mcp_call": MCP_TOOLS,
        "gate_pass": GATES,
        "gate_fail": GATES,
        "child_spawn": (*MODES, UNKNOWN_CHILD),
        "child_complete": (CHILD_RETURN, CHILD_ERROR),
        "cost_checkpoint": (SESSION_TOTAL,),
        "step_complete": (TASK_EXIT,),
        "governor_kill": KILLS,
        "session_lifecycle": LIFECYCLE,
        "message": (TEXT_RESPONSE,),
    }
)
"""Punch type, in the order of the daemon's ENUM, → its canonical keys.

Open in tool_call, mcp_call and child_spawn: names that nobody knows pass through.
"""

_NAMES = {tool.name: (tool.name, *tool.interface, *tool.serve) for tool in TOOLS}
_ONE_EDIT = frozenset({"apply_diff", "edit_file"})
"""`kilo serve` has one tool, `edit`, for what Roo calls by either name: a rule about one is about both."""
_KNOWN = frozenset(name for names in _NAMES.values() for name in names)
_RETRIEVAL = "codebase_retrieval", "codebase___retrieval"
_SERVE_MCP = re.compile(r"(augment-context-engine|sequential-?thinking|context7|sonarqube)_(.+)", re.DOTALL)
_SERVERS = {"sequential-thinking": "sequentialthinking"}
_NOT_SLUG = re.compile(r"[^a-z0-9_]+")


def punch_type_of(text: str) -> PunchType | None:
    """Return the punch type that a column says, None when it is none.

    The daemon's columns are ENUMs, and some of its rows were written by the place of a value: "3" is mcp_call.
    """
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= len(KEYS):
        return next(each for place, each in enumerate(KEYS, 1) if place == int(text))
    return next((each for each in KEYS if each == text), None)


def mcp_key(name: str) -> str | None:
    """Return `server:tool` of an MCP tool's name in any dialect, None when it is no MCP tool.

    The tool is spelled as the daemon spells it (`-` → `_`, `codebase___retrieval`), because that is
    what cards ask for.
    """
    name = tool_name(name)
    serve = _SERVE_MCP.fullmatch(name)
    server, colon, tool = (serve[1], ":", serve[2]) if serve else name.partition(":")
    if not colon or not server or not tool:
        return None
    return f"{_SERVERS.get(server, server)}:{_mcp_tool(tool)}"


def mode_slug(text: str) -> str:
    """Return a mode's slug, whether its slug or its display name ("💻 Code") was written."""
    return _NOT_SLUG.sub("-", text.lower()).strip("-") or UNKNOWN_CHILD


def canonical_key(punch_type: PunchType, key: str) -> str:
    """Return the one key of what any dialect, or an old row of the daemon, calls so."""
    if punch_type == "tool_call":
        return tool_name(key)
    if punch_type == "mcp_call":
        return mcp_key(key) or next((known for known in MCP_TOOLS if known.endswith(f":{_mcp_tool(key)}")), key)
    return mode_slug(key) if punch_type == "child_spawn" else key


def spellings(punch_type: PunchType, key: str) -> tuple[str, ...]:
    """Return all names that a card may know a deed by, its own first."""
    if punch_type == "tool_call":
        ours = tool_name(key)
        same = sorted(_ONE_EDIT) if ours in _ONE_EDIT else [ours]
        names = [name for each in same for name in _NAMES.get(each, (each,))]
        return tuple(dict.fromkeys((key, ours, *names)))
    if punch_type == "mcp_call":
        full = canonical_key(punch_type, key)
        tool = full.partition(":")[2] or full
        plain = "codebase-retrieval" if tool == _RETRIEVAL[1] else tool
        return tuple(dict.fromkeys((key, full, tool, full.replace(tool, plain), plain)))
    if punch_type == "command_exec":
        return tuple(dict.fromkeys((key, SHELL, "execute_command")))
    return (key,)


def unknown_tools(sessions: Iterable[Session]) -> dict[str, int]:
    """Return the tool names that no dialect knows, as they are written, and how often each was called."""
    calls = (call for session in sessions for call in session.tool_calls)
    found = Counter(c.written_as for c in calls if c.tool not in _KNOWN and mcp_key(c.tool) is None)
    return dict(sorted(found.items()))


def _mcp_tool(name: str) -> str:
    name = name.replace("-", "_")
    return _RETRIEVAL[1] if name == _RETRIEVAL[0] else name
