"""g6o-eval classify: why stopped sessions went wrong, for the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from g6o_eval.commands.open import open_chosen, store_option
from g6o_eval.commands.table import table_lines
from g6o_eval.errors import MissingError, RoleError

if TYPE_CHECKING:
    from g6o_eval.fleet.classify import Classified, Live, Selection, Unclassified
    from g6o_eval.lm.meter import Meter
    from g6o_eval.settings import Settings
    from g6o_eval.store.port import Store

INCOMPLETE = 1
"""Exit status when a session could not be classified; those that could be are written."""
CONCURRENCY = 8
EVIDENCE_CHARS = 80
"""How much of the evidence the table shows, in characters; the store holds all of it."""


@click.command()
@click.option("--session", "session_id", metavar="ID", help="Classify this session, whatever its outcome.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]), metavar="TIME",
    help="Classify every session that ended at or after this time (UTC) and did not succeed.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Also those that have a classification; it is replaced.")
@click.option(
    "--fallback", type=click.Choice(["rules"]),
    help="Let the rules speak for a session when no LM answers; its row says so.",
)  # fmt: skip
@click.option("--lm", "lm", metavar="ROLE=MODEL", multiple=True, help="Model of a role, over ini g6o_lm. Needed: task.")
@click.option("--calls", type=click.IntRange(min=1), help="Most LM calls. Default: the Eval's own budget.")
@click.option("--usd", type=click.FloatRange(min=0, min_open=True), help="Most USD. Default: the Eval's own budget.")
@store_option
def classify(
    session_id: str | None, since: datetime | None, again: bool, fallback: str | None, store: str | None, **lm: Any
) -> None:
    """Say why stopped sessions went wrong, with the program of eval "diagnosis" that is live.

    Category, confidence and evidence go to the table diagnosis_classifications, in one commit. A
    session whose LM does not answer, or answers what is no category, is left out and named. A second
    run writes nothing unless --again.

    Exit status: 0 all are classified, 1 some are not, 2 wrong usage.
    """
    if (session_id is None) == (since is None):
        raise click.UsageError("say either --session ID or --since TIME")
    from g6o_eval.fleet.classify import select_session, select_since
    from g6o_eval.settings import read_settings

    settings = read_settings(Path.cwd())
    with open_chosen(store, create=False, settings=settings) as opened:
        if session_id is not None:
            chosen = select_session(opened, session_id, again=again)
        else:
            assert since is not None, "one of the two is given"
            chosen = select_since(opened, since.replace(tzinfo=timezone.utc), again=again)
        failed = _run(opened, chosen, asked=_Asked(settings, fallback == "rules", **lm)) if chosen.session_ids else 0
    click.echo(_left_out(chosen))
    if failed:
        raise SystemExit(INCOMPLETE)


class _Asked:
    """How the LM is to be asked."""

    def __init__(
        self, settings: Settings, rules: bool, *, lm: Sequence[str], calls: int | None, usd: float | None
    ) -> None:
        from g6o_eval.budget import Budget
        from g6o_eval.fleet.programs.diagnosis import DIAGNOSIS
        from g6o_eval.lm.meter import Meter
        from g6o_eval.lm.roles import parse_roles

        self.rules = rules
        own = calls is None and usd is None
        self.meter: Meter = Meter(DIAGNOSIS.budget if own else Budget(calls=calls, usd=usd))
        roles = {**parse_roles(settings.roles, source="ini g6o_lm"), **parse_roles(lm, source="--lm")}
        self.model = roles.get("task")

    def lm(self) -> Any:
        """Return the LM of the role task.

        Raises:
            RoleError: nobody named one, or it cannot be called.
        """
        from g6o_eval.lm.roles import build_lm

        if self.model is None:
            raise RoleError("no LM answers: no model has the role task. Say --lm task=MODEL, or set ini g6o_lm")
        return build_lm(self.model, role="task", meter=self.meter)


def _run(store: Store, chosen: Selection, *, asked: _Asked) -> int:
    """Classify and write; return how many sessions are left without a classification."""
    from g6o_eval.fleet.classify import Classified, Unclassified, classify_by_rules, write_classifications

    live, results = _ask(store, chosen.session_ids, asked=asked)
    done = [each for each in results if isinstance(each, Classified)]
    refused = [each for each in results if isinstance(each, Unclassified)]
    if asked.rules:
        done += classify_by_rules(store, {each.session_id: each.reason for each in refused if not each.answered})
        refused = [each for each in refused if each.answered]
    commit = None
    if done:
        digest = live.digest if live else None
        commit = write_classifications(store, done, digest=digest, model=asked.model, at=datetime.now(timezone.utc))
    _show(done, refused, live=live, asked=asked, commit=commit)
    return len(refused)


def _ask(
    store: Store, names: Sequence[str], *, asked: _Asked
) -> tuple[Live | None, Sequence[Classified | Unclassified]]:
    """Ask the live program; without one, or without an LM, the rules may take over when they were asked for.

    Raises:
        MissingError: nothing is live, and nobody asked for the rules.
        RoleError: no LM can be asked, and nobody asked for the rules.
    """
    from g6o_eval.fleet.classify import Unclassified, live_program
    from g6o_eval.fleet.classify import classify as classify_all

    try:
        live, lm = live_program(store), asked.lm()
    except (MissingError, RoleError) as error:
        if not asked.rules:
            raise
        return None, [Unclassified(session_id=name, reason=str(error), answered=False) for name in names]
    return live, classify_all(store, names, live=live, lm=lm, concurrency=CONCURRENCY)


def _show(
    done: Sequence[Classified], refused: Sequence[Unclassified], *, live: Live | None, asked: _Asked, commit: str | None
) -> None:
    from g6o_eval.redact import plain, redact

    rows = [
        (each.session_id, each.category, f"{each.confidence:.2f}", each.made_by, each.evidence[:EVIDENCE_CHARS])
        for each in sorted(done, key=lambda each: each.session_id)
    ]
    lines = table_lines(("session", "category", "confidence", "by", "evidence"), rows) if rows else []
    if live is not None:
        spend = asked.meter.spend()
        usd = "price unknown" if spend.usd is None else f"${spend.usd:.2f}"
        lines.append(f"program {live.digest[:12]}, model {asked.model}: {spend.calls:,} calls, {usd}")
    by_rules = [each for each in done if each.made_by == "rules"]
    if by_rules:
        lines.append(f"{len(by_rules)} by the rules, because: {by_rules[0].fallback_reason}")
    lines.append(f"{len(done)} classified" + (f", commit {commit[:12]}" if commit else ", nothing written"))
    click.echo(plain(redact("\n".join(lines))))
    for each in refused:
        click.echo(plain(redact(f"{each.session_id}: not classified: {each.reason}")), err=True)


def _left_out(chosen: Selection) -> str:
    return f"left out: {chosen.healthy} that succeeded, {chosen.done} that have a classification (--again replaces it)"
