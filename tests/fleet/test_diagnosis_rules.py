"""The rule-based baseline: the boundary table of the engine it stands for, minus that engine's defects."""

from __future__ import annotations

import pytest

from g6o_eval.fleet.diagnosis import CATEGORIES, Diagnosis, diagnose
from g6o_eval.fleet.session import Message, ToolCall
from support.task_folders import call, message, session_of

Event = Message | ToolCall


def texts(count: int, words: str = "hm") -> list[Event]:
    return [message(words)] * count


def calls(name: str, count: int, *, error: str | None = None) -> list[Event]:
    return [call(name, error=error)] * count


FALLBACK = ("model_confusion", 0.30)
PLEA = message("please confirm")
UNDO = call("execute_command", target="git checkout -- a.py")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], FALLBACK, id="nothing"),
        pytest.param(texts(4), FALLBACK, id="4 texts"),
        pytest.param(texts(5), FALLBACK, id="5 texts"),
        pytest.param(texts(6), FALLBACK, id="6 texts"),
        pytest.param(texts(7), ("stuck_on_approval", 0.75), id="7 texts"),
        pytest.param(texts(7) + calls("read", 1), FALLBACK, id="7 texts and a call"),
        pytest.param(
            [*texts(1, "please confirm"), *calls("bash", 2)], ("stuck_on_approval", 0.65), id="a plea, 2 calls"
        ),
        pytest.param([PLEA, *calls("bash", 3)], FALLBACK, id="a plea, 3 calls"),
        pytest.param([*texts(1, "not allowed by mypy"), *calls("bash", 1)], FALLBACK, id="allowed is no plea"),
        pytest.param([message("please confirm", role="user")], FALLBACK, id="the person's plea is none"),
        pytest.param(calls("bash", 2, error="x"), FALLBACK, id="2 errors"),
        pytest.param(calls("bash", 3, error="x"), ("infinite_retry", 0.85), id="3 errors"),
        pytest.param(
            [*calls("bash", 3, error="x"), *calls("bash", 3)], ("infinite_retry", 0.60), id="3 of 6 errors, then ok"
        ),
        pytest.param([*calls("bash", 3, error="x"), *calls("bash", 4)], FALLBACK, id="3 of 7 errors"),
        pytest.param(calls("read", 9), FALLBACK, id="9 reads"),
        pytest.param(calls("read", 10), ("context_exhaustion", 0.70), id="10 reads"),
        pytest.param(calls("read_file", 10), ("context_exhaustion", 0.70), id="10 reads in another dialect"),
        pytest.param(calls("readFile", 10), ("context_exhaustion", 0.70), id="10 reads in the third dialect"),
        pytest.param(calls("read", 10) + calls("bash", 4), ("context_exhaustion", 0.70), id="10 of 14"),
        pytest.param(calls("read", 10) + calls("bash", 5), FALLBACK, id="10 of 15"),
        pytest.param(calls("edit", 8), FALLBACK, id="8 edits"),
        pytest.param(calls("edit", 9), ("scope_creep", 0.50), id="9 edits"),
        pytest.param(calls("edit", 15), ("scope_creep", 0.50), id="15 edits"),
        pytest.param(calls("edit", 16), ("scope_creep", 0.75), id="16 edits"),
        pytest.param(calls("apply_diff", 16), ("scope_creep", 0.75), id="16 edits in another dialect"),
        pytest.param(calls("edit", 16) + texts(10), ("stuck_on_approval", 0.75), id="a tie goes to the first rule"),
        pytest.param(
            [*calls("edit", 16), *[message("", role="notice", kind="say.condense_context")] * 2],
            ("context_exhaustion", 0.90),
            id="16 edits, condensed twice",
        ),
        pytest.param([call("edit"), UNDO, call("edit"), UNDO, call("edit")], ("model_confusion", 0.80), id="two undos"),
        pytest.param([call("edit"), UNDO, call("edit")], FALLBACK, id="one undo"),
        pytest.param(
            [event for name in ("bash", "read", "edit", "grep") for event in (call(name), call(name, error="x"))],
            ("model_confusion", 0.60),
            id="4 tools with an error each",
        ),
        pytest.param(
            [call("a", error="x"), call("a", error="x"), call("a"), *(call(n, error="x") for n in "bc"), call("d")],
            ("infinite_retry", 0.60),
            id="a failing tool comes before several",
        ),
    ],
)
def test_the_boundaries(events: list[Event], expected: tuple[str, float]) -> None:
    found = diagnose(session_of(*events))

    assert (found.category, found.confidence) == expected


def test_the_failing_tool_is_blamed_not_the_last_one() -> None:
    events = [
        *calls("bash", 3, error="no such file"),
        call("read"),
        call("edit", error="x"),
        call("read", error="x"),
        call("grep", error="x"),
    ]

    assert diagnose(session_of(*events)) == Diagnosis(
        category="infinite_retry",
        confidence=0.85,
        summary='Tool "bash" failing repeatedly (3 consecutive errors). Last error: no such file',
    )


def test_a_denial_is_no_failure() -> None:
    assert diagnose(session_of(*[call("edit", status="denied")] * 5)).category == "model_confusion"


def test_how_it_was_stopped_counts() -> None:
    waiting = diagnose(session_of(call("read"), ended_by="ask.tool appliedDiff"))
    mistakes = diagnose(session_of(call("read"), ended_by="ask.mistake_limit_reached", status="failed"))
    returned = diagnose(session_of(call("read"), ended_by="ask.tool newTask", status="delegated"))

    assert [d.confidence for d in (waiting, mistakes, returned)] == [0.70, 0.65, 0.30]
    assert (waiting.category, mistakes.category) == ("stuck_on_approval", "model_confusion")


def test_the_five_categories_are_what_the_governor_knows() -> None:
    assert CATEGORIES == (
        "stuck_on_approval",
        "infinite_retry",
        "context_exhaustion",
        "scope_creep",
        "model_confusion",
    )
