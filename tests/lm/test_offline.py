"""lm/offline.py: it learns from the prompt, obeys it, and answers the same in every process."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import subprocess
import sys
from enum import Enum
from typing import Any, Literal

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.constraint import Assert, Constraint, at_most_words, between, one_of
from g6o_eval.eval import Adapter
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.offline import OfflineEngine, reply
from g6o_eval.lm.reading import Demo, Prompt, read_prompt
from g6o_eval.lm.roles import build_lm
from g6o_eval.prompt.constrain import constrained
from g6o_eval.prompt.render import make_adapter
from support.triage import Router, tickets

ADAPTERS = pytest.mark.parametrize("adapter", ["chat", "json"])
Fields = dict[str, Any]


class Mood(Enum):
    CALM = "calm"
    CROSS = "cross"


class Kinds(dspy.Signature):  # type: ignore[metaclass]  # dspy is untyped
    """Answer in every kind."""

    text: str = dspy.InputField()  # type: ignore[no-untyped-call]  # likewise
    label: Literal["red apple", "it's green", "blue"] = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise
    mood: Mood = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise
    share: float = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise
    count: int = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise
    sure: bool = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise
    quote: str = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise
    tags: list[str] = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise


def ask(program: Any, adapter: Adapter = "chat", **inputs: Any) -> Any:
    with dspy.context(lm=build_lm("offline", role="task", meter=Meter()), adapter=make_adapter(adapter)):
        return program(**inputs)


def predictor(instructions: str = "", *demos: Fields, signature: Any = Kinds) -> Any:
    found = dspy.Predict(signature.with_instructions(instructions) if instructions else signature)
    found.demos = list(demos)
    return found


def demo(text: str, **answers: Any) -> Fields:
    return {"text": text, **answers}


def told(constraint: Constraint | None, text: str) -> Any:
    """Ask with or without a constraint in the prompt."""
    return ask(constrained(predictor(), () if constraint is None else (constraint,)), text=text)


@ADAPTERS
def test_every_kind_of_field_gets_an_answer_that_dspy_can_parse(adapter: Adapter) -> None:
    said = ask(predictor(), adapter, text="the quick brown fox")

    assert said.label in ("red apple", "it's green", "blue")
    assert said.mood in Mood
    assert (said.share, said.count, said.tags) == (50.0, 50, [])
    assert isinstance(said.sure, bool)
    assert said.quote == "the quick brown fox"


@ADAPTERS
def test_a_rule_of_the_instructions_decides(adapter: Adapter) -> None:
    rules = (
        "Sort.\nIf the text mentions 'parcel' or \"late van\", then answer blue.\nIf it says `cash`, then red apple."
    )

    assert ask(predictor(rules), adapter, text="where is the late van").label == "blue"
    assert ask(predictor(rules), adapter, text="I paid CASH today").label == "red apple"


def test_without_its_rule_the_answer_is_another() -> None:
    texts = [f"number {number} of the late parcel" for number in range(12)]
    rule = "If the text mentions 'parcel', then blue."

    assert {ask(predictor(rule), text=text).label for text in texts} == {"blue"}
    assert {ask(predictor(), text=text).label for text in texts} != {"blue"}


@ADAPTERS
def test_the_nearest_demos_decide_every_field(adapter: Adapter) -> None:
    answers = {"label": "blue", "mood": "cross", "share": 0.25, "count": 3, "sure": True, "tags": ["x", "y"]}
    other = {"label": "red apple", "mood": "calm", "share": 0.75, "count": 9, "sure": False, "tags": []}
    demos = (demo("alpha beta gamma", **answers), demo("delta epsilon zeta", **other))

    said = ask(predictor("", *demos), adapter, text="beta gamma theta")

    assert (said.label, said.mood, said.share, said.count, said.sure) == ("blue", Mood.CROSS, 0.25, 3, True)
    assert said.tags == ["x", "y"]


def test_a_demo_that_lacks_a_field_says_nothing_about_it() -> None:
    said = ask(predictor("", demo("alpha beta", label="blue")), text="alpha beta")

    assert (said.label, said.share) == ("blue", 50.0)


def test_equally_near_demos_are_settled_by_the_order_of_the_choices() -> None:
    demos = [demo("alpha one", label="blue"), demo("alpha two", label="red apple")]

    assert ask(predictor("", *demos), text="alpha").label == ask(predictor("", *demos[::-1]), text="alpha").label


def test_a_text_field_whose_demos_come_back_is_a_label() -> None:
    class Sort(dspy.Signature):  # type: ignore[metaclass]  # dspy is untyped
        """Sort."""

        text: str = dspy.InputField()  # type: ignore[no-untyped-call]  # likewise
        label: str = dspy.OutputField()  # type: ignore[no-untyped-call]  # likewise

    demos = [demo("alpha", label="a"), demo("beta", label="b"), demo("alpha gamma", label="a")]

    assert ask(predictor("", *demos, signature=Sort), text="beta delta").label == "b"


def test_a_word_limit_in_the_prompt_is_kept_and_without_it_is_not() -> None:
    limit = Assert("short", "The quote has at most {limit} words.", at_most_words("quote", limit=3))
    text = "one two three four five six seven"

    assert limit.check.problem(told(limit, text)) is None
    assert limit.check.problem(told(None, text)) == "quote has 7 words, allowed 1 to 3"


def test_a_range_in_the_prompt_is_kept_and_without_it_is_not() -> None:
    between_ = Assert("sure", "Give share as a number between {low} and {high}.", between("share", low=0.5, high=0.9))

    assert told(between_, "any").share == 0.7
    assert between_.check.problem(told(None, "any")) == "share is 50.0, not a number in [0.5, 0.9]"


def test_demos_beyond_the_range_are_drawn_into_it() -> None:
    range_ = Assert("sure", "Give share from {low} to {high}.", between("share", low=0, high=0.5))
    program = constrained(predictor("", demo("alpha", share=0.9)), (range_,))

    assert ask(program, text="alpha").share == 0.5


def test_a_list_of_answers_in_the_prompt_is_kept_and_without_it_is_not() -> None:
    listed = Assert("listed", "The quote is one of: {labels}.", one_of("quote", labels=("left", "right")))

    assert listed.check.problem(told(listed, "any words")) is None
    assert listed.check.problem(told(None, "any words")) is not None


def test_a_limit_for_another_field_does_not_concern_this_one() -> None:
    said = ask(predictor("The label has at most 2 words."), text="one two three four")

    assert said.quote == "one two three four"


def test_a_limit_that_names_no_field_concerns_every_one() -> None:
    assert ask(predictor("Use no more than 2 words."), text="one two three four").quote == "one two"


def test_a_limit_in_the_description_of_a_field_is_kept() -> None:
    signature: Any = Kinds
    signature = signature.with_updated_fields("quote", desc="up to 2 words")
    signature = signature.with_updated_fields("count", desc="in [1, 5]")

    said = ask(predictor(signature=signature), text="one two three four")

    assert (said.quote, said.count) == ("one two", 3)


def test_the_quote_is_where_a_rule_finds_its_keyword() -> None:
    rules = "If the text mentions 'parcel', then blue.\nThe quote has at most 3 words."

    assert "parcel" in ask(predictor(rules), text="hello dear team\nthis is about my lost parcel again").quote


def test_empty_inputs_are_answered_in_words() -> None:
    assert ask(predictor(), text="").quote == "none"


def test_zero_shot_answers_depend_on_the_text_and_use_every_choice() -> None:
    said = [ask(predictor(), text=f"ticket number {number}").label for number in range(30)]

    assert set(said) == {"red apple", "it's green", "blue"}


def test_demos_teach_it() -> None:
    program, taught, test = Router(), Router(), tickets(60, seed=9)
    taught.route.demos = [{"text": one.text, "label": one.label} for one in tickets(24, seed=1)]

    def right(which: Any) -> int:
        return sum(ask(which, text=one.text).label == one.label for one in test)

    assert right(program) < 30
    assert right(taught) > 45


def test_a_prompt_without_output_fields_is_an_error() -> None:
    lm = build_lm("offline", role="task", meter=Meter())

    with pytest.raises(
        Exception, match="reads prompts of DSPy's ChatAdapter and JSONAdapter only; it found no output field"
    ):
        lm("hello")


def test_usage_is_a_quarter_of_the_characters() -> None:
    meter = Meter()
    with dspy.context(lm=build_lm("offline", role="task", meter=meter), adapter=make_adapter("chat")):
        predictor()(text="hello")

    assert meter.spend().input_tokens > 100
    assert meter.spend().output_tokens > 20
    assert meter.spend().usd == 0.0


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_text_in_inputs_and_demos_is_answered(text: str, shown: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text + shown):
        return  # dspy itself refuses what no provider can receive
    said = ask(predictor("", demo(shown, label="blue", quote=shown or "x")), text=text)

    assert said.label in ("red apple", "it's green", "blue")


SCRIPT = """
import sys
from support.triage import Router, tickets
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.roles import build_lm
from g6o_eval.prompt.render import make_adapter
import dspy
program = Router()
program.route.demos = [dict(text=one.text, label=one.label, reason=one.text[:9]) for one in tickets(9, seed=1)]
with dspy.context(lm=build_lm("offline", role="task", meter=Meter()), adapter=make_adapter("chat")):
    print([(said.label, said.reason) for said in (program(text=one.text) for one in tickets(12, seed=4))])
