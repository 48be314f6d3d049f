"""lm/roles.py: roles are closed, models are checked before a call is paid for."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy
import pytest

from g6o_eval.budget import Budget
from g6o_eval.errors import RoleError
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.roles import build_lm, is_offline, parse_roles
from g6o_eval.prompt.render import make_adapter


def test_roles_are_read_from_lines() -> None:
    found = parse_roles([" task = offline ", "", "judge=openai/gpt-4o-mini"], source="ini g6o_lm")

    assert found == {"task": "offline", "judge": "openai/gpt-4o-mini"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["tsk=offline"],
            "--eval-lm: unknown role 'tsk' in 'tsk=offline'; the roles are task, reflection, judge, teacher",
        ),
        (["offline"], "--eval-lm: 'offline' is no ROLE=MODEL; write for example task=openai/gpt-4o-mini"),
        (["task="], "--eval-lm: 'task=' is no ROLE=MODEL; write for example task=openai/gpt-4o-mini"),
        (["=offline"], "--eval-lm: '=offline' is no ROLE=MODEL; write for example task=openai/gpt-4o-mini"),
        (["task=a", "task=b"], "--eval-lm: role 'task' is given twice, as 'a' and 'b'; keep one"),
    ],
)
def test_a_wrong_line_is_refused_with_its_source(lines: list[str], message: str) -> None:
    with pytest.raises(RoleError) as caught:
        parse_roles(lines, source="--eval-lm")

    assert str(caught.value) == message


def test_only_one_name_is_offline() -> None:
    assert is_offline("offline")
    assert not is_offline("openai/offline")


def test_an_unknown_role_has_no_lm() -> None:
    with pytest.raises(RoleError) as caught:
        build_lm("offline", role="critic", meter=Meter())

    assert str(caught.value) == "unknown role 'critic'; the roles are task, reflection, judge, teacher"


def test_the_offline_lm_costs_nothing_and_says_what_it_is() -> None:
    meter = Meter(Budget(usd=1))
    lm = build_lm("offline", role="task", meter=meter)

    with dspy.context(lm=lm, adapter=make_adapter("chat")):
        dspy.Predict("question -> answer")(question="why?")

    assert (meter.spend().calls, meter.spend().usd) == (1, 0.0)
    assert meter.answered() == ("offline-2",)
    assert lm.cache is False


def test_copies_of_an_lm_spend_from_the_same_meter() -> None:
    meter = Meter()
    lm = build_lm("offline", role="task", meter=meter)

    with dspy.context(lm=lm.copy(temperature=1.0), adapter=make_adapter("chat")):
        dspy.Predict("question -> answer")(question="why?")

    assert meter.spend().calls == 1


def test_each_of_n_answers_is_a_call() -> None:
    meter = Meter()
    lm = build_lm("offline", role="task", meter=meter)

    with dspy.context(lm=lm, adapter=make_adapter("chat")):
        dspy.Predict("question -> answer", n=3)(question="why?")

    assert meter.spend().calls == 3


def test_a_model_without_its_key_is_refused_before_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(
        RoleError, match=r"^role 'task': the model 'openai/gpt-4o-mini' cannot be called: .*OPENAI_API_KEY"
    ):
        build_lm("openai/gpt-4o-mini", role="task", meter=Meter())


def test_a_known_price_keeps_a_budget_of_usd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")

    lm = build_lm("openai/gpt-4o-mini", role="task", meter=Meter(Budget(usd=1)))

    assert lm.model == "openai/gpt-4o-mini"
    assert lm.cache is False


def test_a_budget_of_usd_refuses_a_model_without_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")

    with pytest.raises(RoleError) as caught:
        build_lm("openai/our-own-model", role="task", meter=Meter(Budget(usd=2.5)))

    assert str(caught.value) == (
        "role 'task': the price of 'openai/our-own-model' is not known, so Budget(usd=2.5) cannot be kept. "
        "Limit calls or tokens instead, or take a model that dspy's price list holds"
    )


def test_a_model_without_a_price_runs_under_other_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")

    assert build_lm("openai/our-own-model", role="task", meter=Meter(Budget(calls=5))).model == "openai/our-own-model"


@pytest.mark.parametrize("model", ["nonsense", "nobody/at-home"])
def test_a_model_that_nobody_serves_is_refused(model: str) -> None:
    with pytest.raises(RoleError, match=rf"^role 'task': the model '{model}' cannot be called: "):
        build_lm(model, role="task", meter=Meter())
