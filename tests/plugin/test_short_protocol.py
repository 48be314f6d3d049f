"""The short way of plain items: one suite run both ways, and everything that anybody can see compared."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import g6o_eval.items  # noqa: F401  # before pytester notes what is loaded: it unloads the rest after each session
from support.eval_project import EvalProject, tickets

HEAD = '''
import logging
import unittest

import dspy
import pytest

from g6o_eval import Assert, Budget, Dataset, Eval, Gate, Score, Shares, one_of
from ways import note

LABELS = ("account", "billing", "shipping")


class Route(dspy.Signature):
    """Route the support ticket."""

    text: str = dspy.InputField()
    label: str = dspy.OutputField()


class Program(dspy.Module):
    def __init__(self):
        self.route = dspy.Predict(Route)

    def forward(self, text):
        number = int(text.rpartition("#")[2])
        print(f"routing {number}")
        logging.getLogger("program").warning("routing %d", number)
        if number % 9 == 1:
            raise ValueError(f"cannot route {number}")
        answer = self.route(text=text)
        return dspy.Prediction(label="elsewhere" if number % 9 == 2 else answer.label)


def metric(example, prediction):
    if example.id == "t003":
        raise RuntimeError("no score for t003")
    return Score(0.5, feedback=f"{example.id} is so so")


MIXED = Eval(
    name="mixed",
    program=Program,
    dataset=Dataset("SELECT id, text, label FROM tickets", key="id", inputs=("text",), shares=Shares(0, 0, 1)),
    metric=metric,
    constraints=(Assert("one-label", "Answer with exactly one of: {labels}.", one_of("label", labels=LABELS)),),
    budget=Budget(calls=1000),
    gate=Gate(min_mean=0.1),
    prompt_id="mixed",
)
pytestmark = pytest.mark.eval(MIXED)
'''

SUITE = (
    HEAD
    + """

@pytest.fixture(scope="module", autouse=True)
def around():
    print("set up the module")
    yield
    print("tore down the module")


def test_plain(example, prediction, score):
    note("plain", example)
    print(f"testing {example.id}")
    logging.getLogger("test").error("testing %s", example.id)
    if example.id == "t004":
        pytest.skip("not this one")
    if example.id == "t005":
        pytest.xfail("known to be odd")
    if example.id == "t009":
        raise unittest.SkipTest("not this one either")
    assert example.id != "t006"
    assert score.value == 0.5


def test_logs(example, prediction, caplog):
    note("logs", example)
    logging.getLogger("test").error("testing %s", example.id)
    assert [record.message for record in caplog.records] == [f"testing {example.id}"]


@pytest.mark.parametrize("unused", [1])
def test_more(example, unused):
    note("more", example)


class TestClass:
    @classmethod
    def setup_class(cls):
        print("set up the class")
        cls.seen = []

    @classmethod
    def teardown_class(cls):
        print(f"tore down the class, seen {cls.seen}")

    def test_method(self, score, example):
        note("method", example)
        assert not hasattr(self, "mine")
        self.mine = True
        self.seen.append(example.id)

    def test_nothing(self, example):
        note("nothing", example)


class TestSetUp:
    def setup_method(self):
        self.mine = 1

    def test_set_up(self, example):
        note("set_up", example)
        assert self.mine == 1
"""
)

WAYS = '''
import sys


def note(test, example):
    """Write down which way the running item has taken."""
    frame, short = sys._getframe(), False
    while frame is not None:
        short = short or frame.f_code.co_filename.endswith("g6o_eval/short.py")
        frame = frame.f_back
    with open("ways.txt", "a") as file:
        file.write(f"{test} {example.id} {'short' if short else 'standard'}\\n")
'''

RECORDER = """
import json
import os

import pytest

found = []


def payload(report):
    # What was spent until that moment is left out: predictions run ahead.
    told = getattr(report, "g6o", None)
    return told and {name: value for name, value in told.items() if name not in {"spend", "asked"}}


def pytest_runtest_logreport(report):
    assert report.duration >= 0 and report.stop >= report.start
    found.append({
        "nodeid": report.nodeid, "when": report.when, "outcome": report.outcome, "location": report.location,
        "longrepr": None if report.longrepr is None else str(report.longrepr), "keywords": sorted(report.keywords),
        "sections": report.sections, "properties": [p for p in report.user_properties if p[0] != "g6o_seconds"],
        "g6o": payload(report), "wasxfail": getattr(report, "wasxfail", None),
    })


def pytest_runtest_logstart(nodeid, location):
    found.append({"start": nodeid, "location": location})


def pytest_runtest_logfinish(nodeid, location):
    found.append({"finish": nodeid, "location": location})


def pytest_exception_interact(node, call, report):
    found.append({"interact": node.nodeid, "when": call.when, "error": str(call.excinfo.value)})


