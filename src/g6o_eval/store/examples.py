"""Read a Dataset's rows at a commit as dspy Examples, split by the hash of their group."""

from __future__ import annotations

import gc
import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import dspy

from g6o_eval.artifact import canonical_json
from g6o_eval.dataset import GROUP_FIELD, KEY_FIELD, Dataset, Split, group_of, split_of
from g6o_eval.errors import DataError, LeakError
from g6o_eval.store.port import Store
from g6o_eval.store.rows import read_rows

_HASHED_AT_ONCE = 1_000  # part of the hash: a change of it changes every hash
_SHOWN = 3  # pairs that a leak names
_SPLITS: tuple[Split, ...] = ("train", "dev", "test")


_new, _set = object.__new__, object.__setattr__


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
        marks = {split: _marks_of(getattr(self, split)) for split in _SPLITS}
        for kind in marks["test"]:
            _check_apart(kind, marks)

    @property
    def examples_hash(self) -> str:
        """SHA-256 of keys, groups and fields of all Examples, split by split, in order."""
        return self._hashes[0]

    @property
    def test_hash(self) -> str:
        """The same over the test split alone."""
        return self._hashes[1]

    @cached_property
    def _hashes(self) -> tuple[str, str]:
        every, test = hashlib.sha256(), hashlib.sha256()
        for split in _SPLITS:
            for part in _hashed_parts(getattr(self, split)):
                every.update(part)
                if split == "test":
                    test.update(part)
        return every.hexdigest(), test.hexdigest()


def read_examples(store: Store, dataset: Dataset, *, at: str, eval_name: str) -> Splits:
    """Return the Examples of a Dataset at a commit, each split in the order of its keys' code points.

    Raises:
        QueryError: the query failed, or is no SELECT.
        DataError: a column or value cannot be used, or there is nothing to judge.
        LeakError: an input text stands in two splits.
    """
    with _uncollected():
        found: dict[Split, list[dspy.Example]] = {split: [] for split in _SPLITS}
        places: dict[str, Split] = {}
        for fields in read_rows(store, dataset, at=at, eval_name=eval_name):
            group = fields[GROUP_FIELD]
            if (split := places.get(group)) is None:
                split = places[group] = split_of(group, dataset.shares)
            found[split].append(example_of(fields, dataset.inputs))
        if not found["test"]:
            raise DataError(_nothing_to_judge(found, at=at, eval_name=eval_name))
        return Splits(*(tuple(found[split]) for split in _SPLITS))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking, again and again, hundreds of thousands of Examples that all stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def example_of(fields: dict[str, Any], inputs: Iterable[str]) -> dspy.Example:
    """Return `dspy.Example(**fields).with_inputs(*inputs)`, which keeps `fields` itself, in a fifth of the time.

    The constructor and with_inputs make and copy each Example twice, and look into dir() of its class for
    every attribute. What they set is set here; a test compares both.
    """
    example: dspy.Example = _new(dspy.Example)
    _set(example, "_store", fields)
    _set(example, "_demos", [])
    _set(example, "_input_keys", set(inputs))
    return example


def normalised(texts: Iterable[object]) -> str:
    """Return what two Examples with the same inputs share: NFKC, casefolded, blanks collapsed.

    Each value is taken as text, those that are no text as their JSON.
    """
    return "\0".join([_normalised(text) for text in texts])


def _normalised(value: object) -> str:
    if type(value) is int:
        return str(value)  # as its JSON
    text = value if isinstance(value, str) else canonical_json(value)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def _marks_of(examples: Sequence[dspy.Example]) -> dict[str, list[str]]:
    """Return what must not stand in two splits: kind → its value in each Example, in order."""
    fields = [example._store for example in examples]
    return {
        "key": [str(each[KEY_FIELD]) for each in fields],
        "group": [str(each[GROUP_FIELD]) for each in fields],
        "input text": list(_input_texts(examples)),
    }


def _input_texts(examples: Sequence[dspy.Example]) -> Iterator[str]:
    names: list[str] = []
    last = None
    for example in examples:
        fields, inputs = example._store, example._input_keys
        if inputs is None:
            raise ValueError(f"the inputs of {example!r} are not marked: use with_inputs()")
        if inputs != last:
            last, names = inputs, sorted(inputs)
        yield "\0".join([_normalised(fields[name]) for name in names if name in fields])


def _check_apart(kind: str, marks: Mapping[Split, Mapping[str, list[str]]]) -> None:
    values = {split: set(marks[split][kind]) for split in _SPLITS}
    for first, second in combinations(_SPLITS, 2):
        if values[first].isdisjoint(values[second]):
            continue
        shared = sorted(values[first] & values[second])
        pairs = (tuple(_key_with(marks[split], kind, each) for split in (first, second)) for each in shared[:_SHOWN])
        shown = ", ".join(f"{one!r} and {other!r}" for one, other in pairs)
        more = f" and {len(shared) - _SHOWN} more" if len(shared) > _SHOWN else ""
        raise LeakError(
            f"{first} and {second} share the {kind} of {shown}{more}: what is judged would be known from {first}. "
            "Give such rows one group, or leave all but one of them out of the query"
        )


def _key_with(marks: Mapping[str, list[str]], kind: str, value: str) -> str:
    return marks["key"][marks[kind].index(value)]


def _hashed_parts(examples: Sequence[dspy.Example]) -> Iterator[bytes]:
    for start in range(0, len(examples), _HASHED_AT_ONCE):
        lines = [_hashed(example._store) for example in examples[start : start + _HASHED_AT_ONCE]]
        yield canonical_json(lines).encode("utf-8", "surrogatepass") + b"\n"
    yield b"--\n"


def _hashed(fields: dict[str, Any]) -> list[object]:
    shown = {name: value for name, value in fields.items() if not name.startswith("dspy_")}
    return [str(fields[KEY_FIELD]), str(fields[GROUP_FIELD]), shown]


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
