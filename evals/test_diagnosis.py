"""Why a session went wrong: the classifier that the governor asks before it tries a recovery."""

import pytest

from g6o_eval.fleet.programs.diagnosis import DIAGNOSIS, quoted_share

pytestmark = pytest.mark.eval(DIAGNOSIS)


def test_diagnosis(example, prediction):
    assert (
        quoted_share(prediction.evidence, f"{example.tool_patterns}\n{example.last_messages}\n{example.kill_reason}")
        > 0
    )


def test_prompt(prompt, snapshot):
    assert prompt == snapshot
