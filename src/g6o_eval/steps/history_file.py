"""The file that carries a store's history: JSON Lines, each line sealed together with all before it.

    {"sha256":"…","data":{"format":"g6o_eval history","version":1,"origin":{…},"at":"…","columns":{TABLE:[…]}}}
    {"sha256":"…","data":["g6o_runs",[…]]}
    …
    {"sha256":"…","data":{"rows":1234}}

The checksum of a line is the SHA-256 of the checksum before it and of the bytes of its own data: a
line that was changed, removed, repeated or moved is found, and named by its number. Checksums find
accidents; whoever writes such a file on purpose can compute them too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from g6o_eval.errors import DataError, UnavailableError
from g6o_eval.store.port import Kind, Row

FORMAT, VERSION = "g6o_eval history", 1

_BEFORE, _BETWEEN = b'{"sha256":"', b'","data":'
_HEX = 64
_REMEDY = "Nothing was imported. Take another copy of the file, or export again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file says of itself.

    Attributes:
        url: of the store it was taken from, without a password.
        kind: of that store.
        head: its commit.
        at: UTC, ISO 8601 with seconds.
        columns: table → its columns, in the order of the rows' values.
    """

    url: str
    kind: Kind
    head: str
    at: str
    columns: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file whose every line is what was written.

    Attributes:
        header: its first line.
        rows: table → how many.
        sha256: checksum of its last line, and so of all of it.
    """

    header: Header
    rows: Mapping[str, int]
    sha256: str


def write_file(path: Path, header: Header, rows: Iterable[tuple[str, Row]]) -> int:
    """Write a file whole or not at all, readable by its owner alone; return how many rows.

    Raises:
        UnavailableError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        count = _write(draft, header, rows)
        draft.replace(path)
    except OSError as error:
        raise UnavailableError(f"cannot write {path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    return count


def check_file(path: Path) -> Checked:
    """Read a whole file and return what it holds.

    Raises:
        DataError: it is no such file, of another version, cut off, or a line was changed.
        UnavailableError: it cannot be read.
    """
    lines = _data_lines(path)
    header = _header(path, next(lines, (1, None, ""))[1])
    counts = dict.fromkeys(header.columns, 0)
    ended, sha256 = False, ""
    for number, data, sha256 in lines:  # noqa: B007  # the last checksum is wanted
        if ended:
            raise DataError(f"{path}, line {number}: it stands after the last line. {_REMEDY}")
        if isinstance(data, dict):
            ended = _ends(path, number, data, sum(counts.values()))
        else:
            counts[_table(path, number, data, header)] += 1
    if not ended:
        raise DataError(f"{path}: the last line is missing, the file was cut off. {_REMEDY}")
    return Checked(header=header, rows=counts, sha256=sha256)


def file_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a file that `check_file` took, each with its table; its checksums are checked again.

    Raises:
        DataError: it was changed since.
    """
    for _, data, _ in _data_lines(path):
        if isinstance(data, list):
            yield str(data[0]), tuple(data[1])


def _write(draft: Path, header: Header, rows: Iterable[tuple[str, Row]]) -> int:
    origin = {"url": header.url, "kind": header.kind, "head": header.head}
    first = {
        "format": FORMAT,
        "version": VERSION,
        "origin": origin,
        "at": header.at,
        "columns": asdict(header)["columns"],
    }
    count, seal = 0, ""
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        seal = _put(file, seal, first)
        for table, row in rows:
            seal = _put(file, seal, [table, list(row)])
            count += 1
        _put(file, seal, {"rows": count})
        file.flush()
        os.fsync(file.fileno())
    return count


def _put(file: Any, before: str, data: object) -> str:
    body = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    seal = _seal(before, body)
    file.write(_BEFORE + seal.encode("ascii") + _BETWEEN + body + b"}\n")
    return seal


def _seal(before: str, body: bytes) -> str:
    return hashlib.sha256(before.encode("ascii") + body).hexdigest()


def _data_lines(path: Path) -> Iterator[tuple[int, Any, str]]:
    """Yield the number, data and checksum of each line; number 1 is the header."""
    start = len(_BEFORE) + _HEX
    seal = ""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                body = line[start + len(_BETWEEN) : -2]
                seal = _seal(seal, body)
                if line != _BEFORE + seal.encode("ascii") + _BETWEEN + body + b"}\n":
                    raise DataError(_wrong(path, number))
                yield number, json.loads(body), seal
    except json.JSONDecodeError as error:  # with a good checksum: nobody's accident
        raise DataError(f"{path}: a line is no JSON ({error}). {_REMEDY}") from None
    except OSError as error:
        raise UnavailableError(f"cannot read {path}: {error.strerror}") from None


def _wrong(path: Path, number: int) -> str:
    if number == 1:
        return (
            f"{path}, line 1: this is no history that g6o-eval export wrote, or its first line was changed. {_REMEDY}"
        )
    return f"{path}, line {number}: its checksum is wrong: it was changed, or lines were removed or moved. {_REMEDY}"


def _header(path: Path, data: Any) -> Header:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DataError(f"{path}, line 1: this is no history that g6o-eval export wrote. {_REMEDY}")
    if data.get("version") != VERSION:
        raise DataError(
            f"{path}, line 1: version {data.get('version')!r} of the format, this g6o_eval reads {VERSION}. "
            "Nothing was imported. Import with the version that exported it"
        )
    try:
        return Header(**data["origin"], at=data["at"], columns=dict(data["columns"]))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path}, line 1: it does not say where the history is from. {_REMEDY}") from None


def _table(path: Path, number: int, data: Any, header: Header) -> str:
    table, values = data if isinstance(data, list) and len(data) == 2 else (None, None)
    if not isinstance(values, list) or len(values) != len(header.columns.get(str(table), ())):
        raise DataError(f"{path}, line {number}: a row of {table!r} that the first line does not describe. {_REMEDY}")
    return str(table)


def _ends(path: Path, number: int, data: Mapping[str, Any], counted: int) -> bool:
    if data.get("rows") != counted:
        raise DataError(f"{path}, line {number}: it says {data.get('rows')!r} rows, there are {counted}. {_REMEDY}")
    return True
