"""lm/own.py: a model may be an engine of the user's own, and says what is wrong with it when it is none."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from pathlib import Path
from typing import Any

import pytest

from g6o_eval.budget import Budget
from g6o_eval.errors import RoleError
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.own import is_own, own_engine
from g6o_eval.lm.roles import build_lm
from g6o_eval.testing import ScriptedEngine

HERE = "engine:lm_own_engines"


@pytest.fixture(autouse=True)
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lm_own_engines.py").write_text(
        "from g6o_eval.testing import ScriptedEngine\n"
        "def good(): return ScriptedEngine(['hello back'])\n"
        "def broken(): raise KeyError('token')\n"
        "def nothing(): return 7\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)


def test_only_a_prefix_makes_a_model_an_own_engine() -> None:
    assert is_own("engine:a.b:c")
    assert not is_own("offline")


def test_the_factory_is_called() -> None:
    assert isinstance(own_engine(f"{HERE}:good"), ScriptedEngine)


def test_its_calls_go_through_the_meter_at_an_unknown_price() -> None:
    meter = Meter(Budget(calls=5))

    said = build_lm(f"{HERE}:good", role="task", meter=meter)("hello")

    assert said == ["hello back"]
    assert (meter.spend().calls, meter.spend().usd, meter.answered()) == (1, None, ("scripted",))


def test_a_budget_of_usd_refuses_it_before_a_call() -> None:
    with pytest.raises(RoleError, match=r"^role 'task': the price of 'engine:lm_own_engines:good' is not known"):
        build_lm(f"{HERE}:good", role="task", meter=Meter(Budget(usd=1)))


def _unmade(what: str) -> str:
    return (
        f"{what}. The module must be importable from {str(Path.cwd())!r} (pytest: set pythonpath = . in the ini file)"
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "engine:no_factory",
            lambda: "the model 'engine:no_factory' names no factory: write engine:package.module:factory",
        ),
        (
            "engine:not_there_at_all:make",
            lambda: _unmade(
                "the model 'engine:not_there_at_all:make' cannot be made: ModuleNotFoundError: "
                "No module named 'not_there_at_all'"
            ),
        ),
        (f"{HERE}:broken", lambda: _unmade(f"the model '{HERE}:broken' cannot be made: KeyError: 'token'")),
        (f"{HERE}:nothing", lambda: f"the model '{HERE}:nothing' made 7, which has no complete(Request) -> Response"),
    ],
)
def test_what_is_no_engine_is_refused(model: str, message: Any) -> None:
    with pytest.raises(RoleError) as caught:
        own_engine(model)

    assert str(caught.value) == message()
