"""The sample telemetry of this repository, put into a store once."""

from __future__ import annotations

import logging
from pathlib import Path

from g6o_eval.fleet.ingest.labels import read_labels
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.steps.load import load
from g6o_eval.store.port import Store
from g6o_eval.store.schema import known_migrations, migrate

TABLES = {"epics": "id", "exit_cases": "id", "custody_cases": "id"}
"""Tables whose rows stand in the sample as they are, with their keys: `<table>.jsonl` beside the task folders."""

_log = logging.getLogger(__name__)


def prepare_sample(store: Store, folder: Path) -> None:
    """Bring the store's tables up to date, and import the sample unless it is there already.

    It is there when the store holds the label of every session that the folder's truth file names:
    labels are written last, in the same commit as everything else. `g6o-eval ingest` looks at the
    task folders themselves. Tables are loaded each time: rows that stand there already are no commit.

    Raises:
        OSError: the folder cannot be listed.
        DataError: the truth file is wrong; nothing was written.
    """
    migrate(store, known_migrations())
    there = set(store.read("SELECT session_id, category, source FROM session_labels"))
    if wanted := set(read_labels(folder)) - there:
        _log.info("importing %d sample sessions from %s", len(wanted), folder.name)
        ingest(store, [folder])
    for table, key in TABLES.items():
        if (path := folder / f"{table}.jsonl").exists():
            load(store, table, path, key=key, types={})
