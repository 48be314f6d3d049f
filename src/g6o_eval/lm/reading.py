"""What the offline LM reads in a prompt: fields, rules, limits and demos. Pure functions of text.

It knows the layout of DSPy's ChatAdapter and JSONAdapter, and nothing about any program.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

Messages = Sequence[tuple[str, str]]

_HEADER = re.compile(r"^\[\[ ## (\w+) ## \]\]$")
_FIELD = re.compile(r"^\d+\. `(\w+)` \((.*?)\):(?:[ ]|$)(.*)$")
_SCHEMA = re.compile(r"\{(\w+)\}\s+# note: the value you produce must adhere to the JSON schema: (.+)")
_CHOICES = re.compile(r"\{(\w+)\}\s+# note: the value you produce must [^\n]*?\bone of: ([^\n]+)")
_RULE = re.compile(r"\bif\b(?P<when>.+?)\bthen\b(?P<then>.+)", re.IGNORECASE)
_QUOTED = re.compile(r"\"([^\"\n]{1,80})\"|`([^`\n]{1,80})`|(?<!\w)'([^'\n]{1,80})'(?!\w)")
_NUMBER = r"-?\d+(?:\.\d+)?"
_MOST_WORDS = re.compile(
    r"(?:at most|no more than|up to|maximum of) (\d+) words?|(\d+) words? (?:or fewer|or less|at most)"
)
_RANGE = re.compile(rf"(?:between|from) ({_NUMBER}) (?:and|to) ({_NUMBER})|\[({_NUMBER}), ?({_NUMBER})\]")
_ONE_OF = re.compile(r"\bone of:? ([^\n]+?)\.?$", re.MULTILINE)
_WORD = re.compile(r"[a-z0-9_]+")
_NOT_SUPPLIED = "Not supplied for this particular example."
_OBJECTIVE = "your objective is:"


@dataclass(frozen=True, slots=True)
class Output:
    """One output field that the prompt asks for.

    Attributes:
        name: of the field.
        kind: its Python type as the prompt writes it.
        choices: the answers it may have; empty when any will do.
        words: most words of a text; None when the prompt sets no limit.
        low: least number that the prompt allows; of a list, the fewest texts in it.
        high: greatest number that the prompt allows; both None when it says nothing.
        schema: the JSON schema of its value; None when the prompt gives none.
        description: what the prompt says beside its name.
    """

    name: str
    kind: str
    choices: tuple[str, ...] = ()
    words: int | None = None
    low: float | None = None
    high: float | None = None
    schema: Mapping[str, Any] | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """`If … 'keyword' …, then answer`: which words speak for which answer."""

    keywords: tuple[str, ...]
    then: str


@dataclass(frozen=True, slots=True)
class Demo:
    """One worked example: the text of its inputs, its answers, and its inputs by name."""

    text: str
    answers: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that the offline LM takes from the messages it gets: what is asked, told, shown and given."""

    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]
    demos: tuple[Demo, ...]
    text: str
    as_json: bool
    objective: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


def read_prompt(messages: Messages) -> Prompt:
    """Read the messages of one request.

    Raises:
        ValueError: they name no output field, so they are not written by a known adapter.
    """
    system = "\n".join(text for role, text in messages if role == "system")
    turns = [(role, text) for role, text in messages if role != "system"]
    objective, outputs, rules = _read_system(system)
    if not outputs:
        raise ValueError(
            "the offline LM reads prompts of DSPy's ChatAdapter and JSONAdapter only; it found no output field"
        )
    return Prompt(
        outputs,
        rules,
        tuple(_demos(turns)),
        _inputs(turns[-1][1]),
        "Outputs will be a JSON object" in system,
        objective,
        _named_inputs(turns[-1][1]),
    )


@lru_cache(maxsize=64)
def _read_system(system: str) -> tuple[str, tuple[Output, ...], tuple[Rule, ...]]:
    """Read the system message, which all questions to one program share."""
    objective = _objective(system)
    asked = tuple(_outputs(system))
    names = [output.name for output, _ in asked]
    outputs = tuple(_limited(output, description, objective, names) for output, description in asked)
    return objective, outputs, tuple(_rules(objective))


@lru_cache(maxsize=4096)
def features(text: str) -> frozenset[str]:
    """Return the words of a text and the pairs of neighbours among them, lower case."""
    words = [word for word in _WORD.findall(text.lower()) if word not in _STOP]
    return frozenset(words) | frozenset(f"{one} {two}" for one, two in itertools.pairwise(words))


def says(text: str, keyword: str) -> bool:
    """Tell whether a text holds a keyword or phrase, as whole words, whatever its case."""
    if keyword.casefold() not in _folded(text):  # a tenth of the time, and most keywords are not said
        return False
    return re.search(rf"(?<!\w){re.escape(keyword)}(?!\w)", text, re.IGNORECASE) is not None


