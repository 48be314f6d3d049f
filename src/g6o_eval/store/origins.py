"""Where imported history came from. A run that was imported proves nothing new in this store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

from g6o_eval.store.port import Change, Store

IMPORTS, IMPORTED_RUNS = "g6o_imports", "g6o_imported_runs"


@dataclass(frozen=True, slots=True)
class Origin:
    """One import.

    Attributes:
        import_id: a ULID.
        origin_url: the store that was exported, without a password.
        origin_kind: "embedded" or "server".
        origin_head: the commit that was exported.
        exported_at: UTC, ISO 8601 with seconds, as the exporting machine had it.
        file_sha256: the checksum in the file's last line.
        imported_at: UTC, ISO 8601 with seconds.
        actor: who imported it.
    """

    import_id: str
    origin_url: str
    origin_kind: str
    origin_head: str
    exported_at: str
    file_sha256: str
    imported_at: str
    actor: str


ORIGIN_COLUMNS = tuple(field.name for field in fields(Origin))


def origins(store: Store) -> tuple[Origin, ...]:
    """Return every import of this store and of those its history came through, oldest first."""
    if IMPORTS not in store.tables():
        return ()
    rows = store.read(f"SELECT {', '.join(ORIGIN_COLUMNS)} FROM {IMPORTS} ORDER BY import_id")  # noqa: S608 # constants
    return tuple(Origin(*map(str, row)) for row in rows)


def origin_of(store: Store, run_id: str) -> Origin | None:
    """Return the import that brought a run here; None: it was judged in this store."""
    if IMPORTED_RUNS not in store.tables():
        return None
    found = list(store.read(f"SELECT import_id FROM {IMPORTED_RUNS} WHERE run_id = ?", (run_id,)))  # noqa: S608 # a constant
    return next((origin for origin in origins(store) if found and origin.import_id == found[0][0]), None)


def record_origin(change: Change, origin: Origin, runs: Iterable[str]) -> None:
    """Write an import and the runs that it brought."""
    change.insert(IMPORTS, ORIGIN_COLUMNS, [astuple(origin)])
    change.insert(IMPORTED_RUNS, ("run_id", "import_id"), [(run, origin.import_id) for run in runs])
