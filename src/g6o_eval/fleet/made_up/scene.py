"""Where synthetic sessions play: what is worked on, what is said, and a step of ordinary work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from g6o_eval.fleet.diagnosis import DiagnosisCategory
from g6o_eval.fleet.made_up.transcript import Transcript

AREAS = ("billing", "auth", "search", "export", "webhooks", "scheduler", "reports", "uploads", "cache", "audit")
THINGS = ("client", "parser", "schema", "handlers", "retry", "models", "views", "config", "errors", "tests")
TASKS = (
    "Add a limit to the {thing} of {area}",
    "Fix the failing check in {area}/{thing}",
    "Let {area} read its {thing} from the settings",
    "Make the {thing} of {area} log what it drops",
    "Split the {thing} of {area} into two files",
    "Write tests for the {thing} of {area}",
    "Remove the old {thing} from {area}",
    "Validate the input of {area} in its {thing}",
)
_NEUTRAL = (
    "Let me look at the code first.",
    "That matches what I expected.",
    "Next I change the function itself.",
    "The tests of this part pass.",
    "One more place uses it.",
    "I have what I need for this step.",
    "Moving on to the next item of the list.",
    "This part is done.",
)
_PHRASES: Mapping[DiagnosisCategory, tuple[str, ...]] = {
    "stuck_on_approval": (
        "I need your approval before I touch this file.",
        "Waiting for your go-ahead, nothing is changed so far.",
        "Please confirm that I may proceed.",
        "I cannot proceed without your permission.",
        "Still waiting for you to approve the change.",
        "May I go ahead? I will not start before you confirm.",
        "I have asked for permission and wait for your answer.",
        "Tell me whether you approve, then I continue.",
    ),
    "infinite_retry": (
        "Same error again. I run it once more.",
        "It still fails, let me retry.",
        "That did not help, trying the same call again.",
        "The error is back. Retrying.",
        "Still red. Another attempt.",
        "It fails exactly as before, I try again.",
        "Maybe it works this time.",
        "Once more with the same arguments.",
    ),
    "context_exhaustion": (
        "I no longer see the earlier part, so I read the file again.",
        "The summary leaves that out, I have to re-read it.",
        "I lost track of what I found earlier.",
        "Reading everything again to get the context back.",
        "The conversation got long, I go through the files from the start.",
        "I do not remember what this module returned.",
        "Much of the earlier context is gone.",
        "I have read this before, but I need it again.",
    ),
    "scope_creep": (
        "While I am here I also tidy the neighbouring module.",
        "This would be cleaner with a new base class, so I refactor it too.",
        "I also rename these for consistency.",
        "Since it is related, I update the other package as well.",
        "I noticed old code nearby and modernise it too.",
        "The docs could be better, I rewrite them as well.",
        "Let me also migrate the remaining callers.",
        "It makes sense to restructure the folder too.",
    ),
    "model_confusion": (
        "I am not sure which tool this needs.",
        "Let me use the other tool, the format was wrong.",
        "I thought this was the frontend, it is not.",
        "The parameter seems to have another name.",
        "I undo this, my first version was right.",
        "Wait, I misread the task.",
        "This tool expects something else than I gave it.",
        "Correction: the opposite of what I said holds.",
    ),
}
_FITTING, _SAYS_NOTHING = 0.55, 0.30
"""Share of what is said that fits what is going wrong, or fits nothing; the rest fits another failure."""
FAILURES = (
    "AssertionError: expected 3 rows, got 2",
    "ModuleNotFoundError: No module named 'fixtures'",
    "TypeError: missing 1 required positional argument",
    "ConnectionError: connection refused",
    "TimeoutError: no answer within 30 s",
)


@dataclass(slots=True)
class Scene:
    """One session that is being acted out, and where it plays."""

    log: Transcript
    rng: Random
    area: str
    thing: str

    @property
    def path(self) -> str:
        """The file the task is about."""
        return f"src/{self.area}/{self.thing}.py"

    def other_path(self) -> str:
        """A file somewhere else."""
        return f"src/{self.rng.choice(AREAS)}/{self.rng.choice(THINGS)}.py"

    def speak(self, category: DiagnosisCategory) -> None:
        """Say something; mostly what fits the category, at times what fits nothing or another one."""
        roll = self.rng.random()
        if roll < _FITTING:
            words = self.rng.choice(_PHRASES[category])
        elif roll < _FITTING + _SAYS_NOTHING:
            words = self.rng.choice(_NEUTRAL)
        else:
            words = self.rng.choice(_PHRASES[self.rng.choice(sorted(_PHRASES))])
        self.log.say(words)

    def read(self, path: str | None = None) -> None:
        """Read a file."""
        self.log.call("read_file", {"path": path or self.path}, f"1 | # {self.thing} of {self.area}\n2 | ...")

    def edit(self, path: str | None = None, *, error: str | None = None, reached: bool = True) -> None:
        """Change a file, or fail to."""
        diff = f"-old_{self.thing}\n+new_{self.thing}"
        result = "The content was successfully saved." if error is None else failed(error)
        self.log.call("apply_diff", {"path": path or self.path, "diff": diff}, result, reached=reached)

    def test(self, *, passes: bool, exit_code: bool = True) -> None:
        """Run the tests of the task's area."""
        output = "5 passed" if passes else self.rng.choice(FAILURES[:3])
        self.log.command(f"pytest -q tests/{self.area}", output, exit_code=(0 if passes else 1) if exit_code else None)

    def work(self, steps: int) -> None:
        """Do ordinary work: read, search, edit, test, now and then with an error that is mended."""
        for _ in range(steps):
            self.log.say(self.rng.choice(_NEUTRAL))
            roll = self.rng.random()
            if roll < 0.35:
                self.read(self.path if self.rng.random() < 0.6 else self.other_path())
            elif roll < 0.55:
                self.edit()
            elif roll < 0.70:
                self.log.call("search_files", {"path": f"src/{self.area}", "regex": self.thing}, "Found 3 results.")
            elif roll < 0.85:
                self.test(passes=self.rng.random() < 0.75)
            else:
                todos = [{"content": self.thing, "status": "in_progress"}]
                self.log.call("update_todo_list", {"todos": todos}, "Todo list updated successfully.")


def failed(error: str) -> str:
    """Return what the model is told when a tool fails."""
    return f"The tool execution failed with the following error:\n<error>\n{error}\n</error>"
