"""How the offline LM picks entries of an input: as the prompt says, else by a hash."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.lm.reading import Output, Prompt
from g6o_eval.lm.selecting import selected

RULES = ["gate_pass:pytest", "child_spawn:%", "mcp_call:%search%"]
DEEDS = ["gate_fail:pytest, twice", "child_spawn:code, once", "mcp_call:index:search, once"]
GIVEN = {"rules": json.dumps(RULES), "deeds": json.dumps(DEEDS)}
BOTH = (
    "- Put into `done` every one of the `rules` that `deeds` shows, and "
    "into `missing` every one of the `rules` that `deeds` does not show."
)
EITHER = "- Put every one of the `rules` into either `done` or `missing`."


def draw(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def picked(field: str, *told: str, given: dict[str, str] = GIVEN) -> list[str] | None:
    output = Output(field, "list[str]")
    return selected(output, Prompt((output,), (), (), "", False, "\n".join(told), given), draw)


def test_what_an_input_shows_is_told_from_what_it_does_not_show() -> None:
    assert picked("done", BOTH) == ["child_spawn:%", "mcp_call:%search%"]
    assert picked("missing", BOTH) == ["gate_pass:pytest"]


@given(st.lists(st.text("abc", min_size=1, max_size=3), unique=True))
def test_either_or_deals_every_entry_into_exactly_one_of_the_two(entries: list[str]) -> None:
    given = {"rules": json.dumps(entries)}

    done, missing = picked("done", EITHER, given=given), picked("missing", EITHER, given=given)

    assert done is not None
    assert missing is not None
    assert sorted(done + missing) == sorted(entries)


def test_only_gives_some_entries_and_nothing_else() -> None:
    found = picked("broken", "- Put into `broken` only entries of `rules`.")

    assert found is not None
    assert set(found) <= set(RULES)


def test_looking_goes_before_dealing_whatever_stands_first() -> None:
    assert picked("done", BOTH, EITHER) == picked("done", EITHER, BOTH) == ["child_spawn:%", "mcp_call:%search%"]


def test_a_field_of_which_nothing_is_said_is_not_picked() -> None:
    assert picked("summary", BOTH, EITHER) is None
    assert picked("done", "Report what is done.") is None


@pytest.mark.parametrize("broken", ["", "[", "{}", '"text"'])
def test_an_input_that_is_no_list_has_no_entries(broken: str) -> None:
    assert picked("done", BOTH, given={"rules": broken, "deeds": broken}) == []