"""


def test_the_same_prompt_gets_the_same_answer_in_every_process() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "random")
    }

    assert len(said) == 1
    assert "shipping" in said.pop()


def test_the_engine_takes_nothing_but_the_request() -> None:
    assert vars(OfflineEngine()) == {}


def test_what_it_reads_is_the_prompt_and_nothing_more() -> None:
    messages = make_adapter("chat").format(Kinds, [demo("shown", label="blue")], {"text": "asked"})

    prompt = read_prompt([(message["role"], message["content"]) for message in messages])

    assert prompt.text == "asked"
    assert [(one.text, dict(one.answers)) for one in prompt.demos] == [("shown", {"label": "blue"})]
    assert [output.name for output in prompt.outputs] == ["label", "mood", "share", "count", "sure", "quote", "tags"]
    assert prompt.outputs[0].choices == ("red apple", "it's green", "blue")
    assert prompt.outputs[1].choices == ("calm", "cross")


def test_a_description_of_several_lines_is_read_to_its_end() -> None:
    signature: Any = Kinds

    said = ask(
        predictor(signature=signature.with_updated_fields("quote", desc="what it says\nat most 2 words")),
        text="one two three",
    )

    assert said.quote == "one two"


def test_a_value_of_a_demo_that_is_no_json_is_copied_as_text() -> None:
    said = read_prompt([("system", "Your output fields are:\n1. `tags` (bytes): x\n"), ("user", "hello")])

    assert reply(said) == "[[ ## tags ## ]]\nnull\n\n[[ ## completed ## ]]"
    shown = Prompt(said.outputs, (), (Demo("hello", {"tags": "not json"}),), "hello", as_json=False)
    assert reply(shown) == "[[ ## tags ## ]]\nnot json\n\n[[ ## completed ## ]]"
