"""Both files tell the same calls: which of one is which of the other, and what each adds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.ingest.calls import Draft, exit_code_of, status_of
from g6o_eval.fleet.ingest.join import join
from g6o_eval.fleet.ingest.kilo import DAMAGED, SECOND_CHILD
from g6o_eval.fleet.ingest.speech import Spot
from g6o_eval.fleet.session import CallStatus, Session
from support.task_folders import (
    API,
    UI,
    as_bytes,
    ask,
    make_folder,
    request,
    say,
    session_in,
    tool,
    tool_result,
    tool_use,
    turn,
)

FAILURE = "The tool execution failed with the following error:\nno match"


def draft(name: str, target: str = "", *, turn: int | None = None, index: int = 0) -> Draft:
    return Draft(Spot(UI, index, None), name, {"path": target}, turn=turn)


def session_of_turns(tmp_path: Path, ui: Sequence[object], api: Sequence[object]) -> Session:
    return session_in(make_folder(tmp_path, ui=[say("text", "x"), *ui], api=[turn("user", "<task>\nx\n</task>"), *api]))


@pytest.mark.parametrize("failed", [2, 4])
def test_a_failure_belongs_to_the_turn_it_happened_in(tmp_path: Path, failed: int) -> None:
    ui = [request(at=10), tool("appliedDiff", at=30, path="a.py"), request(at=40)]
    if failed == 2:
        ui = [request(at=10), request(at=40), tool("appliedDiff", at=60, path="a.py")]
    api = [
        turn("assistant", tool_use("apply_diff", "1", path="a.py"), at=35),
        turn("user", tool_result(FAILURE if failed == 2 else "ok", "1"), at=38),
        turn("assistant", tool_use("apply_diff", "2", path="a.py"), at=65),
        turn("user", tool_result(FAILURE if failed == 4 else "ok", "2"), at=70),
    ]

    session = session_of_turns(tmp_path, ui, api)

    statuses = {(call.file, call.index): call.status for call in session.tool_calls}
    assert sorted(statuses.values()) == ["completed", "error"]
    assert statuses[UI, 3 if failed == 2 else 2] == "completed"
    assert statuses[API, failed - 1] == "error"


def test_parallel_calls_of_one_turn_are_all_there_each_with_its_result(tmp_path: Path) -> None:
    ui = [request(at=10), *(tool("readFile", at=30, path=f"{name}.py") for name in "abc")]
    api = [
        turn("assistant", *(tool_use("read_file", name, path=f"{name}.py") for name in "abc"), at=35),
        turn("user", *(tool_result(f"text of {name}", name) for name in "cab"), at=38),
    ]

    session = session_of_turns(tmp_path, ui, api)

    assert [(c.target, c.result, c.ts) for c in session.tool_calls] == [
        (f"{name}.py", f"text of {name}", session.tool_calls[0].ts) for name in "abc"
    ]


def test_parallel_calls_without_an_interface_have_places_of_their_own(tmp_path: Path) -> None:
    calls = [tool_use("read_file", str(number), path="same.py") for number in range(5)]

    session = session_in(make_folder(tmp_path, api=[turn("user", "<task>\nx\n</task>"), turn("assistant", *calls)]))

    assert len({(call.file, call.index, call.part) for call in session.tool_calls}) == 5


def test_a_native_mcp_call_is_the_interfaces_call(tmp_path: Path) -> None:
    shown = '{"type":"use_mcp_tool","serverName":"my files","toolName":"list_all","arguments":"{}"}'
    api = [
        turn("assistant", tool_use("mcp--my_files--list_all", "1", path="docs"), at=35),
        turn("user", tool_result("a, b", "1"), at=38),
    ]

    session = session_of_turns(tmp_path, [request(at=10), ask("use_mcp_server", shown, at=30)], api)

    assert [(c.tool, c.result, c.args) for c in session.tool_calls] == [
        ("my files:list_all", "a, b", '{"path":"docs"}')
    ]


def test_children_are_named_by_the_call_that_asked_for_them(tmp_path: Path) -> None:
    first, second = "019c6cad-ab04-729d-8d06-0713cb1977c8", "019c6cad-ab04-729d-8d06-0713cb1977c9"
    ui = [
        request(at=10),
        tool("newTask", at=30, mode="Code", content="one"),
        request(at=40),
        tool("newTask", at=60, mode="Code", content="two"),
        request(at=70),
        tool("newTask", at=90, mode="Code", content="three"),
    ]
    api = [
        turn("assistant", tool_use("new_task", "1", message="one"), at=35),
        turn("user", tool_result(f"Subtask {first} completed.\n\nResult:\nok", "1"), at=38),
        turn("assistant", tool_use("new_task", "2", message="two"), at=65),
        turn("user", tool_result("[new_task completed] Result: ok", "2"), at=68),
        turn("assistant", tool_use("new_task", "3", message="three"), at=95),
        turn("user", tool_result(f"Delegated to child task {second}", "3"), at=98),
    ]

    session = session_of_turns(tmp_path, ui, api)

    assert [spawn.child_id for spawn in session.spawns] == [first, None, second]


def test_without_an_interface_the_history_tells_of_the_children(tmp_path: Path) -> None:
    child = "019c6cad-ab04-729d-8d06-0713cb1977c8"
    api = [
        turn("user", "<task>\nx\n</task>"),
        turn("assistant", tool_use("new_task", "1", message="one"), tool_use("new_task", "2", message="two")),
        turn("user", tool_result(f"Subtask {child} completed.\n\nResult:\nok", "1")),
        turn("assistant", "<new_task>\n<mode>code</mode>\n<message>three</message>\n</new_task>"),
    ]

    session = session_in(make_folder(tmp_path, api=api))
    born = [session_in(make_folder(tmp_path, name, ui=[say("text", name)])) for name in ("one", "three")]

    assert [(spawn.index, spawn.child_id) for spawn in session.spawns] == [(1, child), (3, None)]
    assert [spawn.prompt_sha256 for spawn in session.spawns] == [item.prompt_sha256 for item in born]
    assert session.skipped == {SECOND_CHILD: 1}


def test_a_failed_call_is_not_taken_from_the_history_when_the_interface_is_damaged(tmp_path: Path) -> None:
    events = [say("text", "x"), request(at=10), tool("appliedDiff", at=30, path="a.py")]
    api = [turn("assistant", tool_use("apply_diff", "1", path="a.py"), at=35), turn("user", tool_result(FAILURE, "1"))]

    session = session_in(make_folder(tmp_path, ui=as_bytes(events)[:-4], api=api))

    assert (session.tool_calls, session.skipped[DAMAGED]) == ((), 1)


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("Command executed in terminal within working directory '/w'. Exit code: 0\nOutput:\nok", 0, "completed"),
        ("Command executed in terminal. Exit code: 2\nOutput:\nExit code: 0", 2, "error"),
        ("Command execution was not successful.\nExit code: -9\nOutput:\n", -9, "error"),
        ("Command executed in terminal.\nOutput:\nmake: Exit code: 7", None, "completed"),
        ("Command executed.\nOutput:\nok", None, "completed"),
        ("Exit code: 4294967295\nOutput:\n", 4_294_967_295, "error"),
    ],
)
def test_the_exit_code_is_what_the_head_of_the_result_says(
    tmp_path: Path, text: str, code: int | None, status: CallStatus
) -> None:
    api = [
        turn("assistant", tool_use("execute_command", "1", command="pytest"), at=35),
        turn("user", tool_result(text, "1"), at=38),
    ]

    session = session_of_turns(tmp_path, [request(at=10), ask("command", "pytest", at=30)], api)

    assert [(c.exit_code, c.status) for c in session.tool_calls] == [(code, status)]
    assert (exit_code_of(text), status_of(text)) == (code, status)


def test_only_a_command_has_an_exit_code(tmp_path: Path) -> None:
    api = [
        turn("assistant", tool_use("read_file", "1", path="log"), at=35),
        turn("user", tool_result("the log says Exit code: 0", "1"), at=38),
    ]

    session = session_of_turns(tmp_path, [request(at=10), tool("readFile", at=30, path="log")], api)

    assert session.tool_calls[0].exit_code is None


def test_advice_behind_a_failure_does_not_undo_it(tmp_path: Path) -> None:
    api = [
        turn("user", "<task>\nx\n</task>"),
        turn("assistant", "<read_file>\n<path>a</path>\n</read_file>"),
        turn(
            "user", "[read_file for 'a'] Result:", "<error>\nENOENT\n</error>", "# Reminder: Instructions for Tool Use"
        ),
    ]

    (call,) = session_in(make_folder(tmp_path, api=api)).tool_calls

    assert (call.status, call.error) == ("error", "<error>\nENOENT\n</error>")


NAMES = st.sampled_from(["readFile", "read_file", "appliedDiff", "apply_diff", "command", "frob", "s:t"])
CALLS = st.lists(st.builds(draft, NAMES, st.sampled_from("ab"), turn=st.none() | st.integers(0, 3)), max_size=12)


@given(shown=CALLS, asked=CALLS)
def test_an_alignment_pairs_each_call_once_in_order_and_leaves_the_others(
    shown: list[Draft], asked: list[Draft]
) -> None:
    for place, call in enumerate(asked):
        call.answer(f"result {place}")

    left = join(shown, asked)

    taken = [int(str(call.result).split()[1]) for call in shown if call.result is not None]
    assert taken == sorted(set(taken))
    assert len(taken) + len(left) == len(asked)


@given(calls=CALLS)
def test_equal_lists_are_paired_place_by_place(calls: list[Draft]) -> None:
    asked = [draft(call.written_as, call.target, turn=call.turn) for call in calls]
    for place, call in enumerate(asked):
        call.answer(f"result {place}")

    assert join(calls, asked) == []
    assert [call.result for call in calls] == [f"result {place}" for place in range(len(calls))]


def test_what_waits_for_the_end_of_the_log_is_short(tmp_path: Path) -> None:
    """A thousand files of a megabyte that were read and written are not held till the last event."""
    files = [{"path": f"{number}.py", "content": "x" * 100_000} for number in range(1_000)]
    call = Draft(Spot(UI, 0, None), "write_to_file", {"content": "x" * 1_000_000, "batchFiles": files})

    call.answer("y" * 1_000_000, failed=True)

    assert len(str(call.args)) < 64 * 9_000 + 9_000
    assert (len(str(call.result)), len(str(call.error))) == (8_192, 8_192)
    assert call.done().args.startswith('{"content":"xxx')
