"""A whole fleet of made-up sessions, as large as asked, written family by family, with the truth beside.

Nothing but the seed, the number of sessions and the size decides what is written, to the last byte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

from g6o_eval.fleet.diagnosis import CATEGORIES, DiagnosisCategory
from g6o_eval.fleet.made_up import profile
from g6o_eval.fleet.made_up.corruptions import plant_fault
from g6o_eval.fleet.made_up.recording import Recording, Text
from g6o_eval.fleet.made_up.routine import End, Routine, draw_end
from g6o_eval.fleet.made_up.scenarios import FORMS
from g6o_eval.fleet.made_up.scene import AREAS, TASKS, THINGS, Scene
from g6o_eval.fleet.made_up.truth import NO_CATEGORY, CardTruth, Kind, Planted, Truth, write_truths
from g6o_eval.fleet.outcome import Outcome

TRUTH_FILE = "truth.jsonl"
START_MS = 1_768_600_000_000
"""When the first session starts, epoch milliseconds: 2026-01-16."""
_V7_FROM_MS = 1_769_300_000_000
"""From when ids carry their time: the extension changed in between."""
_DAY_MS = 86_400_000
_SESSION_BYTES = 360_000
"""What a session's files come to when nothing stretches them."""
_WITH_CARD, _CLAIMS_TOO_MUCH = 0.7, 0.3
"""Share of completed sessions that do all their card asks; of the others, that report success over a failing gate."""
_KILLS: dict[DiagnosisCategory, str] = {
    "stuck_on_approval": "timeout_exceeded",
    "infinite_retry": "loop_detected",
    "context_exhaustion": "context_exhaustion",
    "scope_creep": "budget_exceeded",
    "model_confusion": "loop_detected",
}
"""Why the governor stops a session that goes wrong so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is made.

    Attributes:
        sessions: at least so many; the last family is written whole.
        bytes: about so many in all folders, within 25 % from some fifty sessions on; None: what comes.
    """

    sessions: int
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A session that is asked for."""

    session_id: str
    task: str


@dataclass(slots=True)
class _Told:
    """What is known of a session while its family is acted out."""

    log: Recording
    mode: str
    task: str
    parent: _Told | None = None
    kind: Kind = "ordinary"
    category: DiagnosisCategory | None = None
    recovery_of: str | None = None
    card: CardTruth = "none"
    named: bool = False

    @property
    def root(self) -> _Told:
        """The root of its tree."""
        return self if self.parent is None else self.parent.root

    @property
    def depth(self) -> int:
        """0 of a root."""
        return 0 if self.parent is None else 1 + self.parent.depth


class _Population:
    def __init__(self, folder: Path, seed: int, size: Size) -> None:
        self.rng = Random(seed)  # noqa: S311 - made-up data, not a secret
        self.truths: list[Truth] = []
        self._folder, self._size, self._source = folder, size, f"synthetic seed {seed}"
        self._text, self._clock, self._written = Text(self.rng), START_MS, 0
        self._stretch = 1.0 if size.bytes is None else size.bytes / size.sessions / _SESSION_BYTES
        self._scale = self._stretch
        self._wanted: list[DiagnosisCategory] = []

    def family(self) -> None:
        """Act out a root and everything under it."""
        if self.rng.random() < profile.DELEGATING:
            self._delegate(self._begin("process-orchestrator", self._clock), levels=profile.MAX_DEPTH)
        else:
            self._work(self._begin("code" if self.rng.random() < 0.8 else "ask", self._clock))
        self._clock += self.rng.randrange(_DAY_MS // 60, _DAY_MS // 12)
        if self._size.bytes is not None:
            wanted = self._size.bytes * len(self.truths) / self._size.sessions
            self._scale = self._stretch * min(4.0, max(0.25, wanted / max(1, self._written)))

    # ── one session ──

    def _begin(self, mode: str, start_ms: int, *, parent: _Told | None = None, asked: _Asked | None = None) -> _Told:
        asked = asked or _Asked(self._new_id(start_ms), self._task())
        log = Recording(asked.session_id, self.rng, start_ms=start_ms, mode=mode, text=self._text)
        log.scale = self._scale
        log.prompt(asked.task)
        return _Told(log, mode, asked.task, parent)

    def _work(self, told: _Told) -> None:
        """Act out a session without children, and what comes of it."""
        roll = self.rng.random()
        if roll < profile.TROUBLED and told.kind == "ordinary":
            self._go_wrong(told)
            return
        routine = Routine(told.log, self.rng)
        requests = profile.REQUESTS.draw(self.rng)
        if roll < profile.TROUBLED + profile.LONG and told.kind == "ordinary":
            told.kind, requests = "long", self.rng.randrange(60, 160)
        routine.steps(requests)
        if self.rng.random() < profile.RESUMED:
            told.kind = "resumed" if told.kind == "ordinary" else told.kind
            told.log.rest()
            routine.steps(max(2, requests // 4))
        self._end(told, routine)

    def _end(self, told: _Told, routine: Routine) -> None:
        end: End = "completed" if told.kind in ("long", "recovery") else draw_end(self.rng)
        if told.mode == "code":
            told.card = "pass" if end == "completed" and self.rng.random() < _WITH_CARD else "fail"
        if told.card == "pass":
            routine.do_the_card()
        elif end == "completed" and told.kind != "long" and self.rng.random() < _CLAIMS_TOO_MUCH:
            routine.leave_a_gate_failing()
        elif end == "completed":
            routine.mend()
        told.kind = "cancelled" if end == "in flight" and told.kind == "ordinary" else told.kind
        routine.end(end, child=told.parent is not None)
        self._keep(told, routine.outcome(end))

    def _go_wrong(self, told: _Told) -> None:
        if not self._wanted:
            self._wanted = self.rng.sample(CATEGORIES, len(CATEGORIES))
        told.category, told.kind = self._wanted.pop(), "killed"
        told.card = "fail" if told.mode == "code" else "none"
        Routine(told.log, self.rng).steps(self.rng.randrange(1, 6))
        scene = Scene(told.log, self.rng, self.rng.choice(AREAS), self.rng.choice(THINGS))
        self.rng.choice(FORMS[told.category])(scene)
        self._keep(told, "failure")
        if self.rng.random() < profile.RECOVERED:
            self._recover(told)

    def _recover(self, told: _Told) -> None:
        """Take up the work: once more with the same words, as a child, or by the stopped one's name."""
        start = told.log.now + self.rng.randrange(60_000, 6 * 3_600_000)
        way = self.rng.choice(("prompt", "child", "name"))
        words = {
            "prompt": told.task,
            "child": f"Take up what was begun: {told.task}",
            "name": f"Session {told.log.session_id} was stopped. Finish its work: {told.task}",
        }
        parent = told if way == "child" else told.parent
        asked = _Asked(self._new_id(start), words[way])
        recovery = self._begin("code", start, parent=parent, asked=asked)
        recovery.kind, recovery.recovery_of = "recovery", told.log.session_id
        recovery.named = parent is not None
        self._work(recovery)

    # ── a root with children ──

    def _delegate(self, told: _Told, *, levels: int) -> None:
        told.log.say("I split this into parts.")
        children = 1
        while children < profile.MAX_CHILDREN and self.rng.random() < profile.ONE_MORE:
            children += 1
        of_code = [self._child(told, levels=levels) for _ in range(children)]
        told.log.say("All parts are back.")
        told.log.complete("The parts are done and checked.", child=told.parent is not None)
        told.card = "pass" if any(of_code) else "fail"
        self._keep(told, "success")

    def _child(self, told: _Told, *, levels: int) -> bool:
        """Ask for a child, act it out, and take its result; return whether it was one of code."""
        deep = levels > 1 and self.rng.random() < profile.DEEPER
        mode = "process-orchestrator" if deep else "code"
        asked = _Asked(self._new_id(told.log.now), self._task())
        named = self.rng.random() < 0.5
        told.log.say("I hand this part to a child.")
        answer = f"Delegated to child task {asked.session_id}" if named else "Task created"
        told.log.call("new_task", {"mode": mode, "content": asked.task, "todos": []}, answer)
        child = self._begin(mode, told.log.now + self.rng.randrange(2_200, 16_600), parent=told, asked=asked)
        child.named = not named and self.rng.random() < 0.5
        if deep:
            self._delegate(child, levels=levels - 1)
        else:
            self._work(child)
        told.log.now = max(told.log.now, child.log.now) + 1_000
        told.log.child_returned("Done." if child.category is None else "It was stopped.")
        return not deep

    # ── ids, tasks, files ──

    def _new_id(self, start_ms: int) -> str:
        bits = self.rng.getrandbits(128)
        if start_ms < _V7_FROM_MS:
            return str(UUID(int=bits, version=4))
        timed = start_ms << 80 | bits & ((1 << 80) - 1)
        return str(UUID(int=timed & ~(0xF000 << 64) & ~(0xC000 << 48) | 7 << 76 | 0x8000 << 48))

    def _task(self) -> str:
        wanted = self.rng.choice(TASKS).format(area=self.rng.choice(AREAS), thing=self.rng.choice(THINGS))
        return f"{wanted}. Ticket repomap-{self.rng.getrandbits(24):06x}."

    def _keep(self, told: _Told, outcome: Outcome) -> None:
        history = None
        if told.named and told.parent is not None:
            history = {"id": told.log.session_id, "parentTaskId": told.parent.log.session_id}
        told.log.write(self._folder / "tasks", history=history)
        folder = self._folder / "tasks" / told.log.session_id
        self._written += sum(file.stat().st_size for file in folder.iterdir())
        planted = plant_fault(folder, self.rng) if self.rng.random() < profile.CORRUPT else None
        self.truths.append(_truth(told, outcome, planted=planted, source=self._source))


