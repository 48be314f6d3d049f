"""Numbered migrations, and the harness's own tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points

from g6o_eval.errors import DeclarationError, QueryError, ReadOnlyError, UnfitError
from g6o_eval.store.port import Change, Row, Store
from g6o_eval.store.sql import quoted

ENTRY_POINTS = "g6o_eval.migrations"

SENTINEL = "g6o_migrations"
"""The table that makes a database ours: which migrations it has had. An embedded file is born with it."""

SENTINEL_DDL = (
    f"CREATE TABLE {SENTINEL} (owner VARCHAR(200) NOT NULL, number BIGINT NOT NULL, "
    "name VARCHAR(200) NOT NULL, PRIMARY KEY (owner, number))"
)

_CREATES = re.compile(r"^\s*CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """A table that another program may have made before us, in an older or narrower form.

    Neither engine has ADD COLUMN IF NOT EXISTS: what is there is looked at first. Nothing is dropped.

    Attributes:
        table: that a statement of the same migration makes when it is absent.
        columns: name → definition of each column that is added when the table lacks it.
        wider: name → (definition, pattern of the column types that do already) of each column that is
            made wider. On a server only: the embedded engine keeps any value in any column.
    """

    table: str
    columns: Mapping[str, str] = field(default_factory=dict)
    wider: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of a schema.

    Attributes:
        owner: whose tables: "g6o_eval", "g6o_eval.fleet", or a user's package.
        number: 1, 2, 3 … within its owner, applied in this order and never changed afterwards.
        name: what it does, in a few words.
        statements: DDL that both engines take: VARCHAR(n), LONGTEXT, BIGINT, DOUBLE, BOOLEAN,
            JSON (for querying only), PRIMARY KEY and UNIQUE; no AUTO_INCREMENT.
        continued: tables that were there before, brought to the form that the statements describe.
    """

    owner: str
    number: int
    name: str
    statements: tuple[str, ...]
    continued: tuple[Continued, ...] = ()


HARNESS: tuple[Migration, ...] = (
    Migration(
        owner="g6o_eval",
        number=1,
        name="runs, scores, artifacts, ledger and the prompts that consumers read",
        statements=(
            # `body` is canonical JSON with its SHA-256 beside it; the columns before it are for querying.
            "CREATE TABLE g6o_runs (run_id VARCHAR(26) NOT NULL PRIMARY KEY, eval_name VARCHAR(64) NOT NULL, "
            "program_digest VARCHAR(64) NOT NULL, baseline_digest VARCHAR(64) NOT NULL, "
            "test_hash VARCHAR(64) NOT NULL, outcome VARCHAR(20) NOT NULL, "
            "body LONGTEXT NOT NULL, body_sha256 VARCHAR(64) NOT NULL)",
            # `place` is the rank of the key in code-point order: a key may be longer than an index allows.
            # An example that was never scored has one row, with repeat_number 0.
            "CREATE TABLE g6o_scores (run_id VARCHAR(26) NOT NULL, side VARCHAR(10) NOT NULL, place BIGINT NOT NULL, "
            "repeat_number BIGINT NOT NULL, example_key LONGTEXT NOT NULL, group_name LONGTEXT, value DOUBLE, "
            "error LONGTEXT, feedback LONGTEXT, broken LONGTEXT, PRIMARY KEY (run_id, side, place, repeat_number))",
            "CREATE TABLE g6o_artifacts (artifact_digest VARCHAR(64) NOT NULL PRIMARY KEY, "
            "eval_name VARCHAR(64) NOT NULL, program_digest VARCHAR(64) NOT NULL, prompt_digest VARCHAR(64) NOT NULL, "
            "body LONGTEXT NOT NULL, body_sha256 VARCHAR(64) NOT NULL)",
            "CREATE TABLE g6o_ledger (eval_name VARCHAR(64) NOT NULL, seq BIGINT NOT NULL, "
            "action VARCHAR(10) NOT NULL, artifact_digest VARCHAR(64), program_digest VARCHAR(64), run_id VARCHAR(26), "
            "actor VARCHAR(200) NOT NULL, "
            "reason LONGTEXT NOT NULL, at VARCHAR(25) NOT NULL, allow_offline BOOLEAN NOT NULL, "
            "PRIMARY KEY (eval_name, seq))",
            # The consumers' read contract: a daemon may have made this table before us.
            "CREATE TABLE IF NOT EXISTS compiled_prompts (prompt_id VARCHAR(200) NOT NULL PRIMARY KEY, "
            "module_name VARCHAR(100) NOT NULL, signature_name VARCHAR(100) NOT NULL, compiled_prompt TEXT NOT NULL, "
            "compiled_at DATETIME NOT NULL, dspy_version VARCHAR(20) NOT NULL)",
        ),
    ),
    Migration(
        owner="g6o_eval",
        number=2,
        name="where imported history came from",
        statements=(
            "CREATE TABLE g6o_imports (import_id VARCHAR(26) NOT NULL PRIMARY KEY, origin_url LONGTEXT NOT NULL, "
            "origin_kind VARCHAR(10) NOT NULL, origin_head VARCHAR(64) NOT NULL, exported_at VARCHAR(25) NOT NULL, "
            "file_sha256 VARCHAR(64) NOT NULL, imported_at VARCHAR(25) NOT NULL, actor VARCHAR(200) NOT NULL)",
            # A run that stands here proves nothing new in this store: it was judged elsewhere.
            "CREATE TABLE g6o_imported_runs (run_id VARCHAR(26) NOT NULL PRIMARY KEY, import_id VARCHAR(26) NOT NULL)",
        ),
    ),
)


