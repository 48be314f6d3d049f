"""A Session as punches: what the agent did, in the words that punch cards ask for.

A deed counts when it was carried out: a call that a person denied, or that nothing followed, is none.
A call that ended with an error is one all the same, as it is for the daemon.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from g6o_eval.fleet.gates import gates_of
from g6o_eval.fleet.ingest.dialects import action_of
from g6o_eval.fleet.session import Message, Punch, PunchType, Session, ToolCall
from g6o_eval.fleet.vocabulary import (
    CHILD_ERROR,
    CHILD_RETURN,
    SESSION_TOTAL,
    SHELL,
    TASK_EXIT,
    TEXT_RESPONSE,
    UNKNOWN_CHILD,
    canonical_key,
    mcp_key,
    mode_slug,
)

PUNCH_KEY_CHARS = 200
"""Longest key of a punch, in characters."""
_OF_A_COMMAND = 1_000
"""Parts of gate punches start here, so that they never meet the parts of other calls of a turn."""
_AGENT = re.compile(r'"(?:subagent_type|mode_slug|mode|agent)":"([^"\\]{1,100})"')
_RETURNED = "say.subtask_result"
_REPORTED = "say.completion_result"
_SAID = frozenset({"say.text", "api.assistant", "assistant.text"})
_OUTPUTS = frozenset({"say.command_output", "ask.command_output"})


def punches_of(session: Session) -> tuple[Punch, ...]:
    """Return what the agent of a session did, in order of time, each deed once.

    Tool calls give tool_call, mcp_call, command_exec and child_spawn; commands also give gate_pass and
    gate_fail; children that came back child_complete; a report of completion step_complete:task_exit;
    the session as a whole session_lifecycle and cost_checkpoint. No governor_kill: no log shows one.
    """
    found = [*_of_calls(session), *_of_messages(session), *_of_end(session)]
    return tuple(sorted(found, key=lambda punch: (punch.ts or 0, punch.file, punch.index, punch.part)))


def _of_calls(session: Session) -> Iterator[Punch]:
    outputs = _outputs(session)
    kinds = {message.kind for message in session.messages}
    returned, reports = _RETURNED in kinds, _REPORTED in kinds
    for call in session.tool_calls:
        if call.status not in ("completed", "error"):
            continue
        action = action_of(call.tool)
        if action == "delegate":
            yield from _of_child(call, returned=returned)
        elif call.tool == "execute_command":
            yield _punch(call, "command_exec", SHELL)
            yield from _of_gates(call, call.result or outputs.get((call.file, call.index), ""))
        elif (server_tool := mcp_key(call.tool)) is not None:
            yield _punch(call, "mcp_call", server_tool)
        elif action == "finish":
            if reports:
                continue  # the report itself is punched
            yield _punch(call, "step_complete", TASK_EXIT)
        else:
            yield _punch(call, "tool_call", canonical_key("tool_call", call.tool))


def _of_child(call: ToolCall, *, returned: bool) -> Iterator[Punch]:
    """Take a delegation: the child, and whether it came back.

    Where the log shows results of children, they say so; elsewhere the call's own end does.
    """
    agent = _AGENT.search(call.args)
    yield _punch(
        call, "child_spawn", mode_slug(agent[1] if agent else call.target) if agent or call.target else UNKNOWN_CHILD
    )
    if call.status == "error":
        yield _punch(call, "child_complete", CHILD_ERROR, part=1)
    elif not returned and call.written_as == "task":
        yield _punch(call, "child_complete", CHILD_RETURN, part=1)


def _of_gates(call: ToolCall, output: str) -> Iterator[Punch]:
    for place, found in enumerate(gates_of(call, output)):
        yield _punch(call, "gate_pass" if found.passed else "gate_fail", found.gate, part=_OF_A_COMMAND + place)


def _of_messages(session: Session) -> Iterator[Punch]:
    for message in session.messages:
        if message.kind == _RETURNED:
            yield _of_message(message, "child_complete", CHILD_RETURN)
        elif message.kind == _REPORTED:
            yield _of_message(message, "step_complete", TASK_EXIT)
        elif message.role == "assistant" and message.kind in _SAID:
            yield _of_message(message, "message", TEXT_RESPONSE)


def _of_end(session: Session) -> Iterator[Punch]:
    """Take the session as a whole; its punches stand at no element of a file."""

    def whole(punch_type: PunchType, key: str) -> Punch:
        return Punch(punch_type=punch_type, punch_key=key, ts=session.completed_at, file="", index=-1)

    yield whole("session_lifecycle", f"session_{session.status}")
    if session.usage.requests:
        yield whole("cost_checkpoint", SESSION_TOTAL)
    tools = {action_of(call.tool) for call in session.tool_calls}
    reported = any(message.kind == _REPORTED for message in session.messages)
    if session.status == "completed" and not reported and "finish" not in tools:
        # A format without a tool for it: the agent is done when its last turn ended by itself.
        yield whole("step_complete", TASK_EXIT)


def _outputs(session: Session) -> dict[tuple[str, int], str]:
    """Return what commands printed, by the place of their calls: it stands between a call and the next."""
    places = sorted((call.file, call.index) for call in session.tool_calls)
    found: dict[tuple[str, int], str] = {}
    for message in session.messages:
        if message.kind in _OUTPUTS:
            before = bisect_left(places, (message.file, message.index)) - 1
            if before >= 0 and places[before][0] == message.file:
                found[places[before]] = found.get(places[before], "") + message.preview + "\n"
    return found


def _punch(call: ToolCall, punch_type: PunchType, key: str, *, part: int = 0) -> Punch:
    return Punch(
        punch_type=punch_type, punch_key=key[:PUNCH_KEY_CHARS], ts=call.ts, file=call.file, index=call.index,
        part=call.part + part,
    )  # fmt: skip


def _of_message(message: Message, punch_type: PunchType, key: str) -> Punch:
    return Punch(
        punch_type=punch_type, punch_key=key, ts=message.ts, file=message.file, index=message.index, part=message.part
    )