def populate(
    folder: Path, *, seed: int, size: Size, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Truth]:
    """Write task folders under `folder`/tasks, and the truth of each as a line of `folder`/truth.jsonl.

    `progress` is called with the sessions done and in all.

    Raises:
        FileExistsError: there are task folders already.
    """
    (folder / "tasks").mkdir(parents=True)
    population = _Population(folder, seed, size)
    while len(population.truths) < size.sessions:
        population.family()
        progress(min(len(population.truths), size.sessions), size.sessions)
    write_truths(folder / TRUTH_FILE, sorted(population.truths, key=lambda truth: truth.session_id))
    return population.truths


def _truth(told: _Told, outcome: Outcome, *, planted: Planted | None, source: str) -> Truth:
    log = told.log
    return Truth(
        session_id=log.session_id,
        kind=told.kind,
        category=told.category or NO_CATEGORY,
        outcome=outcome,
        status=log.status,
        killed=None if told.category is None else _KILLS[told.category],
        recovery_of=told.recovery_of,
        parent_id=None if told.parent is None else told.parent.log.session_id,
        root_id=told.root.log.session_id,
        depth=told.depth,
        mode=told.mode,
        card=told.card,
        requests=log.requests,
        without_cost=log.without_cost,
        calls=log.calls,
        usd=log.usd,
        planted=planted,
        source=source,
    )
