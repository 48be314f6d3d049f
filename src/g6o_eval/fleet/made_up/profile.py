"""How the fleet's sessions are spread: counts, sizes, prices and gaps, as they were measured on recorded stores.

The figures are from 863 tasks of the target store (2026-01-16 … 02-17) and 61 recorded folders.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

_P90 = 1.2816
"""Standard deviations of a normal distribution between its median and its 90th percentile."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A log-normal distribution by its median, its 90th percentile and the largest value that was seen."""

    median: float
    p90: float
    largest: float

    def draw(self, rng: Random, scale: float = 1.0) -> int:
        """Return a value of at least 1; `scale` stretches all of it."""
        sigma = math.log(self.p90 / self.median) / _P90
        return max(1, int(scale * min(self.median * math.exp(rng.gauss(0.0, sigma)), self.largest)))


REQUESTS = Spread(10, 34, 297)
"""Requests of a task that has no children; the mean over all tasks is 17."""
TOKENS_OUT = Spread(300, 1_080, 8_197)
TEXT, REASONING = Spread(259, 1_117, 8_000), Spread(810, 1_451, 8_000)
"""Characters of what the model says, and of what it thinks."""
DIFF, COMMAND_OUTPUT = Spread(1_663, 4_678, 60_000), Spread(4_494, 60_000, 83_113)
"""Characters of an edit, and of what a command prints; the extension cuts the latter at 83 KB."""
FILE, MCP_RESULT = Spread(3_286, 37_236, 200_000), Spread(3_286, 37_236, 100_000)
"""Characters that a reading tool gives back, and an MCP server."""
ENVIRONMENT = Spread(2_000, 4_000, 10_000)
"""Characters of the environment that stands in every turn of the person."""
PAUSE_MS = Spread(2_200, 12_000, 600_000)
"""Milliseconds between two events; a request and its answer take three to five of them."""

TOOLS = (
    ("read_file", 30.4), ("apply_diff", 23.0), ("update_todo_list", 22.8), ("search_files", 7.6),
    ("list_files", 4.3), ("write_to_file", 1.4), ("switch_mode", 1.0),
)  # fmt: skip
"""Tools by their share of all tool calls; new_task is drawn with the forest."""
MCP = (
    ("sequentialthinking:process_thought", 69.9), ("sequentialthinking:generate_summary", 12.1),
    ("augment-context-engine:codebase-retrieval", 9.5), ("sequentialthinking:import_session", 4.0),
    ("sequentialthinking:export_session", 3.8), ("sonarqube:search", 0.5), ("context7:query-docs", 0.2),
)  # fmt: skip
COMMANDS = (
    (".venv/bin/python -m pytest -q", 30.0), (".venv/bin/python -m ruff check .", 20.0),
    (".venv/bin/python -m mypy src", 15.0), (".venv/bin/python -m ruff format --check .", 10.0),
    ("git status --short", 10.0), ("git diff --stat", 8.0), ("bd show {ticket}", 7.0),
)  # fmt: skip
KINDS = (("tool", 47.5), ("command", 27.3), ("mcp", 25.3))
"""What is called, by its share of all calls."""
CALLS_PER_REQUEST = 0.904

MODELS = (
    ("anthropic/claude-opus-4.6", 5.0, 25.0, 0.5),
    ("openai/gpt-5.2", 1.75, 14.0, 0.175),
    ("openai/gpt-5.3-codex", 1.75, 14.0, 0.175),
)
"""Model and its USD for a million tokens: in, out, read from the cache."""
CONTEXT_START, CONTEXT_STEP, CONTEXT_LIMIT, CONTEXT_AFTER = 20_000, (1_000, 5_000), 160_000, 70_000
CACHED = 0.9
"""Share of the tokens of a request that is read from the cache, but for the first request."""

TROUBLED, LONG, RECOVERED = 0.18, 0.06, 0.6
"""Share of the leaves that go wrong; that are healthy and long; of those gone wrong that are taken up."""
RESUMED, CANCELLED, NO_COST, SAME_TS, STILL_PARTIAL = 0.02, 0.0126, 0.005, 0.003, 0.8
"""Share of sessions that rest for hours or days; of requests that are cancelled; without a price; of events
with the time of the one before; of reasoning that is saved as still streaming."""
CORRUPT = 0.015
"""Share of the folders with a planted fault."""
DELEGATING, ONE_MORE, MAX_CHILDREN, DEEPER, MAX_DEPTH = 0.5, 0.65, 8, 0.15, 3
"""Share of roots that delegate; chance of one more child after each; most children; share of the children that
delegate themselves; levels under a root. It comes to two children for each root."""


def pick(rng: Random, shares: tuple[tuple[str, float], ...]) -> str:
    """Return one of the names, each by its share."""
    return rng.choices([name for name, _ in shares], [share for _, share in shares])[0]
