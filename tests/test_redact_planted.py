"""The corpus of planted secrets: how many are found, and what is taken for one.

`benchmarks/redaction.py` prints the figures.
"""

from __future__ import annotations

from collections import Counter

from g6o_eval.redact import redact
from support.planted_secrets import harmless, planted

FLOOR = 0.99
"""Least share of planted secrets that must be found; 0.9977 of 24,500 are."""


def test_planted_secrets_are_found_and_harmless_texts_are_left() -> None:
    corpus = list(planted(11, each=20))

    missed = Counter(one.kind for one in corpus if one.secret in redact(one.text))
    changed = {kind: text for kind, text in harmless(11, each=20) if redact(text) != text}

    assert 1 - missed.total() / len(corpus) >= FLOOR, missed
    assert changed == {}


def test_every_kind_of_secret_is_found() -> None:
    found = {one.kind for one in planted(3, each=3) if one.secret not in redact(one.text)}

    assert found == {one.kind for one in planted(3, each=1)}


def test_the_corpus_would_show_a_redactor_that_does_nothing() -> None:
    assert all(one.secret in one.text for one in planted(5, each=7))
