"""The generator at full width: a seed decides all, the profile is the measured one, the importer recovers the truth."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from g6o_eval.errors import DataError
from g6o_eval.fleet.ingest.source import find_sources
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.fleet.made_up.corruptions import FAULTS
from g6o_eval.fleet.made_up.population import TRUTH_FILE, Size, populate
from g6o_eval.fleet.made_up.truth import Truth, read_truths
from g6o_eval.fleet.session import Refused, Session
from g6o_eval.store.port import Store

SMALL = Size(sessions=160, bytes=8_000_000)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    populate(folder, seed=3, size=SMALL)
    return folder


@pytest.fixture(scope="module")
def truths(fleet: Path) -> dict[str, Truth]:
    return {truth.session_id: truth for truth in read_truths(fleet / TRUTH_FILE)}


@pytest.fixture(scope="module")
def found(fleet: Path) -> dict[str, Session | Refused]:
    return {source.session_id: source.read(None) for source in find_sources([fleet])}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_seed_decides_every_byte(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        populate(tmp_path / name, seed=seed, size=Size(sessions=6, bytes=200_000))

    assert contents(tmp_path / "a") == contents(tmp_path / "b") != contents(tmp_path / "c")


def test_the_size_is_about_what_was_asked(tmp_path: Path) -> None:
    truths = populate(tmp_path, seed=3, size=Size(sessions=50, bytes=30_000_000))

    written = sum(path.stat().st_size for path in (tmp_path / "tasks").rglob("*.json"))
    assert 50 <= len(truths) < 80
    assert 0.75 < written / (30_000_000 * len(truths) / 50) < 1.25


def test_existing_folders_are_not_written_over(tmp_path: Path) -> None:
    populate(tmp_path, seed=1, size=Size(sessions=1, bytes=10_000))

    with pytest.raises(FileExistsError):
        populate(tmp_path, seed=1, size=Size(sessions=1))


def test_the_forest_and_the_counts_follow_the_profile(truths: dict[str, Truth]) -> None:
    roots = sum(truth.parent_id is None for truth in truths.values()) / len(truths)
    requests = statistics.mean(truth.requests for truth in truths.values())
    calls = sum(truth.calls for truth in truths.values()) / sum(truth.requests for truth in truths.values())
    dollars = statistics.mean(truth.usd for truth in truths.values())
    kinds = Counter(truth.kind for truth in truths.values())

    assert 0.2 < roots < 0.45
    assert max(truth.depth for truth in truths.values()) <= 4  # a recovery stands under the deepest
    assert 12 < requests < 23
    assert 0.75 < calls < 1.0
    assert 0.4 < dollars < 1.2
    assert {"ordinary", "long", "killed", "recovery", "cancelled"} <= set(kinds)


def test_a_recovery_starts_after_the_session_it_takes_up_and_succeeds_or_not(
    truths: dict[str, Truth], found: dict[str, Session | Refused]
) -> None:
    recoveries = [truth for truth in truths.values() if truth.recovery_of is not None]

    assert len(recoveries) >= 10
    for truth in recoveries:
        stopped, taken_up = found[truth.recovery_of or ""], found[truth.session_id]
        assert truths[truth.recovery_of or ""].kind == "killed"
        if isinstance(stopped, Session) and isinstance(taken_up, Session) and not truth.planted:
            assert stopped.completed_at is not None
            assert taken_up.started_at is not None
            assert truths[stopped.session_id].planted or stopped.completed_at < taken_up.started_at


def test_everything_true_of_a_clean_folder_is_recovered(
    truths: dict[str, Truth], found: dict[str, Session | Refused]
) -> None:
    clean = [truth for truth in truths.values() if truth.planted is None]

    for truth in clean:
        session = found[truth.session_id]
        assert isinstance(session, Session)
        assert session.issues == ()
        assert len(session.tool_calls) == truth.calls, truth
        assert session.usage.usd == pytest.approx(truth.usd, abs=1e-9), truth
        assert (session.usage.requests, session.usage.without_cost) == (truth.requests, truth.without_cost), truth
        assert session.status == truth.status, truth
        assert session.mode == truth.mode


def test_every_child_finds_its_parent(store: Store, fleet: Path, truths: dict[str, Truth]) -> None:
    report = ingest(store, [fleet], workers=0)

    placed = {str(row[0]): row[1:] for row in store.read("SELECT session_id, parent_session_id, root_session_id "
                                                         "FROM agent_sessions")}  # fmt: skip
    clean = [truth for truth in truths.values() if truth.planted is None and _clean_above(truth, truths)]

    assert report.sessions >= len(clean)
    assert {truth.session_id: placed[truth.session_id] for truth in clean} == {
        truth.session_id: (truth.parent_id, truth.root_id) for truth in clean
    }


def _clean_above(truth: Truth, truths: dict[str, Truth]) -> bool:
    parent = truths[truth.parent_id] if truth.parent_id else None
    return parent is None or (parent.planted is None and _clean_above(parent, truths))


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_what_a_planted_fault_leaves_is_read_and_the_fault_is_named(tmp_path: Path, fault: str) -> None:
    populate(tmp_path, seed=8, size=Size(sessions=1, bytes=60_000))
    for truth in read_truths(tmp_path / TRUTH_FILE):
        if truth.planted is not None:
            continue
        planted = FAULTS[fault](tmp_path / "tasks" / truth.session_id, Random(1))

        (source,) = [each for each in find_sources([tmp_path]) if each.session_id == truth.session_id]
        item = source.read(None)

        assert isinstance(item, Session) == planted.session
        assert item.issues or item.files
        if isinstance(item, Session):
            assert len(item.tool_calls) >= planted.calls
            assert len(item.tool_calls) <= truth.calls


def test_a_line_that_is_no_truth_is_refused(tmp_path: Path) -> None:
    (tmp_path / TRUTH_FILE).write_text('{"session_id":"one"}\n')

    with pytest.raises(DataError) as error:
        list(read_truths(tmp_path / TRUTH_FILE))

    assert str(error.value).startswith("truth.jsonl line 1: no truth of a session (Truth.__init__() missing")
    assert str(error.value).endswith("Make the folder again: g6o-eval synthesize")
