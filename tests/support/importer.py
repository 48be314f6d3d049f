"""An import in a process of its own, to be killed: python importer.py URL ROOT FOLDER WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path

from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.store.choose import open_store


def main() -> None:
    """Say "begun", import, and say how many sessions were written."""
    url, root, folder, workers = sys.argv[1:]
    store = open_store(url, root=Path(root))
    print("begun", flush=True)  # noqa: T201 - what it is asked for
    report = ingest(store, [Path(folder)], workers=int(workers))
    print(report.sessions, flush=True)  # noqa: T201
    store.close()


if __name__ == "__main__":
    main()
