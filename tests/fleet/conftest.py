from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from g6o_eval.fleet.tables import MIGRATIONS
from g6o_eval.store.choose import open_store
from g6o_eval.store.port import Store
from g6o_eval.store.schema import HARNESS, migrate


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An embedded store with the fleet's tables."""
    opened = open_store("doltlite:///fleet.db", root=tmp_path)
    migrate(opened, (*HARNESS, *MIGRATIONS))
    yield opened
    opened.close()
