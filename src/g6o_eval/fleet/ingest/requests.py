"""Adds up what the requests of a session used, from the texts of its `api_req_*` messages.

The rule is the extension's own (Roo `consolidateTokenUsage`): the sum over all started requests,
each merged with its `api_req_finished` in old files, plus what condensing the context cost, plus
what deleted requests had used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from g6o_eval.fleet.ingest.text import count, json_object, number
from g6o_eval.fleet.session import Usage

_TOKENS = {"tokensIn": "in", "tokensOut": "out", "cacheReads": "reads", "cacheWrites": "writes"}


class Requests:
    """What the requests used, so far."""

    def __init__(self) -> None:
        self._started: list[dict[str, Any]] = []
        self._deleted: list[Mapping[str, Any]] = []
        self._condensed: list[float] = []
        self._unmatched: list[dict[str, Any]] = []

    @property
    def count(self) -> int:
        """Requests counted so far."""
        return len(self._started)

    def started(self, text: object) -> Mapping[str, Any]:
        """Count a request; a text that is no JSON is a request of unknown cost."""
        request = dict(json_object(text) or {})
        self._started.append(request)
        if number(request.get("cost")) is None:
            self._unmatched.append(request)
        return request

    def finished(self, text: object) -> None:
        """Merge an old `api_req_finished` into the last started request that has no cost yet."""
        if (found := json_object(text)) and self._unmatched:
            self._unmatched.pop().update(found)

    def deleted(self, text: object) -> None:
        """Count what requests had used before a person rewound the session."""
        if found := json_object(text):
            self._deleted.append(found)

    def measured(self, metrics: Mapping[str, Any]) -> None:
        """Count a request as the model's history tells it: Cline's `metrics` of an answer."""
        tokens = metrics.get("tokens")
        counted = tokens if isinstance(tokens, dict) else {}
        names = {"tokensIn": "prompt", "tokensOut": "completion", "cacheReads": "cached"}
        request = {ours: counted.get(theirs) for ours, theirs in names.items()}
        self._started.append({**request, "cost": metrics.get("cost")})

    def condensed(self, condense: object) -> None:
        """Count what condensing the context cost."""
        cost = number(condense.get("cost")) if isinstance(condense, dict) else None
        if cost is not None:
            self._condensed.append(cost)

    def usage(self) -> Usage:
        """Return the sums; a request without a cost adds none and is counted as such."""
        every = [_counts(request) for request in [*self._started, *self._deleted]]
        costs = [number(request.get("cost")) for request in self._started]
        deleted = [number(request.get("cost")) or 0.0 for request in self._deleted]
        return Usage(
            requests=len(self._started),
            without_cost=costs.count(None),
            tokens_in=sum(counts["in"] for counts in every),
            tokens_in_total=sum(_inclusive(counts) for counts in every),
            tokens_out=sum(counts["out"] for counts in every),
            cache_reads=sum(counts["reads"] for counts in every),
            cache_writes=sum(counts["writes"] for counts in every),
            request_usd=math.fsum([cost for cost in costs if cost is not None] + deleted),
            condense_usd=math.fsum(self._condensed),
        )


def _counts(request: Mapping[str, Any]) -> dict[str, int]:
    return {ours: count(request.get(theirs)) for theirs, ours in _TOKENS.items()}


def _inclusive(counts: Mapping[str, int]) -> int:
    """Return input tokens with cached ones; a writer that left them out shows by a smaller number."""
    cached = counts["reads"] + counts["writes"]
    return counts["in"] + cached if counts["in"] < cached else counts["in"]
