"""What the offline LM answers where a prompt asks for entries of an input.

It knows three sentences. "Put into `a` every one of the `b` that `c` shows" (or "does not show"): the entries
of b all of whose words stand in one entry of c. "Put every one of the `b` into either `a` or `d`": each
entry into one of the two, by a hash. "Put into `a` only entries of `b`": some of them, by a hash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache

from g6o_eval.lm.composing import Draw
from g6o_eval.lm.reading import Output, Prompt

_SHOWN = re.compile(r"\binto `(\w+)` every one of the `(\w+)` that `(\w+)` (shows|does not show)\b")
_EITHER = re.compile(r"\bevery one of the `(\w+)` into either `(\w+)` or `(\w+)`")
_ONLY = re.compile(r"\binto `(\w+)` only entries of `(\w+)`")
_WORD = re.compile(r"[a-z0-9_]+")


def selected(output: Output, prompt: Prompt, draw: Draw) -> list[str] | None:
    """Return the entries that the prompt asks for in a field; None when it has no such sentence about it."""
    for _, source, evidence, verb in _about(_SHOWN, output.name, prompt, at=0):
        shown = [_words(entry) for entry in _entries(prompt, evidence)]
        return [
            entry
            for entry in _entries(prompt, source)
            if any(_words(entry) <= words for words in shown) == (verb == "shows")
        ]
    for source, one, other in (
        *_about(_EITHER, output.name, prompt, at=1),
        *_about(_EITHER, output.name, prompt, at=2),
    ):
        half = (one, other).index(output.name)
        return [entry for entry in _entries(prompt, source) if int(draw(f"{one} {other} {entry}") * 2) == half]
    for _, source in _about(_ONLY, output.name, prompt, at=0):
        return [entry for entry in _entries(prompt, source) if int(draw(f"{output.name} {entry}") * 2)]
    return None


def _about(pattern: re.Pattern[str], name: str, prompt: Prompt, *, at: int) -> Iterator[tuple[str, ...]]:
    """Yield what the sentence names, the last such line first, where the field stands in a given place of it."""
    for line in reversed(prompt.objective.splitlines()):
        for match in pattern.finditer(line):
            if match.groups()[at] == name:
                yield match.groups()


def _entries(prompt: Prompt, name: str) -> list[str]:
    try:
        found = json.loads(prompt.inputs.get(name, ""))
    except json.JSONDecodeError:
        return []
    return [str(entry) for entry in found] if isinstance(found, list) else []


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))
