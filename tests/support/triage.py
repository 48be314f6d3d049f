"""A toy program that sorts tickets, and examples of it, for tests of what runs programs."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import random
from dataclasses import replace
from typing import Any, Literal

import dspy

from g6o_eval.budget import Budget
from g6o_eval.constraint import Assert, at_most_words
from g6o_eval.dataset import GROUP_FIELD, KEY_FIELD, Dataset
from g6o_eval.eval import Eval
from g6o_eval.gate import Gate
from g6o_eval.metric import exact
from g6o_eval.optimizer import Bootstrap
from g6o_eval.store.examples import Splits

WORDS = {
    "account": ["password", "login", "username", "profile", "verification", "locked", "signin", "avatar"],
    "billing": ["invoice", "refund", "charge", "payment", "receipt", "overcharged", "statement", "discount"],
    "shipping": ["package", "courier", "tracking", "delivery", "parcel", "warehouse", "customs", "freight"],
}
FILLER = ("please", "help", "team", "hello", "thanks", "yesterday", "again", "still", "really", "week", "question")
Label = Literal["account", "billing", "shipping"]


class Route(dspy.Signature):  # type: ignore[metaclass]  # dspy is untyped
    """Route the ticket."""

    text: str = dspy.InputField()  # type: ignore[no-untyped-call]  # likewise
    label: Label = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise
    reason: str = dspy.OutputField(desc="why")  # type: ignore[no-untyped-call]  # likewise


class Router(dspy.Module):
    """One predictor, named `route`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # likewise
        self.route = dspy.Predict(Route)

    def forward(self, text: str) -> Any:
        """Route one ticket."""
        return self.route(text=text)


SHORT = Assert("short", "The reason has at most {limit} words.", at_most_words("reason", limit=6))


def triage(**changes: Any) -> Eval:
    """Return the Eval of the toy program, with other fields where they are given."""
    spec = Eval(
        name="triage",
        program=Router,
        dataset=Dataset("SELECT id, text, label FROM tickets", key="id", inputs=("text",)),
        metric=exact("label"),
        constraints=(SHORT,),
        optimizer=Bootstrap(candidates=4, max_demos=6, seed=7),
        budget=Budget(calls=10_000),
        gate=Gate(min_mean=0.5),
        prompt_id="triage:router",
    )
    return replace(spec, **changes)


def ticket(key: str, text: str, label: str) -> Any:
    """Return one Example as a Dataset makes it."""
    fields = {"text": text, "label": label, KEY_FIELD: key, GROUP_FIELD: key}
    return dspy.Example(**fields).with_inputs("text")  # type: ignore[no-untyped-call]  # dspy is untyped


def tickets(count: int, *, seed: int) -> tuple[Any, ...]:
    """Return so many different tickets, the labels in turn."""
    rng, found, labels = random.Random(seed), [], sorted(WORDS)
    for number in range(count):
        label = labels[number % len(labels)]
        words = rng.sample(FILLER, 5) + rng.sample(WORDS[label], 2) + [f"t{seed}n{number}"]
        rng.shuffle(words)
        found.append(ticket(f"s{seed}-{number:03}", " ".join(words), label))
    return tuple(found)


def splits(train: int = 24, dev: int = 18, test: int = 18) -> Splits:
    """Return disjoint splits of tickets."""
    return Splits(tickets(train, seed=1), tickets(dev, seed=2), tickets(test, seed=3))
