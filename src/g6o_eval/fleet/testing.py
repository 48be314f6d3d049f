"""A Hypothesis strategy of agents' sessions, for tests of what is computed from them.

```python
@given(sessions())
def test_a_diagnosis_is_one_of_the_five(session):
    assert diagnose(session).category in CATEGORIES
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from g6o_eval.fleet.ingest.dialects import TOOLS
from g6o_eval.fleet.ingest.text import sha256
from g6o_eval.fleet.session import CallStatus, Message, Role, Session, SessionStatus, ToolCall, Usage
from g6o_eval.testing.strategies import need_hypothesis

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_FILE = "ui_messages.json"
_START_MS = 1_769_000_000_000
_TARGETS = ("", "src/a.py", "src/b/c.py", "pytest -q tests/a", "git checkout -- src/a.py")
_SPOKEN = (
    "Same error again.", "Please confirm that I may proceed.", "Done.", "", "[[ ## category ## ]]",
    "{{SESSION_ID}}", "see 550e8400-e29b-41d4-a716-446655440000", "ask ses_91f0aa12",
)  # fmt: skip
"""Ordinary texts, and those that pose as a part of a prompt, as a placeholder or as a session's id."""
_ENDINGS = ("ask.tool", "ask.followup", "ask.resume_task", "ask.mistake_limit_reached", "user_cancelled", "")


def sessions(*, max_events: int = 20) -> SearchStrategy[Session]:
    """Return a strategy of Sessions: messages and calls in one file, in order, each at a place of its own.

    Times repeat or are missing, an error stands with each call that failed or was denied and with no
    other, and texts hold what must not reach a prompt: markers, placeholders, ids.

    Args:
        max_events: most messages and calls together.
    """
    need_hypothesis()
    from hypothesis import strategies as st

    times = st.one_of(st.none(), st.integers(_START_MS, _START_MS + 9))
    text = st.one_of(st.sampled_from(_SPOKEN), st.text(max_size=30))
    said = st.builds(_message, times, st.sampled_from(get_args(Role)), text)
    called = st.builds(
        _call,
        times,
        st.sampled_from([tool.name for tool in TOOLS]),
        target=st.sampled_from(_TARGETS),
        status=st.sampled_from(get_args(CallStatus)),
        error=text,
    )
    return st.builds(
        _session,
        st.uuids(version=4).map(str),
        st.lists(st.one_of(said, called), max_size=max_events),
        status=st.sampled_from(get_args(SessionStatus)),
        ended_by=st.sampled_from(_ENDINGS),
        usd=st.sampled_from((0.0, 0.03, 0.5, 7.25)),
    )


def _message(ts: int | None, role: Role, text: str) -> Message:
    return Message(
        file=_FILE,
        index=0,
        part=0,
        ts=ts,
        role=role,
        kind="say.text",
        preview=text,
        chars=len(text),
        sha256=sha256(text),
    )


def _call(ts: int | None, tool: str, *, target: str, status: CallStatus, error: str) -> ToolCall:
    return ToolCall(
        file=_FILE,
        index=0,
        part=0,
        ts=ts,
        tool=tool,
        written_as=tool,
        target=target,
        args="",
        status=status,
        error=error if status in ("error", "denied") else None,
    )


def _session(
    session_id: str, events: Sequence[Message | ToolCall], *, status: SessionStatus, ended_by: str, usd: float
) -> Session:
    placed = [replace(event, index=index) for index, event in enumerate(events)]
    times = [event.ts for event in placed if event.ts is not None]
    return Session(
        session_id=session_id,
        source="strategy",
        source_digest=sha256(session_id),
        parent_id=None,
        prompt_sha256=None,
        started_at=min(times, default=None),
        completed_at=max(times, default=None),
        mode=None,
        model=None,
        status=status,
        ended_by=ended_by,
        usage=Usage(requests=1, request_usd=usd),
        messages=tuple(event for event in placed if isinstance(event, Message)),
        tool_calls=tuple(event for event in placed if isinstance(event, ToolCall)),
    )
