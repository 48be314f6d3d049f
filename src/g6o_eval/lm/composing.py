"""What the offline LM answers where a prompt asks for a list of objects.

It follows the sentences of the prompt that name a field in backticks: how many items, the range of a
number and of its sum, values that are taken from an input, every entry of an input, none of them twice,
earlier items only. Where the prompt says nothing it guesses by a hash, well or badly. From demos it
learns how many items there are, and which texts belong into one item because they share words.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from g6o_eval.lm.reading import Demo, Output, Prompt, features

Item = dict[str, Any]
Draw = Callable[[str], float]
"""A number in [0, 1) for a name: the same for the same prompt."""

GUESSED_ITEMS = 12
"""Most items where the prompt says nothing."""
GUESSED_NUMBER = 100.0
"""Greatest number where the prompt says nothing; the least is its negative."""
_QUOTED_WORDS = 8
_SLIP = 0.5
"""How often an entry is left out or told twice where the prompt does not forbid it."""
_ALIGNED = 0.7
"""Share of the demos' texts that must share a word with their own item before it counts as a habit."""

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_RANGE = re.compile(rf"\b(?:between|from) {_NUMBER} (?:and|to) {_NUMBER}")
_SUM = re.compile(rf"\bsum of\b.*\bat most {_NUMBER}")
_SOURCE = re.compile(r"\b(?:from|of)(?: the)? `(\w+)`")
_PART = re.compile(r"\bfrom the `(\w+)` of `(\w+)`")
_EVERY = re.compile(r"\bevery one of\b")
_ONCE = re.compile(r"\b(?:none|no one) of\b.*\btwo\b")
_NAMED = re.compile(r"\bwhose `(\w+)` it names\b")
_EARLIER = re.compile(r"\bearlier\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the prompt says of one field.

    Attributes:
        part: of an input's entries, where they are objects.
        beside: the property by whose words entries are dealt out.
    """

    low: float | None = None
    high: float | None = None
    total: float | None = None
    source: str | None = None
    part: str | None = None
    beside: str | None = None
    every: bool = False
    once: bool = False
    earlier: bool = False


def objects_of(output: Output) -> Mapping[str, Mapping[str, Any]] | None:
    """Return the properties of the objects that a field is a list of; None for every other field."""
    if output.schema is None or output.schema.get("type") != "array":
        return None
    item = output.schema.get("items", {})
    reference = str(item.get("$ref", ""))
    item = output.schema.get("$defs", {}).get(reference.rpartition("/")[2], item)
    properties = item.get("properties")
    return properties if isinstance(properties, dict) else None


def compose(output: Output, prompt: Prompt, *, nearest: Sequence[Demo], draw: Draw) -> list[Item]:
    """Return the list of objects for a field, its properties in the order of the schema.

    Args:
        output: a field of which `objects_of` is not None.
        prompt: what was read.
        nearest: the demos, closest first.
        draw: for what the prompt leaves open.
    """
    properties = objects_of(output) or {}
    composer = _Composer(
        told={name: _told(name, prompt) for name in (output.name, *properties)},
        lists={name: entries for name, text in prompt.inputs.items() if (entries := _entries(text))},
        objects={name: items for name, text in prompt.inputs.items() if (items := _items(text))},
        shown=[(demo, items) for demo in nearest if (items := _items(demo.answers.get(output.name)))],
        words=prompt.text.split(),
        draw=draw,
    )
    return composer.items(output.name, properties)


def _told(name: str, prompt: Prompt) -> _Told:
    naming = [line for line in prompt.objective.splitlines() if f"`{name}`" in line]
    lines = [line for line in naming if (match := _NAMED.search(line)) is None or match[1] != name]
    sums = [match for line in lines if (match := _SUM.search(line))]
    ranges = [match for line in lines if not _SUM.search(line) and (match := _RANGE.search(line))]
    low, high = sorted(map(float, ranges[-1].groups())) if ranges else (None, None)
    sources = [found for line in lines for found in _SOURCE.findall(line) if found in prompt.inputs]
    parts = [match for line in lines if (match := _PART.search(line)) and match[2] in prompt.inputs]
    named = [match[1] for line in lines if (match := _NAMED.search(line))]
    return _Told(
        low=low,
        high=high,
        total=float(sums[-1][1]) if sums else None,
        source=parts[-1][2] if parts else sources[-1] if sources else None,
        part=parts[-1][1] if parts else None,
        beside=named[-1] if named else None,
        every=any(_EVERY.search(line) for line in lines),
        once=any(_ONCE.search(line) for line in lines),
        earlier=any(_EARLIER.search(line) for line in lines),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Composer:
    """One field to compose: what is told of it and its properties, given as lists, shown by demos."""

    told: Mapping[str, _Told]
    lists: Mapping[str, list[str]]
    objects: Mapping[str, list[Item]]
    shown: Sequence[tuple[Demo, list[Item]]]
    words: Sequence[str]
    draw: Draw

    def items(self, name: str, properties: Mapping[str, Mapping[str, Any]]) -> list[Item]:
        """Return the objects; lists are dealt out last, because they may go by an object's texts."""
        made: list[Item] = [{} for _ in range(self._count(self.told[name]))]
        for prop in sorted(properties, key=lambda prop: properties[prop].get("type") == "array"):
            for item, value in zip(made, self._values(prop, properties[prop], made), strict=True):
                item[prop] = value
        return [{prop: item[prop] for prop in properties} for item in made]

    def _values(self, name: str, schema: Mapping[str, Any], made: Sequence[Item]) -> Sequence[Any]:
        kind, inner, told = schema.get("type"), schema.get("items", {}).get("type"), self.told[name]
        if told.part and (given := self.objects.get(told.source or "")):
            return [given[at % len(given)].get(told.part) for at in range(len(made))]
        if choices := schema.get("enum"):
            return [choices[int(self.draw(f"{name} {at}") * len(choices))] for at in range(len(made))]
        if kind in ("number", "integer"):
            numbers = self._numbers(name, len(made))
            return numbers if kind == "number" else list(map(int, numbers))
        if kind != "array":
            return self._texts(name, len(made))
        return self._places(name, len(made)) if inner in ("integer", "number") else self._dealt(name, made)

    def _count(self, own: _Told) -> int:
        """As many as told, or as an input has entries if the demos do so, else as the nearest has, else a guess."""
        count = 1 + int(self.draw("count") * GUESSED_ITEMS)
        if own.every and (given := self.lists.get(own.source or "")):
            count = len(given)
        elif self.shown:
            followed = next(filter(self._is_followed, self.lists), None)
            count = len(self.shown[0][1]) if followed is None else len(self.lists[followed])
        if own.low is not None and own.high is not None:
            return max(int(own.low), min(int(own.high), count))
        return count

    def _is_followed(self, source: str) -> bool:
        return all(len(_entries(demo.inputs.get(source, ""))) == len(items) for demo, items in self.shown)

    def _numbers(self, name: str, count: int) -> list[float]:
        told = self.told[name]
        low = -GUESSED_NUMBER if told.low is None else told.low
        high = GUESSED_NUMBER if told.high is None else told.high
        seen = [
            float(item[name]) for _, items in self.shown for item in items if isinstance(item.get(name), int | float)
        ]
        usual = math.fsum(seen) / len(seen) if seen else None
        drawn = [low + (high - low) * self.draw(f"{name} {at}") for at in range(count)]
        values = [min(max(value if usual is None else usual, low), high) for value in drawn]
        return _within(values, told.total, least=max(0.0, low))

    def _texts(self, name: str, count: int) -> list[str]:
        if entries := self.lists.get(self.told[name].source or ""):
            return [entries[at % len(entries)] for at in range(count)]
        last = max(1, len(self.words) - _QUOTED_WORDS)
        starts = [int(self.draw(f"{name} {at}") * last) for at in range(count)]
        return [" ".join(self.words[start : start + _QUOTED_WORDS]) for start in starts]

    def _places(self, name: str, count: int) -> list[list[int]]:
        """Return for each item the items that it comes after, counted from 1."""
        if self.told[name].earlier:
            return [[at] if at else [] for at in range(count)]
        return [[1 + int(self.draw(f"{name} {at}") * count)] for at in range(count)]

    def _dealt(self, name: str, made: Sequence[Item]) -> list[list[str]]:
        """Deal the entries of an input out to the items: in turn, or by the words they share if told or shown so."""
        told, count = self.told[name], len(made)
        habit = told.beside or self._habit(name)
        entries = self.lists.get(told.source or "") or [entry for found in self.lists.values() for entry in found]
        dealt: list[list[str]] = [[] for _ in range(count)]
        for at, entry in enumerate(entries):
            if not told.every and self.draw(f"{name} left out {at}") < _SLIP:
                continue
            place = _best(entry, [str(item.get(habit, "")) for item in made], at % count) if habit else at % count
            dealt[place].append(entry)
            if not told.once and self.draw(f"{name} twice {at}") < _SLIP:
                dealt[(place + 1) % count].append(entry)
        return dealt

    def _habit(self, name: str) -> str | None:
        """Return the text property whose words the entries of a list share with their own item in the demos."""
        hits: dict[str, list[bool]] = {}
        for item in (item for _, items in self.shown for item in items if isinstance(item.get(name), list)):
            for other, value in item.items():
                if isinstance(value, str):
                    hits.setdefault(other, []).extend(bool(features(str(e)) & features(value)) for e in item[name])
        shares = {other: sum(found) / len(found) for other, found in hits.items() if found}
        best = max(shares, key=lambda other: shares[other], default=None)
        return best if best is not None and shares[best] >= _ALIGNED else None


def _within(values: Sequence[float], total: float | None, *, least: float) -> list[float]:
    """Return the values in cents, brought down towards the least one until they add up to at most the total."""
    if total is not None and math.fsum(values) > total:
        spare, used = max(0.0, total - least * len(values)), math.fsum(values) - least * len(values)
        # Down to the cent: a sum that was rounded up would pass the total.
        return [math.floor((least + (value - least) * spare / used) * 100) / 100 for value in values]
    return [round(value, 2) for value in values]


def _best(entry: str, texts: Sequence[str], otherwise: int) -> int:
    """Return the place of the text that shares most words with the entry; `otherwise` when none shares any."""
    shared = [len(features(entry) & features(text)) for text in texts]
    return shared.index(max(shared)) if max(shared) else otherwise


def _items(answer: Any) -> list[Item]:
    found = _parsed(answer) if isinstance(answer, str) else answer
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _entries(text: str) -> list[str]:
    found = _parsed(text)
    return [str(entry) for entry in found] if isinstance(found, list) else []


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None
