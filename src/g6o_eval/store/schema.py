"""Numbered migrations, and the harness's own tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of a schema.

    Attributes:
        owner: whose tables: "g6o_eval", "g6o_eval.fleet", or a user's package.
        number: 1, 2, 3 … within its owner, applied in this order and never changed afterwards.
        name: what it does, in a few words.
        statements: DDL that both engines take: VARCHAR(n), LONGTEXT, BIGINT, DOUBLE, BOOLEAN,
            JSON (for querying only), PRIMARY KEY and UNIQUE; no AUTO_INCREMENT.
    """

    owner: str
    number: int
    name: str
    statements: tuple[str, ...]
