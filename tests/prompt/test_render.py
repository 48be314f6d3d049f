"""prompt/render.py: the messages as text, to the last character."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import contextlib

import dspy
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.prompt.constrain import constrained
from g6o_eval.prompt.render import make_adapter, render, render_example
from g6o_eval.testing import ScriptedEngine, scripted_lm
from support.triage import SHORT, Router

SYSTEM = """\
=== route ===
--- system ---
Your input fields are:
1. `text` (str):
Your output fields are:
1. `label` (Literal['account', 'billing', 'shipping']):{blank}
2. `reason` (str): why
All interactions will be structured in the following way, with the appropriate values filled in.

[[ ## text ## ]]
{text}

[[ ## label ## ]]
{label}        # note: the value you produce must exactly match (no extra characters) one of: account; billing; shipping

[[ ## reason ## ]]
{reason}

[[ ## completed ## ]]
In adhering to this structure, your objective is:{blank}
        Route the ticket.
        
        Rules that every answer is checked against:
        - The reason has at most 6 words.
        (End of the rules.)
"""  # noqa: W293  # as dspy writes it
DEMO = """\
--- user ---
[[ ## text ## ]]
my parcel
--- assistant ---
[[ ## label ## ]]
shipping

[[ ## reason ## ]]
parcel

[[ ## completed ## ]]
"""
ASKED = """\
--- user ---
[[ ## text ## ]]
{text}

Respond with the corresponding output fields, starting with the field `[[ ## label ## ]]` (must be formatted as a \
valid Python Literal['account', 'billing', 'shipping']), then `[[ ## reason ## ]]`, and then ending with the marker \
for `[[ ## completed ## ]]`.
"""


def with_demo(text: str = "my parcel") -> Router:
    program: Router = constrained(Router(), (SHORT,))
    program.route.demos = [{"text": text, "label": "shipping", "reason": "parcel"}]
    return program


def test_the_text_is_every_message_with_holes_for_the_inputs() -> None:
    assert render(with_demo(), "chat") == SYSTEM.replace("{blank}", " ") + DEMO + ASKED


def test_an_example_fills_the_holes() -> None:
    text = render_example(with_demo(), "chat", {"text": "lost", "label": "never"})

    assert text == SYSTEM.replace("{blank}", " ") + DEMO + ASKED.replace("{text}", "lost")


def test_the_json_adapter_renders_its_own_messages() -> None:
    text = render(with_demo(), "json")

    assert "Outputs will be a JSON object" in text
    assert '{\n  "label": "shipping",\n  "reason": "parcel"\n}\n' in text


def test_what_is_rendered_is_what_is_sent() -> None:
    engine = ScriptedEngine([{"label": "billing", "reason": "r"}])
    program = with_demo()

    with dspy.context(lm=scripted_lm(engine), adapter=make_adapter("chat")):
        program(text="{text}")

    sent = "".join(
        f"--- {role} ---\n{text if text.endswith(chr(10)) else text + chr(10)}" for role, text in engine.requests[0]
    )
    assert render(program, "chat") == "=== route ===\n" + sent


def test_a_malformed_answer_costs_one_call() -> None:
    engine = ScriptedEngine(["no field markers at all"])

    with (
        dspy.context(lm=scripted_lm(engine), adapter=make_adapter("chat")),
        contextlib.suppress(dspy.utils.exceptions.AdapterParseError),
    ):
        with_demo()(text="lost")

    engine.check()


def test_predictors_come_in_the_order_of_their_names() -> None:
    class Two(dspy.Module):
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]  # dspy is untyped
            self.second, self.first = Router().route, Router().route

    lines = render(Two(), "chat").splitlines()

    assert [line for line in lines if line.startswith("===")] == ["=== first ===", "=== second ==="]


def test_carriage_returns_and_hidden_characters_are_shown() -> None:
    text = render(with_demo("a\r\nb\u200bc\x1b[0m"), "chat")

    assert "a\\u000d\nb\\u200bc\\u001b[0m\n" in text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_of_a_demo_hides_anything(text: str) -> None:
    shown = render(with_demo(text), "chat")

    assert "\r" not in shown
    assert not any(ord(character) < 32 and character not in "\n\t" for character in shown)
