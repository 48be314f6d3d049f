"""The exit text of every punch card, judged by the report that an agent makes with it."""

import pytest

from g6o_eval.fleet.programs.card_exit import CARD_EXIT

pytestmark = pytest.mark.eval(CARD_EXIT)


def test_card_exit(example, prediction):
    assert not set(prediction.done) & set(example.forbidden)


def test_prompt(prompt, snapshot):
    assert prompt == snapshot
