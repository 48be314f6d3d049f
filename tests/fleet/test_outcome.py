from __future__ import annotations

from typing import Any

import pytest

from g6o_eval.fleet.outcome import MAX_USD, RULES, label
from g6o_eval.fleet.session import Usage
from support.task_folders import call, message, session_of

FAILED = call("execute_command", error="x")
OK = call("read_file")


@pytest.mark.parametrize(
    ("fields", "events", "outcome", "rule"),
    [
        ({"status": "failed"}, [OK], "failure", "the provider or the mistake limit ended it"),
        (
            {"status": "completed", "usage": Usage(request_usd=MAX_USD + 0.01)},
            [OK],
            "failure",
            "it cost more than a session may",
        ),
        ({"status": "completed", "usage": Usage(request_usd=MAX_USD)}, [OK], "success", "it reports completion"),
        (
            {"status": "completed"},
            [FAILED, FAILED, FAILED, OK],
            "failure",
            "it reports completion but most calls failed",
        ),
        ({"status": "completed"}, [FAILED, FAILED, FAILED], "success", "it reports completion"),
        ({"status": "completed"}, [FAILED, FAILED, OK, OK], "success", "it reports completion"),
        ({"status": "completed"}, [], "success", "it reports completion"),
        ({"status": "unknown"}, [message()], "failure", "it never called a tool"),
        ({"status": "delegated"}, [OK], "partial", "it waits for a child"),
        ({"status": "interrupted"}, [OK], "failure", "it was stopped"),
        (
            {"status": "unknown"},
            [OK, call("apply_diff", status="unanswered")],
            "failure",
            "its last question was never answered",
        ),
        ({"status": "unknown"}, [OK], "partial", "nothing says how it ended"),
    ],
)
def test_the_first_rule_that_holds_gives_the_outcome(
    fields: dict[str, Any], events: list[Any], outcome: str, rule: str
) -> None:
    found = label(session_of(*events, **fields))

    assert (found.outcome, found.rule) == (outcome, rule)


def test_rule_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
