"""repeat.py: an adapter that writes a signature once says what DSPy's own says, whatever was called before."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import dspy
import pytest

from g6o_eval.eval import Adapter
from g6o_eval.prompt.render import make_adapter
from g6o_eval.prompt.repeat import repeating_adapter


def a_signature() -> Any:
    signature: Any = dspy.Signature("text: str -> label: Literal['account', 'billing']", "Route the support ticket.")  # type: ignore[call-arg]  # dspy's metaclass takes both
    return signature.with_updated_fields("label", desc="where it goes")


def change_instructions(signature: Any) -> None:
    signature.instructions = "Route it well."


def change_a_description(signature: Any) -> None:
    signature.model_fields["label"].json_schema_extra["desc"] = "one word"


def change_a_type(signature: Any) -> None:
    signature.model_fields["label"].annotation = int


def make_an_input_an_output(signature: Any) -> None:
    signature.model_fields["text"].json_schema_extra["__dspy_field_type"] = "output"


@pytest.mark.parametrize("name", ["chat", "json"])
@pytest.mark.parametrize("change", [change_instructions, change_a_description, change_a_type, make_an_input_an_output])
def test_messages_are_dspys_own_also_after_a_signature_was_changed_in_place(name: Adapter, change: Any) -> None:
    adapter, signature = repeating_adapter(name), a_signature()
    demos = [{"text": "card declined", "label": "billing"}]
    inputs = {"text": "invoice twice"}

    first, second = (adapter.format(signature, demos, inputs) for _ in range(2))
    expected = make_adapter(name).format(signature, demos, inputs)
    change(signature)
    changed = adapter.format(signature, demos, inputs)

    assert first == second == expected
    assert changed == make_adapter(name).format(signature, demos, inputs) != expected


def test_two_signatures_of_one_name_do_not_share_a_text() -> None:
    adapter, signature = repeating_adapter("chat"), a_signature()
    other = signature.with_instructions("Answer in French.")

    texts = [adapter.format_system_message(each) for each in (signature, other, signature)]

    assert texts[0] == texts[2] != texts[1]


def test_a_signature_is_written_once() -> None:
    asked: list[Any] = []

    def structure(signature: Any) -> str:
        asked.append(signature)
        return "structure"

    adapter, signature = repeating_adapter("chat"), a_signature()
    adapter.format_field_structure = structure

    for _ in range(3):
        adapter.format_system_message(signature)

    assert asked == [signature]


def test_a_signature_that_a_program_made_for_one_call_is_let_go() -> None:
    adapter, signature = repeating_adapter("chat"), a_signature()
    adapter.format_system_message(signature)
    gone = weakref.ref(signature)

    del signature
    gc.collect()

    assert gone() is None
