"""The fleet's punch cards and which mode works under which, as plain data.

A store whose `punch_cards` has rows is judged by those instead (`cards.load_cards`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GATES4 = ("gate_pass:ruff-format", "gate_pass:ruff-check", "gate_pass:mypy", "gate_pass:pytest")
EXIT = "step_complete:task_exit"
RETURN = "child_complete:child_return"
SEARCH = "mcp_call:%codebase___retrieval%"
DOCS = "mcp_call:%context7%"
THOUGHT = "mcp_call:%process_thought%"
EDITS = ("tool_call:edit_file%", "tool_call:apply_diff%", "tool_call:write_to_file%")
NO_CHILD = ("child_spawn:%",)

OBSERVED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "quality-gates": GATES4,
        "land-plane": (*GATES4, EXIT, "tool_call:update_todo_list"),
        "orchestrate": ("child_spawn:%", EXIT),
        "validate-plant": ("gate_pass:workflow-gate", EXIT),
        "fix-ci": GATES4,
        "fitter-line-health": ("gate_pass:workflow-gate", EXIT),
        "friction-audit": (THOUGHT, EXIT),
        "refactor": (*GATES4, THOUGHT, SEARCH, DOCS),
        "respond-to-pr-review": GATES4,
    }
)
"""Cards that are looked at only: what each asks for."""

ENFORCED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "execute-subtask": ((SEARCH, DOCS, *GATES4, EXIT), NO_CHILD),
        "discover-phase": ((SEARCH, "tool_call:read_file", EXIT), NO_CHILD),
        "explore-phase": ((SEARCH, EXIT), NO_CHILD),
        "prepare-phase": ((THOUGHT, "mcp_call:%export_session%", EXIT), NO_CHILD),
        "plant-orchestrate": (("child_spawn:%orchestrator%", RETURN, EXIT), (*EDITS, SEARCH)),
        "process-orchestrate": (("child_spawn:code", RETURN, EXIT), EDITS),
        "audit-orchestrate": (
            ("child_spawn:product-skeptic", "child_spawn:architect", RETURN, EXIT),
            (*EDITS, SEARCH),
        ),
        "start-task-orchestrate": (("child_spawn:architect", RETURN, EXIT), (*EDITS, SEARCH)),
        "decompose-epic": (("child_spawn:architect", RETURN, EXIT), (*EDITS, SEARCH)),
        "pr-review-orchestrate": (
            ("child_spawn:pr-review", "child_spawn:code", RETURN, EXIT),
            (*EDITS, SEARCH, "command_exec:bash%"),
        ),
        "build-pr-ledger": (("command_exec:bash%", EXIT), EDITS),
        "acknowledge-pr-ledger": (("command_exec:bash%", EXIT), EDITS),
    }
)
"""Cards that the daemon stops sessions for: what each asks for, and what it forbids."""

MODE_CARDS: Mapping[str, str] = MappingProxyType(
    {
        "plant-manager": "plant-orchestrate",
        "process-orchestrator": "process-orchestrate",
        "architect": "discover-phase",
        "code": "execute-subtask",
        "audit-orchestrator": "audit-orchestrate",
        "fitter": "fitter-line-health",
        "code-simplifier": "refactor",
        "product-skeptic": "friction-audit",
        "pr-review": "respond-to-pr-review",
        "docs-specialist": "land-plane",
        "thinker-abstract": "prepare-phase",
        "thinker-adversarial": "prepare-phase",
        "thinker-systems": "prepare-phase",
        "thinker-concrete": "prepare-phase",
        "thinker-epistemic": "prepare-phase",
    }
)
"""Mode → card. `general` and `explore` have none."""

WORDS: Mapping[str, str] = MappingProxyType(
    {
        EXIT: "reports that it is done",
        RETURN: "a child comes back with its result",
        SEARCH: "searches the code base by meaning",
        DOCS: "looks up the documentation of a library",
        THOUGHT: "thinks step by step in the thinking tool",
        "mcp_call:%export_session%": "exports what it thought",
        "tool_call:update_todo_list": "keeps its list of tasks up to date",
        "tool_call:read_file": "reads at least one file",
        "gate_pass:ruff-format": "the code is formatted",
        "gate_pass:ruff-check": "the linter finds nothing",
        "gate_pass:mypy": "the types check",
        "gate_pass:pytest": "the tests pass",
        "gate_pass:workflow-gate": "the workflow's own gate passes",
        "command_exec:bash%": "runs a command",
        "child_spawn:%": "hands work to a child",
    }
)
"""Rule → what it means, in a few words; child_spawn of one mode is worded by its name."""
