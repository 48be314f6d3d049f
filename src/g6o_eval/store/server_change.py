"""An open change of a server's store: rows on a branch of their own, and how they reach main.

One connection does all of it and holds the lock meanwhile, so lock and change end together: when
the process, the connection or the server dies, the lock is free and main is as it was. What may be
left behind is the branch, under its one name; the next change deletes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from g6o_eval.errors import QueryError, RefusedError, StoreError, UnavailableError, UnfitError
from g6o_eval.store.address import Address
from g6o_eval.store.connection import ClashError, Connection, LateError, LostError
from g6o_eval.store.port import Row, Value
from g6o_eval.store.sessions import Sessions
from g6o_eval.store.sql import check_change, insert_batches, quoted

MAIN = "main"
BRANCH = "g6o/change"
"""The only branch that is ever made. Dolt keeps a row of rights for each name: one name, one row."""

_MERGES = 5


class ServerChange:
    """See Change. Begun by `begin`, ended by `finish` or not at all, and always by `leave`.

    Attributes:
        commit: see Change.commit.
    """

    def __init__(self, sessions: Sessions, address: Address, *, busy_seconds: float) -> None:
        self.commit: str | None = None
        self._sessions, self._address, self._busy_seconds = sessions, address, busy_seconds
        self._open = False
        self._connection: Connection | None = None

    # ── what the caller may do ──

    def read(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """See Change.read."""
        return self._run(sql, params)

    def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        """See Change.execute."""
        self._run(sql, params)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
        """See Change.insert."""
        return self._insert(table, columns, rows, after="")

    def upsert(self, table: str, columns: Sequence[str], rows: Iterable[Row], *, key: Sequence[str]) -> int:
        """See Change.upsert."""
        replaced = [column for column in columns if column not in key] or list(key)[:1]
        action = ", ".join(f"{quoted(column)} = VALUES({quoted(column)})" for column in replaced)
        return self._insert(table, columns, rows, after=f" ON DUPLICATE KEY UPDATE {action}")

    def _run(self, sql: str, params: Sequence[Value]) -> list[Row]:
        check_change(sql)
        return self._writer().run(sql, params)

    def _insert(self, table: str, columns: Sequence[str], rows: Iterable[Row], *, after: str) -> int:
        connection, count = self._writer(), 0
        shown = f"INSERT INTO {quoted(table)} ({', '.join(map(quoted, columns))}) VALUES (…){after}"  # noqa: S608 # for errors
        for statement, size in insert_batches(table, columns, rows, after=after):
            connection.run_bound(statement, shown=shown)
            count += size
        return count

    def _writer(self) -> Connection:
        if not self._open or self._connection is None:
            raise StoreError("this change has ended: open another one with store.change(message)")
        return self._connection

    # ── its life ──

    def begin(self) -> None:
        """Take the lock and stand on a fresh branch. May be done twice: nothing is written."""
        connection = self._connection = self._sessions.take(f"{self._address.database}/{MAIN}")
        try:
            take_lock(connection, change_lock(self._address), self._busy_seconds, address=self._address)
            _make_branch(connection)
            connection.use(f"{self._address.database}/{BRANCH}")
            connection.run("START TRANSACTION")
        except BaseException:
            connection.close()
            raise
        self._open = True

    def finish(self, message: str) -> None:
        """Turn what was written into one commit on main.

        Raises:
            UnfitError: a table that it wrote to has another client's uncommitted rows.
            UnavailableError: the server went away; it says whether the commit was made.
        """
        connection, self._open = self._writer(), False
        try:
            connection.run("COMMIT")
            made = connection.run("CALL DOLT_COMMIT('-A', '--skip-empty', '-m', ?)", (message,))
            if not any(commit for (commit,) in made):
                return  # nothing was changed
            connection.use(f"{self._address.database}/{MAIN}")
        except (LostError, LateError) as error:
            raise UnavailableError(f"{error} Nothing was written by {message!r}") from None
        ((commit,),) = made
        try:
            self.commit = self._merge(connection, str(commit), message)
        except (LostError, LateError) as error:
            self.commit = self._settle(str(commit), message, error)

    def leave(self) -> None:
        """Delete the branch and free the lock, whatever happened before."""
        connection, self._open = self._connection, False
        if connection is None:
            return
        try:
            # A failure here changes nothing about main: the next change deletes the branch.
            with suppress(StoreError):
                if self.commit is None:
                    connection.run("ROLLBACK")
                connection.use(f"{self._address.database}/{MAIN}")
                connection.run("CALL DOLT_BRANCH('-D', ?)", (BRANCH,))
                self._forget_rights(connection)
                connection.run("SELECT RELEASE_LOCK(?)", (change_lock(self._address),))
                self._sessions.give(connection)
                self._connection = None
        finally:
            if self._connection is not None:
                self._connection.close()

    def _forget_rights(self, connection: Connection) -> None:
        """Delete the row of rights that making the branch left; a user who may not leaves that one row."""
        sql = "DELETE FROM dolt_branch_control WHERE `database` = ? AND branch = ?"
        with suppress(QueryError, StoreError):
            connection.run(sql, (self._address.database.lower(), BRANCH))

    def _merge(self, connection: Connection, commit: str, message: str) -> str:
        merged, conflicts, said = self._merged(connection, message)
        # A merge that the server's own tests refuse raises nothing: it answers without a hash.
        if not merged or conflicts or not _has(connection, merged, commit):
            connection.run("CALL DOLT_MERGE('--abort')")
            raise self._refused(message, f"{said} ({conflicts} conflicts)")
        return merged

    def _merged(self, connection: Connection, message: str) -> tuple[str, int, str]:
        """Merge; return the commit, "" for none, the number of conflicts, and what the server says."""
        attempts, own_merge_aborted = 0, False
        while True:
            try:
                # A fast-forward moves main's head first and its rows after it: a server that was killed in between
                # came back with the new head and the old rows (1.88.1). A merge commit moves both at once.
                ((merged, _, conflicts, said),) = connection.run(
                    "CALL DOLT_MERGE('--no-ff', ?, '-m', ?)", (BRANCH, message)
                )
                return str(merged or ""), int(str(conflicts)), str(said)
            except ClashError:
                attempts += 1
                if attempts == _MERGES:
                    raise
            except UnfitError as error:
                # Only a merge that failed asks who left what: each merge looks for itself, and most find nothing.
                if own_merge_aborted or not _abort_own_merge(connection):
                    raise self._in_the_way(connection, error) from None
                own_merge_aborted = True
            except QueryError as error:  # a conflict, or a key that the rows of both break: the server undid it
                said = str(error).partition("\n")[0].removeprefix(f"{self._address.url}: ")
                raise self._refused(message, said) from None

    def _refused(self, message: str, said: str) -> StoreError:
        return StoreError(f"{self._address.url}: main refused {message!r}: {said}. Nothing was written")

    def _in_the_way(self, connection: Connection, error: UnfitError) -> UnfitError:
        """Return an error that names the tables which this change and others, who did not commit, both changed."""
        ours = connection.run("SELECT to_table_name, from_table_name FROM dolt_diff_summary(?, ?)", (MAIN, BRANCH))
        both = dirty_tables(connection) & {str(name) for names in ours for name in names}
        if not both:
            return error
        return UnfitError(
            f"{self._address.url}: another client left uncommitted rows in {', '.join(sorted(both))}, which this "
            "change writes to. Nothing was written. Look at them and commit them: g6o-eval adopt"
        )

    def _settle(self, commit: str, message: str, lost: UnavailableError) -> str:
        """Find out, on another connection, whether a merge whose answer was lost has happened."""

        def ask(connection: Connection) -> str | None:
            # The lock is free once the server is done with what was lost.
            take_lock(connection, change_lock(self._address), self._busy_seconds, address=self._address)
            try:
                made = connection.run("SELECT commit_hash FROM dolt_commit_ancestors WHERE parent_hash = ?", (commit,))
                merges = (str(row[0]) for row in made)
                return next((merge for merge in merges if _has(connection, MAIN, merge)), None)
            finally:
                connection.run("SELECT RELEASE_LOCK(?)", (change_lock(self._address),))

        try:
            merged = self._sessions.repeat(ask, f"{self._address.database}/{MAIN}")
        except UnavailableError as error:
            raise UnavailableError(
                f"{lost} Whether {message!r} was written is not known ({error}): look for commit {commit} in dolt_log"
            ) from None
        if merged is None:
            raise UnavailableError(f"{lost} Nothing was written by {message!r}") from None
        return merged


def commit_tables(connection: Connection, tables: Sequence[str], message: str) -> str:
    """Commit these tables of main as they stand, and nothing else; return the commit."""
    if clean := sorted(set(tables) - dirty_tables(connection)):
        raise RefusedError((f"{', '.join(clean)}: no uncommitted rows; somebody was quicker",))
    for (table,) in connection.run("SELECT table_name FROM dolt_status WHERE staged"):
        connection.run("CALL DOLT_RESET(?)", (table,))  # another client's; its rows stay, uncommitted
    for table in sorted(tables):
        connection.run("CALL DOLT_ADD(?)", (table,))
    ((commit,),) = connection.run("CALL DOLT_COMMIT('-m', ?)", (message,))
    return str(commit)


def dirty_tables(connection: Connection) -> frozenset[str]:
    """Return the tables of the branch with rows that no commit holds."""
    return _names(connection.run("SELECT DISTINCT table_name FROM dolt_status"))


def _abort_own_merge(connection: Connection) -> bool:
    """Undo what an earlier change left when it died in a merge that was refused; return whether it did."""
    if connection.run("SELECT source FROM dolt_merge_status WHERE is_merging") != [(BRANCH,)]:
        return False
    connection.run("CALL DOLT_MERGE('--abort')")
    return True


def _make_branch(connection: Connection) -> None:
    try:
        connection.run("CALL DOLT_BRANCH(?, ?)", (BRANCH, MAIN))
    except QueryError as error:
        if "already exists" not in str(error):
            raise
        connection.run("CALL DOLT_BRANCH('-D', ?)", (BRANCH,))  # of a change that died
        connection.run("CALL DOLT_BRANCH(?, ?)", (BRANCH, MAIN))


def change_lock(address: Address) -> str:
    """Return the name of the lock that every change of a database holds."""
    return lock_name(address, "change")


def lock_name(address: Address, name: str) -> str:
    """Return the server-wide name of a lock of a database."""
    return f"g6o:{address.database}:{name}"


def take_lock(connection: Connection, name: str, seconds: float, *, address: Address) -> None:
    """Wait for a lock on the server.

    Raises:
        UnavailableError: somebody else held it for the whole time.
    """
    left = seconds
    while True:
        wait = min(left, address.answer_seconds / 2)
        ((got,),) = connection.run("SELECT GET_LOCK(?, ?)", (name, wait))
        if got == 1:
            return
        left -= wait
        if left <= 0:
            raise UnavailableError(
                f"the lock {name!r} of {address.url} is held by another process for more than {seconds:g} s. "
                "Wait for it, or end it"
            )


def _has(connection: Connection, ref: str, commit: str) -> bool:
    try:
        return connection.run("SELECT HAS_ANCESTOR(?, ?)", (ref, commit)) == [(1,)]
    except QueryError:
        return False  # the server does not know the commit: it died before it was kept


def _names(found: list[Row]) -> frozenset[str]:
    return frozenset(name for (names,) in found for name in str(names).split(" -> "))  # a renamed table has both
