"""Where Examples come from and how they are split. Declarations only; store/examples.py reads them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from g6o_eval.errors import DeclarationError, LeakError

Split = Literal["train", "dev", "test"]

KEY_FIELD = "dspy_g6o_key"
"""Field of a dspy.Example that holds its key; dspy hides the prefix `dspy_` from keys() and prompts."""
GROUP_FIELD = "dspy_g6o_group"
"""Field of a dspy.Example that holds its group, the independent unit of the gate."""

_BUCKETS = 2**64


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of the groups each split gets; the three add up to 1."""

    train: float = 0.4
    dev: float = 0.2
    test: float = 0.4

    def __post_init__(self) -> None:
        parts = (self.train, self.dev, self.test)
        if any(not 0 <= part <= 1 for part in parts) or abs(sum(parts) - 1) > 1e-9:
            raise DeclarationError(
                f"shares must lie in [0, 1] and add up to 1, got train={self.train!r}, "
                f"dev={self.dev!r}, test={self.test!r}"
            )
        if self.test == 0:
            raise DeclarationError("shares: test must be above 0, or nothing can be judged")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A query whose rows become Examples.

    Attributes:
        query: one SELECT, run at a pinned, read-only revision.
        key: the column that identifies a row: unique, never null, never shown to the program.
        inputs: the columns the program gets. Every other column is a label or a note.
        group: the column whose value makes rows dependent on each other (a customer, a root
            session); all rows of a group fall into one split and count as one unit. None: the key.
        shares: of the groups, fixed for ever; changing them moves examples between splits.
    """

    query: str
    key: str
    inputs: tuple[str, ...]
    group: str | None = None
    shares: Shares = Shares()

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise DeclarationError("Dataset: query is empty")
        if isinstance(self.inputs, str) or not self.inputs:
            raise DeclarationError(
                f"Dataset: inputs must be a tuple of column names, got {self.inputs!r}; "
                'one column is written inputs=("text",)'
            )
        if len(set(self.inputs)) < len(self.inputs):
            raise DeclarationError(f"Dataset: inputs names a column twice: {self.inputs!r}")
        if self.key in self.inputs:
            raise LeakError(
                f"Dataset: the key {self.key!r} is among the inputs: a program could learn "
                "answers by key. Take it out of inputs"
            )


def split_of(group: str, shares: Shares) -> Split:
    """Return the split of a group: a function of its text and the shares alone.

    The first 64 bits of the group's SHA-256 are read as a fraction of 1; the unit interval is cut
    into train, dev, test in this order.
    """
    place = int.from_bytes(hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()[:8], "big") / _BUCKETS
    if place < shares.train:
        return "train"
    return "dev" if place < shares.train + shares.dev else "test"


class Fields(Protocol):
    """What has fields by name: a dspy.Example, which is no Mapping, or a dict."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a field."""


def key_of(example: Fields) -> str:
    """Return the key of an Example that a Dataset made."""
    return str(example[KEY_FIELD])


def group_of(example: Fields) -> str:
    """Return the group of an Example that a Dataset made."""
    return str(example[GROUP_FIELD])
