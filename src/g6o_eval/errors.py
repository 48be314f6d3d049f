"""Every exception of g6o_eval, by what the reader can do about it.

G6oError
├── DeclarationError (ValueError)      the Eval, Dataset, Gate … is written wrongly: change the code
│   └── LeakError                      train, dev and test overlap, or a label would reach the program
├── CandidateError (ValueError)        snapshots/<eval>/program.json does not fit the code: recompile
├── SecretError (ValueError)           a text that would be stored or published holds a secret
├── RoleError (ValueError)             a role or model is unknown, or its price is
├── DataError (ValueError)             a row, column or file cannot be used: it names which one
├── StoreError                         the database said no
│   ├── UnavailableError               it cannot be reached, opened or loaded
│   ├── UnfitError                     it is there, but not a store that this version may write
│   ├── ReadOnlyError                  it was opened, or granted, for reading only
│   ├── QueryError                     a statement failed; carries the SQL
│   └── MissingError (LookupError)     the ref, run or artifact that was named does not exist
└── RefusedError                       a promotion or rollback that must not happen, with its reasons
    └── StaleError                     somebody else promoted in between: judge again

`BudgetStop` (lm/meter.py) is a BaseException and no part of this tree: optimizers swallow exceptions.
"""

from __future__ import annotations


class G6oError(Exception):
    """Base of every error that g6o_eval raises on purpose."""


class DeclarationError(G6oError, ValueError):
    """The declaration is wrong; the message names the field, its value and the remedy."""


class LeakError(DeclarationError):
    """A judged example, or its label, would reach the program or the optimizer."""


class CandidateError(G6oError, ValueError):
    """The compiled program does not fit the code that should load it."""


class SecretError(G6oError, ValueError):
    """A text that would leave the process holds a secret; nothing was written."""


class RoleError(G6oError, ValueError):
    """No language model stands behind a role."""


class DataError(G6oError, ValueError):
    """A value from outside cannot be used; the message names file or query, row and column."""


class StoreError(G6oError):
    """The store could not do what was asked."""


class UnavailableError(StoreError):
    """The store cannot be reached, opened or loaded."""


class UnfitError(StoreError):
    """The database exists but is not a store that this version may use."""


class ReadOnlyError(StoreError):
    """A write was asked of a store that may only be read."""


class QueryError(StoreError):
    """A statement failed.

    Attributes:
        sql: the statement, without its parameters.
    """

    def __init__(self, message: str, *, sql: str) -> None:
        super().__init__(f"{message}\n  SQL: {sql}")
        self.sql = sql


class MissingError(StoreError, LookupError):
    """The revision, run or artifact that was named does not exist in this store."""


class RefusedError(G6oError):
    """A state change was refused; nothing was written.

    Attributes:
        reasons: one sentence each, all that apply, never empty.
    """

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class StaleError(RefusedError):
    """What was judged is no longer what is live: somebody else changed it."""
