"""Puts the interface's calls and the model's own together: both files tell the same calls, each in part."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import PurePosixPath

from g6o_eval.fleet.ingest.calls import Draft
from g6o_eval.fleet.ingest.dialects import MODEL_NAMES, action_of

JOINED = 1_500
"""Most calls of each side that are aligned, the last ones: the work grows with their product."""
_SAME_NAME, _SAME_TARGET, _SAME_TURN, _ANY = 2.0, 2.0, 3.0, 1.0
"""What equal names, targets and turns weigh; _ANY: a name that no dialect knows may be any tool."""
_Traits = tuple[str, str, int | None]
"""What is compared of a call: its kind, the last part of its target, and its turn."""
_MCP = frozenset({"use_mcp_tool", "access_mcp_resource"})


def note_turns(calls: Sequence[Draft], answers: Sequence[tuple[int, int]]) -> None:
    """Say which turn asked for each call of the interface: the answer between its request and the next.

    `answers` are (time in epoch ms, index) of the model's turns. Where the log tells the turn, it stays.
    """
    answers = sorted(answers)
    requests = sorted({call.requested_at for call in calls if call.requested_at is not None})
    for call in calls:
        if call.turn is None and call.requested_at is not None:
            later = bisect_right(requests, call.requested_at)
            end = requests[later] if later < len(requests) else None
            place = bisect_left(answers, (call.requested_at, 0))
            if place < len(answers) and (end is None or answers[place][0] < end):
                call.turn = answers[place][1]


def join(shown: Sequence[Draft], asked: Sequence[Draft]) -> list[Draft]:
    """Give the interface's calls what the model's history knows of them; return the history's that are left.

    Both come in order, and are aligned like two texts: the pairs that fit best, none crossing another.
    """
    pairs = _aligned(shown[-JOINED:], asked[-JOINED:])
    for call, known in pairs:
        _take(call, known)
    used = {id(known) for _, known in pairs}
    return [call for call in asked if id(call) not in used]


def _take(call: Draft, known: Draft) -> None:
    if known.status in ("error", "denied") or call.status == "unanswered":
        call.status, call.error = known.status, known.error
    call.exit_code, call.result, call.child = known.exit_code, known.result, known.child
    if known.call_id is not None and known.args:
        call.model_args = known.args


def _aligned(shown: Sequence[Draft], asked: Sequence[Draft]) -> list[tuple[Draft, Draft]]:
    """Return the pairs of the alignment with the greatest weight (Needleman and Wunsch 1970, gaps free)."""
    start = 0
    while start < min(len(shown), len(asked)) and _certain(shown[start], asked[start]):
        start += 1
    rows, columns = list(map(_traits, shown[start:])), list(map(_traits, asked[start:]))
    best = [[0.0] * (len(columns) + 1)]
    for ours in rows:
        above, row = best[-1], [0.0]
        for place, theirs in enumerate(columns):
            fit = _fit(ours, theirs)
            row.append(max(above[place + 1], row[place], above[place] + fit if fit else 0.0))
        best.append(row)
    places = [(at, at) for at in range(start)]
    places += [(start + row, start + column) for row, column in _traced(rows, columns, best)]
    return [(shown[row], asked[column]) for row, column in places]


def _traced(
    rows: Sequence[_Traits], columns: Sequence[_Traits], best: Sequence[Sequence[float]]
) -> list[tuple[int, int]]:
    """Walk back from the end; of two equal alignments the one with the later pairs: old history is condensed."""
    pairs = []
    row, column = len(rows), len(columns)
    while row and column:
        fit = _fit(rows[row - 1], columns[column - 1])
        if fit and best[row][column] == best[row - 1][column - 1] + fit:
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif best[row][column] == best[row - 1][column]:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


def _certain(call: Draft, known: Draft) -> bool:
    return call.turn is not None and call.turn == known.turn and call.tool == known.tool and call.target == known.target


def _traits(call: Draft) -> _Traits:
    return _kind(call), _name(call), call.turn


def _fit(ours: _Traits, theirs: _Traits) -> float:
    """Return how well two calls go together, 0 when they cannot be the same."""
    kind, name, turn = ours
    other_kind, other_name, other_turn = theirs
    if kind == other_kind:
        fit = _SAME_NAME
    elif not kind or not other_kind:
        fit = _ANY
    else:
        return 0.0
    if turn is not None and other_turn is not None:
        fit += _SAME_TURN if turn == other_turn else -_ANY / 2
    return fit + (_SAME_TARGET if name == other_name else 0.0)


def _kind(call: Draft) -> str:
    """Return what kind of call it is; both sides name edits differently. "": a name that no dialect knows."""
    action = action_of(call.tool)
    if action in ("edit", "delegate", "finish"):
        return action
    if ":" in call.tool or call.tool in _MCP:
        return "mcp"
    return call.tool if call.tool in MODEL_NAMES else ""


def _name(call: Draft) -> str:
    """Return the last part of a target: one side writes paths from the root, the other from the workspace."""
    return PurePosixPath(call.target.replace("\\", "/")).name if "\n" not in call.target else call.target
