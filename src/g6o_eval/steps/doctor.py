"""Is this machine, this installation and this store fit for use? Every question is asked; nothing is changed."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from ulid import ULID

from g6o_eval.errors import StoreError
from g6o_eval.steps.adopt import others, uncommitted
from g6o_eval.store.origins import origins
from g6o_eval.store.port import Store
from g6o_eval.store.schema import known_migrations, pending

DISTRIBUTION = "g6o-eval"
OLDEST_SERVER = "1.88.1"
"""The Dolt server that the tests run on; older ones were never tried."""
MOST_SKEW_SECONDS = 5.0
"""A run's id holds the time, and the newest run is the one that counts."""
LEAST_FREE_BYTES = 2**30
"""Below this a store may fill its disk in the middle of a commit."""

State = Literal["ok", "note", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer.

    Attributes:
        name: what was looked at.
        state: "ok"; "note": worth reading, no reason to stop; "fail".
        found: what is.
        wanted: what should be.
        remedy: what to do; "" unless it failed.
    """

    name: str
    state: State
    found: str
    wanted: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)


def installation_checks() -> Iterator[Check]:
    """Ask about Python and every package that this one needs: there once, and in the range it states."""
    ours = distribution(DISTRIBUTION)
    found, wanted = platform.python_version(), ours.metadata["Requires-Python"]
    good = SpecifierSet(wanted).contains(found, prereleases=True)
    yield _check("python", good, found, wanted, "Install another Python")
    for line in ours.requires or ():
        need = Requirement(line)
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            yield package_check(need, list(distributions(name=need.name)))


def package_check(need: Requirement, found: list[Distribution]) -> Check:
    """Say whether one package is installed once, in the range that is stated."""
    places = {str(each.locate_file("")): each.version for each in found}
    versions = sorted(set(places.values()))
    wanted = str(need.specifier) or "any"
    install = f"Run: pip install '{need.name}{need.specifier}'"
    if not versions:
        return Check(need.name, "fail", "not installed", wanted, install)
    if len(places) > 1:
        remedy = f"Uninstall all but one: {', '.join(sorted(places))}"
        return Check(need.name, "fail", f"{len(places)} times: {', '.join(versions)}", wanted, remedy)
    return _check(need.name, need.specifier.contains(versions[0], prereleases=True), versions[0], wanted, install)


def store_checks(store: Store) -> Iterator[Check]:
    """Ask about a store that could be opened."""
    yield Check("store", "ok", f"{store.url}, {store.branch()}@{store.head()[:12]}", "reachable")
    yield _engine(store)
    yield _tables(store)
    yield _grants(store)
    if store.kind == "server":
        yield files_check(_one(store, "SELECT COALESCE(@@GLOBAL.secure_file_priv, '')"))
        # Its @@datadir is empty, and no statement says how much room there is: look there by hand.
        yield Check("free space, server", "note", "it does not tell", "≥ 1 GiB; a full disk ends it")
    yield from _dirty(store)
    yield from _clock(store)
    for origin in origins(store):
        where = f"from {origin.origin_url} by {origin.actor}, {origin.imported_at}"
        yield Check("imported history", "note", where, "its runs promote nothing here")


def unreachable(error: StoreError, url: str) -> Check:
    """Say that a store could not be opened, so nothing else about it is known."""
    return Check("store", "fail", str(error), "reachable", f"Nothing else about {url} could be asked")


def free_space(folder: Path, what: str) -> Check:
    """Say how much room the disk of a folder has; a folder that is not there yet is looked for above."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return space_check(what, free)


def space_check(what: str, free: int) -> Check:
    """Say whether so many free bytes are enough."""
    wanted = f"≥ {LEAST_FREE_BYTES / 2**30:.0f} GiB"
    return _check(f"free space, {what}", free >= LEAST_FREE_BYTES, f"{free / 2**30:.1f} GiB", wanted, "Make room")


def skew_check(name: str, seconds: float) -> Check:
    """Say whether a clock is near enough to ours; `seconds` is how far it is ahead."""
    good = abs(seconds) <= MOST_SKEW_SECONDS
    return _check(name, good, f"{seconds:+.1f} s", f"± {MOST_SKEW_SECONDS:.0f} s", "Set both clocks by NTP")


def server_check(version: str) -> Check:
    """Say whether a server's version, as dolt_version() says it, is one that was tried or a later one."""
    try:
        good = Version(version) >= Version(OLDEST_SERVER)
    except InvalidVersion:
        good = False
    return _check("engine", good, f"Dolt {version}", f"≥ {OLDEST_SERVER}", "Upgrade the server")


def files_check(folder: str) -> Check:
    """Say whether a server's `secure_file_priv` keeps its users away from its files."""
    # Tried: with "" a user who may only SELECT reads /etc/passwd by LOAD_FILE and writes files INTO OUTFILE.
    found = folder or '"": every user reads and writes files as the server'
    remedy = "Set system_variables.secure_file_priv in the server's config.yaml to an empty folder of its own"
    return _check("secure_file_priv", bool(folder), found, "a folder", remedy)


def _engine(store: Store) -> Check:
    version = _one(store, "SELECT dolt_version()")
    if store.kind == "server":
        return server_check(version)
    return Check("engine", "ok", f"doltlite {version}", "0.51")  # one of another line does not open at all


def _tables(store: Store) -> Check:
    try:
        missing = pending(store, known_migrations())
    except StoreError as error:
        return Check("tables", "fail", str(error), "the installed version's", "See what was found")
    found = f"lacks {', '.join(missing)}" if missing else "all of them"
    return _check(
        "tables", not missing, found, "all of them", "Run any command with a writer, for example: pytest evals/"
    )


def _grants(store: Store) -> Check:
    if store.kind == "embedded":
        return Check("rights", "ok", "the file may only be read" if store.read_only else "read and write", "to read")
    user = _one(store, "SELECT CURRENT_USER()")
    name, _, host = user.rpartition("@")
    sql = (
        "SELECT privilege_type FROM information_schema.schema_privileges WHERE grantee = ? "
        "UNION SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = ? "
        "UNION SELECT privilege_type FROM information_schema.table_privileges WHERE grantee = ?"
    )
    grantee = f"'{name}'@'{host}'"
    found = sorted(str(each) for (each,) in store.read(sql, (grantee,) * 3) if each != "USAGE")
    needed = {"admin": {"CREATE", "DROP"}, "promoter": {"INSERT", "UPDATE", "DELETE", "EXECUTE"}}
    less = "judge" if "SELECT" in found else "none of the roles"
    may = next((role for role, rights in needed.items() if rights <= set(found)), less)
    text = f"{user}: {may} ({', '.join(found) if len(found) <= 6 else f'{len(found)} privileges'})"
    return _check("rights", "SELECT" in found, text, "SELECT", "Run as an admin: g6o-eval grants --role judge")


def _dirty(store: Store) -> Iterator[Check]:
    ours = ", ".join(each.table for each in uncommitted(store))
    yield _check("our tables", not ours, ours or "committed", "committed", "Look at the rows: g6o-eval adopt")
    if rest := others(store):
        yield Check("other tables", "note", f"uncommitted rows in {', '.join(rest)}", "a promotion leaves them alone")


def _clock(store: Store) -> Iterator[Check]:
    if store.kind == "server":
        before = datetime.now(timezone.utc)
        there = _one(store, "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)")
        after = datetime.now(timezone.utc)
        server = datetime.fromisoformat(there).replace(tzinfo=timezone.utc)
        yield skew_check("clock of the server", (server - (before + (after - before) / 2)).total_seconds())
    if "g6o_runs" in store.tables():
        # Not MAX: over an empty table Dolt 1.88 answers it with no row at all.
        newest = list(store.read("SELECT run_id FROM g6o_runs ORDER BY run_id DESC LIMIT 1"))
        now = datetime.now(timezone.utc).timestamp()
        ahead = ULID.from_str(str(newest[0][0])).timestamp - now if newest else 0.0
        yield skew_check("newest run ahead", max(0.0, ahead))


def _one(store: Store, sql: str) -> str:
    ((value,),) = store.read(sql)
    return str(value)


def _check(name: str, good: bool, found: str, wanted: str, remedy: str) -> Check:
    return Check(name, "ok" if good else "fail", found, wanted, "" if good else remedy)
