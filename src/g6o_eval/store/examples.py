"""Read a Dataset's rows at a commit as dspy Examples, split by the hash of their group."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import dspy

from g6o_eval.artifact import canonical_json
from g6o_eval.dataset import GROUP_FIELD, KEY_FIELD, Dataset, Split, group_of, key_of, split_of
from g6o_eval.errors import DataError, LeakError
from g6o_eval.store.port import Store
from g6o_eval.store.rows import read_rows

_HASHED_AT_ONCE = 1_000  # part of the hash: a change of it changes every hash
_SPLITS: tuple[Split, ...] = ("train", "dev", "test")


@dataclass(frozen=True)
class Splits:
    """The Examples of an eval: no key, group or input text stands in two of them.

    Each Example has every column of its row as a field, its inputs marked, and its key and group
    under KEY_FIELD and GROUP_FIELD, which dspy hides from keys() and from prompts.

    Attributes:
        train: for demos.
        dev: for choosing among proposals.
        test: for judging; an optimizer never gets it.
    """

    train: tuple[dspy.Example, ...]
    dev: tuple[dspy.Example, ...]
    test: tuple[dspy.Example, ...]

    def __post_init__(self) -> None:
        for first, second in combinations(_SPLITS, 2):
            _check_apart(self, first, second)

    @cached_property
    def examples_hash(self) -> str:
        """SHA-256 of keys, groups and fields of all Examples, split by split, in order."""
        return _hash(self.train, self.dev, self.test)

    @cached_property
    def test_hash(self) -> str:
        """The same over the test split alone."""
        return _hash(self.test)

    @cached_property
    def _marks(self) -> dict[Split, dict[str, dict[str, str]]]:
        """Split → what must not stand in another one → value → key of an Example that has it."""
        return {split: _marks_of(getattr(self, split)) for split in _SPLITS}


def read_examples(store: Store, dataset: Dataset, *, at: str, eval_name: str) -> Splits:
    """Return the Examples of a Dataset at a commit, each split in the order of its keys' code points.

    Raises:
        QueryError: the query failed, or is no SELECT.
        DataError: a column or value cannot be used, or there is nothing to judge.
        LeakError: an input text stands in two splits.
    """
    found: dict[Split, list[dspy.Example]] = {split: [] for split in _SPLITS}
    # An Example made from another one takes over its input names; with_inputs would make each of them twice.
    blank = dspy.Example(dict.fromkeys(dataset.inputs))  # type: ignore[no-untyped-call]  # dspy is untyped
    blank = blank.with_inputs(*dataset.inputs)  # type: ignore[no-untyped-call]  # dspy is untyped
    for row in read_rows(store, dataset, at=at, eval_name=eval_name):
        own = {KEY_FIELD: row.key, GROUP_FIELD: row.group}
        example = dspy.Example(blank, **row.fields, **own)  # type: ignore[no-untyped-call]  # dspy is untyped
        found[split_of(row.group, dataset.shares)].append(example)
    if not found["test"]:
        raise DataError(_nothing_to_judge(found, at=at, eval_name=eval_name))
    return Splits(*(tuple(found[split]) for split in _SPLITS))


def normalised(texts: Iterable[object]) -> str:
    """Return what two Examples with the same inputs share: NFKC, casefolded, blanks collapsed.

    Each value is taken as text, those that are no text as their JSON.
    """
    return "\0".join(_normalised(text if isinstance(text, str) else canonical_json(text)) for text in texts)


def _normalised(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def _marks_of(examples: Sequence[dspy.Example]) -> dict[str, dict[str, str]]:
    marks: dict[str, dict[str, str]] = {"key": {}, "group": {}, "input text": {}}
    for example in examples:
        key = key_of(example)
        names = sorted(example.inputs().keys())  # type: ignore[no-untyped-call]  # dspy is untyped
        text = normalised(example[name] for name in names)
        marks["key"][key] = key
        marks["group"].setdefault(group_of(example), key)
        marks["input text"].setdefault(text, key)
    return marks


def _check_apart(splits: Splits, first: Split, second: Split) -> None:
    for kind, mine in splits._marks[first].items():
        theirs = splits._marks[second][kind]
        shared = sorted(mine.keys() & theirs.keys())
        if shared:
            pairs = ", ".join(f"{mine[each]!r} and {theirs[each]!r}" for each in shared[:3])
            more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
            raise LeakError(
                f"{first} and {second} share the {kind} of {pairs}{more}: what is judged would be known from {first}. "
                "Give such rows one group, or leave all but one of them out of the query"
            )


def _hash(*splits: Sequence[dspy.Example]) -> str:
    total = hashlib.sha256()
    for split in splits:
        lines = [[key_of(example), group_of(example), _fields(example)] for example in split]
        for start in range(0, len(lines), _HASHED_AT_ONCE):
            text = canonical_json(lines[start : start + _HASHED_AT_ONCE])
            total.update(text.encode("utf-8", "surrogatepass") + b"\n")
        total.update(b"--\n")
    return total.hexdigest()


def _fields(example: dspy.Example) -> dict[str, Any]:
    return dict(example.items())  # type: ignore[no-untyped-call]  # dspy is untyped


def _nothing_to_judge(found: dict[Split, list[dspy.Example]], *, at: str, eval_name: str) -> str:
    counts = Counter({split: len(examples) for split, examples in found.items()})
    groups = len({group_of(example) for examples in found.values() for example in examples})
    if not groups:
        return (
            f"eval {eval_name!r} has no examples: its query gave 0 rows at commit {at}. "
            "Put rows in (g6o-eval ingest PATH, or g6o-eval load TABLE FILE), or change the query"
        )
    each = ", ".join(f"{split} {counts[split]}" for split in _SPLITS)
    return (
        f"eval {eval_name!r} has no examples in split 'test' at commit {at}: {each}, in {groups} groups. "
        "Add rows of more groups, or give test a larger share"
    )
