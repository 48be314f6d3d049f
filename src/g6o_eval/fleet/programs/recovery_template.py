"""The texts that an agent gets which takes over from a stopped session: the placeholders, one text per category."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from g6o_eval.errors import DeclarationError
from g6o_eval.fleet.diagnosis import DiagnosisCategory

PLACEHOLDERS: Mapping[str, str] = MappingProxyType(
    {
        "SESSION_ID": "the stopped session's id",
        "SUMMARY": "what was found wrong, in one line",
        "SUGGESTED_ACTION": "what the diagnosis suggests",
        "TOOL_ACTIVITY": "one line per tool: calls and failures",
        "FAILING_TOOL": "the tool that failed most",
        "LAST_ERROR": "its last error, in one line",
        "RETRY_COUNT": "how often it failed",
        "TASK": "what the stopped session was asked",
        "REPEATED": "the call it made again and again",
        "FILES": "the files it touched, one per line",
        "LIMITS": "tokens, USD and seconds of this run",
        "KILL_REASON": "how it was stopped",
    }
)
"""What the daemon fills in a dispatch, each written `{{NAME}}`, as it writes {{SESSION_ID}} everywhere. The field
of a signature that holds the same fact has the same name in lower case; the session's id is no field."""

# What the daemon's own templates say stands first and in their order; what they never told (task, files, limits,
# how it was stopped) and the request for a plan follow before the closing sentence.
_OPENING = """RECOVERY TASK: take over from session {{SESSION_ID}}.

Problem: {{SUMMARY}}
"""
_ACTIVITY = """
Tool activity of that session:
{{TOOL_ACTIVITY}}
"""
_FACTS = """
What it was asked: {{TASK}}
How it was stopped: {{KILL_REASON}}
The call it kept making: {{REPEATED}}
Files it touched:
{{FILES}}
Limits of this run: {{LIMITS}}

Before you start, write down your plan: the first steps, what you will not repeat, the limits you keep, when you stop.
"""
_STUCK = f"""{_OPENING}
The session waited for approvals that never came, instead of working.

Action: {{{{SUGGESTED_ACTION}}}}
{_ACTIVITY}
- All file operations are approved: change files without asking.
- Finish the pending changes.
- Verify the result, commit it, and exit.
{_FACTS}
Complete the pending changes, verify them, commit, and exit."""
_RETRY = f"""{_OPENING}
The session called {{{{FAILING_TOOL}}}} again and again although it failed.

Error message:
{{{{LAST_ERROR}}}}

Hint: the call failed {{{{RETRY_COUNT}}}} times; the next one like it will fail too.

- Analyse the root cause of the error before you change anything.
{_ACTIVITY}
- Do not repeat the same approach.
- Apply a different fix.
- Verify that it works, then commit it.
{_FACTS}
Apply the fix, verify it, commit, and exit."""
_SCOPE = f"""{_OPENING}
The session worked on far more than it was asked for.
{_ACTIVITY}
Action: {{{{SUGGESTED_ACTION}}}}

- Change only what the core fix needs.
- Make the smallest change that does it, then commit it.
- Do not refactor unrelated code.
- Do not add extra features.
- Do not widen the scope of the task.
{_FACTS}
Do the core fix, nothing else, and exit."""
_CONTEXT = f"""{_OPENING}
The session read the same files over and over, until it lost what it knew.
{_ACTIVITY}
Strategy: keep little in mind at a time.

1. Choose the one file that has to change first.
2. Read that file only; leave unread what you need not edit.
3. Make one logical change in it.
4. Commit that change.
5. Go on with the next file.
- Do not search broadly.
{_FACTS}
Work through the files one by one, commit each change, and exit."""
_CONFUSED = f"""{_OPENING}
The session contradicted itself: it misused its tools, or took back its own work.
{_ACTIVITY}
1. Read the task again and keep it simple.
2. Make one change at a time.
3. Check each change before the next one.
4. Commit when the check passes.

Suggested approach: {{{{SUGGESTED_ACTION}}}}
{_FACTS}
Keep it simple, make one change at a time, commit, and exit."""

TEMPLATES: Mapping[DiagnosisCategory, str] = MappingProxyType(
    {
        "stuck_on_approval": _STUCK,
        "infinite_retry": _RETRY,
        "scope_creep": _SCOPE,
        "context_exhaustion": _CONTEXT,
        "model_confusion": _CONFUSED,
    }
)
"""The hand-written text of each category: equivalent to the daemon's own, the baseline of every compile."""

SUGGESTED: Mapping[DiagnosisCategory, str] = MappingProxyType(
    {
        "stuck_on_approval": "dispatch again with file operations approved in advance",
        "infinite_retry": "put the error and a hint at its cause into the prompt",
        "scope_creep": "name the files that may change, and the limits of the task",
        "context_exhaustion": "split the work into smaller parts with explicit paths",
        "model_confusion": "use another model, and a simpler prompt with examples of the tools",
    }
)
"""What the diagnosis suggests for each category."""

_HOLE = re.compile(r"\{\{([A-Z_]+)\}\}")


def placeholders_in(text: str) -> frozenset[str]:
    """Return the names of the `{{NAME}}` in a text.

    Raises:
        DeclarationError: the daemon fills no such placeholder, so that an agent would read it as it stands.
    """
    names = frozenset(_HOLE.findall(text))
    if unknown := sorted(names - PLACEHOLDERS.keys()):
        raise DeclarationError(
            f"a recovery text asks for {unknown!r}, which nobody fills; the placeholders are {', '.join(PLACEHOLDERS)}"
        )
    return names


def fill(text: str, values: Mapping[str, object]) -> str:
    """Return a text with its placeholders filled, as the daemon does before an agent reads it.

    A value is put in as it stands: a placeholder within it is not filled.

    Raises:
        DeclarationError: nobody fills one of the placeholders, or `values` lacks it.
    """
    if missing := sorted(placeholders_in(text) - values.keys()):
        raise DeclarationError(f"a recovery text asks for {missing!r}, but only {sorted(values)!r} are given")
    return _HOLE.sub(lambda hole: str(values[hole[1]]), text)
