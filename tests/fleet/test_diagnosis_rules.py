"""The rule-based baseline: the boundary table of the engine it stands for, minus that engine's defects."""

from __future__ import annotations

from pathlib import Path

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
            [*(call(name, error="x") for name in "bcdaa"), call("a")],
            ("infinite_retry", 0.60),
            id="a failing tool comes before several",
        ),
    ],
)
def test_the_boundaries(events: list[Event], expected: tuple[str, float]) -> None:
    found = diagnose(session_of(*events))

    assert (found.category, found.confidence) == expected


# ── the governor's own engine, boundary by boundary ──

Found = tuple[str, float]
HEALTHY: list[Event] = [call(name) for name in ("read", "grep", "read", "edit", "bash") * 3]
GOVERNOR: dict[str, tuple[list[Event], Found, Found]] = {
    "nothing": ([], FALLBACK, FALLBACK),
    "4 texts": (texts(4), FALLBACK, FALLBACK),
    "5 texts": (texts(5), FALLBACK, FALLBACK),
    "7 texts": (texts(7), ("stuck_on_approval", 0.75), ("stuck_on_approval", 0.75)),
    "a plea in a text, 2 calls": ([PLEA, *calls("bash", 2)], FALLBACK, ("stuck_on_approval", 0.65)),
    '"allowed" in a text, 1 call': (
        [message("this is not allowed by mypy"), *calls("bash", 1)],
        ("stuck_on_approval", 0.65),
        FALLBACK,
    ),
    "bash fails 3 times": (calls("bash", 3, error="x"), ("infinite_retry", 0.85), ("infinite_retry", 0.85)),
    "bash fails twice": (calls("bash", 2, error="x"), FALLBACK, FALLBACK),
    "3 of 6 fail, the last 3 work": (
        [*calls("bash", 3, error="x"), *calls("bash", 3)],
        ("infinite_retry", 0.60),
        ("infinite_retry", 0.60),
    ),
    "9 reads": (calls("read", 9), FALLBACK, FALLBACK),
    "10 reads": (calls("read", 10), ("context_exhaustion", 0.70), ("context_exhaustion", 0.70)),
    "10 reads and 4 bash": (
        [*calls("read", 10), *calls("bash", 4)],
        ("context_exhaustion", 0.70),
        ("context_exhaustion", 0.70),
    ),
    "10 `read_file`": (calls("read_file", 10), FALLBACK, ("context_exhaustion", 0.70)),
    "8 edits": (calls("edit", 8), FALLBACK, FALLBACK),
    "9 edits": (calls("edit", 9), ("scope_creep", 0.50), ("scope_creep", 0.50)),
    "16 edits": (calls("edit", 16), ("scope_creep", 0.75), ("scope_creep", 0.75)),
    "16 `apply_diff`": (calls("apply_diff", 16), FALLBACK, ("scope_creep", 0.75)),
    "16 edits, then 10 texts": (
        [*calls("edit", 16), *texts(10)],
        ("stuck_on_approval", 0.75),
        ("stuck_on_approval", 0.75),
    ),
    "edit, undo, edit, undo, edit": (
        [call("edit"), call("undo"), call("edit"), call("undo"), call("edit")],
        ("model_confusion", 0.80),
        ("model_confusion", 0.80),
    ),
    "edit, `git checkout`, edit, `git checkout`, edit": (
        [call("edit"), UNDO, call("edit"), UNDO, call("edit")],
        FALLBACK,
        ("model_confusion", 0.80),
    ),
    "4 tools, one of two calls of each fails": (
        [event for name in ("bash", "read", "edit", "grep") for event in (call(name), call(name, error="x"))],
        ("model_confusion", 0.60),
        ("model_confusion", 0.60),
    ),
    "a fails 2 of 3 times, b, c, d once": (
        [*(call(name, error="x") for name in "bcdaa"), call("a")],
        ("infinite_retry", 0.60),
        ("infinite_retry", 0.60),
    ),
    "a healthy mix of 15": (HEALTHY, FALLBACK, FALLBACK),
    "16 edits, condensed twice": (
        [*calls("edit", 16), *[message("", role="notice", kind="say.condense_context")] * 2],
        ("scope_creep", 0.75),
        ("context_exhaustion", 0.90),
    ),
}
"""Case → events, what the governor's engine finds (executed), what the rules find."""
DECISION = Path(__file__).parents[2] / "docs" / "decisions" / "diagnosis.md"


@pytest.mark.parametrize("case", GOVERNOR)
def test_the_governors_boundary_table_holds_but_for_what_is_argued(case: str) -> None:
    events, governor, ours = GOVERNOR[case]
    found = diagnose(session_of(*events))
    row = f"| {case} | {_cell(governor)} | {_cell(ours)} |"

    assert (found.category, found.confidence) == ours
    assert (row in DECISION.read_text(encoding="utf-8")) is (governor != ours), row


def _cell(found: Found) -> str:
    return f"{found[0]} {found[1]:.2f}"


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
