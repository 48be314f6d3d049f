"""Writes one session in Kilo's on-disk format: both files of a task folder, in step with each other.

The shapes are those of facts measured on real folders: tool calls are `ask`s with JSON in `text`,
results stand only in the model's history, a request's price stands in `api_req_started`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from g6o_eval.fleet.ingest.api import API_FILE
from g6o_eval.fleet.ingest.folder import HISTORY_FILE, METADATA_FILE
from g6o_eval.fleet.ingest.ui import UI_FILE

_INTERFACE = {
    "read_file": "readFile",
    "apply_diff": "appliedDiff",
    "write_to_file": "newFileCreated",
    "search_files": "searchFiles",
    "list_files": "listFilesTopLevel",
    "update_todo_list": "updateTodoList",
    "new_task": "newTask",
    "switch_mode": "switchMode",
}
_CONTEXT_START, _CONTEXT_STEP = 14_000, (1_000, 5_000)
"""Tokens of a first request, and what each further one adds."""
_USD_PER_MILLION = {"in": 3.0, "out": 15.0, "cached": 0.3}


class Transcript:
    """A session that is being acted out. Every method is one thing that happens in it."""

    def __init__(self, session_id: str, rng: Random, *, start_ms: int, mode: str, model: str) -> None:
        self.session_id = session_id
        self.now = start_ms
        self._rng, self._mode, self._model = rng, mode, model
        self._ui: list[dict[str, Any]] = []
        self._api: list[dict[str, Any]] = []
        self._context = _CONTEXT_START
        self._said: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []
        self._edited: list[str] = []

    def prompt(self, text: str) -> None:
        """The person's, or the parent's, task."""
        self._event("say", "text", text)
        self._results = [_text(f"<task>\n{text}\n</task>"), self._environment()]

    def say(self, text: str) -> None:
        """A new request, answered with prose."""
        self._request()
        self._event("say", "text", text)
        self._said.append(_text(text))

    def call(self, tool: str, args: Mapping[str, Any], result: str, *, reached: bool = True) -> None:
        """A tool call and what the model got for it. Calls that fail early never reach the interface."""
        self._called(tool, args, reached=reached)
        self._result(result)
        if tool in ("apply_diff", "write_to_file") and reached:
            self._edited.append(str(args["path"]))

    def command(self, command: str, output: str, *, exit_code: int | None = 0) -> None:
        """A command that ran. Without an exit code only its output tells how it went."""
        self._called("execute_command", {"command": command})
        self._event("ask", "command_output", "")
        self._event("say", "command_output", output)
        code = "" if exit_code is None else f" Exit code: {exit_code}"
        self._result(f"Command executed in terminal.{code}\nOutput:\n{output}")

    def unanswered(self, tool: str, args: Mapping[str, Any]) -> None:
        """A tool call that nobody ever allows or refuses."""
        self._called(tool, args)

    def question(self, text: str, answers: tuple[str, ...]) -> None:
        """A question to the person."""
        suggest = [{"answer": answer} for answer in answers]
        self._event("ask", "followup", _json({"question": text, "suggest": suggest}))

    def feedback(self, text: str) -> None:
        """The person says something."""
        self._event("say", "user_feedback", text)
        self._results.append(_text(f"<feedback>\n{text}\n</feedback>"))

    def notice(self, text: str, *, kind: str | None = None) -> None:
        """The harness tells the model off; some kinds are seen in the interface too."""
        if kind is not None:
            self._event("say", kind, text)
        self._results.append(_text(text))

    def condense(self, summary: str) -> None:
        """The context was full and has been summed up."""
        before, self._context = self._context, _CONTEXT_START * 2
        self._event("say", "condense_context", "")
        self._ui[-1]["contextCondense"] = {
            "cost": round(before / 1e6 * _USD_PER_MILLION["in"], 6),
            "prevContextTokens": before,
            "newContextTokens": self._context,
            "summary": summary,
        }

    def truncate(self) -> None:
        """The oldest of the context was dropped."""
        self._event("say", "sliding_window_truncation", "")

    def end(self, kind: str, text: str = "") -> None:
        """The interface's last question: resume_task, mistake_limit_reached, api_req_failed …"""
        self._event("ask", kind, text)

    def cancel(self) -> None:
        """A last request that a person cancelled."""
        self._request()
        request = json.loads(self._ui[-1]["text"])
        self._ui[-1]["text"] = _json({**request, "cancelReason": "user_cancelled"})

    def complete(self, report: str, *, child: bool) -> None:
        """The model reports that it is done."""
        self._event("say", "completion_result", report)
        if child:
            self._event("ask", "tool", _json({"tool": "finishTask"}))
        else:
            self._event("ask", "completion_result", "")

    def child_returned(self, report: str) -> None:
        """A child session's result arrives."""
        self._event("say", "subtask_result", report)
        self._results.append(_text(f"[new_task completed] Result: {report}"))

    def write(self, folder: Path, *, history: Mapping[str, Any] | None) -> None:
        """Write the task folder."""
        self._turn()
        target = folder / self.session_id
        target.mkdir(parents=True)
        _write(target / UI_FILE, self._ui)
        _write(target / API_FILE, self._api)
        if self._edited:
            entries = [{"path": path, "record_state": "active", "record_source": "roo_edited"} for path in self._edited]
            _write(target / METADATA_FILE, {"files_in_context": entries})
        if history is not None:
            _write(target / HISTORY_FILE, history)

    def _called(self, tool: str, args: Mapping[str, Any], *, reached: bool = True) -> None:
        call_id = f"toolu_{self._rng.getrandbits(48):012x}"
        self._said.append({"type": "tool_use", "id": call_id, "name": tool, "input": dict(args)})
        if reached and tool == "execute_command":
            self._event("ask", "command", str(args["command"]))
        elif reached and ":" in tool:
            server, name = tool.split(":", 1)
            self._said[-1]["name"] = f"mcp--{server}--{name}"
            payload = {"type": "use_mcp_tool", "serverName": server, "toolName": name, "arguments": _json(args)}
            self._event("ask", "use_mcp_server", _json(payload))
        elif reached:
            self._event("ask", "tool", _json({"tool": _INTERFACE[tool], **args}))

    def _result(self, text: str) -> None:
        block = {"type": "tool_result", "tool_use_id": self._said[-1]["id"], "content": text}
        self._results.append(block)

    def _request(self) -> None:
        """Close the model's last turn, and start the next."""
        first = not self._api
        self._turn()
        self._context += self._rng.randrange(*_CONTEXT_STEP)
        sent, got = self._context, self._rng.randrange(80, 900)
        cached = 0 if first else sent * 9 // 10
        price = (sent - cached) * _USD_PER_MILLION["in"] + got * _USD_PER_MILLION["out"]
        cost = (price + cached * _USD_PER_MILLION["cached"]) / 1e6
        request = {"apiProtocol": "anthropic", "tokensIn": sent, "tokensOut": got, "cacheWrites": 0}
        self._event("say", "api_req_started", _json({**request, "cacheReads": cached, "cost": round(cost, 6)}))

    def _turn(self) -> None:
        """Move what was said and answered into the model's history, in this order."""
        if self._said:
            self._api.append({"role": "assistant", "content": self._said, "ts": self.now})
            self._said = []
        if self._results:
            self._api.append({"role": "user", "content": self._results, "ts": self.now})
            self._results = []

    def _environment(self) -> dict[str, Any]:
        mode = f"<slug>{self._mode}</slug>\n<name>{self._mode.title()}</name>\n<model>{self._model}</model>"
        return _text(f"<environment_details>\n# Current Mode\n{mode}\n</environment_details>")

    def _event(self, kind: str, name: str, text: str) -> None:
        self.now += self._pause()
        self._ui.append({"ts": self.now, "type": kind, kind: name, "text": text})

    def _pause(self) -> int:
        """Return the milliseconds before the next event; 0 makes the repeated times that real logs have."""
        return self._rng.choice((0, 40, 350, 900, 2_100, 4_800, 9_500))


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _write(path: Path, value: object) -> None:
    path.write_bytes(_json(value).encode())
