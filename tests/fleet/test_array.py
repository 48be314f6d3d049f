"""The array reader: whole files whatever the chunks, and what is left of broken ones."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.ingest import array
from g6o_eval.fleet.ingest.array import Element, Flaw, Limits, Shape, read_array

WHOLE = [{"ts": 1, "text": "a"}, {"ts": 2, "text": "b ] , {"}, {"ts": 3, "n": [1, {"x": "}"}]}]


SHAPE = Shape("ts")


def read_bytes(
    folder: Path, data: bytes, *, chunk_bytes: int = 7, whole_bytes: int = 0
) -> tuple[list[object], list[str]]:
    path = folder / "ui_messages.json"
    path.write_bytes(data)
    items = list(read_array(path, SHAPE, Limits(whole_bytes=whole_bytes, chunk_bytes=chunk_bytes)))
    elements = [item for item in items if isinstance(item, Element)]
    return [element.value for element in elements], [item.reason for item in items if isinstance(item, Flaw)]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(elements=st.lists(JSON, max_size=6), chunk_bytes=st.integers(1, 40), spaced=st.booleans(), raw=st.booleans())
def test_every_whole_array_is_read_as_json_reads_it(
    tmp_path_factory: pytest.TempPathFactory, elements: list[Any], chunk_bytes: int, spaced: bool, raw: bool
) -> None:
    text = json.dumps(elements, indent=2 if spaced else None, ensure_ascii=not raw)
    data = text.encode("utf-8", "surrogatepass")
    expected = json.loads(data.decode("utf-8", "surrogatepass"))

    folder = tmp_path_factory.mktemp("array")

    for whole_bytes in (0, 1 << 20):
        found, flaws = read_bytes(folder, data, chunk_bytes=chunk_bytes, whole_bytes=whole_bytes)
        assert (found, flaws) == (expected, [])


@given(cut=st.integers(0, 60), chunk_bytes=st.integers(1, 40))
def test_a_file_cut_anywhere_gives_the_elements_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, cut: int, chunk_bytes: int
) -> None:
    data = json.dumps(WHOLE).encode()[:cut]

    found, flaws = read_bytes(tmp_path_factory.mktemp("array"), data, chunk_bytes=chunk_bytes)

    assert found == WHOLE[: len(found)]
    assert flaws == ([array.CUT_OFF] if data else [array.EMPTY_FILE])


@pytest.mark.parametrize(
    ("data", "count", "flaws"),
    [
        (b"", 0, [array.EMPTY_FILE]),
        (b" \n\t", 0, [array.EMPTY_FILE]),
        (b"\0" * 900, 0, [array.NUL_FILLED]),
        (b"[]", 0, []),
        (b"[", 0, [array.CUT_OFF]),
        (b'{"messages":[]}', 0, [array.NO_ARRAY]),
        (b'"text"', 0, [array.NO_ARRAY]),
        (b'[{"ts":1}]]', 1, [array.TRAILING]),
        (b'[{"ts":1}] and more', 1, [array.TRAILING]),
        (b'[{"ts":1}]' + b"\0" * 99, 1, [array.NUL_FILLED]),
        (b'[{"ts":1},{"ts":2,"text":"ab' + b"\0" * 99, 1, [array.NUL_FILLED]),
        (b'[{"ts":1},' + b"\0" * 99, 1, [array.NUL_FILLED]),
        (b'[{"ts":1}' + b"\0" * 99, 1, [array.NUL_FILLED]),
        (b'[{"ts":1},{"ts":2,"text":oops},{"ts":3}]', 2, [array.BROKEN]),
        (b'[{"ts":1} {"ts":2},{"ts":3}]', 2, [array.BROKEN]),
        (b'[{"ts":1},{"ts":NaN},{"ts":3}]', 2, [array.BROKEN]),
        (b'[{"ts":1},' + b"[" * 200_000, 1, [array.BROKEN]),
        (b'[{"ts":1},{"ts":' + b"9" * 9_000 + b'},{"ts":3}]', 2, [array.BROKEN]),
        (b'\xef\xbb\xbf[{"ts":1}]', 1, [array.BOM]),
        (b"not json at all", 0, [array.NO_ARRAY]),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [1, 7, 65_536])
def test_what_is_wrong_is_named_and_the_rest_is_kept(
    tmp_path: Path, data: bytes, count: int, flaws: list[str], chunk_bytes: int
) -> None:
    found, reasons = read_bytes(tmp_path, data, chunk_bytes=chunk_bytes)

    assert (len(found), reasons) == (count, flaws)


@pytest.mark.parametrize(
    "data",
    [b'[{"ts":1,"text":"a\\ud83d b"}]', b'[{"ts":1,"text":"a\xff b"}]', b'[{"ts":1,"text":"a\\uD83D b"}]'],
)
def test_lone_surrogates_and_invalid_bytes_are_replaced_and_counted(tmp_path: Path, data: bytes) -> None:
    found, flaws = read_bytes(tmp_path, data)

    assert (found, flaws) == ([{"ts": 1, "text": "a\ufffd b"}], [array.REPLACED])


def test_a_pair_of_escaped_surrogates_is_one_character_and_no_flaw(tmp_path: Path) -> None:
    found, flaws = read_bytes(tmp_path, b'[{"ts":1,"text":"\\ud83d\\ude00"}]')

    assert (found, flaws) == ([{"ts": 1, "text": "\U0001f600"}], [])


def test_a_replaced_character_in_a_key_and_in_a_list_is_counted_too(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"ts":1,"\\ud800":["\\udfff",2]}]')

    flaw = list(read_array(path, SHAPE))[1]

    assert flaw == Flaw(0, array.REPLACED, "2 invalid characters became U+FFFD")


def test_memory_is_bounded_by_the_longest_element_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(json.dumps([{"ts": n, "text": "x" * 900} for n in range(6_000)]).encode())

    tracemalloc.start()
    count = sum(1 for _ in read_array(path, SHAPE, Limits(whole_bytes=0, chunk_bytes=4_096)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 6_000
    assert peak < 200_000  # bytes; the file has 5.6 million


def test_an_element_beyond_the_limit_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"ts":1},{"ts":2,"text":"' + b"x" * 5_000 + b'"},{"ts":3}]')

    found = list(read_array(path, SHAPE, Limits(whole_bytes=0, chunk_bytes=64, element_chars=1_000)))

    assert found == [
        Element(0, {"ts": 1}),
        Flaw(1, array.BROKEN, "after 1 elements: longer than 1000 characters"),
        Element(2, {"ts": 3}),
    ]


MARKED = Shape("ts", marks=(r'[{,]\s*"type"\s*:',))
THREE = b'[{"ts":1,"type":"a"},{"ts":2,"type":"b"},{"ts":3,"type":"c"}]'


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        (b'"a"', b"a", [2, 3]),
        (b'},{"ts":2', b'}x{"ts":2', [1, 3]),
        (b'},{"ts":2', b'}x,{"ts":2', [1, 2, 3]),
        (b'},{"ts":2', b"~~~~~~~~~", [3]),
        (b'{"ts":2,"type":"b"', b'{"ts":2,"type":"b', [1, 3]),
        (b',{"ts":2,', b",{~ts~:2,", [1, 3]),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [1, 9, 4_096])
def test_what_stands_behind_a_broken_element_keeps_its_place(
    tmp_path: Path, old: bytes, new: bytes, kept: list[int], chunk_bytes: int
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(THREE.replace(old, new, 1))

    items = list(read_array(path, MARKED, Limits(chunk_bytes=chunk_bytes)))

    found = [(item.index + 1, item.value["ts"]) for item in items if isinstance(item, Element)]  # type: ignore[index]
    assert found == [(number, number) for number in kept]


def test_a_shape_without_marks_counts_one_element_per_gap(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(THREE.replace(b'"b"', b"b"))

    assert [item.index for item in read_array(path, SHAPE) if isinstance(item, Element)] == [0, 2]
