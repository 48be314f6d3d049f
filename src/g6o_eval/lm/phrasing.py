"""What the offline LM answers where a prompt asks for free texts, or for a list of them.

By analogy with the nearest demo: what that demo's answer took from its own inputs is exchanged for what
stands there in the question. Without a demo it takes over what the objective tells: `Name: …` goes to the
field of that name, and other lines with a bullet or a number to the list that they speak of.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from g6o_eval.lm.reading import Demo, Output, Prompt, features, limits

TEXTS = ("list[str]", "tuple[str, ...]", "set[str]")
"""The kinds of field that are lists of free texts."""

_BULLET = re.compile(r"(?:[-*•]|\d+[.)])\s+(.+)")
_HEADED = re.compile(r"([^:`]{1,60}): (\S.*)")
_HEADING = re.compile(r".*:$")
_HOLE = re.compile(r"\{\{(\w+)\}\}")
_REFUSED = re.compile(r"(?:do not|don't|never|no|avoid)\b", re.IGNORECASE)
_NEGATIVE = re.compile(r"\b(?:not|never|no|avoid)\b", re.IGNORECASE)
_EMPTY = frozenset({"", "none", "[]", "null"})
_SHORTEST = 3
"""Characters that a value of an input has at least, to be recognised in an answer."""


def is_quoted(name: str, demos: Sequence[Demo]) -> bool:
    """Tell whether demos show that a field is quoted: each answer stands in its own inputs."""
    answers = [(" ".join(str(demo.answers[name]).split()), " ".join(demo.text.split())) for demo in demos]
    return all(answer in text for answer, text in answers)


def by_analogy(answer: Any, demo: Demo, asked: Mapping[str, str]) -> Any:
    """Return a demo's answer with the values of its inputs exchanged for those asked about.

    A text in a list that would speak of something which the question does not have is left out.
    """
    exchanged = dict(_pairs(demo.inputs, asked))
    if not exchanged:
        return answer
    either = "|".join(re.escape(value) for value in sorted(exchanged, key=lambda value: (-len(value), value)))
    pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)")

    def told(text: str) -> str:
        return pattern.sub(lambda match: exchanged[match[0]], text)

    if isinstance(answer, list):
        kept = (item for item in answer if not any(_is_empty(exchanged[value]) for value in pattern.findall(str(item))))
        return [told(item) if isinstance(item, str) else item for item in kept]
    return told(answer) if isinstance(answer, str) else answer


def as_told(output: Output, prompt: Prompt) -> list[str]:
    """Return the lines of the objective that say what this field should hold, their holes filled."""
    found = [_filled(line, prompt.inputs) for line in _lines(output, prompt)]
    texts = [text for text in found if text is not None]
    return texts if output.high is None else texts[: int(output.high)]


def _pairs(shown: Mapping[str, str], asked: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield value → value of each field that both have; of several lines, line by line and the last again."""
    for name in (name for name in shown if name in asked):
        ours, theirs = shown[name].splitlines() or [""], asked[name].splitlines() or [""]
        for here, there in itertools.zip_longest(ours, theirs[: len(ours)], fillvalue=theirs[-1]):
            yield from _recognisable(here, there)
        if len(ours) > 1:
            yield from _recognisable(shown[name], asked[name])


def _recognisable(here: str, there: str) -> Iterator[tuple[str, str]]:
    if len(here.strip()) >= _SHORTEST and not _is_empty(here):
        yield here.strip(), there.strip()


def _is_empty(value: str) -> bool:
    return value.strip().lower() in _EMPTY


def _lines(output: Output, prompt: Prompt) -> Iterator[str]:
    lists = [each for each in prompt.outputs if each.kind in TEXTS]
    heading = ""
    for line in prompt.objective.splitlines():
        bullet = _BULLET.fullmatch(line)
        body = bullet[1] if bullet else line
        headed = _HEADED.fullmatch(body)
        if headed and (named := [each for each in prompt.outputs if _is_named(each, headed[1])]):
            if output in named:
                yield headed[2]
        elif bullet and lists and not _is_rule(line, heading) and _field_of(body, lists) is output:
            yield body
        if not bullet:
            heading = line if _HEADING.fullmatch(line) else heading if line else ""


def _is_rule(line: str, heading: str) -> bool:
    """Tell whether a line says how to answer, not what: it sets a limit, or stands under "Rules …:"."""
    return "rules" in features(heading) or limits(line)


def _is_named(output: Output, head: str) -> bool:
    return bool(features(head) & features(output.name.replace("_", " ")))


def _field_of(line: str, outputs: Sequence[Output]) -> Output:
    """Return the list that a line speaks of: what not to do belongs where that is asked; else by shared words."""
    refused = _REFUSED.match(line) is not None
    fitting = [output for output in outputs if (_NEGATIVE.search(_about(output)) is not None) == refused] or outputs
    return max(fitting, key=lambda output: len(features(_about(output)) & features(line)))


def _about(output: Output) -> str:
    return f"{output.name.replace('_', ' ')} {output.description}"


def _filled(line: str, inputs: Mapping[str, str]) -> str | None:
    """Fill `{{NAME}}` with the first line of the input of that name; None when that says nothing."""
    values = {hole: next(iter(inputs.get(hole.lower(), "").splitlines()), "") for hole in _HOLE.findall(line)}
    if any(_is_empty(value) for value in values.values()):
        return None
    return _HOLE.sub(lambda match: values[match[1]], line)
