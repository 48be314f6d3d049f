"""Reads the elements of `api_conversation_history.json`: what the model saw, and what it answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from g6o_eval.fleet.ingest.calls import Draft
from g6o_eval.fleet.ingest.census import FOREIGN, Census
from g6o_eval.fleet.ingest.dialects import MODEL_NAMES, tool_name
from g6o_eval.fleet.ingest.requests import Requests
from g6o_eval.fleet.ingest.speech import Spot, speech
from g6o_eval.fleet.ingest.text import WORKSPACE_CHARS, label, milliseconds, prompt_sha256
from g6o_eval.fleet.ingest.ui import keys_of
from g6o_eval.fleet.session import Message, Role

API_FILE = "api_conversation_history.json"
OTHER_BLOCK = "block that is neither text nor tool"
NO_CALL = "result whose call is not here"
PARTS = 1000
"""Parts of an element that one block may have: the block's place times this is its first part."""
_BLOCK_NAMES = frozenset({"image", "document", "redacted_thinking", "thoughtSignature", "reasoning"})
_THOUGHTS = {"thinking": "thinking", "reasoning": "text"}
"""Blocks in which the model thinks, and the key of its words; encrypted ones have none."""

Json = Mapping[str, Any]

_XML_CALL = re.compile(rf"<({'|'.join(MODEL_NAMES)})>")
_XML_FIELD = re.compile(
    r"<(path|command|regex|query|mode|message|question|server_name|tool_name|uri)>\s*(.*?)\s*</\1>", re.S
)
_RESULT_HEAD = re.compile(rf"\A\s*\[({'|'.join(MODEL_NAMES)})\b[^\n]*?\](?: Result:)?")
_ENVIRONMENT = "<environment_details>"
_MODE = re.compile(
    r"# Current Mode\s*<slug>([^<]{1,100})</slug>(?:\s*<name>[^<]*</name>)?(?:\s*<model>([^<]{1,200})</model>)?"
)
_MODE_HEAD, _WORKSPACE_HEAD = "# Current Mode", "# Current Work"
_CLINE_MODE = re.compile(r"# Current Mode\s*(ACT|PLAN) MODE")
_WORKSPACE = re.compile(r"^# Current (?:Workspace Directory|Working Directory) \(([^\n]{1,400})\)", re.M)
_TASK = re.compile(r"\A\s*<task>\s*(.*?)\s*</task>", re.S)
_CHILD = re.compile(r"(?:Delegated to child task|^Subtask) ([0-9a-f-]{36})", re.M)
_NOTICES = (
    ("api.no_tool_used", "did not use a tool in your previous response"),
    ("api.one_tool_only", "Only one tool may be used per message"),
    ("api.one_tool_only", "was not executed because a tool has already been used"),
    ("api.missing_parameter", "Missing value for required parameter"),
    ("api.task_resumed", "[TASK RESUMPTION]"),
    ("api.no_response", "Failure: I did not provide a response"),
)
"""What the harness tells the model about its own mistakes: kind, and words that stand near the start."""
_NOTICE_WINDOW = 400


