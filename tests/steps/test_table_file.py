from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.errors import DataError
from g6o_eval.steps.table_file import Inference, Record, read_records, to_value


def records(tmp_path: Path, name: str, data: str | bytes) -> list[Record]:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_records(path))


def inferred(*cells: object, typed: bool = False) -> str | None:
    inference = Inference()
    for cell in cells:
        inference.see(cell, typed=typed)
    return inference.type


def test_a_csv_row_is_its_cells_by_column_and_the_line_it_begins_in(tmp_path: Path) -> None:
    found = records(tmp_path, "a.csv", 'id,text\n1,"two\nlines"\n2,"say ""hi"""\n')

    assert found == [Record(2, {"id": "1", "text": "two\nlines"}), Record(4, {"id": "2", "text": 'say "hi"'})]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_data(tmp_path: Path) -> None:
    found = records(tmp_path, "a.csv", b"\xef\xbb\xbfid,text\r\n1,a\r\n")

    assert found == [Record(2, {"id": "1", "text": "a"})]


def test_a_text_longer_than_csv_reads_by_default_is_read(tmp_path: Path) -> None:
    long = "x" * 200_000

    assert records(tmp_path, "a.csv", f"id\n{long}\n")[0].cells == {"id": long}


def test_a_json_line_is_typed_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    found = records(tmp_path, "a.jsonl", '{"id": 1, "ok": true}\n\n{"id": 2, "tags": ["x"]}\n')

    assert found == [
        Record(1, {"id": 1, "ok": True}, typed=True),
        Record(3, {"id": 2, "tags": ["x"]}, typed=True),
    ]


@pytest.mark.parametrize(
    ("name", "data", "line", "problem"),
    [
        ("a.csv", b"id,text\n1\n", 2, "1 cells under 2 columns"),
        ("a.csv", b"id,text\n1,a,b\n", 2, "3 cells under 2 columns"),
        ("a.csv", b"id,text\n1,\xff\n", 2, "column 'text' is not UTF-8"),
        ("a.csv", b'id\n1\n"a"b\n', 3, "not CSV: ',' expected after '\"'; the rows after it were not read"),
        ("a.csv", b'id\n"open\n', 2, "not CSV: unexpected end of data; the rows after it were not read"),
        ("a.jsonl", b"{}\n{'a': 1}\n", 2, "\"{'a': 1}\\n\" is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),  # noqa: E501  # one message
        ("a.jsonl", b'{"a": NaN}', 1, "'{\"a\": NaN}' is no JSON: NaN is no JSON number"),
        ("a.jsonl", b"[1]\n", 1, "expected a JSON object, got '[1]'"),
        ("a.jsonl", b'{"a": "\xff"}\n', 1, "not UTF-8"),
        ("a.jsonl", b'{"a": "\\ud83d"}\n', 1, "it escapes half a character (a lone surrogate), which no text can hold"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_carries_its_line_and_problem(
    tmp_path: Path, name: str, data: bytes, line: int, problem: str
) -> None:
    found = records(tmp_path, name, data)[-1]

    assert (found.line, found.problem) == (line, problem)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", "", "{}: the file is empty; its first line must name the columns"),
        ("a.jsonl", "\n", "{}: the file is empty; each line must be a JSON object"),
        ("a.csv", "id,id\n", "{}:1: column 'id' stands twice"),
        ("a.xlsx", "", "{}: expected a .csv, .jsonl or .ndjson file, got '.xlsx'"),
    ],
)
def test_a_file_that_is_no_table_is_an_error(tmp_path: Path, name: str, data: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        records(tmp_path, name, data)

    assert str(caught.value) == message.format(tmp_path / name)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        list(read_records(tmp_path / "a.csv"))

    assert str(caught.value) == f"{tmp_path / 'a.csv'}: No such file or directory"


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (("1", "-20"), "INT"),
        (("1", ""), "INT"),
        (("007", "008"), "TEXT"),
        (("1", "2.5"), "FLOAT"),
        (("1e400",), "TEXT"),
        (("9223372036854775807",), "INT"),
        (("9223372036854775808",), "TEXT"),
        (("true", "False"), "BOOL"),
        (("true", "1"), "TEXT"),
        (("١٢",), "TEXT"),
        (("nan",), "TEXT"),
        (("", ""), "TEXT"),
        ((), "TEXT"),
    ],
)
def test_a_csv_columns_type_is_the_narrowest_that_loses_nothing(cells: tuple[str, ...], wanted: str) -> None:
    assert inferred(*cells) == wanted


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (("1", "2"), "TEXT"),
        ((1, None), "INT"),
        ((1, 2.5), "FLOAT"),
        ((True, False), "BOOL"),
        (([1], {}), "JSON"),
        ((True, 1), None),
        ((1, "1"), None),
        (([1], "x"), None),
    ],
)
def test_a_json_cell_is_what_the_file_says_and_mixed_columns_have_no_type(
    cells: tuple[object, ...], wanted: str | None
) -> None:
    assert inferred(*cells, typed=True) == wanted


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_every_whole_number_of_64_bits_comes_back_exactly(numbers: list[int]) -> None:
    assert inferred(*map(str, numbers)) == "INT"
    assert [to_value(str(number), "INT", typed=False) for number in numbers] == numbers


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_exactly(number: float) -> None:
    assert to_value(repr(number), "FLOAT", typed=False) == number


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_stays_as_it_is(text: str) -> None:
    assert to_value(text, "TEXT", typed=False) == text


def test_an_empty_csv_cell_is_null_and_in_a_text_column_the_empty_text() -> None:
    assert [to_value("", "INT", typed=False), to_value("", "TEXT", typed=False)] == [None, ""]
    assert to_value(None, "TEXT", typed=True) is None


def test_json_is_kept_in_its_canonical_form() -> None:
    assert to_value('{"b": 1, "a": [ ]}', "JSON", typed=False) == '{"a":[],"b":1}'
    assert to_value("a text", "JSON", typed=True) == '"a text"'
    assert to_value({"b": 1}, "TEXT", typed=True) == '{"b":1}'


@pytest.mark.parametrize(
    ("cell", "wanted", "message"),
    [
        ("abc", "INT", "'abc' is no INT"),
        ("1.5", "INT", "'1.5' is no INT"),
        (2**63, "INT", "9223372036854775808 is no INT"),
        (True, "INT", "True is no INT"),
        ("yes", "BOOL", "'yes' is no BOOL"),
        ("inf", "FLOAT", "'inf' is no FLOAT"),
        ("{a", "JSON", "'{a' is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
def test_a_cell_that_does_not_fit_its_type_is_an_error(cell: object, wanted: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        to_value(cell, wanted, typed=False)  # type: ignore[arg-type]  # a table of names

    assert str(caught.value) == message
