"""What the diagnosis program gets holds no label, no outcome and no id."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from g6o_eval.dataset import Dataset, key_of
from g6o_eval.eval import Eval
from g6o_eval.fleet import programs
from g6o_eval.fleet.classify import COLUMNS as CLASSIFIED
from g6o_eval.fleet.diagnosis import CATEGORIES
from g6o_eval.fleet.labelling import relabel
from g6o_eval.fleet.outcome_tables import ORIGIN_COLUMNS, PAIR_COLUMNS
from g6o_eval.fleet.programs.diagnosis import DATASET, INPUTS
from g6o_eval.fleet.sample import prepare_sample
from g6o_eval.store.choose import open_store
from g6o_eval.store.examples import Splits, read_examples
from g6o_eval.store.port import Store

SAMPLE = Path(__file__).parents[2] / "evals" / "data"
OUTCOMES = ("success", "failure", "partial")


@pytest.fixture(scope="module")
def splits(sample_store: Store) -> Splits:
    return read_examples(sample_store, DATASET, at=sample_store.head(), eval_name="diagnosis")


def leaks(text: str, forbidden: list[str]) -> list[str]:
    """Return the words that stand in a text, however they are joined: scope_creep, "scope creep"."""
    plain = re.sub(r"[\W_]+", " ", text.lower())
    return [word for word in forbidden if f" {re.sub(r'[^a-z0-9]+', ' ', word.lower()).strip()} " in f" {plain} "]


def test_no_input_holds_a_category_an_outcome_or_an_id(splits: Splits) -> None:
    examples = [*splits.train, *splits.dev, *splits.test]
    ids = [str(example["root_session_id"]) for example in examples]

    for example in examples:
        text = "\n".join(str(example[name]) for name in INPUTS)
        own = [key_of(example), str(example["root_session_id"]), *CATEGORIES, *OUTCOMES]
        assert leaks(text, own) == []
        assert not any(session_id in text for session_id in ids)


@pytest.mark.parametrize("text", ["a scope_creep", "Scope creep!", "outcome=failure", "id 1b2c-3d"])
def test_the_check_finds_what_it_looks_for(text: str) -> None:
    assert leaks(text, [*CATEGORIES, *OUTCOMES, "1b2c-3d"]) != []


def test_the_sample_gives_about_a_hundred_independent_groups_to_judge(splits: Splits) -> None:
    groups = {str(example["root_session_id"]) for example in splits.test}

    assert 95 <= len(groups) <= 115
    assert {example["category"] for example in splits.train} == set(CATEGORIES)


# ── labels planted in the store ──

CANARY = "canary-7d1f"
PLANTED = {
    "session_outcomes": ("outcome", "rule"),
    "session_measures": ("reason",),
    "recovery_pairs": ("method", "outcome"),
    "session_facts": ("status", "mode", "card", "gates"),
    "session_digests": ("rule_category", "rule_summary"),
    "session_labels": ("source",),
    "diagnosis_classifications": ("category", "evidence"),
    "classification_origins": ("made_by", "fallback_reason"),
}
"""Tables that hold what somebody or some rule says of a session → their columns that say it."""


def all_evals() -> dict[str, Eval]:
    """Return every Eval that a module of fleet/programs holds, by its name."""
    modules = (import_module(f"{programs.__name__}.{each.name}") for each in iter_modules(programs.__path__))
    found = [value for module in modules for each in vars(module).values() for value in _evals_in(each)]
    return {spec.name: spec for spec in found}


def _evals_in(value: object) -> list[Eval]:
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else (value,)
    return [each for each in values if isinstance(each, Eval)]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store whose every label is the canary's word."""
    store = open_store("doltlite:///planted.db", root=tmp_path_factory.mktemp("planted"))
    prepare_sample(store, SAMPLE)
    relabel(store)
    (session_id,) = next(iter(store.read("SELECT session_id FROM session_digests")))
    with store.change("plant canaries") as change:
        change.insert("recovery_pairs", PAIR_COLUMNS, [(session_id, "x", "child", 1.0, "success", "v")])
        change.insert(
            "diagnosis_classifications", CLASSIFIED, [(session_id, "c", 0.5, "e", "2026-01-01 00:00:00", "v")]
        )
        change.insert("classification_origins", ORIGIN_COLUMNS, [(session_id, "rules", None, None, "", "t")])
        for table, columns in PLANTED.items():
            change.execute(
                f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in columns)}", [CANARY] * len(columns)
            )
    yield store
    store.close()


def test_every_table_of_labels_is_planted(planted: Store) -> None:
    for table, columns in PLANTED.items():
        found = set(planted.read(f"SELECT {', '.join(columns)} FROM {table}"))

        assert found == {(CANARY,) * len(columns)}, table


@pytest.mark.parametrize("name", sorted(all_evals()))
def test_no_program_gets_a_word_that_a_label_says(planted: Store, name: str) -> None:
    spec = all_evals()[name]

    splits = read_examples(planted, spec.dataset, at=planted.head(), eval_name=name)

    for example in (*splits.train, *splits.dev, *splits.test):
        assert CANARY not in json.dumps([example[field] for field in spec.dataset.inputs])


def test_a_dataset_that_takes_a_label_for_an_input_is_found(planted: Store) -> None:
    """What the predecessor did: its summary held `outcome=…`."""
    query = (
        "SELECT d.session_id, 'outcome=' || o.outcome || d.last_messages || d.tool_patterns AS summary "
        "FROM session_digests d JOIN session_outcomes o ON o.session_id = d.session_id"
    )
    leaking = Dataset(query, key="session_id", inputs=("summary",))

    splits = read_examples(planted, leaking, at=planted.head(), eval_name="leaking")

    assert all(CANARY in str(example["summary"]) for example in splits.train)
