"""Whatever stands in the files of a task: rows that fit the tables, or a reason; never an exception."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from g6o_eval.fleet.ingest.kilo import read_folder
from g6o_eval.fleet.ingest.rows import ROWS_OF, session_row
from g6o_eval.fleet.session import Message, Session, ToolCall
from support.task_folders import START, make_folder

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(
    st.sampled_from(["text", "partial", "contextCondense", "isSummary", "modelInfo", "type", "timestamp"]),
    JSON,
    max_size=3,
)
NESTED = st.dictionaries(
    st.sampled_from(["tool", "path", "content", "cost", "tokensIn", "serverName", "toolName", "arguments"]),
    JSON | st.sampled_from(["newTask", "finishTask", "readFile", 2**63, 1e300, 1.7e308]),
    max_size=4,
).map(json.dumps)
KINDS = st.sampled_from(
    ["tool", "command", "use_mcp_server", "text", "api_req_started", "api_req_finished", "error", "followup"]
)
TIMES = st.just(START) | st.sampled_from([0, 1, START * 1_000, 2**52, 2**63, 1e18, 253_402_300_800_000])
"""Milliseconds mostly; other programs write microseconds."""
EVENTS = st.builds(
    lambda form, kind, text, more, ts: {**more, "ts": ts, "type": form, form: kind, "text": text},
    st.sampled_from(["ask", "say"]), KINDS, NESTED | JSON, FIELDS, TIMES,
)  # fmt: skip
BLOCKS = st.dictionaries(
    st.sampled_from(["type", "text", "name", "input", "id", "tool_use_id", "content", "is_error"]),
    JSON
    | st.sampled_from(["text", "tool_use", "tool_result", "<read_file><path>x</path>", "[read_file for 'x'] Result:"]),
    max_size=5,
)
TURNS = st.builds(
    lambda role, blocks, more: {**more, "role": role, "content": blocks},
    st.sampled_from(["user", "assistant"]), st.lists(BLOCKS, max_size=4) | JSON, FIELDS,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(ui=st.lists(EVENTS | JSON, max_size=6), api=st.lists(TURNS | JSON, max_size=4), metadata=JSON)
def test_whatever_stands_in_the_files_nothing_raises(
    tmp_path_factory: pytest.TempPathFactory, ui: object, api: object, metadata: object
) -> None:
    found = read_folder(make_folder(tmp_path_factory.mktemp("any"), ui=ui, api=api, metadata=metadata))

    if isinstance(found, Session):
        every = [row for rows_of in ROWS_OF.values() for row in rows_of(found)] + [session_row(found)]
        assert all(isinstance(value, str | int | float | None) for row in every for value in row)
        assert "".join(str(value) for row in every for value in row).encode()
        assert all(abs(value) < 2**63 for row in every for value in row if isinstance(value, int))
        assert all(math.isfinite(value) for row in every for value in row if isinstance(value, float))
        assert all(len(set(keys)) == len(keys) for keys in (places(found.messages), places(found.tool_calls)))
    else:
        assert found.issues


@pytest.mark.parametrize("depth", [100, 400, 500, 900, 1_000, 1_020, 1_100, 5_000])
@pytest.mark.parametrize("tail", ["", "\\ud83d"])
def test_nesting_of_any_depth_is_read_or_refused(tmp_path: Path, depth: int, tail: str) -> None:
    deep = '{"a":' * depth + f'"x{tail}"' + "}" * depth
    call = json.dumps(f'{{"tool":"readFile","deep":{deep}}}')
    ui = f'[{{"ts":1,"type":"say","say":"text","text":"x"}},{{"ts":2,"type":"ask","ask":"tool","text":{call}}}]'
    native = f'{{"type":"tool_use","id":"1","name":"read_file","input":{deep}}}'
    api = f'[{{"role":"assistant","content":[{native}],"ts":1}},{{"role":"assistant","content":[],"ts":2}}]'

    found = read_folder(make_folder(tmp_path, ui=ui.encode(), api=api.encode(), metadata=f'{{"a":{deep}}}'.encode()))

    assert isinstance(found, Session)
    assert all(row for rows_of in ROWS_OF.values() for row in rows_of(found))
    assert [message.preview for message in found.messages] == ["x"]


def places(items: Sequence[Message | ToolCall]) -> list[tuple[str, int, int]]:
    return [(item.file, item.index, item.part) for item in items]
