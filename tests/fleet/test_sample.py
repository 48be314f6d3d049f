from __future__ import annotations

from pathlib import Path

from g6o_eval.fleet.sample import prepare_sample
from g6o_eval.fleet.synthetic import generate
from g6o_eval.store.choose import open_store


def test_the_sample_is_imported_once(tmp_path: Path) -> None:
    generate(tmp_path / "data", seed=3, sessions=5)
    store = open_store("doltlite:///x.db", root=tmp_path)

    prepare_sample(store, tmp_path / "data")
    first = store.head()
    prepare_sample(store, tmp_path / "data")

    assert store.head() == first
    assert len(list(store.read("SELECT session_id FROM agent_sessions"))) >= 5
    store.close()


def test_another_sample_in_its_place_is_imported_too(tmp_path: Path) -> None:
    store = open_store("doltlite:///x.db", root=tmp_path)
    for seed in (3, 4):
        generate(tmp_path / f"data{seed}", seed=seed, sessions=5)
        prepare_sample(store, tmp_path / f"data{seed}")

    assert list(store.read("SELECT COUNT(DISTINCT source) FROM session_labels")) == [(2,)]
    store.close()
