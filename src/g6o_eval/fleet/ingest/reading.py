"""A source, read as rows: what a parser process hands to the one that writes. Plain values, quick to pickle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from g6o_eval.fleet.ingest.forest import Node
from g6o_eval.fleet.ingest.kilo import UNCHANGED, UNREADABLE
from g6o_eval.fleet.ingest.rows import ROWS_OF, issue_rows, issues_of, session_row
from g6o_eval.fleet.ingest.source import Source
from g6o_eval.fleet.ingest.text import ID_CHARS, label
from g6o_eval.fleet.session import Refused, Session
from g6o_eval.store.port import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one source gave.

    Attributes:
        session_id: of the session that it gave, or would have given.
        refused: why it gave none; None when it gave one.
        node: the session's own part of its place in the forest; None without a session.
        row: of `agent_sessions`, but for its place; () without a session.
        digest: the source digest; "" when the source must be read again.
        completed_at: latest time, epoch milliseconds.
        rows: table → rows; of a refused source those of `import_issues` alone.
        issues: reason → elements or files that were skipped, salvaged or refused.
        left_out: reason → elements that were left out on purpose and are no loss.
    """

    session_id: str
    refused: str | None = None
    node: Node | None = None
    row: Row = ()
    digest: str = ""
    completed_at: int | None = None
    rows: Mapping[str, list[Row]] = field(default_factory=dict)
    issues: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def unchanged(self) -> bool:
        """Whether an earlier run read it and it is the same since."""
        return self.refused == UNCHANGED

    @property
    def must_be_read_again(self) -> bool:
        """Whether what was read says nothing about the next run: it was not to be had, or changed meanwhile."""
        return self.refused == UNREADABLE or (self.node is not None and not self.digest)


def read_source(source: Source, known: str | None) -> Reading:
    """Read a source as rows; `known` is the source digest of its last reading."""
    return reading_of(source.read(known))


def reading_of(item: Session | Refused) -> Reading:
    """Return what a source gave as rows."""
    issues = Counter(each.reason for each in (item.issues if isinstance(item, Refused) else issues_of(item)))
    if isinstance(item, Refused):
        session_id = label(item.session_id, ID_CHARS)  # a file's name, or what stood in the id's place
        rows = {"import_issues": issue_rows(session_id, item.issues)}
        return Reading(session_id=session_id, refused=item.reason, rows=rows, issues=issues)
    node = Node(
        session_id=item.session_id,
        parent_id=item.parent_id,
        prompt_sha256=item.prompt_sha256,
        started_at=item.started_at,
    )
    return Reading(
        session_id=item.session_id,
        node=node,
        row=session_row(item),
        digest=item.source_digest,
        completed_at=item.completed_at,
        rows={table: rows_of(item) for table, rows_of in ROWS_OF.items()},
        issues=issues,
        left_out=dict(item.skipped),
    )
