"""The offline LM: a deterministic in-context learner that reads only the prompt it is given.

It follows `If 'word' …, then answer` rules, keeps limits that the prompt states, learns from demos
by nearest neighbours, follows the sentences about fields in backticks that selecting.py and composing.py
list, and guesses by a hash where the prompt says nothing. It makes pipelines
testable without keys and network. What it scores is no evidence about real models.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable
from typing import Any

from dspy.lm15 import Request, Response, Usage

from g6o_eval.lm.composing import compose, objects_of
from g6o_eval.lm.engine import answer, messages_of, tokens
from g6o_eval.lm.phrasing import TEXTS, as_told, by_analogy, is_quoted
from g6o_eval.lm.reading import Demo, Output, Prompt, features, read_prompt, says
from g6o_eval.lm.selecting import selected

MODEL = "offline-2"
"""What the engine says it is. A change of its behaviour is a change of this name."""

_NEIGHBOURS = 3
_RULE_WEIGHT = 1.0
_COMMON_WORD = 0.05
"""Weight of a word that stands in every demo."""
_UNBOUNDED = (0.0, 100.0)
"""Range of a number when the prompt states none."""
_PHRASE = re.compile(r"[^\n]+")


class OfflineEngine:
    """An engine of DSPy 3.4: the same text in gives the same text out, in any process."""

    def complete(self, request: Request) -> Response:
        """Answer a prompt that DSPy's ChatAdapter or JSONAdapter wrote."""
        messages = messages_of(request)
        said = reply(read_prompt(messages))
        sent, got = tokens(*(text for _, text in messages)), tokens(said)
        return answer(MODEL, said, usage=Usage(input_tokens=sent, output_tokens=got, total_tokens=sent + got))


def reply(prompt: Prompt) -> str:
    """Return the answer to a prompt, in the form that it asks for."""
    learner = _Learner(prompt)
    values = {output.name: learner.value(output) for output in prompt.outputs}
    if prompt.as_json:
        return json.dumps(values, ensure_ascii=False)
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    sections = [f"[[ ## {name} ## ]]\n{value}" for name, value in written.items()]
    return "\n\n".join([*sections, "[[ ## completed ## ]]"])


