"""The generator: the same bytes for a seed, real folders, and failures that are neither plain nor hidden."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from g6o_eval.fleet.diagnosis import CATEGORIES, diagnose
from g6o_eval.fleet.ingest.kilo import read
from g6o_eval.fleet.session import Session
from g6o_eval.fleet.synthetic import SEED, SESSIONS, generate

SAMPLE = Path(__file__).parents[2] / "evals" / "data"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def sessions_in(folder: Path) -> list[Session]:
    found = list(read(folder))
    assert all(isinstance(item, Session) for item in found)
    return [item for item in found if isinstance(item, Session)]


def test_a_seed_decides_every_byte(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate(tmp_path / name, seed=seed, sessions=30)

    assert contents(tmp_path / "a") == contents(tmp_path / "b") != contents(tmp_path / "c")


def test_the_committed_sample_is_what_its_seed_makes(tmp_path: Path) -> None:
    generate(tmp_path / "data", seed=SEED, sessions=SESSIONS)

    made = contents(tmp_path / "data")
    assert {name: data for name, data in contents(SAMPLE).items() if name in made or name.startswith("tasks/")} == made


def test_existing_folders_are_not_written_over(tmp_path: Path) -> None:
    generate(tmp_path, sessions=2)

    with pytest.raises(FileExistsError):
        generate(tmp_path, sessions=2)


def test_the_importer_reads_every_folder_without_a_complaint() -> None:
    sessions = sessions_in(SAMPLE)

    assert len(sessions) == SESSIONS
    assert {issue.reason for session in sessions for issue in session.issues} == set()


def test_every_category_is_there_and_healthy_sessions_too() -> None:
    truth = [json.loads(line) for line in (SAMPLE / "truth.jsonl").read_text().splitlines()]

    counts = Counter(line["category"] for line in truth)

    assert set(counts) == {*CATEGORIES, "none"}
    assert min(counts.values()) >= 50


def test_the_rules_are_right_more_often_than_not_and_far_from_always() -> None:
    truth = {line["session_id"]: line["category"] for line in map(json.loads, (SAMPLE / "truth.jsonl").open())}
    troubled = [session for session in sessions_in(SAMPLE) if truth[session.session_id] != "none"]

    right = sum(diagnose(session).category == truth[session.session_id] for session in troubled)

    assert 0.55 <= right / len(troubled) <= 0.75
