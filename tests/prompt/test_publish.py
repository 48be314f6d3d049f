"""prompt/publish.py: what consumers read fits their table and holds no secret."""

from __future__ import annotations

from typing import Any

import pytest

from g6o_eval.errors import DeclarationError, SecretError
from g6o_eval.prompt.publish import MAX_BYTES, prompt_text, publish
from g6o_eval.prompt.render import render
from support.triage import Router, triage

SECRET = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"


def publishing(texts: Any) -> Any:
    return triage(prompt_id=None, publish=lambda program: texts)


def test_without_publish_the_rendered_messages_stand_under_the_prompt_id() -> None:
    program = Router()

    assert publish(triage(), program) == {"triage:router": render(program, "chat")}


def test_publish_is_asked_for_the_texts_of_the_program() -> None:
    spec = triage(prompt_id=None, publish=lambda program: {"b": program.route.signature.instructions, "a": "Hi"})

    assert list(publish(spec, Router()).items()) == [("a", "Hi"), ("b", "Route the ticket.")]


def test_prompt_txt_has_one_section_per_id() -> None:
    assert prompt_text(publishing({"b:2": "Two.\n\n", "a:1": "One\rline"}), Router()) == (
        "##### a:1 #####\nOne\\u000dline\n\n##### b:2 #####\nTwo.\n"
    )


def test_instructions_stand_before_demos() -> None:
    program = Router()
    program.route.demos = [{"text": "parcel", "label": "shipping", "reason": "it says parcel"}]

    text = prompt_text(triage(), program)

    assert text.startswith("##### triage:router #####\n=== route ===\n--- system ---\n")
    assert text.index("Route the ticket.") < text.index("it says parcel")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({}, "eval 'triage': publish returned no prompt; give at least one id and text"),
        ({"p": " \n"}, "eval 'triage': the text of prompt 'p' is empty; a consumer would have nothing to send"),
        ({"p": None}, "eval 'triage': the text of prompt 'p' is None; publish must return texts"),
        ({"bad id": "x"}, "eval 'triage': prompt id 'bad id' must match [A-Za-z0-9][A-Za-z0-9_.:-]{0,199}"),
        (
            {"p": "é" * 32_768},
            "eval 'triage': the text of prompt 'p' has 65,536 bytes, the readers' column holds 65,535; "
            "use fewer or shorter demos",
        ),
        (
            {"p": "\ud800"},
            "eval 'triage': the text of prompt 'p' cannot be written as UTF-8: 'utf-8' codec can't encode character "
            "'\\ud800' in position 0: surrogates not allowed",
        ),
    ],
)
def test_what_does_not_fit_the_readers_table_is_refused(texts: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        publish(publishing(texts), Router())

    assert str(caught.value) == message


def test_the_longest_text_that_fits_is_published() -> None:
    assert publish(publishing({"p": "x" * MAX_BYTES}), Router())["p"] == "x" * 65_535


def test_a_secret_is_refused_without_being_told() -> None:
    with pytest.raises(SecretError) as caught:
        publish(publishing({"p": f"use {SECRET}"}), Router())

    assert str(caught.value) == (
        "eval 'triage': the text of prompt 'p' holds a secret (github-token); nothing was written. "
        "Redact the data it came from"
    )


SHOWN = {"text": "parcel", "label": "shipping", "reason": "it says parcel"}
HIDDEN = {"text": "refund", "label": "billing", "reason": "money"}


def told(program: Any) -> dict[str, str]:
    """A publisher that writes the first demo only, in words of its own."""
    route = program.route
    return {"p": "\n".join([route.signature.instructions, *(f"{demo['text'].upper()}!" for demo in route.demos[:1])])}


def test_a_text_that_shows_every_demo_is_published_however_it_writes_them() -> None:
    program = Router()
    program.route.demos = [SHOWN]

    assert publish(triage(prompt_id=None, publish=told), program)["p"].endswith("PARCEL!")


def test_a_text_that_leaves_out_a_demo_is_refused_because_another_prompt_was_judged() -> None:
    program = Router()
    program.route.demos = [SHOWN, HIDDEN]

    with pytest.raises(DeclarationError) as caught:
        publish(triage(prompt_id=None, publish=told), program)

    assert str(caught.value) == (
        "eval 'triage': its publish leaves out demo 2 of predictor 'route', so consumers would not read what is "
        "judged; write the demos into a text, or compile with Guidance, not Bootstrap"
    )
    assert program.route.demos == [SHOWN, HIDDEN]
