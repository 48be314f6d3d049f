"""The controller's side: gather what items report, judge, store, show, and set the exit code."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from g6o_eval import git
from g6o_eval.collected import Evals
from g6o_eval.errors import G6oError
from g6o_eval.report.exit_code import exit_code
from g6o_eval.report.facts import Facts, Unjudged, dollars
from g6o_eval.report.markdown import verdict_markdown
from g6o_eval.report.terminal import verdict_lines
from g6o_eval.run import Run

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""File to which a GitHub job appends Markdown that is shown on its page."""


class Verdicts:
    """Registered on the controller once an eval is involved."""

    def __init__(self, evals: Evals) -> None:
        self._evals = evals
        self._gathered: dict[str, Any] = {}
        self._failed: set[str] = set()
        self._runs: list[Run] = []
        self._problems: list[str] = []
        self._collected_all = True
        option, cache = evals.config.option, getattr(evals.config, "cache", None)
        # --lf drops whole tests before pytest counts them as deselected.
        self._last_failed = bool(getattr(option, "lf", False) and cache and cache.get("cache/lastfailed", {}))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note that a file could not be read: whose evals are in it is not known."""
        self._collected_all &= not report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what an item reported; its payload comes with the last of its three reports."""
        if report.failed:
            self._failed.add(report.nodeid)
        payload = getattr(report, "g6o", None)
        if payload is not None:
            from g6o_eval.steps.verdict import Gathered

            worker = getattr(report, "worker_id", "master")
            gathered = self._gathered.setdefault(payload["eval"], Gathered())
            gathered.take(payload, worker=worker, failed=report.nodeid in self._failed)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Judge before the summary is written; set the exit code after everybody else had their say."""
        try:
            self._judge(session)
        except G6oError as error:
            self._problems.append(str(error))
        try:
            return (yield)
        finally:
            self._set_exit_status(session)
            self._evals.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the verdicts."""
        lines = verdict_lines(self._runs, self._facts()) if self._gathered else []
        if not lines and not self._problems:
            return
        terminalreporter.section("evals")
        for line in lines:
            terminalreporter.write_line(line)
        for problem in self._problems:
            terminalreporter.write_line(f"ERROR: {problem}", red=True)

    def _judge(self, session: pytest.Session) -> None:
        if session.config.option.collectonly:
            return
        from g6o_eval.steps.verdict import Gathered

        for name, judging in self._evals.judgings.items():  # also of calls whose items never reported
            if judging.meter.spend().calls or judging.compile_meter.spend().calls:
                self._gathered.setdefault(name, Gathered()).spends["master"] = judging.spend()
        for name, gathered in self._gathered.items():
            if gathered.announce is not None:
                self._runs.append(self._run(name, gathered))
        self._problems += self._orphans(session)
        self._write_summary()

    def _run(self, name: str, gathered: Any) -> Run:
        from dataclasses import replace

        from g6o_eval.steps.keep import keep_candidate, keep_verdict
        from g6o_eval.steps.verdict import run_of
        from g6o_eval.store.results import save_run

        root = self._evals.config.rootpath
        run = run_of(gathered, self._circumstances(name, gathered))
        kept = keep_candidate(run, gathered.announce, root=root)
        run = run if kept is None else replace(run, notes=(*run.notes, kept))
        if run.standing == "stored":
            save_run(self._evals.store, run)
        keep_verdict(run, root=root)
        return run

    def _circumstances(self, name: str, gathered: Any) -> Any:
        from g6o_eval.lm.roles import is_offline
        from g6o_eval.run import Subject
        from g6o_eval.steps.changed import live_run
        from g6o_eval.steps.proof import changed_rules
        from g6o_eval.steps.verdict import Circumstances
        from g6o_eval.store.results import count_looks

        evals, option, root = self._evals, self._evals.config.option, self._evals.config.rootpath
        subject = Subject.from_json(gathered.announce["subject"])
        overridden = [
            *(f"--eval-lm {entry}" for entry in option.g6o_lm or ()),
            *([f"--eval-baseline {option.g6o_baseline}"] if option.g6o_baseline else []),
        ]
        looks = count_looks(evals.store, name, test_hash=subject.test_hash, baseline_digest=subject.baseline_digest)
        return Circumstances(
            overridden=tuple(overridden),
            narrowed=gathered.announce["deselected"] > 0
            or self._last_failed
            or any("::" in arg for arg in evals.config.args),
            read_only=evals.store.read_only,
            data_branch=evals.store.branch(),
            data_commit=str(evals.pinned),
            git_commit=git.head(root),
            git_clean=git.is_clean(root),
            store_kind=evals.store.kind,
            offline=any(is_offline(model) for model in evals.models.values()),
            look=looks + 1,
            notes=changed_rules(subject, live_run(evals.store, name)),
        )

    def _orphans(self, session: pytest.Session) -> list[str]:
        """Name the folders of snapshots/ without an Eval, when the whole project was run."""
        from g6o_eval.snapshot import orphans

        evals = self._evals
        over = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
        if session.exitstatus not in over or not self._collected_all:
            return []
        whole = [(evals.config.rootpath / folder).resolve() for folder in evals.config.getini("g6o_evals")]
        asked = [(evals.config.invocation_params.dir / arg).resolve() for arg in evals.config.args]
        if not all(any(path == folder or path in folder.parents for path in asked) for folder in whole):
            return []
        found = orphans(evals.config.rootpath, frozenset(evals.specs) | evals.elsewhere)
        return [
            f"snapshots/{name} belongs to no Eval of this project. Delete the folder, or bring its eval back"
            for name in found
        ]

    def _write_summary(self) -> None:
        path = os.environ.get(SUMMARY_VARIABLE)
        if path and self._gathered:
            with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123  # appended to, as GitHub asks
                file.write(verdict_markdown(self._runs, self._facts()))

    def _facts(self) -> Facts:
        evals = self._evals
        # A compile and the judging after it may each use the budget, so only one of them has an "of".
        alone = not evals.config.option.g6o_compile
        told = [gathered.announce for gathered in self._gathered.values() if alone]
        budgets = [(announce and announce["budget"]) or (None, None) for announce in told]
        usd, calls = ([budget[limit] for budget in budgets] for limit in (0, 1))
        return Facts(
            store_url=evals.store.url,
            read_only=evals.store.read_only,
            data_branch=evals.store.branch(),
            data_commit=str(evals.pinned),
            dirty_tables=evals.store.dirty(),
            budget_usd=_sum(usd),
            budget_calls=_sum(calls),
            unjudged=tuple(
                Unjudged(eval_name=name, reason=self._why_unjudged(name, gathered), stopped=bool(gathered.stops))
                for name, gathered in self._gathered.items()
                if gathered.announce is None
            ),
        )

    def _why_unjudged(self, name: str, gathered: Any) -> str:
        if gathered.stops:
            return "; ".join(sorted(gathered.stops))
        if gathered.problem is not None:
            return f"cannot be judged: {gathered.problem}"
        judging = self._evals.judgings.get(name)
        spends = [] if judging is None else [judging.spend(), judging.compile_meter.spend()]
        used = [f"{spend.calls} calls, {dollars(spend.usd)}" for spend in spends if spend.calls]
        spent = f" ({' and, to compile, '.join(used)} spent)" if used else ""
        return f"no item gave a score: see the errors and skips above{spent}"

    def _set_exit_status(self, session: pytest.Session) -> None:
        if self._problems and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if session.exitstatus == 0:
            stopped = any(gathered.stops for gathered in self._gathered.values())
            unjudged = any(gathered.announce is None for gathered in self._gathered.values())
            session.exitstatus = exit_code(self._runs, stopped_by_budget=stopped, unjudged=unjudged)


def _sum(limits: Sequence[float | None]) -> Any:
    """Return the sum of limits; None as soon as one side is not limited, or there is none."""
    known = [limit for limit in limits if limit is not None]
    return sum(known) if known and len(known) == len(limits) else None
