"""Proposal: a program to try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Proposal:
    """A program to try, and a name for a person."""

    name: str
    program: Any
