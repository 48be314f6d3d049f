"""Makes task folders of made-up sessions, with the truth about them beside: python -m … OUT --seed 7.

Nothing but the seed and the number of sessions decides what is written, to the last byte.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

from g6o_eval.fleet.diagnosis import CATEGORIES, DiagnosisCategory
from g6o_eval.fleet.made_up.scenarios import FORMS
from g6o_eval.fleet.made_up.scene import AREAS, TASKS, THINGS, Scene
from g6o_eval.fleet.made_up.transcript import Transcript

SESSIONS = 400
SEED = 7
START_MS = 1_769_000_000_000
"""When the first session starts, epoch milliseconds: 2026-01-21."""
_DAY_MS = 86_400_000
_CHILDREN = (0,) * 13 + (1,) * 4 + (2, 2, 3)
"""How many children a root has, drawn evenly: 1.55 sessions to a root with the root itself."""
_TROUBLED_CHILD = 0.15
"""Share of the children beside the first that go wrong too."""
_MODELS = ("anthropic/claude-opus-4.6", "openai/gpt-5.2", "openai/gpt-5.3-codex")
NO_CATEGORY = "none"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one session; "none" when nothing went wrong."""

    session_id: str
    category: str


class _World:
    """Everything that the sessions of one seed share."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = Random(seed)  # noqa: S311 - made-up data, not a secret
        self.folder = folder
        self.truths: list[Truth] = []
        self._clock = START_MS
        self._wanted: list[DiagnosisCategory] = []

    def family(self, size: int) -> None:
        """Act out a root with its children; at least one session of a family goes wrong."""
        root = self._scene(mode="code" if size == 1 else "orchestrator")
        if size == 1:
            self._act(root, self._next_category())
        else:
            self._delegate(root, size - 1)
        self._clock += self.rng.randrange(_DAY_MS // 40, _DAY_MS // 10)

    def _delegate(self, root: Scene, children: int) -> None:
        self._begin(root)
        for number in range(children):
            child = self._scene(mode="code", start_ms=root.log.now + self.rng.randrange(2_000, 17_000))
            task = self._task(child)
            root.log.say("I hand this part to a child.")
            arguments = {"mode": "Code", "content": task, "todos": []}
            named = f"Delegated to child task {child.log.session_id}" if self.rng.random() < 0.5 else "Task created"
            root.log.call("new_task", arguments, named)
            troubled = number == 0 or self.rng.random() < _TROUBLED_CHILD
            self._act(child, self._next_category() if troubled else None, parent=root, task=task)
            root.log.now = child.log.now + 1_000
            root.log.child_returned("It was stopped." if troubled else f"Done in {child.path}.")
        root.log.say("All parts are back.")
        root.log.complete("The parts are delegated and checked.", child=False)
        self._keep(root, NO_CATEGORY, parent=None)

    def _act(
        self, scene: Scene, category: DiagnosisCategory | None, *, parent: Scene | None = None, task: str | None = None
    ) -> None:
        self._begin(scene, task)
        scene.work(self.rng.randrange(1, 4))
        if category is None:
            scene.work(self.rng.randrange(2, 7))
            scene.log.complete(f"Done in {scene.path}, the tests pass.", child=parent is not None)
        else:
            self.rng.choice(FORMS[category])(scene)
        self._keep(scene, category or NO_CATEGORY, parent=parent)

    def _scene(self, *, mode: str, start_ms: int | None = None) -> Scene:
        session_id = str(UUID(int=self.rng.getrandbits(128), version=4))
        model = self.rng.choice(_MODELS)
        start = self._clock if start_ms is None else start_ms
        log = Transcript(session_id, self.rng, start_ms=start, mode=mode, model=model)
        return Scene(log, self.rng, self.rng.choice(AREAS), self.rng.choice(THINGS))

    def _task(self, scene: Scene) -> str:
        wanted = self.rng.choice(TASKS).format(area=scene.area, thing=scene.thing)
        return f"{wanted}. Ticket {self.rng.randrange(100, 9_999)}."

    def _begin(self, scene: Scene, task: str | None = None) -> None:
        scene.log.prompt(task or self._task(scene))

    def _next_category(self) -> DiagnosisCategory:
        """Return the categories in rounds, each round in another order: none is rare."""
        if not self._wanted:
            self._wanted = self.rng.sample(CATEGORIES, len(CATEGORIES))
        return self._wanted.pop()

    def _keep(self, scene: Scene, category: str, *, parent: Scene | None) -> None:
        history = None
        if parent is not None and self.rng.random() < 0.5:
            history = {"id": scene.log.session_id, "parentTaskId": parent.log.session_id}
        scene.log.write(self.folder / "tasks", history=history)
        self.truths.append(Truth(scene.log.session_id, category))


def generate(folder: Path, *, seed: int = SEED, sessions: int = SESSIONS) -> list[Truth]:
    """Write about `sessions` task folders under `folder`/tasks, and `folder`/truth.jsonl.

    Raises:
        FileExistsError: there are task folders already.
    """
    (folder / "tasks").mkdir(parents=True)
    world = _World(seed, folder)
    while len(world.truths) < sessions:
        world.family(1 + world.rng.choice(_CHILDREN))
    lines = [
        json.dumps({"session_id": truth.session_id, "category": truth.category, "source": f"synthetic seed {seed}"})
        for truth in sorted(world.truths, key=lambda truth: truth.session_id)
    ]
    (folder / "truth.jsonl").write_bytes(("\n".join(lines) + "\n").encode())
    return world.truths


def main() -> None:
    """Write the folders that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m g6o_eval.fleet.synthetic", description=__doc__)
    parser.add_argument("folder", type=Path, help="is made; must not hold tasks/ already")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    options = parser.parse_args()
    generate(options.folder, seed=options.seed, sessions=options.sessions)


if __name__ == "__main__":
    main()
