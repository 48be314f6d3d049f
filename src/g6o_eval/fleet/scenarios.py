"""What goes on in synthetic sessions: ordinary work, and five ways to go wrong, each in several forms.

The forms overlap on purpose. Some show what the rules of diagnosis.py look for, some do not, and
every session carries a little of what belongs to another failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from g6o_eval.fleet.diagnosis import DiagnosisCategory
from g6o_eval.fleet.transcript import Transcript

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
NO_TOOL = (
    "[ERROR] You did not use a tool in your previous response! Please retry with a tool use.\n\n"
    "# Reminder: Instructions for Tool Use"
)
DENIED = '{"status":"denied","message":"The user denied this operation."}'
_FITTING, _SAYS_NOTHING = 0.55, 0.30
"""Share of what is said that fits what is going wrong, or fits nothing; the rest fits another failure."""
_FAILURES = (
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
        output = "5 passed" if passes else self.rng.choice(_FAILURES[:3])
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


Form = Callable[[Scene], None]


def _asks_for_an_edit(scene: Scene) -> None:
    scene.speak("stuck_on_approval")
    scene.read()
    scene.speak("stuck_on_approval")
    scene.log.unanswered("apply_diff", {"path": scene.path, "diff": "-a\n+b"})


def _asks_a_question(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(2, 4)):
        scene.speak("stuck_on_approval")
    scene.log.question(f"May I change {scene.path}?", ("Yes", "No"))


def _only_talks(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(5, 9)):
        scene.speak("stuck_on_approval")
        if scene.rng.random() < 0.25:
            scene.log.notice(NO_TOOL)
    scene.log.cancel()


def _is_denied(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(2, 4)):
        scene.speak("stuck_on_approval")
        tool = scene.rng.choice(("apply_diff", "write_to_file"))
        scene.log.call(tool, {"path": scene.path, "diff": "-a\n+b"}, DENIED)
    scene.speak("stuck_on_approval")
    scene.log.end("resume_task")


def _command_fails(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(4, 8)):
        scene.speak("infinite_retry")
        scene.test(passes=False)
    scene.log.cancel()


def _fails_without_a_code(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(4, 9)):
        scene.speak("infinite_retry")
        if scene.rng.random() < 0.4:
            scene.edit()
        scene.test(passes=False, exit_code=False)
    scene.speak("infinite_retry")
    scene.log.end("auto_approval_max_req_reached")


def _diff_never_fits(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(3, 7)):
        scene.speak("infinite_retry")
        scene.edit(error="No sufficiently similar match found", reached=scene.rng.random() < 0.5)
        if scene.rng.random() < 0.3:
            scene.read()
    scene.speak("infinite_retry")
    scene.log.end("resume_task")


def _server_is_down(scene: Scene) -> None:
    error = scene.rng.choice(_FAILURES[3:])
    for _ in range(scene.rng.randrange(3, 6)):
        scene.speak("infinite_retry")
        scene.log.call("index:lookup", {"query": scene.thing}, failed(error))
        if scene.rng.random() < 0.5:
            scene.log.call("index:lookup", {"query": scene.area}, "no results")
    scene.log.end("api_req_failed", "503 upstream unavailable")


def _rereads(scene: Scene) -> None:
    files = [scene.path, *(scene.other_path() for _ in range(3))]
    for number in range(scene.rng.randrange(11, 16)):
        if number % 2 == 0:
            scene.speak("context_exhaustion")
        scene.read(files[number % len(files)])
    scene.log.cancel()


def _condensed_twice(scene: Scene) -> None:
    for _ in range(2):
        scene.speak("context_exhaustion")
        scene.read()
        scene.log.condense(f"Working on {scene.path}.")
        scene.speak("context_exhaustion")
        scene.read(scene.other_path())
    scene.speak("context_exhaustion")
    scene.log.end("resume_task")


def _condensed_once(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(2, 4)):
        scene.speak("context_exhaustion")
        scene.read()
        scene.edit()
    scene.log.condense(f"Working on {scene.path}.")
    scene.speak("context_exhaustion")
    scene.read()
    scene.speak("context_exhaustion")
    scene.log.cancel()


def _prompt_too_long(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(2, 5)):
        scene.speak("context_exhaustion")
        scene.log.call("search_files", {"path": ".", "regex": scene.thing}, "Found 900 results.")
        scene.read(scene.other_path())
    scene.log.truncate()
    scene.speak("context_exhaustion")
    scene.log.end("api_req_failed", "prompt is too long")


def _edits_everywhere(scene: Scene) -> None:
    for number in range(scene.rng.randrange(14, 20)):
        if number % 2 == 0:
            scene.speak("scope_creep")
        scene.edit(scene.other_path())
    scene.log.cancel()


def _edits_with_errors(scene: Scene) -> None:
    for number in range(scene.rng.randrange(9, 13)):
        if number % 2 == 0:
            scene.speak("scope_creep")
        scene.edit(scene.other_path(), error="No sufficiently similar match found" if number % 4 == 1 else None)
        if number % 5 == 4:
            scene.test(passes=False)
    scene.speak("scope_creep")
    scene.log.end("resume_task")


def _new_files(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(4, 8)):
        scene.speak("scope_creep")
        path = f"docs/{scene.rng.choice(AREAS)}/{scene.rng.choice(THINGS)}.md"
        scene.log.call("write_to_file", {"path": path, "content": "# New"}, "The content was successfully saved.")
        if scene.rng.random() < 0.5:
            scene.log.command(f"git mv {scene.other_path()} {scene.other_path()}", "")
    scene.speak("scope_creep")
    scene.log.end("auto_approval_max_req_reached")


def _grows_until_condensed(scene: Scene) -> None:
    for number in range(scene.rng.randrange(9, 12)):
        if number % 2 == 0:
            scene.speak("scope_creep")
        scene.edit(scene.other_path())
        if number in (3, 7):
            scene.log.condense(f"Working on {scene.path}.")
    scene.speak("scope_creep")
    scene.log.cancel()


def _uses_no_tool(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(3, 5)):
        scene.speak("model_confusion")
        scene.log.notice(NO_TOOL)
    scene.log.end("mistake_limit_reached", "The model failed to use a tool.")


def _wrong_parameters(scene: Scene) -> None:
    tools = ["read_file", "apply_diff", "search_files", "list_files", "write_to_file"]
    for tool in tools[: scene.rng.randrange(3, 6)]:
        scene.speak("model_confusion")
        error = "Missing value for required parameter 'path'. Please retry with complete response."
        scene.log.call(tool, {"target": scene.path}, failed(error), reached=False)
    scene.log.cancel()


def _takes_back(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(2, 4)):
        scene.speak("model_confusion")
        scene.edit()
        scene.log.command(f"git checkout -- {scene.path}", "Updated 1 path")
        scene.edit()
    scene.speak("model_confusion")
    scene.log.end("resume_task")


def _mistakes_the_task(scene: Scene) -> None:
    for _ in range(scene.rng.randrange(3, 6)):
        scene.speak("model_confusion")
        scene.read(scene.other_path())
        if scene.rng.random() < 0.4:
            scene.log.call("list_files", {"path": "frontend"}, failed("ENOENT: no such file or directory"))
    scene.speak("model_confusion")
    scene.log.feedback("That is not what I asked for.")
    scene.log.cancel()


FORMS: Mapping[DiagnosisCategory, tuple[Form, ...]] = {
    "stuck_on_approval": (_asks_for_an_edit, _asks_a_question, _only_talks, _is_denied),
    "infinite_retry": (_command_fails, _fails_without_a_code, _diff_never_fits, _server_is_down),
    "context_exhaustion": (_rereads, _condensed_twice, _condensed_once, _prompt_too_long),
    "scope_creep": (_edits_everywhere, _edits_with_errors, _new_files, _grows_until_condensed),
    "model_confusion": (_uses_no_tool, _wrong_parameters, _takes_back, _mistakes_the_task),
}
