"""The pytest hook that a project implements in its root conftest.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from g6o_eval.store.port import Store


def pytest_g6o_prepare(config: pytest.Config, store: Store) -> None:
    """Fill the store before Examples are read: once per session, on the controller, before collection.

    It is called only when the session involves evals and the store may be written; what it changes
    must be safe to do again.
    """
