"""A valid folder, damaged in one place: rows that are part of the truth, and a reason; never an invented one.

G6O_MUTATIONS says how many damages are tried; the suite's few take about a second.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from g6o_eval.fleet.ingest.kilo import read_folder
from g6o_eval.fleet.session import Message, Refused, Session, Spawn, ToolCall
from support.task_folders import (
    API,
    METADATA,
    UI,
    as_bytes,
    ask,
    make_folder,
    request,
    say,
    tool,
    tool_result,
    tool_use,
    turn,
)

CASES = int(os.environ.get("G6O_MUTATIONS", "120"))
HISTORY = "history_item.json"
CHILD = "019c6cad-ab04-729d-8d06-0713cb1977c8"
ENVIRONMENT = (
    "<environment_details>\n# Current Mode\n<slug>code</slug>\n<model>m-1</model>\n\n"
    "# Current Workspace Directory (/home/me/shop) Files\na.py\n</environment_details>"
)
MCP = {"type": "use_mcp_tool", "serverName": "files", "toolName": "list", "arguments": '{"path":"docs"}'}
EVENTS = [
    say("text", "Mend the cart, and ask nobody. \U0001f6d2", at=0, images=["data:image/png;base64,AAAA"]),
    request(at=10, cost=0.5, tokensIn=900, tokensOut=30, cacheReads=800),
    say("reasoning", "The cart first.", at=20, partial=True),
    say("text", "I re", at=30, partial=True),
    say("text", "I read the cart.", at=30, partial=False),
    tool("readFile", at=40, path="src/cart.py", content="/home/me/shop/src/cart.py"),
    request(at=60, cost=0.25, tokensIn=950, tokensOut=31),
    tool("appliedDiff", at=70, path="src/cart.py", diff="-a\n+b"),
    say("error", "no match", at=75),
    request(at=80, cost=0.125),
    tool("appliedDiff", at=90, path="src/cart.py", diff="-c\n+d"),
    ask("command", "pytest -q", at=100),
    ask("command_output", "", at=101),
    say("command_output", "1 failed", at=101),
    request(at=110),
    ask("use_mcp_server", json.dumps(MCP), at=120),
    say("mcp_server_request_started", "", at=121),
    say("mcp_server_response", "a, b", at=122),
    request(at=130, cost=0.5),
    tool("newTask", at=140, mode="Code", content="Write the test.", todos=[]),
    say("subtask_result", "Written.", at=150),
    say("checkpoint_saved", "abc", at=151, checkpoint={"from": "a", "to": "abc"}),
    say("user_feedback", "Good.", at=160),
    say("completion_result", "Done.", at=170),
    ask("completion_result", "", at=171),
]
TURNS = [
    turn("user", "<task>\nMend the cart.\n</task>", ENVIRONMENT, at=10),
    turn("assistant", "I read the cart.", tool_use("read_file", "c1", path="src/cart.py"), at=45),
    turn("user", tool_result("text of the cart", "c1"), ENVIRONMENT, at=55),
    turn("assistant", tool_use("apply_diff", "c2", path="src/cart.py", diff="-a\n+b"), at=72),
    turn("user", tool_result("The tool execution failed with the following error:\nno match", "c2"), at=78),
    turn(
        "assistant",
        tool_use("apply_diff", "c3", path="src/other.py", diff="x"),
        tool_use("apply_diff", "c4", path="src/cart.py", diff="-c\n+d"),
        tool_use("execute_command", "c5", command="pytest -q"),
        at=95,
    ),
    turn(
        "user",
        tool_result("The tool execution failed: no such file", "c3"),
        tool_result("ok", "c4"),
        tool_result("Command executed in terminal. Exit code: 1\nOutput:\n1 failed", "c5"),
        at=105,
    ),
    turn("assistant", tool_use("mcp--files--list", "c6", path="docs"), at=125),
    turn("user", tool_result("a, b", "c6"), "[ERROR] You did not use a tool in your previous response!", at=128),
    turn("assistant", tool_use("new_task", "c7", message="Write the test."), at=145),
    turn("user", tool_result(f"Subtask {CHILD} completed.\n\nResult:\nWritten.", "c7"), at=155),
]
FILES = {
    UI: as_bytes(EVENTS),
    API: as_bytes(TURNS),
    METADATA: as_bytes({"files_in_context": [{"path": "src/cart.py", "record_state": "active"}]}),
    HISTORY: as_bytes({"id": "task-1", "parentTaskId": "p-1", "mode": "code", "workspace": "/home/me/shop"}),
}
Key = tuple[str, str, int, int]


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    made = make_folder(folder)
    for name, data in files.items():
        (made / name).write_bytes(data)
    return made


def rows_of(found: Session | Refused) -> dict[Key, tuple[object, ...]]:
    """Return what stands in the element itself, by key; what other elements say of it is left out."""
    if isinstance(found, Refused):
        return {}
    every: Sequence[Message | ToolCall | Spawn] = [*found.messages, *found.tool_calls, *found.spawns]
    rows = {_key(item): _own(item) for item in every}
    assert len(rows) == len(every), "two rows have one key"
    return rows


def _key(item: Message | ToolCall | Spawn) -> Key:
    place = (UI, item.index, 0) if isinstance(item, Spawn) else (item.file, item.index, item.part)
    return (type(item).__name__, *place)


def _own(item: Message | ToolCall | Spawn) -> tuple[object, ...]:
    if isinstance(item, Message):
        return (item.ts, item.role, item.kind, item.preview, item.chars, item.sha256)
    if isinstance(item, ToolCall):
        return (item.ts, item.tool, item.written_as, item.target)
    return (item.ts, item.prompt_sha256)


def spans_of(data: bytes) -> list[tuple[int, int]]:
    """Return where the elements of an array stand in its bytes, commas and brackets around them included."""
    spans, start = [], 0
    for element in json.loads(data):
        start = data.index(as_bytes(element), start)
        spans.append((start - 1, start + len(as_bytes(element)) + 1))
        start += len(as_bytes(element))
    return spans


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, int, int, bytes]:
    """Draw (file, first byte, byte behind the last, what stands there instead); at most 8 bytes, or up to the end."""
    name = draw(st.sampled_from([UI, UI, UI, API, API, METADATA, HISTORY]))
    size = len(FILES[name])
    start = draw(st.integers(0, size))
    how = draw(st.sampled_from(["flip", "replace", "insert", "delete", "cut", "zeros", "append", "quote"]))
    if how in ("cut", "zeros"):
        return name, start, size, b"" if how == "cut" else b"\0" * (size - start)
    if how == "append":
        return name, size, size, draw(st.binary(min_size=1, max_size=64))
    length = {"flip": 1, "quote": 1, "insert": 0}.get(how) or (0 if how == "insert" else draw(st.integers(1, 8)))
    end = min(size, start + length)
    if how == "delete":
        return name, start, end, b""
    if how == "quote":
        return (
            name,
            start,
            end,
            draw(st.sampled_from([b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\xff", b"\n"])),
        )
    return name, start, end, draw(st.binary(min_size=max(1, end - start), max_size=max(1, end - start or 8)))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[Key, tuple[object, ...]]:
    """What the folder holds, and each of its logs alone, for when the other cannot be read at all.

    The streaming copy in it counts too: it is all that is left when its finished copy is cut off.
    """
    both = [FILES, {UI: FILES[UI]}, {API: FILES[API]}, {UI: as_bytes(EVENTS[:4])}]
    found = [rows_of(read_folder(write(tmp_path_factory.mktemp("truth"), files))) for files in both]
    assert len(found[0]) > 15
    return {**found[3], **found[2], **found[1], **found[0]}


def reasons_of(found: Session | Refused) -> Counter[str]:
    counted = Counter(f"{issue.file} {issue.reason}" for issue in found.issues)
    return counted + Counter(found.skipped) if isinstance(found, Session) else counted


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(damage=damages())
def test_a_damaged_folder_gives_part_of_the_truth_and_a_reason(
    tmp_path_factory: pytest.TempPathFactory, truth: dict[Key, tuple[object, ...]], damage: tuple[str, int, int, bytes]
) -> None:
    name, start, end, instead = damage
    data = FILES[name][:start] + instead + FILES[name][end:]
    whole = read_folder(write(tmp_path_factory.mktemp("whole"), FILES))

    found = read_folder(write(tmp_path_factory.mktemp("damaged"), {**FILES, name: data}))

    rows = rows_of(found)
    invented = rows.keys() - truth.keys()
    assert not invented
    for key, row in rows.items():
        assert row == truth[key] or _touched(key, name, start, end), key
    if not _is_json(data):
        assert reasons_of(found) != reasons_of(whole)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _touched(key: Key, name: str, start: int, end: int) -> bool:
    if key[1] != name or name not in (UI, API):
        return False
    first, last = spans_of(FILES[name])[key[2]]
    return start <= last and end >= first


def test_the_check_sees_a_row_at_another_place(truth: dict[Key, tuple[object, ...]]) -> None:
    assert truth["Message", UI, 22, 0] != truth["Message", UI, 23, 0]
    assert _touched(("Message", UI, 2, 0), UI, spans_of(FILES[UI])[2][0], spans_of(FILES[UI])[2][0])
    assert not _touched(("Message", UI, 2, 0), UI, spans_of(FILES[UI])[4][0], spans_of(FILES[UI])[4][1])


def test_every_file_cut_at_every_place_is_read(tmp_path: Path, truth: dict[Key, tuple[object, ...]]) -> None:
    folder = write(tmp_path, FILES)
    for cut in range(0, len(FILES[UI]), 41):
        (folder / UI).write_bytes(FILES[UI][:cut])

        rows: dict[Key, Any] = rows_of(read_folder(folder))

        assert all(truth[key] == row for key, row in rows.items())
