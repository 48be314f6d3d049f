"""The texts that agents get: equivalent to the daemon's templates section by section, filled and published whole."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

from typing import Any

import dspy
import pytest

from g6o_eval.errors import DeclarationError
from g6o_eval.fleet.diagnosis import CATEGORIES, DiagnosisCategory
from g6o_eval.fleet.programs.recovery import NOT_TOLD, RECOVERIES, SIGNATURES, Recovery
from g6o_eval.fleet.programs.recovery_guide import GUIDES, PARTS, facts_of, lines_of
from g6o_eval.fleet.programs.recovery_template import PLACEHOLDERS, SUGGESTED, TEMPLATES, fill, placeholders_in
from g6o_eval.optimize.guidance import with_line
from g6o_eval.optimizer import Guidance
from g6o_eval.prompt.check import check_program
from g6o_eval.prompt.constrain import constrained, reworded
from g6o_eval.prompt.publish import publish as publish_texts
from g6o_eval.testing import ScriptedEngine, scripted_lm

SESSION: dict[str, object] = {
    "SESSION_ID": "ses_91f0aa12",
    "SUMMARY": "it kept failing",
    "SUGGESTED_ACTION": "put the error into the prompt",
    "TOOL_ACTIVITY": "execute_command: 5 calls (5 errors)",
    "FAILING_TOOL": "execute_command",
    "LAST_ERROR": "TypeError: missing argument",
    "RETRY_COUNT": 5,
    "TASK": "Fix the parser of billing",
    "REPEATED": "execute_command pytest -q",
    "FILES": "src/billing/parser.py",
    "LIMITS": "100,000 tokens, $0.10, 30 s",
    "KILL_REASON": "a person cancelled it",
}
"""One stopped session, as the daemon knows it."""

OPENING = ("RECOVERY TASK: take over from session ses_91f0aa12.", "Problem: it kept failing")
TOOLS = ("Tool activity of that session:", "execute_command: 5 calls (5 errors)")
ACTION = "put the error into the prompt"
SECTIONS: dict[DiagnosisCategory, tuple[str, ...]] = {
    "stuck_on_approval": (
        *OPENING,
        "waited for approvals",
        f"Action: {ACTION}",
        *TOOLS,
        "All file operations are approved",
        "Finish the pending changes",
        "Verify",
        "verify them, commit, and exit.",
    ),
    "infinite_retry": (
        *OPENING,
        "called execute_command again and again",
        "Error message:",
        "TypeError: missing argument",
        "failed 5 times",
        "root cause",
        *TOOLS,
        "Do not repeat the same approach",
        "different fix",
        "Verify that it works, then commit it",
        "commit, and exit.",
    ),
    "scope_creep": (
        *OPENING,
        "far more than it was asked for",
        *TOOLS,
        f"Action: {ACTION}",
        "only what the core fix needs",
        "smallest change",
        "Do not refactor unrelated code",
        "Do not add extra features",
        "Do not widen the scope",
        "Do the core fix, nothing else, and exit.",
    ),
    "context_exhaustion": (
        *OPENING,
        "read the same files over and over",
        *TOOLS,
        "Strategy:",
        "1. Choose the one file",
        "2. Read that file only; leave unread what you need not edit",
        "3. Make one logical change",
        "4. Commit that change",
        "5. Go on with the next file",
        "Do not search broadly",
        "commit each change, and exit.",
    ),
    "model_confusion": (
        *OPENING,
        "contradicted itself",
        *TOOLS,
        "1. Read the task again and keep it simple",
        "2. Make one change at a time",
        "3. ",
        "4. ",
        f"Suggested approach: {ACTION}",
        "Keep it simple, make one change at a time",
    ),
}
"""What the daemon's own template of each category says, in its order: facts sheet factory.md, section 4.7."""


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_filled_text_gives_what_the_daemons_template_gives_section_by_section(category: DiagnosisCategory) -> None:
    text = fill(TEMPLATES[category], SESSION)

    at = 0
    for section in SECTIONS[category]:
        assert section in text[at:], f"{section!r} does not follow in:\n{text[at:]}"
        at = text.index(section, at) + len(section)
    assert placeholders_in(text) == frozenset()


UNTOLD: dict[DiagnosisCategory, set[str]] = {
    "infinite_retry": {"suggested_action"},
    "context_exhaustion": {"suggested_action"},
    "model_confusion": {"failing_tool", "last_error"},
}
"""Facts that the daemon's templates leave out too; a compile may find out that telling them helps."""


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_text_tells_the_facts_that_its_signature_has_and_no_others(category: DiagnosisCategory) -> None:
    told = {name.lower() for name in placeholders_in(TEMPLATES[category])} - {"session_id"}

    assert told == set(facts_of(category)) - UNTOLD.get(category, set())
    assert tuple(SIGNATURES[category].input_fields) == facts_of(category)
    assert tuple(SIGNATURES[category].output_fields) == PARTS


