"""Guidance: lines go into the instructions as long as dev gets better, and what was judged is what is published."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from typing import Any

import dspy
import pytest

from g6o_eval.budget import Budget
from g6o_eval.errors import DeclarationError
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.roles import build_lm
from g6o_eval.optimize.guidance import with_line
from g6o_eval.optimize.search import Compiled, Means, compile_program
from g6o_eval.optimizer import Guidance
from g6o_eval.prompt.constrain import FIRST_LINE, constrained
from g6o_eval.prompt.publish import prompt_text
from support.triage import Route, splits, triage

ACCOUNT = "If it says 'password', 'login', 'profile' or 'avatar', then account."
BILLING = "If it says 'invoice', 'refund', 'charge' or 'payment', then billing."
SHIPPING = "If it says 'package', 'courier', 'parcel' or 'customs', then shipping."
NOISE = "Be friendly."


def compiled(*lines: str, most: int = 4, program: Any = None, calls: int = 10_000) -> tuple[Compiled, list[str]]:
    spec = triage(optimizer=Guidance(lines=lines, most=most), **({} if program is None else {"program": program}))
    meter = Meter(Budget(calls=calls))
    said: list[str] = []
    found = compile_program(
        spec,
        constrained(spec.program(), spec.constraints),
        splits(),
        means=Means(lm=build_lm("offline", role="task", meter=meter), meter=meter, concurrency=1, progress=said.append),
    )
    return found, said


def instructions(found: Compiled) -> str:
    [(_, predictor)] = found.program.named_predictors()
    return str(predictor.signature.instructions)


def test_lines_that_help_are_added_best_first_and_others_are_left_out() -> None:
    found, _ = compiled(NOISE, ACCOUNT, BILLING, SHIPPING)

    lines = instructions(found).splitlines()
    added = [line for line in lines if line.startswith("- If it says")]
    assert found.changed
    assert len(added) >= 2
    assert NOISE not in instructions(found)
    means = [trial.mean for trial in found.trials if trial.mean is not None]
    assert max(means) > means[0]


def test_lines_stand_before_the_clauses() -> None:
    text = instructions(compiled(ACCOUNT, BILLING)[0])

    assert text.index("- If it says") < text.index(FIRST_LINE)
    assert text.count(FIRST_LINE) == 1


def test_nothing_is_added_when_nothing_helps() -> None:
    found, said = compiled(NOISE, "Be brief.")

    assert not found.changed
    assert len(found.trials) == 3
    assert said[-1].startswith("no change: none of 2 proposals beat the hand-written program's")


def test_no_more_lines_are_added_than_allowed() -> None:
    found, _ = compiled(ACCOUNT, BILLING, SHIPPING, most=1)

    assert instructions(found).count("- If it says") == 1
    assert len(found.trials) == 4


def test_it_starts_with_how_much_it_will_try() -> None:
    _, said = compiled(ACCOUNT, BILLING, SHIPPING, most=2)

    dev = len(splits().dev)
    assert said[0].startswith(f"compiling: at most {6 * dev} predictions, about {6 * dev} calls, capped by ")


def test_a_stop_by_budget_keeps_the_best_so_far() -> None:
    dev = len(splits().dev)

    found, said = compiled(ACCOUNT, BILLING, SHIPPING, calls=2 * dev + 1)

    assert found.changed
    assert found.stopped is not None
    assert any(line.startswith("stopped: ") for line in said)


def test_two_compiles_agree_to_the_byte() -> None:
    spec = triage(optimizer=Guidance(lines=(ACCOUNT, BILLING)))

    one, two = (compiled(ACCOUNT, BILLING)[0].program for _ in range(2))

    assert prompt_text(spec, one) == prompt_text(spec, two)


def test_bullets_that_are_added_one_after_another_are_one_list() -> None:
    spec = triage()
    program = constrained(spec.program(), spec.constraints)

    twice = with_line(spec, with_line(spec, program, "One."), "Two.")

    assert twice.route.signature.instructions.startswith("Route the ticket.\n\n- One.\n- Two.\n\n" + FIRST_LINE)
    assert "One." not in program.route.signature.instructions


class Chain(dspy.Module):
    """Two predictors: the second hears the first."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # dspy is untyped
        self.summary = dspy.Predict("text -> gist")
        self.route = dspy.Predict(Route)

    def forward(self, text: str) -> Any:
        return self.route(text=self.summary(text=text).gist)


def test_a_program_of_two_predictors_is_refused() -> None:
    with pytest.raises(DeclarationError) as refused:
        compiled(ACCOUNT, program=Chain)

    assert str(refused.value) == (
        "eval 'triage': Guidance is for programs with one predictor, this one has 2: ['summary', 'route']"
    )
