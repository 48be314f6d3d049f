"""Fixtures that conftest.py of several folders import: one real Dolt server, and an empty database on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest

from support.dolt_server import DoltServer, session_server

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def dolt_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DoltServer:
    """The one Dolt server of this session, xdist workers included; it ends with the session."""
    base = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        return session_server(base.parent / "dolt", os.getppid())
    return session_server(base / "dolt", os.getpid())


@pytest.fixture
def database(dolt_server: DoltServer) -> Iterator[str]:
    """An empty database of its own for this test."""
    name = f"t_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{next(_NUMBERS)}"
    dolt_server.run(f"CREATE DATABASE {name}")
    yield name
    dolt_server.run(f"DROP DATABASE {name}")
