"""Roles: who plays what. A role names a job (`task` answers for the program), a model fills it."""

from __future__ import annotations

import contextvars
from collections.abc import Iterable
from typing import Any

from g6o_eval.errors import RoleError
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.own import is_own, own_engine

ROLES = ("task", "reflection", "judge", "teacher")
OFFLINE = "offline"
"""Model name of the deterministic in-context learner: no key, no network, no price."""

JUDGE: contextvars.ContextVar[Any | None] = contextvars.ContextVar("g6o_judge", default=None)
"""The dspy.LM of the role judge, where a metric scores a prediction that is judged; None: nobody plays it.

A compile asks no judge: it would pay one for every proposal.
"""

TIMEOUT_SECONDS = 120.0
"""Longest silence of a provider, in seconds, before a call counts as failed; dspy may retry it."""


def parse_roles(entries: Iterable[str], *, source: str) -> dict[str, str]:
    """Return role → model of lines ROLE=MODEL; empty lines are skipped.

    Args:
        entries: the lines.
        source: where they stand, for the message: "ini g6o_lm", "--eval-lm".

    Raises:
        RoleError: a line has no such form, names an unknown role, or a role twice.
    """
    roles: dict[str, str] = {}
    for entry in filter(None, map(str.strip, entries)):
        role, separator, model = (part.strip() for part in entry.partition("="))
        if not (separator and role and model):
            raise RoleError(f"{source}: {entry!r} is no ROLE=MODEL; write for example task=openai/gpt-4o-mini")
        if role not in ROLES:
            raise RoleError(f"{source}: unknown role {role!r} in {entry!r}; the roles are {', '.join(ROLES)}")
        if role in roles:
            raise RoleError(f"{source}: role {role!r} is given twice, as {roles[role]!r} and {model!r}; keep one")
        roles[role] = model
    return roles


def is_offline(model: str) -> bool:
    """Tell whether a model is the offline LM: no evidence about real models."""
    return model == OFFLINE


def build_lm(model: str, *, role: str, meter: Meter) -> Any:
    """Return the dspy.LM of a role, every engine call of which goes through the meter.

    DSPy's caches are off for it. It is meant for `dspy.context(lm=…)`.

    Raises:
        RoleError: the role is unknown, no provider or key stands behind the model, or the meter's
            budget limits USD and the model's price is not known.
    """
    import dspy

    from g6o_eval.lm.engine import MeteredEngine, ProviderEngine

    if role not in ROLES:
        raise RoleError(f"unknown role {role!r}; the roles are {', '.join(ROLES)}")
    if is_offline(model):
        from g6o_eval.lm.offline import OfflineEngine

        engine = MeteredEngine(OfflineEngine(), meter=meter, price=lambda request, response: 0.0)
        return dspy.LM(OFFLINE, engine=engine, cache=False)
    if is_own(model):
        _refuse_unknown_price(model, role, meter)
        own = MeteredEngine(own_engine(model), meter=meter, price=lambda request, response: None)
        return dspy.LM(model, engine=own, cache=False)
    try:
        provider = ProviderEngine(model, timeout_seconds=TIMEOUT_SECONDS)
        provider.check()
    except Exception as error:  # whatever dspy says about a model it cannot call
        raise RoleError(f"role {role!r}: the model {model!r} cannot be called: {error}") from error
    if provider.typical_price() is None:
        _refuse_unknown_price(model, role, meter)
    metered = MeteredEngine(provider, meter=meter, price=provider.price, model=provider.lm)
    return dspy.LM(model, engine=metered, cache=False)


def _refuse_unknown_price(model: str, role: str, meter: Meter) -> None:
    """Refuse before the first call what could only be refused after it was paid for."""
    if meter.budget is not None and meter.budget.usd is not None:
        raise RoleError(
            f"role {role!r}: the price of {model!r} is not known, so Budget(usd={meter.budget.usd!r}) cannot be "
            "kept. Limit calls or tokens instead, or take a model that dspy's price list holds"
        )
