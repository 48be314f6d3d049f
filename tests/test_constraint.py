from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from g6o_eval.constraint import Assert, Check, Constraint, Suggest, at_most_words, between, check, one_of
from g6o_eval.errors import DeclarationError

LABELS = ("bug", "question")


def said(**fields: object) -> SimpleNamespace:
    return SimpleNamespace(**fields)


def test_the_sentence_and_the_check_share_their_numbers() -> None:
    rule = Assert("one-label", "Answer with exactly one of: {labels}.", one_of("label", labels=LABELS))

    assert rule.clause == "Answer with exactly one of: bug, question."
    assert rule.check.problem(said(label="bug")) is None
    assert rule.check.problem(said(label="praise")) == "label is 'praise', not one of bug, question"


@pytest.mark.parametrize("kind", [Assert, Suggest])
def test_both_kinds_are_constraints(kind: type[Constraint]) -> None:
    assert isinstance(kind("short", "At most {limit} words.", at_most_words("plan", limit=3)), Constraint)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("one two three", None),
        ("", "plan has 0 words, allowed 1 to 3"),
        ("a b c d", "plan has 4 words, allowed 1 to 3"),
    ],
)
def test_words_are_counted(text: str, problem: str | None) -> None:
    assert at_most_words("plan", limit=3).problem(said(plan=text)) == problem


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (0, None),
        (1.0, None),
        (0.5, None),
        (1.01, "p is 1.01, not a number in [0, 1]"),
        ("0.5", "p is '0.5', not a number in [0, 1]"),
        (True, "p is True, not a number in [0, 1]"),
        (None, "p is None, not a number in [0, 1]"),
        (float("nan"), "p is nan, not a number in [0, 1]"),
    ],
)
def test_numbers_are_kept_between_their_ends(value: object, problem: str | None) -> None:
    assert between("p", low=0, high=1).problem(said(p=value)) == problem


def test_a_check_that_raises_is_a_problem() -> None:
    assert one_of("label", labels=LABELS).problem(said()) == (
        "the check raised AttributeError: 'types.SimpleNamespace' object has no attribute 'label'"
    )


def test_a_check_of_ones_own_gets_its_numbers() -> None:
    def even(prediction: Any, *, step: int) -> str | None:
        return None if prediction.n % step == 0 else f"n is {prediction.n}"

    rule = check(even, step=2)

    assert (rule.problem(said(n=4)), rule.problem(said(n=3))) == (None, "n is 3")


def test_a_check_is_given_the_inputs_it_names() -> None:
    def known(prediction: Any, *, areas: list[str]) -> str | None:
        return None if prediction.area in areas else f"area is {prediction.area}, not one of {areas}"

    rule = check(known, inputs=("areas",))

    asked = {"areas": ["docs"], "label": "docs"}
    assert rule.problem(said(area="docs"), asked) is None
    assert rule.problem(said(area="src"), asked) == "area is src, not one of ['docs']"


def test_a_check_without_the_inputs_it_names_is_a_problem() -> None:
    rule = check(lambda prediction, *, areas: None if prediction.area in areas else "no", inputs=("areas",))

    assert rule.problem(said(area="docs"), {"label": "x"}) == "the check raised KeyError: 'areas'"
    assert rule.problem(said(area="docs")) == "the check raised TypeError: argument of type 'NoneType' is not iterable"


@pytest.mark.parametrize("returned", [True, False, 0])
def test_a_check_that_answers_with_a_bool_is_a_problem(returned: object) -> None:
    rule = Check(lambda prediction: returned)  # type: ignore[arg-type,return-value]  # the mistake this is about

    assert rule.problem(said()) == f"the check returned {returned!r}; expected None or a sentence"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: one_of("label", labels=()), "one_of('label'): labels is empty"),
        (lambda: at_most_words("plan", limit=0), "at_most_words('plan'): limit must be at least 1, got 0"),
        (
            lambda: check(lambda prediction: None, inputs=("areas",), areas=3),
            "check: ['areas'] are both inputs and numbers; give one of them another name",
        ),
        (lambda: between("p", low=2, high=1), "between('p'): low 2 is above high 1"),
        (lambda: between("p", low=float("nan"), high=1), "between('p'): low nan is above high 1"),
        (
            lambda: Assert("One Label", "x", one_of("label", labels=LABELS)),
            "constraint name 'One Label' must match [a-z][a-z0-9_-]{0,63}",
        ),
        (
            lambda: Assert("short", "x", len),  # type: ignore[arg-type]  # the mistake this is about
            "constraint 'short': check must be a Check (one_of(…), check(…)), got <built-in function len>",
        ),
        (lambda: Assert("short", "  ", one_of("label", labels=LABELS)), "constraint 'short': the sentence is empty"),
        (
            lambda: Suggest("short", "At most {words}.", at_most_words("plan", limit=3)),
            "constraint 'short': the sentence asks for 'words', but its check has only ['field', 'limit']",
        ),
        (
            lambda: Suggest("short", "At most {}.", at_most_words("plan", limit=3)),
            "constraint 'short': the sentence asks for Format string contains positional fields, "
            "but its check has only ['field', 'limit']",
        ),
        (
            lambda: Suggest("short", "At most {limit.", at_most_words("plan", limit=3)),
            "constraint 'short': the sentence asks for expected '}' before end of string, "
            "but its check has only ['field', 'limit']",
        ),
    ],
)
def test_a_constraint_that_cannot_work_is_refused(make: Any, message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        make()

    assert str(refused.value) == message
