"""What an import remembers: a source that looks the same is not opened, and nothing stale is trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from g6o_eval.fleet.ingest.source import find_sources
from g6o_eval.fleet.ingest.state import SELECT, State, biggest_of_each, look_at, state_of
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.store.port import Row, Store
from support.task_folders import UI, as_bytes, make_folder, request, say

TALK = [say("text", "Do it."), request(at=5, cost=0.5), say("text", "Done.", at=9)]
LONG_AGO = 1_769_000_000


def age(folder: Path, at: int = LONG_AGO) -> Path:
    """Give every file of a folder a time long past."""
    for file in folder.rglob("*"):
        os.utime(file, (at, at))
    return folder


def state(store: Store) -> list[Row]:
    return sorted(store.read(SELECT), key=repr)


def test_a_source_with_the_same_stamp_is_not_opened(store: Store, tmp_path: Path) -> None:
    folder = age(make_folder(tmp_path / "tasks", "one", ui=TALK))
    ingest(store, [tmp_path])
    (folder / UI).write_bytes(bytes((folder / UI).stat().st_size))  # other content, same size and time
    age(folder)

    again = ingest(store, [tmp_path])

    assert (again.unchanged, again.sessions) == (1, 0)


def test_a_source_that_had_just_been_written_is_not_trusted(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tasks", "one", ui=TALK)
    ingest(store, [tmp_path])
    written = (folder / UI).stat()
    (folder / UI).write_bytes(as_bytes(TALK).replace(b"Done.", b"Torn."))  # within one tick of a coarse clock
    os.utime(folder / UI, ns=(written.st_atime_ns, written.st_mtime_ns))

    again = ingest(store, [tmp_path])

    assert again.sessions == 1
    assert list(store.read("SELECT content_preview FROM agent_messages WHERE source_index = 2")) == [("Torn.",)]


def test_a_touched_source_costs_a_hash_and_one_commit_of_its_time(store: Store, tmp_path: Path) -> None:
    folder = age(make_folder(tmp_path / "tasks", "one", ui=TALK))
    first = ingest(store, [tmp_path])
    age(folder, LONG_AGO + 60)

    touched, again = ingest(store, [tmp_path]), ingest(store, [tmp_path])

    assert (touched.unchanged, touched.wrote) == (1, False)
    assert first.commit != touched.commit == again.commit


def test_a_refused_source_is_remembered_with_its_reason(store: Store, tmp_path: Path) -> None:
    age(make_folder(tmp_path / "tasks", "broken", ui=b"{}"))

    first, second = ingest(store, [tmp_path]), ingest(store, [tmp_path])

    assert dict(first.refused) == dict(second.refused) == {"no messages": 1}
    assert first.commit == second.commit
    assert [row[3] for row in state(store)] == ["no messages"]


def test_a_source_that_went_on_leaves_one_row(store: Store, tmp_path: Path) -> None:
    folder = age(make_folder(tmp_path / "tasks", "one", ui=TALK))
    for number in range(3):
        (folder / UI).write_bytes(as_bytes([*TALK, say("text", f"More {number}.", at=90 + number)]))
        age(folder, LONG_AGO + number)
        ingest(store, [tmp_path])

    assert len(state(store)) == 1


def test_two_places_of_one_session_are_remembered_apart(store: Store, tmp_path: Path) -> None:
    live = age(make_folder(tmp_path / "live", "one", ui=TALK))
    backup = age(make_folder(tmp_path / "backup", "one", ui=TALK[:1]))
    for path in (live, backup):
        ingest(store, [path])
    head = store.head()

    for path in (live, backup, live):
        ingest(store, [path])

    assert store.head() == head
    assert len(state(store)) == 2


def test_the_bigger_of_two_copies_is_read(tmp_path: Path) -> None:
    small, big = make_folder(tmp_path / "a", "one", ui=TALK[:1]), make_folder(tmp_path / "b", "one", ui=TALK)

    best, others = biggest_of_each(look_at(find_sources([small, big])))

    assert [look.source for look in best] == find_sources([big])
    assert [look.source for look in others] == find_sources([small])


@pytest.mark.parametrize(("settled", "known"), [(1, True), (0, False)])
def test_only_what_was_settled_is_known(tmp_path: Path, settled: int, known: bool) -> None:
    (look,) = look_at(find_sources([make_folder(tmp_path, "one", ui=TALK)]))
    assert look.stamp is not None

    found = state_of([("one", look.stamp.text, settled, None)])

    assert found.knows(look) is known
    assert found.holds("one", look.stamp.text)
    assert not State().holds("one", look.stamp.text)
