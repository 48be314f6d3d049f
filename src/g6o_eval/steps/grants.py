"""Who may do what on a server: the statements of each role. What they cannot prevent: docs/trust.md.

Tried on the server that the tests run (1.88.1): a user with a row of its own for main in
dolt_branch_control has the rights of that row alone there, although the default row lets everybody
write every branch. Whoever makes a branch is its admin, so the branch of a change needs no row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from g6o_eval.errors import DeclarationError, RefusedError
from g6o_eval.store.address import Address
from g6o_eval.store.connection import Connection
from g6o_eval.store.sql import quoted

Role = Literal["reader", "judge", "promoter", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

READ_BY_CONSUMERS = ("compiled_prompts", "diagnosis_classifications")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")
_HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,60}")


@dataclass(frozen=True, slots=True)
class User:
    """A user of the server.

    Attributes:
        name: letters, digits, `_`, `.` and `-`; 32 at most.
        host: it connects from: a name, an address, or a pattern with %.
    """

    name: str
    host: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not _HOST.fullmatch(self.host):
            raise DeclarationError(
                f"a user is NAME@HOST, for example daemon@% or ci@10.0.0.%, got {f'{self.name}@{self.host}'!r}: "
                "use letters, digits, _, . and -, and in HOST also % and :"
            )

    def __str__(self) -> str:
        return f"'{self.name}'@'{self.host}'"


def parse_user(text: str) -> User:
    """Return the user behind "NAME@HOST".

    Raises:
        DeclarationError: it has another form.
    """
    name, _, host = text.rpartition("@")
    return User(name, host)


def statements(role: Role, user: User, database: str) -> tuple[str, ...]:
    """Return what a privileged user runs, in this order, to give a role. Running them twice is harmless.

    They add rights and take none away but those on branches.
    """
    every = f"{quoted(database)}.*"
    forget = (
        f"DELETE FROM dolt_branch_control WHERE `database` = '{database.lower()}' "  # noqa: S608 # all of them are checked
        f"AND user = '{user.name}' AND host = '{user.host}'"
    )
    if role == "reader":
        tables = (f"{quoted(database)}.{quoted(table)}" for table in READ_BY_CONSUMERS)
        return (forget, *(f"GRANT SELECT ON {table} TO {user}" for table in tables))
    if role == "judge":
        return (forget, f"GRANT SELECT ON {every} TO {user}")
    if role == "promoter":
        rights = "SELECT, INSERT, UPDATE, DELETE, EXECUTE"
        return (forget, f"GRANT {rights} ON {every} TO {user}", _branch_row(database, "main", user, "merge"))
    return (
        forget,
        f"GRANT ALL PRIVILEGES ON {every} TO {user} WITH GRANT OPTION",
        _branch_row(database, "%", user, "admin"),
    )


def create_user(user: User) -> str:
    """Return the statement that makes a user; the password is for a person to fill in."""
    return f"CREATE USER {user} IDENTIFIED BY '…'"


def apply(address: Address, user: User, wanted: Sequence[str]) -> tuple[str, ...]:
    """Run statements; return every right that the user has afterwards, from before included.

    Raises:
        RefusedError: there is no such user.
        StoreError: the server refused one of them; those before it stand.
    """
    connection = Connection(address, f"{address.database}/main", observe=lambda statement: None)
    try:
        known = "SELECT 1 FROM mysql.user WHERE user = ? AND host = ?"
        if not connection.run(known, (user.name, user.host)):
            raise RefusedError((f"{address.server} has no user {user}. Make it first: {create_user(user)}",))
        for statement in wanted:
            connection.run(statement)
        granted = connection.run(f"SHOW GRANTS FOR {user}")
        branches = connection.run(
            "SELECT CONCAT(permissions, ' on the branches ', branch) FROM dolt_branch_control "
            "WHERE `database` = ? AND user = ? AND host = ? ORDER BY branch",
            (address.database.lower(), user.name, user.host),
        )
        return tuple(str(text) for (text,) in [*granted, *branches])
    finally:
        connection.close()


def _branch_row(database: str, branch: str, user: User, right: str) -> str:
    values = ", ".join(f"'{value}'" for value in (database.lower(), branch, user.name, user.host, right))
    return f"INSERT INTO dolt_branch_control VALUES ({values})"  # noqa: S608 # all of them are checked
