"""The structure of a command: what a shell joins, quotes and leaves out."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.shell import Chain, Command, Opaque, Simple, parse, simple_commands


def simple(*words: str) -> Simple:
    return Simple(words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", simple("a", "b")),
        ("a && b && c", Chain("and", (simple("a"), simple("b"), simple("c")))),
        ("a || b && c", Chain("and", (Chain("or", (simple("a"), simple("b"))), simple("c")))),
        ("a; b\nc;", Chain("then", (simple("a"), simple("b"), simple("c")))),
        ("a |\n b |& c", Chain("pipe", (simple("a"), simple("b"), simple("c")))),
        ("a &&\\\n b", Chain("and", (simple("a"), simple("b")))),
        ("(a; b) && c", Chain("and", (Chain("then", (simple("a"), simple("b"))), simple("c")))),
        ("{ a; b; } > log", Chain("then", (simple("a"), simple("b")))),
        ("a & b", Chain("then", (Opaque(), simple("b")))),
        ("! a; b", Chain("then", (Opaque(), simple("b")))),
        ("if a; then b; fi; c", Chain("then", (Opaque(), simple("c")))),
        ("for x in 1; do for y in 2; do a; done; done; c", Chain("then", (Opaque(), simple("c")))),
        ("((a))", Opaque()),
        ("a() { b; }", Opaque()),
        ("a ||", Opaque()),
        ("a )", Opaque()),
        ("'a", Opaque()),
        ("", Opaque()),
    ],
)
def test_commands_are_joined_as_a_shell_joins_them(text: str, expected: Command) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("""a 'b c' "d e" f\\ g h"i"'j'""", ("a", "b c", "d e", "f g", "hij")),
        ('a "x && y" "\\"q\\""', ("a", "x && y", '"q"')),
        ("a b#c # d", ("a", "b#c")),
        ("a > out 2>&1 < in >> log 2>/dev/null b", ("a", "b")),
        ("a &> out", ("a",)),
        ("a $(b; c) \"$(d 'e)')\" `f` ${g} $h", ("a", "$(…)", "$(…)", "`…`", "${g}", "$h")),
        ("a <(b)", ("a", "<(…)")),
        ("a if", ("a", "if")),
        ("'if' a", ("if", "a")),
    ],
)
def test_words_lose_quotes_comments_redirections_and_substitutions(text: str, words: tuple[str, ...]) -> None:
    assert parse(text) == Simple(words)


@pytest.mark.parametrize("quote", ["EOF", "'EOF'", '"EOF"'])
def test_the_text_of_a_here_document_is_no_command(quote: str) -> None:
    assert parse(f"cat <<{quote} > file && a\nb; c\nEOF\nd") == Chain(
        "then", (Chain("and", (simple("cat"), simple("a"))), simple("d"))
    )


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1), min_size=1))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    assert parse(shlex.join(["run", *words])) == Simple(("run", *words))


@given(st.text(st.sampled_from("ab &|;(){}'\"\\$`<>#\n!"), max_size=40))
def test_any_text_has_a_structure(text: str) -> None:
    assert all(isinstance(each, Simple) and each.words for each in simple_commands(parse(text)))


def test_brackets_without_end_are_not_followed() -> None:
    assert parse("(" * 5_000 + "a" + ")" * 5_000) == Opaque()
    assert parse("( " * 5_000 + "a" + " )" * 5_000) == Opaque()
