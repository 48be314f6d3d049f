"""tables.py: the fleet's migrations, which every session that opens a store asks for."""

from __future__ import annotations

import subprocess
import sys

from g6o_eval.fleet.tables import MIGRATIONS


def test_the_migrations_load_nothing_that_reads_a_log() -> None:
    code = "import sys, g6o_eval.fleet.tables; print(*sorted(n for n in sys.modules if n.startswith('g6o_eval.fleet')))"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    parts = ("", ".made_tables", ".shared_tables", ".tables")
    assert ran.stdout.split() == [f"g6o_eval.fleet{part}" for part in parts]


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