class ApiReader:
    """Takes the elements in order; its public attributes are what was read so far."""

    def __init__(self, *, keeps_speech: bool = True) -> None:
        """Read a history; without `keeps_speech` what is said in it is only counted: the interface shows it too."""
        self.keeps_speech = keeps_speech
        self.said = 0
        self.census = Census(API_FILE)
        self.messages: list[Message] = []
        self.notices: list[Message] = []
        self.calls: list[Draft] = []
        self.children: list[str] = []  # named by a result whose call is not here
        self.answers: list[tuple[int, int]] = []  # time and index of the model's turns that carry a time
        self.skipped: Counter[str] = Counter()
        self.prompt_sha256: str | None = None
        self.mode: str | None = None
        self.model: str | None = None
        self.workspace: str | None = None
        self.requests = Requests()
        self.by_cline = False  # something stands in it that only Cline writes
        self._waiting: list[Draft] = []
        self._part = 0

    def add(self, index: int, value: object) -> None:
        """Take the next element; one that is no `ApiMessage` is refused with its reason."""
        if not _is_message(value):
            self.census.issue(index, FOREIGN, keys_of(value))
            return
        element: Json = value  # type: ignore[assignment]  # _is_message has just said so
        spot = Spot(API_FILE, index, milliseconds(element.get("ts")))
        self.census.add(str(element["role"]), spot.ts)
        self._note(element)
        if element["role"] == "assistant":
            self._assistant(spot, element)
        else:
            self._user(spot, element)

    def _assistant(self, spot: Spot, element: Json) -> None:
        self._waiting = []
        if spot.ts is not None:
            self.answers.append((spot.ts, spot.index))
        for place, block in enumerate(_blocks(element)):
            self._part = place * PARTS
            kind = str(block.get("type"))
            if kind == "tool_use":
                self._native_call(spot, block)
            elif text := _text(block):
                self._say(spot, text, role="assistant")
                for found in _XML_CALL.finditer(text):
                    self._xml_call(spot, text, found=found)
            elif isinstance(thought := block.get(_THOUGHTS.get(kind, "")), str) and thought:
                self._say(spot, thought, role="assistant", kind="api.reasoning")
            else:
                self._leave_out(block)

    def _leave_out(self, block: Json) -> None:
        kind = str(block.get("type"))
        self.skipped[f"{kind} block" if kind in _BLOCK_NAMES else OTHER_BLOCK] += 1

    def _native_call(self, spot: Spot, block: Json) -> None:
        name, args = str(block.get("name") or "unknown"), block.get("input")
        self.census.name_call(f"native:{name}")
        call = Draft(self._next_part(spot), name, args if isinstance(args, dict) else {})
        call.call_id = str(block.get("id") or "")
        self._expect(call)

    def _xml_call(self, spot: Spot, text: str, *, found: re.Match[str]) -> None:
        self.census.name_call(f"xml:{found[1]}")
        end = text.find(f"</{found[1]}>", found.end())
        body = text[found.end() : end if end >= 0 else len(text)]
        args = dict(_XML_FIELD.findall(body))
        server, tool = args.get("server_name"), args.get("tool_name")
        name = f"{server}:{tool}" if found[1] == "use_mcp_tool" and server and tool else found[1]
        self._expect(Draft(self._next_part(spot), name, args))

    def _next_part(self, spot: Spot) -> Spot:
        """Return the next free part of a block, so that a damaged block moves no other's parts."""
        self._part += 1
        return replace(spot, part=self._part - 1)

    def _expect(self, call: Draft) -> None:
        call.turn = call.spot.index
        self.calls.append(call)
        self._waiting.append(call)

    def _user(self, spot: Spot, element: Json) -> None:
        current: Draft | None = None
        for place, block in enumerate(_blocks(element)):
            self._part = place * PARTS
            if block.get("type") == "tool_result":
                text = "\n".join(_text(part) for part in _blocks(block))
                self._result(self._named(str(block.get("tool_use_id"))), text, failed=block.get("is_error") is True)
            elif text := _text(block):
                current = self._user_text(spot, text, current=current)
            else:
                self._leave_out(block)

    def _user_text(self, spot: Spot, text: str, *, current: Draft | None) -> Draft | None:
        """Take one text of a user turn; return the call whose result the next one goes on with."""
        if text.lstrip().startswith(_ENVIRONMENT):
            return current
        if task := _TASK.match(text):
            if self.prompt_sha256 is None:
                self.prompt_sha256 = prompt_sha256(task[1])
            self._say(spot, task[1], role="user")
            return None
        if head := _RESULT_HEAD.match(text):
            current = self._next(head[1])
            text = text[head.end() :].strip()
        elif current is None:
            self._say(spot, text, role="user")
        self._notice(spot, text)
        if text:
            self._result(current, text)
        return current

    def _result(self, call: Draft | None, text: str, *, failed: bool = False) -> None:
        child = _CHILD.search(text[:_NOTICE_WINDOW])
        if call is not None:
            call.answer(text, failed=failed)
            call.child = child[1] if child else call.child
        elif child:
            self.children.append(child[1])
        else:
            self.skipped[NO_CALL] += 1

    def _named(self, call_id: str) -> Draft | None:
        return next((call for call in self.calls[::-1] if call.call_id == call_id), None)

    def _next(self, name: str) -> Draft | None:
        wanted = tool_name(name)
        waiting = (call for call in self._waiting if call.status == "unanswered")
        if wanted == "use_mcp_tool":  # the head of the result names the server alone
            return next((call for call in waiting if call.tool == wanted or call.tool not in MODEL_NAMES), None)
        return next((call for call in waiting if call.tool == wanted), None)

    def _notice(self, spot: Spot, text: str) -> None:
        start = text[:_NOTICE_WINDOW]
        for kind, words in _NOTICES:
            if words in start:
                self.notices.append(speech(self._next_part(spot), text, role="notice", kind=kind))
                return

    def _say(self, spot: Spot, text: str, *, role: Role, kind: str = "") -> None:
        if not text.strip():
            return
        self.said += 1
        place = self._next_part(spot)  # taken in any case: the calls' parts are the same without speech
        if self.keeps_speech:
            self.messages.append(speech(place, text, role=role, kind=kind or f"api.{role}"))

    def _note(self, element: Json) -> None:
        """Take mode, model, folder and price, from Cline's own fields and from what the model is told."""
        info, metrics = element.get("modelInfo"), element.get("metrics")
        if isinstance(info, dict):
            self.mode = label(str(info["mode"])) if info.get("mode") else self.mode
            self.model = label(str(info["modelId"])) if info.get("modelId") else self.model
        if isinstance(metrics, dict) and element["role"] == "assistant":
            self.requests.measured(metrics)
        self.by_cline |= isinstance(info, dict) or isinstance(metrics, dict)
        if element["role"] == "user":
            for text in _texts(element):
                place = text.rfind(_ENVIRONMENT)
                if place >= 0:
                    self._environment(text, place)

    def _environment(self, text: str, place: int) -> None:
        # To search a long text for a pattern that is not there costs more than all else that is read of a turn.
        mode = text.find(_MODE_HEAD, place)
        if mode >= 0 and (found := _MODE.search(text, mode)):
            self.mode = label(found[1].strip())
            self.model = label(found[2].strip()) if found[2] else self.model
        elif mode >= 0 and (found := _CLINE_MODE.search(text, mode)):
            self.mode, self.by_cline = found[1].lower(), True
        workspace = text.find(_WORKSPACE_HEAD, place)
        if workspace >= 0 and (found := _WORKSPACE.search(text, workspace)):
            self.workspace = label(found[1], WORKSPACE_CHARS)


def _is_message(value: object) -> bool:
    """Say whether an element is an `ApiMessage`.

    A text content stands only in summaries of condensed history; together with a foreign
    `timestamp`, or without a time, it is another program's schema under the same file name.
    """
    if not isinstance(value, dict) or value.get("role") not in ("user", "assistant") or "timestamp" in value:
        return False
    if isinstance(value.get("content"), str):
        return milliseconds(value.get("ts")) is not None or value.get("isSummary") is True
    return isinstance(value.get("content"), list) or value.get("type") == "reasoning"


def _blocks(element: Json) -> Iterator[Json]:
    content = element.get("content")
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from (block for block in content if isinstance(block, dict))


def _text(block: Json) -> str:
    text = block.get("text")
    return text if block.get("type") == "text" and isinstance(text, str) else ""


def _texts(element: Json) -> Iterator[str]:
    """Yield every text of a turn, those inside tool results included."""
    for block in _blocks(element):
        yield _text(block)
        if block.get("type") == "tool_result":
            yield from (_text(part) for part in _blocks(block))
