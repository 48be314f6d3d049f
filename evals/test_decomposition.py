"""An objective split into subtasks that agents can work on side by side, within budget and scope."""

import pytest

from g6o_eval.fleet.programs.decomposition import DECOMPOSITION

pytestmark = pytest.mark.eval(DECOMPOSITION)


def test_decomposition(example, prediction):
    assert set(example.areas) >= {subtask.area for subtask in prediction.subtasks}


def test_prompt(prompt, snapshot):
    assert prompt == snapshot