def known_migrations() -> tuple[Migration, ...]:
    """Return HARNESS and what installed packages add through the entry points "g6o_eval.migrations"."""
    found = list(HARNESS)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        added = point.load()
        if not isinstance(added, tuple | list) or not all(isinstance(each, Migration) for each in added):
            raise DeclarationError(
                f"entry point {point.name!r} of {ENTRY_POINTS!r}: {point.value} is {added!r}, "
                "expected a tuple of Migration"
            )
        found += added
    return tuple(found)


def migrate(store: Store, migrations: Sequence[Migration]) -> tuple[str, ...]:
    """Apply what is missing, all of it in one commit with its record; return "owner number: name" of each.

    Raises:
        UnfitError: the store has a migration that these do not know, or knows one by another name.
        ReadOnlyError: something is missing and the store may only be read.
    """
    known = _by_owner(migrations)
    if not _missing(known, _applied(store)):
        return ()
    if store.read_only:
        names = ", ".join(_title(each) for each in _missing(known, _applied(store)))
        raise ReadOnlyError(f"{store.url} lacks tables ({names}) and may only be read: open it once with a writer")
    with store.change("Migrate the schema") as change:
        if SENTINEL not in store.tables():
            change.execute(SENTINEL_DDL)
        # Read again inside the change: another process may have migrated since.
        missing = _missing(known, change.read(f"SELECT owner, number, name FROM {SENTINEL}"))  # noqa: S608 # a constant
        for migration in missing:
            for statement in migration.statements:
                change.execute(statement)
            for table in migration.continued:
                _continue(change, table, server=store.kind == "server")
        change.insert(SENTINEL, ("owner", "number", "name"), [(m.owner, m.number, m.name) for m in missing])
    return tuple(_title(each) for each in missing)


def pending(store: Store, migrations: Sequence[Migration]) -> tuple[str, ...]:
    """Return "owner number: name" of each migration that the store lacks; writes nothing.

    Raises:
        UnfitError: the store has a migration that these do not know, or knows one by another name.
    """
    return tuple(_title(each) for each in _missing(_by_owner(migrations), _applied(store)))


def own_tables(migrations: Sequence[Migration]) -> frozenset[str]:
    """Return the tables that migrations make, and the one that records them."""
    made = (found for each in migrations for text in each.statements for found in _CREATES.findall(text))
    return frozenset({SENTINEL, *made})


def _continue(change: Change, wanted: Continued, *, server: bool) -> None:
    table = quoted(wanted.table)
    for name, definition in wanted.columns.items():
        if not _has_column(change, wanted.table, name):
            change.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {definition}")
    if not server:
        return
    # Not information_schema: it looks into every database, and fails while another one is being dropped.
    declared = {str(row[0]): str(row[1]) for row in change.read(f"SHOW COLUMNS FROM {table}")}
    for name, (definition, enough) in wanted.wider.items():
        if name in declared and not re.search(enough, declared[name], re.IGNORECASE):
            change.execute(f"ALTER TABLE {table} MODIFY COLUMN {quoted(name)} {definition}")


def _has_column(change: Change, table: str, name: str) -> bool:
    try:
        change.read(f"SELECT {quoted(name)} FROM {quoted(table)} LIMIT 0")  # noqa: S608 # names are quoted
    except QueryError:
        return False
    return True


def _applied(store: Store) -> list[Row]:
    if SENTINEL not in store.tables():
        return []
    return list(store.read(f"SELECT owner, number, name FROM {SENTINEL}"))  # noqa: S608 # a constant


def _by_owner(migrations: Sequence[Migration]) -> dict[str, list[Migration]]:
    known: dict[str, list[Migration]] = {}
    for migration in migrations:
        known.setdefault(migration.owner, []).append(migration)
    for owner, steps in known.items():
        steps.sort(key=lambda step: step.number)
        numbers = [step.number for step in steps]
        if numbers != list(range(1, len(steps) + 1)):
            raise DeclarationError(f"migrations of {owner!r} must be numbered 1, 2, 3 … without a gap, got {numbers!r}")
    return known


def _missing(known: Mapping[str, list[Migration]], applied: Sequence[Row]) -> list[Migration]:
    missing: list[Migration] = []
    for owner, steps in known.items():
        have = {int(number): str(name) for o, number, name in applied if o == owner and isinstance(number, int)}
        for number, name in sorted(have.items()):
            _check_known(owner, number, name, steps)
        if set(have) != set(range(1, len(have) + 1)):
            raise UnfitError(f"the store has the migrations {sorted(have)!r} of {owner!r}: one before them is missing")
        missing += steps[len(have) :]
    return missing


def _check_known(owner: str, number: int, name: str, steps: list[Migration]) -> None:
    if number > len(steps):
        raise UnfitError(
            f"the store has migration {number} of {owner!r} ({name!r}); the installed version knows {len(steps)}. "
            "A newer version wrote it: upgrade the package"
        )
    if number >= 1 and steps[number - 1].name != name:
        raise UnfitError(
            f"migration {number} of {owner!r} is {name!r} in the store and {steps[number - 1].name!r} in the code: "
            "one of them was changed after it was applied"
        )


def _title(migration: Migration) -> str:
    return f"{migration.owner} {migration.number}: {migration.name}"
