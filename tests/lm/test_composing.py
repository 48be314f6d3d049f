"""How the offline LM composes a list of objects: what the prompt tells is kept, the rest is guessed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.lm.composing import compose, objects_of
from g6o_eval.lm.reading import Demo, Output, Prompt

SCHEMA = {
    "type": "array",
    "items": {"$ref": "#/$defs/Part"},
    "$defs": {
        "Part": {
            "type": "object",
            "properties": {
                "place": {"type": "string"},
                "hours": {"type": "number"},
                "people": {"type": "integer"},
                "after": {"type": "array", "items": {"type": "integer"}},
                "tasks": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}
PARTS = Output("parts", "list[Part]", schema=SCHEMA)
GIVEN = {"places": '["kitchen", "garden"]', "tasks_to_do": '["paint the kitchen", "mow", "dig the garden"]'}


def draw(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def made(*told: str, demos: tuple[Demo, ...] = (), given: dict[str, str] = GIVEN) -> list[dict[str, Any]]:
    prompt = Prompt((PARTS,), (), demos, "\n".join(given.values()), False, "\n".join(told), given)
    return compose(PARTS, prompt, nearest=demos, draw=draw)


def test_every_object_has_the_properties_of_the_schema_in_its_order() -> None:
    parts = made("Give between 2 and 2 `parts`.")

    assert [list(part) for part in parts] == [["place", "hours", "people", "after", "tasks"]] * 2
    assert all(isinstance(part["people"], int) and isinstance(part["hours"], float) for part in parts)


@given(st.integers(1, 9), st.integers(0, 5))
def test_as_many_objects_as_told(low: int, more: int) -> None:
    assert low <= len(made(f"Give between {low} and {low + more} `parts`.")) <= low + more


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_number_keeps_to_its_range(low: int, more: int) -> None:
    told = f"Give the `hours` of each part as a number between {low} and {low + more}."

    assert all(low <= part["hours"] <= low + more for part in made(told))


@given(st.integers(1, 9), st.floats(1, 40))
def test_a_sum_keeps_to_its_total_and_each_number_to_its_range(count: int, total: float) -> None:
    parts = made(
        f"Give between {count} and {count} `parts`.",
        "Give the `hours` of each as a number between 0.05 and 20.",
        f"Keep the sum of all `hours` at most {total:.2f}.",
    )

    assert sum(part["hours"] for part in parts) <= float(f"{total:.2f}") + 1e-9
    assert all(0.05 <= part["hours"] <= 20 for part in parts)


def test_texts_come_from_the_input_that_is_told() -> None:
    assert {part["place"] for part in made("Take the `place` from `places`.")} <= {"kitchen", "garden"}
    assert not {part["place"] for part in made()} <= {"kitchen", "garden"}


def test_every_entry_is_dealt_out_once_when_told_so() -> None:
    parts = made("Put every one of the `tasks_to_do` into `tasks`.", "Put none of the `tasks_to_do` into two `tasks`.")

    assert sorted(task for part in parts for task in part["tasks"]) == sorted(json.loads(GIVEN["tasks_to_do"]))


def test_only_earlier_objects_are_named_when_told_so() -> None:
    parts = made("Give between 5 and 5 `parts`.", "Let `after` name earlier parts only.")

    assert all(1 <= other < at for at, part in enumerate(parts, start=1) for other in part["after"])


def test_untold_it_guesses_the_same_each_time() -> None:
    assert made() == made()


def demo(places: list[str], *tasks: list[str]) -> Demo:
    parts = [
        {"place": place, "hours": 3, "people": 1, "after": [], "tasks": own}
        for place, own in zip(places, tasks, strict=True)
    ]
    return Demo("x", {"parts": json.dumps(parts)}, {"places": json.dumps(places)})


def test_demos_show_how_many_and_what_belongs_together() -> None:
    told = (
        "Take the `place` from `places`.",
        "Put every one of the `tasks_to_do` into `tasks`.",
        "None of two `tasks`.",
    )
    shown = (demo(["attic", "roof", "cellar"], ["clear the attic"], ["mend the roof"], ["dry the cellar"]),)

    parts = made(*told, demos=shown)

    assert [part["place"] for part in parts] == ["kitchen", "garden"]
    assert "paint the kitchen" in parts[0]["tasks"]
    assert "dig the garden" in parts[1]["tasks"]
    assert [part["hours"] for part in parts] == [3.0, 3.0]


def test_told_so_it_makes_one_for_each_entry_and_deals_out_by_words() -> None:
    parts = made(
        "Give one of the `parts` for every one of the `places`.",
        "Take the `place` from `places`.",
        "Put every one of the `tasks_to_do` into the `tasks` of the part whose `place` it names, and none into two.",
    )

    assert [part["place"] for part in parts] == ["kitchen", "garden"]
    assert "paint the kitchen" in parts[0]["tasks"]
    assert "dig the garden" in parts[1]["tasks"]


GUESTS = '[{"who": "Ann", "seats": 2}, {"who": "Bob", "seats": 1}]'


def test_a_value_is_taken_from_a_part_of_an_inputs_objects() -> None:
    parts = made(
        "Give between 2 and 2 `parts`.",
        "Take the `place` of each from the `who` of `guests`.",
        "Take the `people` of each from the `seats` of `guests`.",
        given={"guests": GUESTS},
    )

    assert [(part["place"], part["people"]) for part in parts] == [("Ann", 2), ("Bob", 1)]


def test_a_closed_value_is_one_of_its_choices() -> None:
    schema = {"type": "array", "items": {"properties": {"kind": {"type": "string", "enum": ["a", "b"]}}}}
    output = Output("kinds", "list[Kind]", schema=schema)
    prompt = Prompt((output,), (), (), "", False, "Give between 9 and 9 `kinds`.", {})

    assert {item["kind"] for item in compose(output, prompt, nearest=(), draw=draw)} == {"a", "b"}


def test_broken_demos_and_inputs_teach_nothing() -> None:
    broken = Demo("x", {"parts": "[{"}, {"places": "["})

    assert made(demos=(broken,), given={"places": "[", "tasks_to_do": "{}"}) == made(
        given={"places": "[", "tasks_to_do": "{}"}
    )


@pytest.mark.parametrize(
    "schema",
    [None, {"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {}}],
)
def test_only_a_list_of_objects_is_composed(schema: dict[str, Any] | None) -> None:
    assert objects_of(Output("x", "x", schema=schema)) is None
