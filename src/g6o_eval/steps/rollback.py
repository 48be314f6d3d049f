"""Take back what is live, and let a program that was taken back return."""

from __future__ import annotations

from g6o_eval.errors import RefusedError
from g6o_eval.store.ledger import Entry, record_reinstate, record_rollback, revoked
from g6o_eval.store.port import Store

SHORTEST_DIGEST = 6
"""Hex digits that a person must give of a digest."""


def rollback(store: Store, eval_name: str, *, by: str, reason: str) -> Entry:
    """Make the artifact before the live one live, or withdraw the Eval when there was none.

    The program that is left is revoked until it is reinstated, so that the next merge cannot bring
    it back.

    Raises:
        RefusedError: nothing is live, or no reason was given.
    """
    _need_reason("rollback", eval_name, reason)
    return record_rollback(store, eval_name, by=by, reason=reason)


def reinstate(store: Store, eval_name: str, program: str | None, *, by: str, reason: str) -> Entry:
    """Take a program off the revoked ones: it may be promoted again. Nothing goes live by this.

    Args:
        store: whose ledger.
        eval_name: of the Eval.
        program: the beginning of its digest; None: the only revoked one.
        by: who does it.
        reason: why, never empty.

    Raises:
        RefusedError: no revoked program, or more than one, fits.
    """
    _need_reason("reinstate", eval_name, reason)
    return record_reinstate(store, eval_name, _only(store, eval_name, program), by=by, reason=reason)


def _only(store: Store, eval_name: str, program: str | None) -> str:
    standing = sorted(revoked(store, eval_name))
    if program is not None and len(program) < SHORTEST_DIGEST:
        raise RefusedError((f"{eval_name}: digest {program!r} is too short; give {SHORTEST_DIGEST} digits or more",))
    fitting = [digest for digest in standing if digest.startswith(program or "")]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(digest[:12] for digest in standing) or "none"
    wanted = "which program is meant is not clear" if program is None else f"no one revoked program begins {program!r}"
    raise RefusedError((f"{eval_name}: {wanted}; revoked: {names}",))


def _need_reason(verb: str, eval_name: str, reason: str) -> None:
    if not reason.strip():
        raise RefusedError((f'{eval_name}: a {verb} needs its reason for the ledger: --reason "…"',))
