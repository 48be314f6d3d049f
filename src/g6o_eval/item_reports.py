"""What the three reports of an item carry: for a person to read, and for the verdict."""

from __future__ import annotations

from typing import Any

import pytest

from g6o_eval.collected import Evals
from g6o_eval.lm.meter import BudgetStop
from g6o_eval.predict import Predicted
from g6o_eval.redact import redact
from g6o_eval.report.cleaned import clean
from g6o_eval.report.failure import failure_text
from g6o_eval.score import Score
from g6o_eval.settling import SETTLED_KEY, SPEC_KEY, example_key, judging_of
from g6o_eval.steps.judging import Settled


class ItemReports:
    """Completes the reports of this process's items."""

    def __init__(self, evals: Evals) -> None:
        self._evals = evals
        self._announced: set[str] = set()
        self._sent: set[tuple[str, str]] = set()

    def complete(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Put on a report what a person reads and what the verdict needs; after the last, let go of the prediction."""
        found = item.stash.get(SETTLED_KEY, None)
        if report.when == "setup" and found is not None:
            _write_properties(item, report, found.candidate)
        report.sections = clean(report.sections)
        if report.failed:
            report.longrepr = clean(report.longrepr)
        if report.failed and found is not None:
            judging = judging_of(item)
            report.sections.append(("eval", failure_text(judging.spec, found.candidate)))
        if report.when == "teardown":
            report.g6o = self._payload(item, found)  # type: ignore[attr-defined]  # travels with the report
            self._forget(item)

    def _forget(self, item: pytest.Item) -> None:
        """Let go of a prediction after the last test that asks for it: 16,000 would fill the memory."""
        if SETTLED_KEY in item.stash:
            del item.stash[SETTLED_KEY]
            name, key = item.stash[SPEC_KEY].name, example_key(item)
            if self._evals.released(name, key):
                judging_of(item).forget(key)

    def _payload(self, item: pytest.Item, found: Settled | None) -> dict[str, Any]:
        """Return what the controller needs of an item, as JSON; the heavy part once per Eval."""
        judging = judging_of(item)
        name = judging.spec.name
        key = example_key(item)
        payload: dict[str, Any] = {"eval": name, "key": key}
        if found is None:  # skipped, or it could not be made ready
            return payload | ({} if judging.problem is None else {"problem": redact(judging.problem)})
        if (name, key) not in self._sent:
            self._sent.add((name, key))
            payload["score"] = _wire(found.candidate)
            payload["baseline"] = None if found.baseline is None else _wire(found.baseline)
        if name not in self._announced:
            self._announced.add(name)
            payload["announce"] = judging.announcement() | {
                "collected": self._evals.items[name],
                "deselected": self._evals.deselected.get(name, 0),
            }
        payload["spend"] = judging.spend().to_json()
        payload["asked"] = judging.asked["task"].spend().calls
        payload["answered"] = {role: meter.answered() for role, meter in judging.asked.items() if meter.answered()}
        return payload


def _write_properties(item: pytest.Item, report: pytest.TestReport, predicted: Predicted) -> None:
    properties = [
        ("g6o_eval", judging_of(item).spec.name),
        ("g6o_example", predicted.key),
        ("g6o_score", predicted.score.value),
        ("g6o_error", redact(predicted.score.error or "")),
        ("g6o_seconds", round(predicted.seconds, 6)),
    ]
    item.user_properties.extend(properties)
    report.user_properties = list(item.user_properties)
    for stream in dict.fromkeys(stream for stream, _ in predicted.written):
        text = redact("".join(text for s, text in predicted.written if s == stream))
        report.sections.append((f"Captured {stream} prediction", text))
        item.add_report_section("prediction", stream, text)  # on the reports to come


def _wire(predicted: Predicted) -> list[Any]:
    score: Score = predicted.score
    stop = predicted.error.reason if isinstance(predicted.error, BudgetStop) else None
    error = None if score.error is None else redact(score.error)
    return [score.value, error, redact(score.feedback), list(score.broken), stop]
