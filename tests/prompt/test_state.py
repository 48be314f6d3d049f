"""prompt/state.py: a program's state by name, exactly, and nothing that we did not write."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import json
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any

import dspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from g6o_eval.artifact import canonical_json
from g6o_eval.constraint import Suggest
from g6o_eval.errors import CandidateError, DataError, SecretError
from g6o_eval.prompt.constrain import constrained
from g6o_eval.prompt.demo import demo_of
from g6o_eval.prompt.render import render
from g6o_eval.prompt.state import dump_program, load_program, signature_hash
from support.triage import SHORT, Route, Router, ticket, triage

REMEDY = "Recompile: pytest evals/ --compile, or delete snapshots/triage/program.json for the hand-written program"
SECRET = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
DEMO = {"text": "my parcel", "label": "shipping", "reason": "it says parcel"}


class Reworded(Router):
    def __init__(self) -> None:
        super().__init__()
        self.route = dspy.Predict(Route.with_instructions("Send the ticket on."))


class Renamed(Router):
    def __init__(self) -> None:
        super().__init__()
        self.router = self.route
        del self.route


def compiled(*demos: Any) -> Any:
    program = constrained(Router(), (SHORT,))
    program.route.demos = list(demos)
    return program


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    """Return a good text with one change."""
    state = json.loads(dump_program(triage(), compiled(DEMO)))
    change(state)
    return json.dumps(state)


def test_the_text_is_canonical_json_of_words_and_demos_alone() -> None:
    state = json.loads(dump_program(triage(), compiled(DEMO)))

    assert canonical_json(state) == dump_program(triage(), compiled(DEMO))
    assert state == {
        "format": 1,
        "eval": "triage",
        "signature": signature_hash(triage(), Router()),
        "adapter": "chat",
        "predictors": {
            "route": {
                "instructions": compiled().route.signature.instructions,
                "fields": [
                    {"name": "text", "prefix": "Text:", "description": "${text}"},
                    {"name": "label", "prefix": "Label:", "description": "${label}"},
                    {"name": "reason", "prefix": "Reason:", "description": "why"},
                ],
                "demos": [DEMO],
            }
        },
    }


def test_what_is_written_is_read_back_to_the_last_character() -> None:
    program = compiled(DEMO, {"text": "a\r\n\u200b\x00é🙂", "label": "billing"})
    text = dump_program(triage(), program)

    read = load_program(triage(), text, source="program.json")

    assert dump_program(triage(), read) == text
    assert render(read, "chat") == render(program, "chat")
    assert read.route.signature.__name__ == "Route"


@settings(deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"text": st.text(), "label": st.sampled_from(("billing", "shipping"))}), max_size=3)
)
def test_any_text_of_a_demo_is_read_back(demos: list[dict[str, Any]]) -> None:
    text = dump_program(triage(), compiled(*demos))

    assert load_program(triage(), text, source="x").route.demos == demos


def test_changed_words_are_read_back() -> None:
    program = compiled()
    signature = program.route.signature.with_instructions("Sort.").with_updated_fields("label", desc="where to")
    program.route.signature = signature

    read = load_program(triage(), dump_program(triage(), program), source="x")

    assert read.route.signature.instructions == "Sort."
    assert read.route.signature.fields["label"].json_schema_extra["desc"] == "where to"


def test_a_demo_keeps_the_fields_of_the_signature_alone() -> None:
    example = dspy.Example(ticket("key-7", "my parcel", "shipping"), note="secret sauce", augmented=True)  # type: ignore[no-untyped-call]  # dspy is untyped

    text = dump_program(triage(), compiled(example))

    assert json.loads(text)["predictors"]["route"]["demos"] == [{"text": "my parcel", "label": "shipping"}]
    assert "key-7" not in text


def test_an_lm_of_the_program_is_not_written() -> None:
    program = compiled()
    program.set_lm(dspy.LM("openai/gpt-4o-mini"))

    assert "gpt-4o" not in dump_program(triage(), program)


@pytest.mark.parametrize("value", [Decimal("1.5"), float("nan"), float("inf"), b"bytes", {1: "x"}, object])
def test_a_value_that_json_cannot_hold_exactly_is_refused(value: object) -> None:
    with pytest.raises(DataError) as caught:
        dump_program(triage(), compiled(DEMO, {**DEMO, "reason": [value]}))

    assert str(caught.value) == (
        f"demo 2 of predictor 'route', field 'reason': {value!r} ({type(value).__name__}) has no exact form in JSON; "
        "use str, int, float, bool, None, or lists and objects of them"
    )


def test_enums_models_and_tuples_become_plain_values() -> None:
    class Mood(Enum):
        CALM = "calm"

    class Place(BaseModel):
        city: str

    demo = demo_of(Route, {"text": (1, None), "label": Mood.CALM, "reason": Place(city="Ulm")}, where="here")

    assert demo == {"text": [1, None], "label": "calm", "reason": {"city": "Ulm"}}


def test_a_field_without_a_value_is_left_out_of_a_demo() -> None:
    assert demo_of(Route, {"text": "x", "label": None}, where="here") == {"text": "x"}


@pytest.mark.parametrize(
    "demo",
    [
        {**DEMO, "text": f"line\n{SECRET}"},
        {**DEMO, "text": {"nested": [f"\t{SECRET}"]}},
        {**DEMO, "text": {SECRET: 1}},
    ],
)
def test_a_secret_in_a_demo_refuses_the_artifact(demo: dict[str, Any]) -> None:
    with pytest.raises(SecretError) as caught:
        dump_program(triage(), compiled(DEMO, demo))

    assert str(caught.value) == (
        "eval 'triage': demo 2 of predictor 'route' holds a secret (github-token) in field 'text'; nothing was "
        "written. Redact the data it came from"
    )


def test_a_password_that_only_its_name_gives_away_is_found() -> None:
    with pytest.raises(SecretError, match=r"holds a secret \(password\) in field 'text'"):
        dump_program(triage(), compiled({**DEMO, "text": {"password": "hunter22"}}))


def test_a_secret_in_the_instructions_refuses_the_artifact() -> None:
    program = compiled()
    program.route.signature = program.route.signature.with_instructions(f"Use {SECRET}.")

    with pytest.raises(SecretError) as caught:
        dump_program(triage(), program)

    assert str(caught.value) == (
        "eval 'triage': the instructions of predictor 'route' hold a secret (github-token); nothing was written. "
        "Redact the data it came from"
    )


def test_the_hash_does_not_mind_whether_the_clauses_are_written_in() -> None:
    assert signature_hash(triage(), Router()) == signature_hash(triage(), constrained(Router(), (SHORT,)))


def test_demos_do_not_move_the_hash() -> None:
    assert signature_hash(triage(), compiled(DEMO)) == signature_hash(triage(), compiled())


@pytest.mark.parametrize(
    "spec",
    [
        triage(program=Reworded),
        triage(program=Renamed),
        triage(constraints=()),
        triage(constraints=(Suggest("short", SHORT.sentence, SHORT.check),)),
        triage(program=lambda: _with_field("label", desc="where to")),
        triage(program=lambda: _with_field("label", prefix="Where:")),
        triage(program=lambda: _with_field("label", type_=str)),
        triage(adapter="json"),
    ],
)
def test_a_text_that_was_compiled_for_other_code_is_refused(spec: Any) -> None:
    with pytest.raises(CandidateError) as caught:
        load_program(spec, dump_program(triage(), compiled(DEMO)), source="snapshots/triage/program.json")

    assert str(caught.value) == (f"snapshots/triage/program.json: eval 'triage' was compiled for other code. {REMEDY}")


def _with_field(name: str, **changes: Any) -> Router:
    program = Router()
    signature: Any = program.route.signature
    program.route.signature = signature.with_updated_fields(name, **changes)
    return program


LM = "it names an LM; which model runs is said by the role, never by a compiled program"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "p: not JSON that we wrote: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"a": NaN}', "p: not JSON that we wrote: NaN is no JSON number"),
        ('{"a": 1, "b": 2, "a": 3}', "p: not JSON that we wrote: the key 'a' stands twice in one object"),
        ("[]", "p: not a JSON object but list"),
        (changed(lambda s: s.pop("eval")), "p: keys ['eval'] are missing"),
        (changed(lambda s: s.update(format=2)), f"p: format is 2, this version reads 1. {REMEDY}"),
        (changed(lambda s: s.update(eval="other")), f"p: it belongs to eval 'other', not to 'triage'. {REMEDY}"),
        (
            changed(lambda s: s.update(metadata={})),
            "p: unknown keys ['metadata']; we write ['adapter', 'eval', 'format', 'predictors', 'signature']",
        ),
        (changed(lambda s: s.update(lm=None)), f"p: {LM}"),
        (changed(lambda s: s["predictors"].update(lm={})), f"p: predictors: {LM}"),
        (changed(lambda s: s["predictors"]["route"].update(lm=None)), f"p: predictor 'route': {LM}"),
        (changed(lambda s: s["predictors"]["route"]["fields"][0].update(lm=1)), f"p: predictor 'route': fields: {LM}"),
        (
            changed(lambda s: s["predictors"].update(extra={})),
            "p: predictors: unknown keys ['extra']; we write ['route']",
        ),
        (changed(lambda s: s["predictors"].clear()), "p: predictors: keys ['route'] are missing"),
        (changed(lambda s: s.update(predictors=[])), "p: predictors: expected an object, got list"),
        (
            changed(lambda s: s["predictors"]["route"].update(traces=[])),
            "p: predictor 'route': unknown keys ['traces']; we write ['demos', 'fields', 'instructions']",
        ),
        (
            changed(lambda s: s["predictors"]["route"].update(instructions=1)),
            "p: predictor 'route': instructions must be a text and fields a list",
        ),
        (
            changed(lambda s: s["predictors"]["route"]["fields"].pop()),
            "p: predictor 'route': its fields are ['text', 'label'], the code's are ['text', 'label', 'reason']",
        ),
        (
            changed(lambda s: s["predictors"]["route"]["fields"][0].update(prefix=1)),
            "p: predictor 'route': prefix and description of field 'text' must be texts",
        ),
        (
            changed(lambda s: s["predictors"]["route"].update(demos={})),
            "p: predictor 'route': demos must be a list of objects",
        ),
        (
            changed(lambda s: s["predictors"]["route"].update(demos=[1])),
            "p: predictor 'route': demos must be a list of objects",
        ),
        (
            changed(lambda s: s["predictors"]["route"]["demos"].append({"ticket": "x"})),
            "p: predictor 'route': demo 2 holds ['ticket'], no fields of its signature ['text', 'label', 'reason']",
        ),
        (
            changed(lambda s: s["predictors"]["route"]["demos"][0].update(lm="x")),
            "p: predictor 'route': demo 1 holds ['lm'], no fields of its signature ['text', 'label', 'reason']",
        ),
    ],
)
def test_what_we_did_not_write_is_refused_each_with_its_own_sentence(text: str, message: str) -> None:
    with pytest.raises(CandidateError) as caught:
        load_program(triage(), text, source="p")

    assert str(caught.value) == message


def test_deeply_nested_json_is_refused_and_not_a_crash() -> None:
    with pytest.raises(CandidateError, match="p: not JSON that we wrote: "):
        load_program(triage(), "[" * 100_000, source="p")
