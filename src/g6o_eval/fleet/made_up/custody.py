"""Made-up reports that children hand in to an orchestrator, with the claims that they carry.

Seeded: the same seed gives the same rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

TABLE = "custody_cases"
"""The table of reports to pass on: a project's own may be loaded with `g6o-eval load custody_cases FILE`."""

_DID = ("the tests of {} pass", "{} is migrated", "{} was reviewed", "a fix for {} is merged", "{} has no open finding")
_WHAT = ("the parser", "the queue", "module auth", "the export", "the invoices", "the search index", "the upload page")
_WAYS = {
    "verified": "messages > punches",
    "projected": "events > sessions table",
    "untrusted": "completion report",
}
MIN_REPORTS, MAX_REPORTS = 2, 6


def make_custody_cases(count: int, *, seed: int) -> Iterator[dict[str, Any]]:
    """Yield rows of TABLE: id, root, reports (what the agent is given), claims (the truth)."""
    for number in range(count):
        rng = random.Random(f"{seed}:{number}")  # noqa: S311  # made-up data, no secret
        about = rng.sample([did.format(what) for did in _DID for what in _WHAT], rng.randint(MIN_REPORTS, MAX_REPORTS))
        reports = [_report(statement, rng) for statement in about]
        yield {
            "id": f"custody-{number:04d}",
            "root": f"root-{number:04d}",
            "reports": reports,
            "claims": [
                {
                    "statement": report["statement"],
                    "source_session_id": report["session"],
                    "message_count": report["messages"],
                    "derivation_path": report["path"],
                    "trust_level": report["trust"],
                }
                for report in reports
            ],
        }


def _report(statement: str, rng: random.Random) -> dict[str, Any]:
    session, trust = f"ses_{rng.getrandbits(48):012x}", rng.choice(sorted(_WAYS))
    return {
        "statement": statement,
        "session": session,
        "messages": rng.randint(3, 90),
        "path": f"{session} > {_WAYS[trust]}",
        "trust": trust,
    }
