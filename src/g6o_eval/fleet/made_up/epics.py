"""Made-up epics to decompose: an objective, the areas it may touch, what must hold when it is done.

The truth beside each is a decomposition: one subtask per area, with the criteria that belong to it.
Seeded: the same seed gives the same epics.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

TABLE = "epics"
"""The table of epics to decompose: a project's own may be loaded into it with `g6o-eval load epics FILE`."""

_PRODUCTS = ("the web shop", "the mobile client", "the billing service", "the search index", "the import pipeline")
_GOALS = ("Move", "Rework", "Harden", "Extend", "Clean up")
_AREAS = {
    "auth": ("auth tokens expire after one hour", "a wrong auth key is refused", "auth is asked for at every call"),
    "cache": ("the cache drops stale entries", "a cold cache starts within 2 s", "cache misses are counted"),
    "export": ("an export of 10,000 rows ends", "a broken export leaves no file", "export files carry a version"),
    "invoices": ("invoices older than 90 days are archived", "invoices add up to the cent", "invoices show the tax"),
    "queue": ("the queue survives a restart", "no message of the queue is lost", "the queue tells its length"),
    "reports": ("reports open in 3 s", "reports name their time zone", "reports without rows say so"),
    "schema": ("the schema is migrated without a stop", "an old schema is refused", "the schema has a version"),
    "search": ("search finds names with accents", "search answers in 200 ms", "search ranks whole words first"),
    "upload": ("an upload of 2 GB ends", "a cut upload goes on", "an upload is checked for its type"),
    "users": ("users can be merged", "users without a mail are kept", "users see what changed"),
}
_ANYWHERE = (
    "nothing that worked before is slower",
    "a person on call can tell what happened",
    "the change can be taken back in one step",
    "all of it is written down for the next team",
)
"""Criteria whose words tell nothing of the area they were given to."""
_VAGUE_SHARE = 0.25
MIN_AREAS, MAX_AREAS = 3, 6


def make_epics(count: int, *, seed: int) -> Iterator[dict[str, Any]]:
    """Yield epics as rows of TABLE: id, project, objective, areas, criteria, subtasks (the truth)."""
    for number in range(count):
        yield _epic(number, random.Random(f"{seed}:{number}"))  # noqa: S311  # made-up data, no secret


def _epic(number: int, rng: random.Random) -> dict[str, Any]:
    areas = sorted(rng.sample(sorted(_AREAS), rng.randint(MIN_AREAS, MAX_AREAS)))
    covered = {area: rng.sample(_AREAS[area], rng.randint(1, 2)) for area in areas}
    for vague in rng.sample(_ANYWHERE, sum(rng.random() < _VAGUE_SHARE for _ in areas)):
        covered[rng.choice(areas)].append(vague)
    criteria = [criterion for found in covered.values() for criterion in found]
    rng.shuffle(criteria)
    product = rng.choice(_PRODUCTS)
    return {
        "id": f"epic-{number:04d}",
        "project": f"project-{number % 120:03d}",
        "objective": f"{rng.choice(_GOALS)} {product}: {', '.join(areas[:-1])} and {areas[-1]}.",
        "areas": areas,
        "criteria": criteria,
        "subtasks": [
            {
                "title": f"{covered[area][0]} ({area})",
                "area": area,
                "cost_usd": round(rng.uniform(0.2, 0.6), 2),
                "depends_on": [at] if at and rng.random() < 1 / 2 else [],
                "covers": covered[area],
            }
            for at, area in enumerate(areas)
        ],
    }