class _Learner:
    """One prompt, and how close each of its demos is to the question."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.asked = features(prompt.text)
        weigh = _weights([features(demo.text) for demo in prompt.demos])
        scored = [(_closeness(self.asked, features(demo.text), weigh), demo) for demo in prompt.demos]
        # sorted() is stable: equally close demos stay in the order of the prompt.
        self.nearest = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: -pair[0])

    def value(self, output: Output) -> Any:
        """Return the answer for one field."""
        choices = output.choices or self._labels(output)
        if choices:
            chosen = self._choice(output, choices)
            return chosen == "True" if output.kind == "bool" else chosen
        if output.kind in ("float", "int"):
            return self._number(output)
        if output.kind == "str":
            return self._text(output)
        if output.kind in TEXTS:
            return self._texts(output)
        if objects_of(output) is not None:
            demos = [demo for _, demo in self.nearest]
            return compose(output, self.prompt, nearest=demos, draw=self._draw)
        return self._copied(output)

    def _draw(self, name: str) -> float:
        """Return a number in [0, 1) for a name, the same for the same question."""
        return _hash(f"{name}|{'|'.join(sorted(self.asked))}") / 2**64

    def _labels(self, output: Output) -> tuple[str, ...]:
        """Answers of a text field whose demos show that it is a label: single words that come back."""
        shown = [str(demo.answers[output.name]) for demo in self.prompt.demos if output.name in demo.answers]
        if output.kind != "str" or len(set(shown)) == len(shown) or any(len(value.split()) != 1 for value in shown):
            return ()
        return tuple(sorted(set(shown)))

    def _choice(self, output: Output, choices: tuple[str, ...]) -> str:
        votes = dict.fromkeys(choices, 0.0)
        for rule in self.prompt.rules:
            named = [choice for choice in choices if says(rule.then, choice)]
            hits = sum(says(self.prompt.text, keyword) for keyword in rule.keywords)
            if named and hits:
                votes[max(named, key=len)] += _RULE_WEIGHT * hits
        for closeness, demo in self._voters(output):
            shown = str(demo.answers[output.name])
            if shown in votes:
                votes[shown] += closeness
        best = max(votes.values())
        if best > 0:
            return next(choice for choice in choices if votes[choice] == best)
        return choices[_hash(f"{output.name}|{'|'.join(sorted(self.asked))}") % len(choices)]

    def _number(self, output: Output) -> float | int:
        low, high = _UNBOUNDED if output.low is None or output.high is None else (output.low, output.high)
        voters = [(closeness, float(demo.answers[output.name])) for closeness, demo in self._voters(output)]
        weight = math.fsum(closeness for closeness, _ in voters)
        mean = math.fsum(closeness * number for closeness, number in voters) / weight if weight else (low + high) / 2
        if output.low is not None and output.high is not None:
            mean = min(max(mean, low), high)
        return round(mean) if output.kind == "int" else round(mean, 4)

    def _text(self, output: Output) -> str:
        """Return a text by analogy with the nearest demo; without one, what the objective tells; else a quote."""
        demos = [demo for _, demo in self._voters(output)]
        if not demos or is_quoted(output.name, demos):
            return " ".join(as_told(output, self.prompt)) or self._quote(output)
        return str(by_analogy(demos[0].answers[output.name], demos[0], self.prompt.inputs))

    def _texts(self, output: Output) -> Any:
        """Return the entries of an input that are asked for; else by analogy with the nearest demo; else as told."""
        if (entries := selected(output, self.prompt, self._draw)) is not None:
            return entries
        demos = [demo for _, demo in self._voters(output)]
        if not demos:
            return as_told(output, self.prompt)
        shown = demos[0].answers[output.name]
        return by_analogy(_parsed(shown) if isinstance(shown, str) else shown, demos[0], self.prompt.inputs)

    def _quote(self, output: Output) -> str:
        """Return the line of the inputs that says most, cut to the words that are allowed."""
        lines = [match[0].split() for match in _PHRASE.finditer(self.prompt.text) if match[0].strip()]
        if not lines:
            return "none"
        weigh = self._telling()
        limit = output.words or max(map(len, lines))
        windows = [line[at : at + limit] for line in lines for at in range(max(1, len(line) - limit + 1))]
        best = max(windows, key=lambda words: math.fsum(weigh(word) for word in words))
        return " ".join(best)

    def _telling(self) -> Callable[[str], float]:
        """How much a word tells: most when a rule names it, some when the nearest demos share it."""
        keywords = {word for rule in self.prompt.rules for phrase in rule.keywords for word in features(phrase)}
        shared = {word for _, demo in self.nearest[:_NEIGHBOURS] for word in features(demo.text) & self.asked}

        def weight(word: str) -> float:
            parts = features(word)
            return 0.01 * bool(parts) + 1.0 * bool(parts & shared) + 4.0 * bool(parts & keywords)

        return weight

    def _copied(self, output: Output) -> Any:
        """Return the nearest demo's value of a field that can be neither chosen, computed nor quoted."""
        voters = self._voters(output)
        if not voters:
            return (
                {}
                if output.kind.startswith("dict")
                else []
                if output.kind.startswith(("list", "tuple", "set"))
                else None
            )
        shown = voters[0][1].answers[output.name]
        return shown if self.prompt.as_json or not isinstance(shown, str) else _parsed(shown)

    def _voters(self, output: Output) -> list[tuple[float, Demo]]:
        return [(closeness, demo) for closeness, demo in self.nearest if output.name in demo.answers][:_NEIGHBOURS]


def _weights(texts: list[frozenset[str]]) -> Callable[[str], float]:
    """Inverse document frequency over the demos: rare words weigh more."""
    count: dict[str, int] = {}
    for text in texts:
        for word in text:
            count[word] = count.get(word, 0) + 1
    return lambda word: math.log((1 + len(texts)) / (1 + count.get(word, 0))) + _COMMON_WORD


def _closeness(one: frozenset[str], two: frozenset[str], weigh: Callable[[str], float]) -> float:
    """Cosine of two sets of weighted words, in [0, 1]. fsum: the order of a set changes no bit."""
    shared = math.fsum(weigh(word) ** 2 for word in one & two)
    if not shared:
        return 0.0
    return shared / math.sqrt(math.fsum(weigh(w) ** 2 for w in one) * math.fsum(weigh(w) ** 2 for w in two))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
