"""Five ways for a synthetic session to go wrong, each in four forms.

The forms overlap on purpose: some show what the rules of diagnosis.py look for, some do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from g6o_eval.fleet.diagnosis import DiagnosisCategory
from g6o_eval.fleet.made_up.scene import AREAS, FAILURES, THINGS, Scene, failed

NO_TOOL = (
    "[ERROR] You did not use a tool in your previous response! Please retry with a tool use.\n\n"
    "# Reminder: Instructions for Tool Use"
)
DENIED = '{"status":"denied","message":"The user denied this operation."}'

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
    error = scene.rng.choice(FAILURES[3:])
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
