"""After a stop: the text that the next agent gets, judged by the plan that is made with it."""

import pytest

from g6o_eval.dataset import key_of
from g6o_eval.fleet.programs.recovery import RECOVERIES


class Recovery:
    def test_plan(self, example, prediction):
        assert prediction.first_steps
        assert key_of(example) not in str(prediction)

    def test_prompt(self, prompt, snapshot):
        assert prompt == snapshot


@pytest.mark.eval(RECOVERIES["stuck_on_approval"])
class TestStuckOnApproval(Recovery): ...


@pytest.mark.eval(RECOVERIES["infinite_retry"])
class TestInfiniteRetry(Recovery): ...


@pytest.mark.eval(RECOVERIES["scope_creep"])
class TestScopeCreep(Recovery): ...


@pytest.mark.eval(RECOVERIES["context_exhaustion"])
class TestContextExhaustion(Recovery): ...


@pytest.mark.eval(RECOVERIES["model_confusion"])
class TestModelConfusion(Recovery): ...
