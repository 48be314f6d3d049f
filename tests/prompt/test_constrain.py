"""prompt/constrain.py: each clause stands in the prompt once, in order, and goes when it is taken out."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.constraint import Assert, Suggest, check, one_of
from g6o_eval.prompt.constrain import FIRST_LINE, LAST_LINE, constrained, with_clauses
from support.triage import SHORT, Router

SORTED = Suggest("sorted", "Say  exactly\none of: {labels}.", one_of("label", labels=("a", "b")))


def instructions(program: Any) -> str:
    text: str = program.route.signature.instructions
    return text


def test_the_clauses_stand_in_one_delimited_block_in_the_order_declared() -> None:
    program = constrained(Router(), (SHORT, SORTED))

    assert instructions(program) == (
        "Route the ticket.\n\n"
        "Rules that every answer is checked against:\n"
        "- The reason has at most 6 words.\n"
        "- Say exactly one of: a, b.\n"
        "(End of the rules.)"
    )


def test_the_program_that_was_given_stays_as_it_is() -> None:
    program = Router()

    constrained(program, (SHORT,))

    assert instructions(program) == "Route the ticket."


def test_a_signature_keeps_its_name() -> None:
    assert constrained(Router(), (SHORT,)).route.signature.__name__ == "Route"


def test_doing_it_twice_changes_nothing() -> None:
    once = constrained(Router(), (SHORT, SORTED))

    assert instructions(constrained(once, (SHORT, SORTED))) == instructions(once)


def test_a_constraint_that_was_taken_out_leaves_the_prompt() -> None:
    program = constrained(Router(), (SHORT, SORTED))

    assert instructions(constrained(program, (SORTED,))) == instructions(constrained(Router(), (SORTED,)))
    assert instructions(constrained(program, ())) == "Route the ticket."


@given(
    st.text(max_size=60).filter(lambda text: FIRST_LINE not in text and LAST_LINE not in text),
    st.lists(st.text("abc \n", min_size=1).filter(str.strip), max_size=3),
)
def test_whatever_the_instructions_say_each_clause_stands_there_once(own: str, sentences: list[str]) -> None:
    constraints = [Assert(f"c{n}", sentence, check(lambda said: None)) for n, sentence in enumerate(sentences)]

    text = with_clauses(own, constraints)

    assert [line[2:] for line in text.splitlines() if line.startswith("- ")][-len(sentences) or None :] == (
        [" ".join(sentence.split()) for sentence in sentences]
        or [line[2:] for line in own.splitlines() if line.startswith("- ")]
    )
    assert with_clauses(text, constraints) == text
    assert with_clauses(text, ()) == own.strip()
