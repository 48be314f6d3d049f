from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.dataset import GROUP_FIELD, KEY_FIELD, Dataset, Shares, group_of, key_of, split_of
from g6o_eval.errors import DeclarationError, LeakError

GOOD: dict[str, Any] = {"query": "SELECT id, text, label FROM tickets", "key": "id", "inputs": ("text",)}


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"query": " \n"}, DeclarationError, "Dataset: query is empty"),
        (
            {"inputs": "text"},
            DeclarationError,
            "Dataset: inputs must be a tuple of column names, got 'text'; one column is written inputs=(\"text\",)",
        ),
        (
            {"inputs": ()},
            DeclarationError,
            'Dataset: inputs must be a tuple of column names, got (); one column is written inputs=("text",)',
        ),
        ({"inputs": ("a", "a")}, DeclarationError, "Dataset: inputs names a column twice: ('a', 'a')"),
        (
            {"inputs": ("text", "id")},
            LeakError,
            "Dataset: the key 'id' is among the inputs: a program could learn answers by key. Take it out of inputs",
        ),
    ],
)
def test_a_dataset_that_cannot_work_is_refused(
    changed: dict[str, Any], error: type[DeclarationError], message: str
) -> None:
    with pytest.raises(error) as refused:
        Dataset(**GOOD | changed)

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (
            {"train": 0.5, "dev": 0.5, "test": 0.5},
            "shares must lie in [0, 1] and add up to 1, got train=0.5, dev=0.5, test=0.5",
        ),
        (
            {"train": 1.5, "dev": -0.5, "test": 0.0},
            "shares must lie in [0, 1] and add up to 1, got train=1.5, dev=-0.5, test=0.0",
        ),
        ({"train": 0.5, "dev": 0.5, "test": 0.0}, "shares: test must be above 0, or nothing can be judged"),
    ],
)
def test_shares_that_make_no_split_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Shares(**shares)

    assert str(refused.value) == message


def test_the_split_of_a_group_is_fixed_for_ever() -> None:
    """These moved once would put judged examples into demos of programs compiled before."""
    found = {group: split_of(group, Shares()) for group in ("a", "b", "c", "session-1", "日本", "")}

    assert found == {"a": "test", "b": "train", "c": "train", "session-1": "dev", "日本": "test", "": "test"}


def test_the_shares_are_reached_in_the_long_run() -> None:
    found = [split_of(f"group {index}", Shares(0.4, 0.2, 0.4)) for index in range(10_000)]

    shares = tuple(found.count(split) / len(found) for split in ("train", "dev", "test"))
    assert shares == pytest.approx((0.4, 0.2, 0.4), abs=0.02)


@given(st.text())
def test_a_share_of_one_takes_every_group(group: str) -> None:
    assert split_of(group, Shares(0.0, 0.0, 1.0)) == "test"


@given(st.text(st.characters(codec=None), max_size=20))
def test_every_group_has_a_split_even_with_a_lone_surrogate(group: str) -> None:
    assert split_of(group + "\ud800", Shares()) in {"train", "dev", "test"}


def test_key_and_group_of_an_example_are_text() -> None:
    example = {KEY_FIELD: 7, GROUP_FIELD: 8}

    assert (key_of(example), group_of(example)) == ("7", "8")
