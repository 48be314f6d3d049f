"""lm/phrasing.py: texts by analogy with a demo, or as the objective tells; a better prompt gives better texts."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from typing import Any

import dspy
import pytest

from g6o_eval.eval import Adapter
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.phrasing import by_analogy
from g6o_eval.lm.reading import Demo
from g6o_eval.lm.roles import build_lm
from g6o_eval.prompt.render import make_adapter

ADAPTERS = pytest.mark.parametrize("adapter", ["chat", "json"])


class Pack(dspy.Signature):  # type: ignore[metaclass]  # dspy is untyped
    """Pack for a journey."""

    place: str = dspy.InputField()  # type: ignore[no-untyped-call]  # likewise
    things: str = dspy.InputField()  # type: ignore[no-untyped-call]  # likewise
    take: list[str] = dspy.OutputField(desc="what to take along")  # type: ignore[no-untyped-call]  # likewise
    leave: list[str] = dspy.OutputField(desc="what not to take")  # type: ignore[no-untyped-call]  # likewise
    wish: str = dspy.OutputField(desc="said at the door")  # type: ignore[no-untyped-call]  # likewise


def ask(instructions: str = "", *demos: dict[str, Any], adapter: Adapter = "chat", **inputs: str) -> Any:
    program = dspy.Predict(Pack.with_instructions(instructions) if instructions else Pack)
    program.demos = list(demos)
    given = {"place": "Oslo", "things": "a coat\na map", **inputs}
    with dspy.context(lm=build_lm("offline", role="task", meter=Meter()), adapter=make_adapter(adapter)):
        return program(**given)


@ADAPTERS
def test_told_lines_go_to_the_field_that_they_speak_of(adapter: Adapter) -> None:
    said = ask(
        "Pack well.\n- Take {{THINGS}} to {{PLACE}}.\n1. Take money along.\n- Never take a dog.\n"
        "Wish: Safe to {{PLACE}}!",
        adapter=adapter,
    )

    assert said.take == ["Take a coat to Oslo.", "Take money along."]
    assert said.leave == ["Never take a dog."]
    assert said.wish == "Safe to Oslo!"


def test_without_the_line_nothing_is_taken() -> None:
    assert ask("Pack well.\n- Never take a dog.").take == []


def test_a_line_about_what_is_not_there_is_left_out() -> None:
    assert ask("Pack.\n- Take {{THINGS}}.\n- Take a {{HAT}}.", things="none").take == []


def test_rules_and_limits_are_kept_and_not_recited() -> None:
    said = ask(
        "Pack.\n- Take one.\n- Take two.\n- Take three.\n- Name between 1 and 2 things to take.\n\n"
        "Rules that every answer is checked against:\n- Take nothing sharp."
    )

    assert said.take == ["Take one.", "Take two."]


DEMO = {
    "place": "Rome",
    "things": "a hat\na book",
    "take": ["Take a hat to Rome.", "And a book.", "And money."],
    "leave": ["Romeo"],
    "wish": "See Rome!",
}


@ADAPTERS
def test_a_demos_answer_is_told_of_the_question(adapter: Adapter) -> None:
    said = ask("", DEMO, adapter=adapter, place="Oslo Rome")

    assert said.take == ["Take a coat to Oslo Rome.", "And a map.", "And money."]
    assert said.leave == ["Romeo"]
    assert said.wish == "See Oslo Rome!"


def test_what_the_question_lacks_is_left_out_of_a_list() -> None:
    assert ask("", DEMO, place="Rome", things="none").take == ["And money."]


def test_a_field_that_the_demos_quote_is_quoted() -> None:
    said = ask("", {**DEMO, "wish": "a book"}, place="Rome and Oslo", things="a tent")

    assert said.wish in ("Rome and Oslo", "a tent")


def test_fewer_lines_than_the_demo_has_repeat_the_last() -> None:
    demo = Demo("", {}, {"things": "hat\nbook\npen"})

    assert by_analogy(["hat", "book", "pen"], demo, {"things": "coat\nmap"}) == ["coat", "map", "map"]


def test_nothing_to_exchange_leaves_the_answer_as_it_is() -> None:
    assert by_analogy(["x"], Demo("", {}, {"a": "to"}), {"a": "of"}) == ["x"]
    assert by_analogy({"n": 1}, Demo("", {}, {"a": "long"}), {"a": "short"}) == {"n": 1}