def pytest_sessionfinish(session):
    assert "PYTEST_CURRENT_TEST" not in os.environ or os.environ["PYTEST_CURRENT_TEST"].startswith("tests/")
    with open("reports.json", "w") as file:
        json.dump(found, file)
"""


@dataclass(frozen=True)
class Seen:
    """What a session left for people and tools.

    Attributes:
        code: its exit code.
        reports: all reports of items, and the other hooks around an item.
        lines: of the terminal, without durations.
        junit: the XML file, without times.
        ways: test → way → number of items.
    """

    code: int
    reports: list[dict[str, Any]]
    lines: list[str]
    junit: str
    ways: dict[str, dict[str, int]]


class Both:
    """A project whose suite can be run both ways."""

    def __init__(self, project: EvalProject) -> None:
        self.project = project
        project.load(tickets(12))
        (project.root / "evals/test_triage.py").unlink()
        project.write("evals/test_mixed.py", SUITE)
        project.write("ways.py", WAYS)
        project.write("recorder.py", RECORDER)
        project.write("pytest.ini", "[pytest]\ng6o_lm = task=offline\npythonpath = .\n")

    def compare(self, *options: str, subprocess: bool = False) -> Seen:
        """Run the suite both ways, from the same store and cache; return the short way's."""
        start = self.project.root.parent / "start"
        shutil.copytree(self.project.root, start)
        short = self.run(*options, subprocess=subprocess)
        for name in (".g6o", ".pytest_cache", "snapshots"):
            shutil.rmtree(self.project.root / name, ignore_errors=True)
            if (start / name).exists():
                shutil.copytree(start / name, self.project.root / name)
        standard = self.run(*options, "-o", "g6o_short=false", subprocess=subprocess)
        shutil.rmtree(start)
        assert {way for ways in standard.ways.values() for way in ways} <= {"standard"}
        assert [_name(report) for report in short.reports] == [_name(report) for report in standard.reports]
        for ours, theirs in zip(short.reports, standard.reports, strict=True):
            assert ours == theirs
        assert short.lines == standard.lines
        assert short.junit == standard.junit
        assert short.code == standard.code
        return short

    def run(self, *options: str, subprocess: bool = False) -> Seen:
        root = self.project.root
        for name in ("ways.txt", "reports.json", "junit.xml"):
            (root / name).unlink(missing_ok=True)
        args = ("-p", "cacheprovider", "-p", "recorder", "--junitxml=junit.xml", *options)
        result = self.project.run("evals", *args, subprocess=subprocess)
        ways: dict[str, Counter[str]] = {}
        for line in _read(root / "ways.txt").splitlines():
            test, _, way = line.split()
            ways.setdefault(test, Counter())[way] += 1
        reports = json.loads(_timeless(_read(root / "reports.json")) or "[]")
        junit = _timeless(_read(root / "junit.xml"))
        lines = [_timeless(line) for line in result.outlines]
        return Seen(
            int(result.ret),
            sorted(reports, key=str) if "-n" in options else reports,
            sorted(lines) if "--durations=0" in options else lines,
            _timeless_xml(junit) if junit and "-n" not in options else "",
            {test: dict(found) for test, found in ways.items()},
        )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _name(report: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(report.get(part)) for part in ("start", "finish", "interact", "nodeid", "when", "outcome"))


def _timeless(line: str) -> str:
    line = re.sub(r"\d+\.\d+ ?s\b", "… s", line)
    line = re.sub(r"\[gw\d\]", "[gw…]", line)  # which worker gets the Eval
    line = re.sub(r"[\d,]+ calls", "… calls", line)  # predictions run ahead of -x
    return re.sub(r"=+(?= )|(?<= )=+$", "=", line)


def _timeless_xml(text: str) -> str:
    root = ET.fromstring(text)
    for element in root.iter():
        for name in ("time", "timestamp"):
            element.attrib.pop(name, None)
        if element.get("name") == "g6o_seconds":
            element.attrib.pop("value")
    return ET.tostring(root, encoding="unicode")


@pytest.fixture
def both(project: EvalProject) -> Both:
    return Both(project)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-s",),
        ("-v", "-rA"),
        ("--tb=short", "--showlocals"),
        ("--durations=0", "-vv"),
        ("-x", "-k", "not t001 and not t002 and not t003"),
        ("--maxfail=3",),
        ("-k", "t001 or t004 or t008"),
        ("--timeout=60",),
        ("--show-capture=no", "-q"),
        ("-p", "no:capture"),
        ("--capture=sys",),
        ("--log-file=log.txt",),
        ("--runxfail",),
    ],
    ids=" ".join,
)
def test_nobody_can_tell_the_ways_apart(both: Both, options: tuple[str, ...]) -> None:
    seen = both.compare(*options)

    assert seen.ways["plain"]["short"] >= 1
    assert "short" not in seen.ways.get("logs", {}) | seen.ways.get("more", {}) | seen.ways.get("set_up", {})


