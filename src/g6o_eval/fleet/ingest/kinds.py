"""The kinds of element in `ui_messages.json` of Kilo Code, Roo Code and Cline, and how each is read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from g6o_eval.fleet.session import Role

ROLES: Mapping[str, Role] = MappingProxyType(
    {
        "say.task": "user",
        "say.user_feedback": "user",
        "say.user_feedback_diff": "user",
        "say.text": "assistant",
        "say.reasoning": "assistant",
        "say.completion_result": "assistant",
        "say.plan_completion_result": "assistant",
        "ask.followup": "assistant",
        "ask.plan_mode_respond": "assistant",
        "ask.act_mode_respond": "assistant",
        "ask.new_task": "assistant",
        "say.subtask_result": "tool",
        "say.command_output": "tool",
        "ask.command_output": "tool",
        "say.mcp_server_response": "tool",
        "say.codebase_search_result": "tool",
        "say.browser_action_result": "tool",
        "say.subagent": "tool",
    }
)
"""Kinds that a person, the model or a tool speaks in."""
CALLS = frozenset({"ask.tool", "say.tool", "ask.command", "say.command", "ask.use_mcp_server", "say.use_mcp_server"})
"""Kinds that ask for a tool; Cline writes say when nobody had to approve."""
SPENT = frozenset({"say.api_req_deleted", "say.deleted_api_reqs", "say.subagent_usage"})
"""Kinds that tell what requests used that stand in no `api_req_started` of this log."""
REQUESTS = frozenset({"say.api_req_started", "say.api_req_finished", *SPENT})
MUTE = frozenset(
    {
        "ask.completion_result", "say.checkpoint_saved", "say.checkpoint_created", "say.mcp_server_request_started",
        "say.image", "ask.browser_action_launch", "say.browser_action_launch", "say.browser_action",
        "say.browser_session_status", "say.task_progress", "say.load_mcp_documentation", "say.user_edit_todos",
        "ask.checkpoint_restore",
    }
)  # fmt: skip
"""Kinds that mark a place or a state and say nothing."""
NOTICES = frozenset(
    {
        "ask.api_req_failed", "ask.resume_task", "ask.resume_completed_task", "ask.mistake_limit_reached",
        "ask.payment_required_prompt", "ask.invalid_model", "ask.report_bug", "ask.condense", "ask.summarize_task",
        "ask.use_subagents", "say.error", "say.api_req_retried", "say.api_req_retry_delayed",
        "say.shell_integration_warning", "say.rooignore_error", "say.diff_error", "say.condense_context",
        "say.condense_context_error", "say.sliding_window_truncation", "say.too_many_tools_warning",
        "say.error_retry", "say.clineignore_error", "say.compaction", "say.hook_status", "say.hook_output", "say.info",
        "ask.auto_approval_max_req_reached", "say.api_req_rate_limit_wait",
    }
)  # fmt: skip
"""Kinds in which the harness around the model speaks."""
KNOWN = frozenset(ROLES) | CALLS | REQUESTS | MUTE | NOTICES
"""An element of any other kind is counted and left out: what it means nobody here knows."""

FAULTS = frozenset({"say.error", "say.diff_error", "say.rooignore_error", "say.clineignore_error"})
RESUMED = frozenset({"ask.resume_task", "ask.resume_completed_task"})
AFTERMATH = RESUMED | {"say.checkpoint_saved", "say.checkpoint_created"}
"""Kinds that are no answer to what stands before them."""
STREAMED = frozenset({"say.reasoning", "say.text"})
"""Kinds in which the answer to a request arrives, word by word."""
COMPLETED = frozenset({"say.completion_result", "ask.completion_result"})
FAILED = frozenset({"ask.api_req_failed", "ask.mistake_limit_reached"})
FIRST_PROMPT = frozenset({"say.text", "say.task"})
"""Kinds that the first element has: the person's prompt."""
