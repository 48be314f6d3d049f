from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.desk import Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A clean checkout with one eval, a reviewed prompt and 60 tickets; nothing judged."""
    with open_desk(tmp_path) as made:
        yield made
