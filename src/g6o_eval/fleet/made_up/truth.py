"""Truth: what is so of a made-up session, whatever its log shows. Values, and JSON lines both ways."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from g6o_eval.errors import DataError
from g6o_eval.fleet.diagnosis import DiagnosisCategory
from g6o_eval.fleet.outcome import Outcome
from g6o_eval.fleet.session import SessionStatus

NO_CATEGORY: Literal["none"] = "none"
CardTruth = Literal["pass", "fail", "none"]
"""none: the mode has no card."""
Kind = Literal["ordinary", "long", "resumed", "cancelled", "killed", "recovery"]
"""long: healthy and long, so that a rule that counts takes it for ill. recovery: takes up a killed one's work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A fault that was planted in a folder, and what can still be read in spite of it.

    Attributes:
        case: which fault, one of the names of `corruptions.py`.
        file: the file it was planted in, without folder; "" for the folder itself.
        elements: of that file, that are still whole and must be read.
        calls: tool calls that must still be found, at least.
        session: whether there is still a session in the folder.
    """

    case: str
    file: str
    elements: int
    calls: int
    session: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is so of one session.

    Attributes:
        session_id: the name of its folder.
        kind: which part it plays in the forest.
        category: what went wrong in it; "none" when nothing did.
        outcome: whether it did what it was asked.
        status: how it ends.
        killed: why the governor stopped it; None when it did not.
        recovery_of: the killed session whose work it takes up.
        parent_id: the session that asked for it.
        root_id: the root of its tree.
        depth: 0 of a root.
        mode: slug of its mode.
        card: whether it did what its mode's punch card asks.
        requests: requests started.
        without_cost: those of them without a price.
        calls: tool calls that the model made.
        usd: sum of the prices, condensing included.
        planted: the fault in its folder; None when it is clean.
        source: who says so.
    """

    session_id: str
    kind: Kind
    category: DiagnosisCategory | Literal["none"]
    outcome: Outcome
    status: SessionStatus
    killed: str | None
    recovery_of: str | None
    parent_id: str | None
    root_id: str
    depth: int
    mode: str
    card: CardTruth
    requests: int
    without_cost: int
    calls: int
    usd: float
    planted: Planted | None
    source: str

    def to_line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))


def write_truths(path: Path, truths: Iterable[Truth]) -> None:
    """Write a line for each."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{truth.to_line()}\n" for truth in truths)


def read_truths(path: Path) -> Iterator[Truth]:
    """Yield what `write_truths` wrote.

    Raises:
        DataError: a line is no Truth.
    """
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield _truth(json.loads(line))
            except (TypeError, ValueError) as error:
                raise DataError(
                    f"{path.name} line {number}: no truth of a session ({error}), got {line[:120]!r}. "
                    "Make the folder again: g6o-eval synthesize"
                ) from None


def _truth(found: dict[str, Any]) -> Truth:
    planted = found.pop("planted", None)
    return Truth(planted=None if planted is None else Planted(**planted), **found)
