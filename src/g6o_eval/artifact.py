"""Artifact: a compiled program and the texts it publishes. Canonical JSON and digests of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: keys sorted by code point, no blanks, no NaN.

    Raises:
        ValueError: the value holds a NaN or an infinity.
        TypeError: it holds something that JSON has no form for.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """Return the SHA-256 of a value's canonical JSON, 64 hex digits."""
    return digest_text(canonical_json(value))


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text's UTF-8 bytes, 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prompt_digest(texts: Mapping[str, str], rendered: str) -> str:
    """Return the SHA-256 of what a program publishes and sends."""
    return digest({"texts": dict(texts), "rendered": rendered})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What an artifact was made from and by; never part of a digest.

    Attributes:
        data_commit: revision of the store that its Examples were read at.
        git_commit: of the checkout; None outside one.
        dspy_version: that rendered the texts; at most 20 characters in the readers' table.
        g6o_version: of this package.
        models: role → model name.
    """

    data_commit: str
    git_commit: str | None
    dspy_version: str
    g6o_version: str
    models: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Lineage:
        """Return the Lineage that `to_json` wrote."""
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A program's state and the texts that consumers read.

    Attributes:
        eval_name: the Eval it belongs to.
        program: canonical JSON of what code loads (snapshots/<eval>/program.json holds the same).
        texts: prompt id → text, as `Eval.publish` made them.
        rendered: the messages the LM gets, as text; part of the prompt digest.
        module_name: of the program class, for the readers' table.
        signature_name: of its first predictor, for the readers' table.
        lineage: what it was made from.
    """

    eval_name: str
    program: str
    texts: Mapping[str, str]
    rendered: str
    module_name: str
    signature_name: str
    lineage: Lineage

    @property
    def program_digest(self) -> str:
        """SHA-256 of what code loads: state, signature hash, adapter, clauses."""
        return digest_text(self.program)

    @property
    def prompt_digest(self) -> str:
        """SHA-256 of the published texts and the rendered messages. A dspy upgrade may move it."""
        return prompt_digest(self.texts, self.rendered)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return {**asdict(self), "texts": dict(self.texts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Artifact:
        """Return the Artifact that `to_json` wrote."""
        return cls(**{**data, "lineage": Lineage.from_json(data["lineage"])})