def test_each_plain_test_takes_the_short_way_from_its_second_item_on(both: Both) -> None:
    seen = both.run("-k", "t004 or t007 or t008")

    assert seen.ways == {
        "plain": {"standard": 1, "short": 2},
        "logs": {"standard": 3},
        "more": {"standard": 3},
        "method": {"standard": 1, "short": 2},
        "nothing": {"standard": 1, "short": 2},
        "set_up": {"standard": 3},
    }


def test_the_ways_agree_about_what_failed_last(both: Both) -> None:
    both.run()

    seen = both.compare("--lf")

    assert len([report for report in seen.reports if "start" in report]) == 31
    assert seen.ways["plain"]["short"] == 2


def test_the_ways_agree_in_two_processes(both: Both) -> None:
    seen = both.compare("-n", "2", subprocess=True)

    assert seen.ways["plain"]["short"] == 8


def test_the_ways_agree_about_a_budget_stop(both: Both) -> None:
    both.project.change("evals/test_mixed.py", "Budget(calls=1000)", "Budget(calls=5)")

    seen = both.compare("-rs", "--eval-concurrency=1")

    skipped = [report for report in seen.reports if report.get("outcome") == "skipped"]
    assert {report["when"] for report in skipped} == {"setup", "call"}
    assert seen.ways["plain"] == {"standard": 1, "short": 3}


def test_the_ways_agree_about_a_program_in_another_module(both: Both) -> None:
    text = (both.project.root / "evals/test_mixed.py").read_text(encoding="utf-8")
    head = text[: text.index("\nMIXED = Eval(")]
    both.project.write("programs.py", head)
    both.project.write("evals/test_mixed.py", text.replace(head, "from programs import *\nfrom programs import note\n"))

    seen = both.compare()

    failed = [report for report in seen.reports if report.get("nodeid", "").endswith("test_plain[t001]")]
    assert 'raise ValueError(f"cannot route {number}")' in failed[0]["longrepr"]
    assert "g6o_eval/" not in failed[0]["longrepr"]
    assert "dspy/" not in failed[0]["longrepr"]


FOREIGN = "def pytest_{hook}(): pass\n"
WRAPPER = "import pytest\n@pytest.hookimpl(wrapper=True)\ndef pytest_{hook}():\n    return (yield)\n"
AUTOUSE = "import pytest\n@pytest.fixture(autouse=True{scope})\ndef mine(): pass\n"
OTHER = "import pytest\n@pytest.fixture\ndef {name}(example): return 1\n"


@pytest.mark.parametrize(
    ("options", "conftest"),
    [
        pytest.param(("--setup-show",), "", id="--setup-show"),
        pytest.param(("--pdb", "-k", "t004 or t007 or t008"), "", id="--pdb"),
        pytest.param(("--full-trace",), "", id="--full-trace"),
        pytest.param(("--log-level=INFO",), "", id="--log-level"),
        pytest.param(("--log-cli-level=INFO",), "", id="--log-cli-level"),
        pytest.param(("-o", "log_cli=true"), "", id="log_cli"),
        pytest.param(("-p", "no:logging"), "", id="no logging"),
        pytest.param((), FOREIGN.format(hook="runtest_setup"), id="a foreign setup hook"),
        pytest.param((), FOREIGN.format(hook="runtest_teardown"), id="a foreign teardown hook"),
        pytest.param((), FOREIGN.format(hook="runtest_makereport"), id="a foreign report hook"),
        pytest.param((), FOREIGN.format(hook="runtest_protocol"), id="a foreign protocol"),
        pytest.param((), WRAPPER.format(hook="fixture_setup"), id="a foreign wrapper of fixtures"),
        pytest.param((), AUTOUSE.format(scope=""), id="an autouse fixture"),
        pytest.param((), AUTOUSE.format(scope=", scope='module', params=[1, 2]"), id="a wide fixture with params"),
        pytest.param((), OTHER.format(name="prediction"), id="another fixture of our name"),
    ],
)
def test_in_doubt_every_item_takes_pytests_way(both: Both, options: tuple[str, ...], conftest: str) -> None:
    both.project.write("evals/conftest.py", conftest)

    seen = both.run(*options)

    assert seen.ways["plain"] == {"standard": seen.ways["plain"]["standard"]}


def test_wrappers_of_the_protocol_and_of_the_call_see_every_item(both: Both) -> None:
    both.project.write(
        "evals/conftest.py",
        WRAPPER.format(hook="runtest_protocol")
        + "@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_call(item):\n"
        + "    item.user_properties.append(('seen', True))\n    return (yield)\n"
        + AUTOUSE.format(scope=", scope='module'"),
    )

    seen = both.compare("-k", "t004 or t007 or t008")

    calls = [report for report in seen.reports if report.get("when") == "call"]
    assert all(["seen", True] in report["properties"] for report in calls)
    assert seen.ways["plain"]["short"] == 2
