"""What the diagnosis program gets holds no label, no outcome and no id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from g6o_eval.dataset import key_of
from g6o_eval.fleet.diagnosis import CATEGORIES
from g6o_eval.fleet.programs.diagnosis import DATASET, INPUTS
from g6o_eval.fleet.sample import prepare_sample
from g6o_eval.store.choose import open_store
from g6o_eval.store.examples import Splits, read_examples

SAMPLE = Path(__file__).parents[2] / "evals" / "data"
OUTCOMES = ("success", "failure", "partial")


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Splits]:
    store = open_store("doltlite:///leak.db", root=tmp_path_factory.mktemp("leak"))
    prepare_sample(store, SAMPLE)
    yield read_examples(store, DATASET, at=store.head(), eval_name="diagnosis")
    store.close()


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
