"""Runs of elements: the same as one by one, whatever a run's length and wherever the file is broken."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from g6o_eval.fleet.ingest.array import Element, Flaw, Limits, Shape, read_array

SHAPE = Shape("ts", marks=(r'[{,]\s*"type"\s*:\s*"(?:ask|say)"',))
ANYTHING = st.recursive(
    st.integers(0, 99) | st.text('ab,{"ts:}[]\\é', max_size=12) | st.just({"ts": 1}) | st.just([{"ts": 1}, {"ts": 2}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ts", "type", "x"]), inner),
    max_leaves=6,
)
WHOLE = st.builds(lambda inside: {"ts": 1, "type": "say", "inside": inside}, ANYTHING)
ELEMENTS = st.lists(WHOLE | ANYTHING, max_size=8)


def read(path: Path, data: bytes, *, run_bytes: int, whole_bytes: int) -> list[Element | Flaw]:
    path.write_bytes(data)
    return list(read_array(path, SHAPE, Limits(run_bytes=run_bytes, whole_bytes=whole_bytes, chunk_bytes=16)))


def as_bytes(elements: list[Any]) -> bytes:
    return json.dumps(elements, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "ui_messages.json"


@settings(deadline=None)  # the machine may be busy
@given(elements=ELEMENTS, run_bytes=st.integers(1, 64), most=st.sampled_from([1, 40, 1 << 20]))
def test_a_whole_array_is_the_same_in_runs_of_any_length(
    file: Path, elements: list[Any], run_bytes: int, most: int
) -> None:
    found = read(file, as_bytes(elements), run_bytes=run_bytes, whole_bytes=most)

    assert found == [Element(index, value) for index, value in enumerate(elements)]


@settings(deadline=None)  # the machine may be busy
@given(
    elements=st.lists(WHOLE, max_size=8),
    run_bytes=st.integers(1, 64),
    place=st.integers(0, 400),
    byte=st.sampled_from(b'"{}[],\0x\xff'),
)
@example(elements=[{"ts": 1, "type": "say"}] * 4, run_bytes=30, place=80, byte=ord('"'))
def test_a_damaged_array_is_the_same_in_runs_as_one_by_one(
    file: Path, elements: list[Any], run_bytes: int, place: int, byte: int
) -> None:
    data = bytearray(as_bytes(elements))
    data[place % len(data)] = byte

    in_runs = read(file, bytes(data), run_bytes=run_bytes, whole_bytes=1 << 20)

    assert in_runs == read(file, bytes(data), run_bytes=run_bytes, whole_bytes=0)


@settings(deadline=None)  # the machine may be busy
@given(elements=ELEMENTS, run_bytes=st.integers(1, 64), cut=st.integers(0, 400))
def test_a_torn_array_is_the_same_in_runs_as_one_by_one(
    file: Path, elements: list[Any], run_bytes: int, cut: int
) -> None:
    data = as_bytes(elements)[:cut]

    in_runs = read(file, data, run_bytes=run_bytes, whole_bytes=1 << 20)

    assert in_runs == read(file, data, run_bytes=run_bytes, whole_bytes=0)


def test_a_long_file_is_held_a_run_at_a_time(file: Path) -> None:
    file.write_bytes(as_bytes([{"ts": number, "type": "say", "text": "x" * 1_000} for number in range(8_000)]))
    tracemalloc.start()

    count = sum(1 for _ in read_array(file, SHAPE, Limits(run_bytes=1 << 14)))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, peak < 1_000_000) == (8_000, True)
