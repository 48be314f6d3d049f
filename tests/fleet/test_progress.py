"""Progress as text: a function of how far it is and how long it took."""

from __future__ import annotations

import pytest

from g6o_eval.fleet.commands.ingest import follow_line
from g6o_eval.fleet.commands.progress import PLAIN_SECONDS, Plain, progress_line
from g6o_eval.fleet.ingest.report import Report
from g6o_eval.fleet.ingest.write import Step


@pytest.mark.parametrize(
    ("step", "seconds", "line"),
    [
        (Step(0, 1_089, 0, 0), 1.0, "read 0 of 1,089 sources"),
        (
            Step(400, 1_089, 500_000_000, 2_500_000_000),
            10.0,
            "read 400 of 1,089 sources, 500.0 of 2,500.0 MB at 50.0 MB/s, 40 s left",
        ),
        (Step(2, 2, 3_000_000, 3_000_000), 2.0, "read 2 of 2 sources, 3.0 of 3.0 MB at 1.5 MB/s"),
    ],
)
def test_a_line_has_count_size_rate_and_the_time_left(step: Step, seconds: float, line: str) -> None:
    assert progress_line(step, seconds) == line


def test_plain_lines_come_now_and_then_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 1.0, PLAIN_SECONDS, PLAIN_SECONDS + 1, PLAIN_SECONDS + 2])
    plain = Plain(lambda: next(times))

    for done in range(1, 5):
        plain(Step(done, 4, 0, 0))

    assert capsys.readouterr().err == "read 2 of 4 sources\nread 4 of 4 sources\n"


def test_following_says_a_line_for_each_commit() -> None:
    report = Report(sessions=1, commit="0123456789abcdef", seconds=0.25)
    report.rows.update({"agent_messages": 1_200, "agent_sessions": 1})

    assert follow_line(report) == "commit 0123456789ab   1 session, 1,201 rows   0.2 s"
