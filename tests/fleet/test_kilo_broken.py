"""What is left of broken task folders. The cases are numbered as the format notes number them."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path

import pytest

from g6o_eval.fleet.ingest import kilo
from g6o_eval.fleet.ingest.array import BOM, BROKEN, CUT_OFF, EMPTY_FILE, NO_ARRAY, NUL_FILLED, REPLACED, TRAILING
from g6o_eval.fleet.ingest.census import FOREIGN, MISSING
from g6o_eval.fleet.ingest.kilo import (
    EMPTY_FOLDER,
    LEFTOVER_USED,
    NO_MESSAGES,
    UNREADABLE,
    read_folder,
)
from g6o_eval.fleet.ingest.metadata import NO_OBJECT, TOO_LARGE
from g6o_eval.fleet.session import Issue, Refused, Session
from support.task_folders import (
    API,
    START,
    UI,
    as_bytes,
    ask,
    make_folder,
    refused_in,
    request,
    say,
    session_in,
    turn,
)

TALK = [say("text", "Do it.", at=0), request(at=5, cost=0.5), say("text", "Done.", at=9)]


def reasons(session: Session) -> list[str]:
    return [issue.reason for issue in session.issues]


def test_case_1_a_file_cut_mid_string_gives_its_whole_elements(tmp_path: Path) -> None:
    session = session_in(make_folder(tmp_path, ui=as_bytes(TALK)[:-8]))

    assert len(session.messages) == 1
    assert session.usage.requests == 1
    assert reasons(session) == [CUT_OFF, MISSING]
    assert session.files[0].status == "salvaged"


def test_case_2_garbage_after_the_array_loses_nothing(tmp_path: Path) -> None:
    session = session_in(make_folder(tmp_path, ui=as_bytes(TALK) + b"]"))

    assert (len(session.messages), reasons(session)) == (2, [TRAILING, MISSING])
    assert session.files[0].status == "ok"


def test_case_4_a_lost_file_is_read_from_its_backup(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ui=b"")
    (folder / f".{UI}.bak_1769_x.tmp").write_bytes(as_bytes(TALK))
    (folder / f".{UI}.new_1769_y.tmp").write_bytes(as_bytes(TALK)[:40])

    session = session_in(folder)

    assert len(session.messages) == 2
    assert session.issues[0] == Issue(file=UI, index=-1, reason=LEFTOVER_USED, detail=f".{UI}.bak_1769_x.tmp")
    assert session.messages[0].file == UI


def test_a_whole_file_is_read_although_leftovers_hold_more(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ui=TALK)
    (folder / f".{UI}.bak_1_x.tmp").write_bytes(as_bytes([*TALK, *TALK])[:-3])

    assert reasons(session_in(folder)) == [MISSING]


@pytest.mark.parametrize(("data", "reason"), [(b"", EMPTY_FILE), (b"\0" * 4_096, NUL_FILLED)])
def test_case_4_an_empty_or_nul_filled_file_is_corrupt(tmp_path: Path, data: bytes, reason: str) -> None:
    refused = refused_in(make_folder(tmp_path, ui=data))

    assert (refused.reason, [issue.reason for issue in refused.issues]) == (NO_MESSAGES, [reason, MISSING])


def test_case_5_a_missing_file_is_marked_and_the_other_imported(tmp_path: Path) -> None:
    only_ui = session_in(make_folder(tmp_path, "a", ui=TALK))
    only_api = session_in(make_folder(tmp_path, "b", api=[turn("user", "<task>\nx\n</task>"), turn("assistant", "ok")]))

    assert [file.status for file in only_ui.files] == ["ok", "missing", "missing"]
    assert [file.status for file in only_api.files] == ["missing", "ok", "missing"]
    assert (only_api.status, only_api.started_at) == ("unknown", START)


def test_case_6_an_empty_folder_and_one_with_checkpoints_only_are_no_sessions(tmp_path: Path) -> None:
    empty = make_folder(tmp_path, "a")
    checkpoints = make_folder(tmp_path, "b")
    (checkpoints / "checkpoints" / ".git").mkdir(parents=True)

    assert [refused_in(folder).reason for folder in (empty, checkpoints)] == [EMPTY_FOLDER, EMPTY_FOLDER]


def test_case_7_a_top_level_object_is_refused_with_the_reason(tmp_path: Path) -> None:
    refused = refused_in(make_folder(tmp_path, ui={"messages": TALK}))

    assert refused.issues[0] == Issue(file=UI, index=0, reason=NO_ARRAY, detail="the top level is an object")


@pytest.mark.parametrize(
    "element",
    [
        {"author": "user", "text": "hi", "timestamp": "2023-12-05T10:00:00.000Z"},
        {"id": "msg-1", "type": "user", "content": "hi"},
        {"type": "say", "say": "text", "text": "no time"},
        {"ts": START, "type": "ask", "say": "text"},
        {"ts": True, "type": "say", "say": "text"},
        ["a", "list"],
    ],
)
def test_case_8_an_element_of_a_foreign_schema_is_refused_never_guessed(tmp_path: Path, element: object) -> None:
    refused = refused_in(make_folder(tmp_path, ui=[element]))

    assert [issue.reason for issue in refused.issues] == [FOREIGN, MISSING]


@pytest.mark.parametrize(
    "element",
    [
        {"role": "user", "content": "hi"},
        {"role": "user", "content": "hi", "ts": START, "timestamp": "2023-12-05T10:00:00.000Z"},
        {"role": "tool", "content": []},
        {"role": "user"},
        7,
    ],
)
def test_case_8_a_foreign_turn_is_refused_never_guessed(tmp_path: Path, element: object) -> None:
    refused = refused_in(make_folder(tmp_path, api=[element]))

    assert [issue.reason for issue in refused.issues] == [MISSING, FOREIGN]


def test_case_9_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    bom = b"\xef\xbb\xbf"
    session = session_in(make_folder(tmp_path, ui=bom + as_bytes(TALK), metadata=bom + b'{"files_in_context":[]}'))

    assert reasons(session) == [BOM, MISSING, BOM]
    assert [file.status for file in session.files] == ["ok-with-bom", "missing", "ok-with-bom"]


def test_case_10_lone_surrogates_and_invalid_bytes_are_replaced_and_counted(tmp_path: Path) -> None:
    data = as_bytes([say("text", "x"), say("text", "a \ud83d b"), say("text", "c")]).replace(b'"c"', b'"c\xff"')
    session = session_in(make_folder(tmp_path, ui=data))

    assert [m.preview for m in session.messages] == ["x", "a \ufffd b", "c\ufffd"]
    assert reasons(session) == [REPLACED, REPLACED, MISSING]


def test_a_broken_element_in_the_middle_costs_only_itself(tmp_path: Path) -> None:
    data = as_bytes(TALK).replace(b'"text":"{', b'"text":{"{')
    session = session_in(make_folder(tmp_path, ui=data))

    assert [m.preview for m in session.messages] == ["Do it.", "Done."]
    assert reasons(session) == [BROKEN, MISSING]


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", EMPTY_FILE), (b"{", NO_OBJECT), (b"[1]", NO_OBJECT), (b'{"a":' * 90_000, NO_OBJECT)]
)
def test_broken_metadata_is_named_and_costs_nothing_else(tmp_path: Path, data: bytes, reason: str) -> None:
    session = session_in(make_folder(tmp_path, ui=TALK, metadata=data))

    assert (reasons(session), session.files[2].status) == ([MISSING, reason], "refused")


def test_metadata_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ui=TALK, metadata={})
    with (folder / "task_metadata.json").open("r+b") as file:
        file.truncate((1 << 24) + 1)

    assert reasons(session_in(folder)) == [MISSING, TOO_LARGE]


def test_a_name_that_is_no_file_is_no_file_of_the_task(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / API).symlink_to(folder / API)
    (folder / UI).mkdir()

    assert refused_in(folder).reason == EMPTY_FOLDER


def test_a_folder_that_the_system_will_not_list_is_refused_with_its_words(tmp_path: Path) -> None:
    refused = refused_in(tmp_path / ("deep/" * 1_000) / "task-1")

    assert refused.reason == UNREADABLE
    assert refused.issues == (Issue(file="task-1", index=-1, reason=UNREADABLE, detail="OSError: File name too long"),)


def test_a_folder_that_is_gone_is_refused(tmp_path: Path) -> None:
    refused = refused_in(tmp_path / "task-1")

    assert refused.issues[0].detail == "FileNotFoundError: No such file or directory"


def test_a_link_out_of_the_folder_is_not_followed_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "private.json").write_bytes(as_bytes([turn("user", "<task>\nmy diary\n</task>")]))
    folder = make_folder(tmp_path, ui=TALK)
    (folder / API).symlink_to(tmp_path / "private.json")
    (folder / f".{UI}.bak_1_x.tmp").symlink_to(tmp_path / "private.json")
    (folder / "kept.json").write_bytes(b"{}")
    (folder / "task_metadata.json").symlink_to(folder / "kept.json")

    session = session_in(folder)

    assert "diary" not in repr(session)
    assert [(issue.file, issue.reason) for issue in session.issues] == [
        (API, MISSING),
        (f".{UI}.bak_1_x.tmp", kilo.LINK),
        (API, kilo.LINK),
    ]
    assert session.files[2].status == "empty"


def test_a_task_that_is_itself_a_link_is_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "elsewhere", ui=TALK)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "linked").symlink_to(tmp_path / "elsewhere" / "task-1")

    (found,) = kilo.read(tmp_path / "tasks")

    assert found == Refused(session_id="linked", reason=kilo.LINK)


def test_a_session_that_is_being_written_is_read_again_next_time(tmp_path: Path) -> None:
    session = kilo._changed(session_in(make_folder(tmp_path, ui=TALK)))

    assert isinstance(session, Session)
    assert session.source_digest == ""
    assert session.issues[-1].reason == kilo.CHANGED


def test_a_backup_may_be_the_only_copy_there_is(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / f".{UI}.bak_1769_x.tmp").write_bytes(as_bytes(TALK))

    session = session_in(folder)

    assert (len(session.messages), reasons(session)[0]) == (2, LEFTOVER_USED)


def test_case_17_the_weeks_between_are_no_work(tmp_path: Path) -> None:
    days = 40 * 86_400_000
    events = [*TALK, ask("resume_task", at=days), say("user_feedback", "Go on.", at=days + 60_000)]

    session = session_in(make_folder(tmp_path, ui=events))

    assert (session.completed_at, session.active_ms) == (START + days + 60_000, 9 + 600_000 + 60_000)


def test_case_21_a_folder_that_is_written_meanwhile_is_read_whole_or_again(tmp_path: Path) -> None:
    """A writer swaps the file by rename, as the extension does, and takes it away for a moment."""
    folder = make_folder(tmp_path, ui=TALK, api=[turn("user", "<task>\nx\n</task>")])
    whole = [as_bytes([*TALK, *(say("text", str(n), at=10 + n) for n in range(count))]) for count in range(30)]
    stop = threading.Event()

    def write() -> None:
        for data in itertools.cycle(whole):
            if stop.is_set():
                return
            (folder / ".next").write_bytes(data)
            (folder / UI).unlink()
            (folder / ".next").rename(folder / UI)

    writer = threading.Thread(target=write)
    writer.start()
    found = [read_folder(folder) for _ in range(12)]
    stop.set()
    writer.join()
    settled = session_in(folder)

    for item in found:
        flawed = {issue.reason for issue in item.issues} - {MISSING, kilo.CHANGED}
        assert not flawed - {UNREADABLE}
        if kilo.CHANGED in {issue.reason for issue in item.issues} and isinstance(item, Session):
            assert item.source_digest == ""
    assert kilo.CHANGED not in reasons(settled)
    assert settled.source_digest


def test_a_folder_that_changes_all_the_time_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock of the file sees it older: as if somebody wrote between any two."""
    folder = make_folder(tmp_path, ui=TALK)
    times = itertools.count(1)

    def scandir(path: str) -> object:
        os.utime(folder / UI, ns=(1, next(times) * 1_000_000_000))
        return real(path)

    real = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    session = session_in(folder)

    assert (session.source_digest, reasons(session)) == ("", [MISSING, kilo.CHANGED])
    assert len(session.messages) == 2