@lru_cache(maxsize=64)
def _folded(text: str) -> str:
    return text.casefold()


def limits(line: str) -> bool:
    """Tell whether a line of the objective limits an answer: its words, its range, its choices."""
    return any(pattern.search(line) for pattern in (_MOST_WORDS, _RANGE, _ONE_OF))


def _objective(system: str) -> str:
    _, _, text = system.partition(_OBJECTIVE)
    return "\n".join(line.strip() for line in text.splitlines())


def _outputs(system: str) -> Iterator[tuple[Output, str]]:
    """Yield each output field with its description."""
    _, _, rest = system.partition("Your output fields are:")
    block, _, _ = rest.partition("All interactions will be structured")
    found: list[tuple[str, str, list[str]]] = []
    for line in block.splitlines():
        if match := _FIELD.match(line):
            found.append((match[1], match[2], [match[3]]))
        elif found:
            found[-1][2].append(line)
    noted = {name: tuple(text.rstrip('",').split("; ")) for name, text in _CHOICES.findall(rest)}
    schemas = dict(_schemas(rest))
    for name, kind, description in found:
        choices = _literals(kind) or noted.get(name, ())
        said = "\n".join(description)
        yield Output(name, kind, choices, schema=schemas.get(name), description=said), said


def _schemas(structure: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the JSON schema that is noted beside an output field, by the field's name."""
    for name, noted in _SCHEMA.findall(structure):
        text = noted.strip()
        if text.startswith('{\\"'):  # JSONAdapter notes it within a JSON string
            text = json.loads('"' + text.removesuffix(",").removesuffix('"') + '"')
        yield name, json.loads(text)


def _literals(kind: str) -> tuple[str, ...]:
    if kind == "bool":
        return ("False", "True")
    if not kind.startswith("Literal["):
        return ()
    return tuple(map(str, ast.literal_eval(kind.removeprefix("Literal"))))


def _limited(output: Output, description: str, objective: str, names: Sequence[str]) -> Output:
    """Add the limits that the prompt states for a field: in its description, or in a line about it.

    A line is about the fields that it names, and about every field when it names none.
    """
    about = [line for line in objective.splitlines() if _names(line, output.name) or not _names(line, *names)]
    words, low, high, choices = output.words, output.low, output.high, output.choices
    for line in (*about, *description.splitlines()):
        if output.kind == "str" and (match := _MOST_WORDS.search(line)):
            words = int(match[1] or match[2])
        if output.kind == "str" and (match := _ONE_OF.search(line)):
            choices = tuple(choice.strip(" '\"`") for choice in match[1].split(","))
        if output.kind in ("float", "int") and (match := _RANGE.search(line)):
            low, high = sorted(float(number) for number in match.groups() if number is not None)
        if output.kind == "list[str]" and _names(line, output.name) and (match := _RANGE.search(line)):
            low, high = sorted(float(number) for number in match.groups() if number is not None)
    return replace(output, choices=choices, words=words, low=low, high=high)


def _names(line: str, *fields: str) -> bool:
    return any(says(line, name) or says(line, name.replace("_", " ")) for name in fields)


def _rules(objective: str) -> Iterator[Rule]:
    for line in objective.splitlines():
        if match := _RULE.search(line):
            keywords = tuple(next(filter(None, groups)) for groups in _QUOTED.findall(match["when"]))
            if keywords:
                yield Rule(keywords, match["then"])


def _demos(turns: Messages) -> Iterator[Demo]:
    for (role, asked), (next_role, told) in itertools.pairwise(turns):
        if (role, next_role) == ("user", "assistant"):
            answers = {name: value for name, value in _answers(told).items() if str(value).strip() != _NOT_SUPPLIED}
            yield Demo(_inputs(asked), answers, _named_inputs(asked))


def _answers(told: str) -> dict[str, Any]:
    if told.lstrip().startswith("{"):
        found = json.loads(told)
        return found if isinstance(found, dict) else {}
    return dict(_sections(told))


def _inputs(asked: str) -> str:
    """Return the values of the input fields, without the adapter's own words."""
    return "\n".join(_named_inputs(asked).values())


def _named_inputs(asked: str) -> dict[str, str]:
    body, _, _ = asked.rpartition("\n\nRespond with ")
    return dict(_sections(body or asked))


def _sections(text: str) -> Iterator[tuple[str, str]]:
    name, lines = None, list[str]()
    for line in (*text.splitlines(), "[[ ## completed ## ]]"):
        if match := _HEADER.match(line.strip()):
            if name is not None and name != "completed":
                yield name, "\n".join(lines).strip()
            name, lines = match[1], []
        else:
            lines.append(line)


_STOP = frozenset(
    _WORD.findall(
        "a an and are as at be but by for from has have i in into is it its me my not of on or so that the their then "
        "there this to was we were will with you your"
    )
)