def test_every_fact_has_a_placeholder_of_its_name() -> None:
    facts = {fact for category in CATEGORIES for fact in facts_of(category)}

    assert {fact.upper() for fact in facts} | {"SESSION_ID"} == PLACEHOLDERS.keys()
    assert SUGGESTED.keys() == TEMPLATES.keys() == GUIDES.keys() == set(CATEGORIES)


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    assert fill("{{TASK}} by {{SESSION_ID}}", {"TASK": "{{SESSION_ID}}", "SESSION_ID": "x"}) == "{{SESSION_ID}} by x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{{LAST_WORDS}}",
            "a recovery text asks for ['LAST_WORDS'], which nobody fills; the placeholders are "
            + ", ".join(PLACEHOLDERS),
        ),
        ("{{TASK}}", "a recovery text asks for ['TASK'], but only ['FILES'] are given"),
    ],
)
def test_a_hole_that_stays_open_is_refused(text: str, message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        fill(text, {"FILES": "a.py"})

    assert str(refused.value) == message


# ── the program ──


def plan(**parts: Any) -> dict[str, Any]:
    return {"first_steps": ["one", "two"], "will_not_repeat": ["x"], "within_limits": [], "stops_when": "y", **parts}


def asked(program: Any, **facts: Any) -> str:
    """Return what the LM gets when the program plans with these facts."""
    engine = ScriptedEngine([plan()])
    with dspy.context(lm=scripted_lm(engine)):
        program(**facts)
    engine.check()
    return engine.requests[0][-1][1]


FACTS = {name.lower(): value for name, value in SESSION.items() if name != "SESSION_ID"}


def facts_for(category: DiagnosisCategory) -> dict[str, Any]:
    return {name: FACTS[name] for name in facts_of(category)}


def test_the_agent_knows_what_its_text_tells_and_nothing_else() -> None:
    program = Recovery("infinite_retry")
    without = TEMPLATES["infinite_retry"].replace("{{LAST_ERROR}}", "see the log")
    forgetful = Recovery("infinite_retry")
    forgetful.plan.signature = reworded(forgetful.plan.signature, without)

    told = asked(program, **facts_for("infinite_retry"))
    not_told = asked(forgetful, **facts_for("infinite_retry"))

    assert "[[ ## last_error ## ]]\nTypeError: missing argument" in told
    assert f"[[ ## last_error ## ]]\n{NOT_TOLD}\n" in not_told
    assert "TypeError" not in not_told


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_program_takes_exactly_the_facts_and_no_label(category: DiagnosisCategory) -> None:
    spec = RECOVERIES[category]

    check_program(spec, constrained(spec.program(), spec.constraints))
    assert not {"session_id", "category", "outcome", "label"} & set(spec.dataset.inputs)


# ── the publication ──


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_is_published_is_prose_with_placeholders_and_clauses(category: DiagnosisCategory) -> None:
    spec = RECOVERIES[category]
    program = with_line(spec, constrained(spec.program(), spec.constraints), lines_of(category)[0])

    [(prompt_id, text)] = publish_texts(spec, program).items()

    assert prompt_id == f"fitter-dispatch:{category}"
    assert text.startswith(TEMPLATES[category])
    assert f"- {lines_of(category)[0]}\n" in text
    assert "{{SESSION_ID}}" in text
    assert "- Plan between 2 and 8 first steps.\n" in text
    assert "[[ ##" not in text
    assert "first_steps" not in text


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_compile_may_add_lines_that_tell_facts_and_lines_that_it_should_not(category: DiagnosisCategory) -> None:
    optimizer = RECOVERIES[category].optimizer

    assert isinstance(optimizer, Guidance)
    assert optimizer.lines[-2:] == ("Ask for approval before each step.", "Retry until it works.")
    holes = {name.lower() for line in optimizer.lines for name in placeholders_in(line)}
    assert holes <= set(facts_of(category))


@pytest.mark.parametrize(
    ("line", "demos", "message"),
    [
        (
            "Go on like ses_91f0aa12 did.",
            [],
            "the text of fitter-dispatch:scope_creep names the session 'ses_91f0aa12'; write {{SESSION_ID}} instead",
        ),
        (
            "Read {{MEMORY}}.",
            [],
            "a recovery text asks for ['MEMORY'], which nobody fills; the placeholders are " + ", ".join(PLACEHOLDERS),
        ),
        (
            "Commit.",
            [plan()],
            "eval 'recovery-scope-creep': its publish leaves out demo 1 of predictor 'plan', so consumers would not "
            "read what is judged; write the demos into a text, or compile with Guidance, not Bootstrap",
        ),
        ("Read ${MEMORY}.", [], "the text of fitter-dispatch:scope_creep holds '${MEMORY}', which nobody fills"),
        ("Read {{memory}}.", [], "the text of fitter-dispatch:scope_creep holds '{{memory}}', which nobody fills"),
    ],
    ids=["a past session", "a hole that nobody fills", "demos", "a variable of a shell", "a hole in lower case"],
)
def test_a_text_that_would_mislead_an_agent_is_not_published(line: str, demos: list[Any], message: str) -> None:
    spec = RECOVERIES["scope_creep"]
    program = with_line(spec, spec.program(), line)
    program.plan.demos = demos

    with pytest.raises(DeclarationError) as refused:
        publish_texts(spec, program)

    assert str(refused.value) == message
