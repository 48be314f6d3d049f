"""Engines of DSPy 3.4 behind a meter.

DSPy asks an engine once per attempt and per answer, so an engine that counts sees retries and
n > 1, which `on_lm_start` callbacks do not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

# Before dspy is imported: else it and litellm fetch a price list from the network at first use.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy
from dspy.clients.capabilities import resolve
from dspy.clients.costs import estimate_cost
from dspy.clients.engines import LM15Engine
from dspy.clients.execution import _engine, prepare
from dspy.lm15 import (
    BillingError,
    InvalidRequestError,
    Message,
    RateLimitError,
    Request,
    Response,
    ServerError,
    TextPart,
    Usage,
    _binding_for,
)

from g6o_eval.lm.meter import EXCHANGES, Exchange, Meter

CHARACTERS_PER_TOKEN = 4
"""Rough length of a token, for engines that do not report usage."""

_UNBILLED = (BillingError, InvalidRequestError, RateLimitError, ServerError)
"""The provider itself said that it did not answer. A timeout or a broken answer may be billed."""

_CAPABILITIES = ("supports_function_calling", "supports_reasoning", "supports_response_schema", "supported_params")

Price = Callable[[Request, Response], float | None]


class Engine(Protocol):
    """What DSPy asks of an engine: one answer to one request."""

    def complete(self, request: Request) -> Response:
        """Return the answer; failures are raised as dspy.lm15 errors."""


class MeteredEngine:
    """Lets a call through when the meter does, and books what it used."""

    def __init__(self, engine: Engine, *, meter: Meter, price: Price, model: Any = None) -> None:
        self._engine, self._meter, self._price, self._model = engine, meter, price, model

    def __getattr__(self, name: str) -> Any:
        """Answer for the model behind it what DSPy's adapters ask of an engine."""
        if name in _CAPABILITIES and self.__dict__.get("_model") is not None:
            return getattr(self._model, name)
        raise AttributeError(name)

    def complete(self, request: Request) -> Response:
        """Return the engine's answer.

        Raises:
            BudgetStop: the meter refused the call; the engine was not asked.
        """
        self._meter.admit()
        try:
            response = self._engine.complete(request)
        except BaseException as error:
            unbilled = isinstance(error, _UNBILLED)
            sent = 0 if unbilled else tokens(*(text for _, text in messages_of(request)))
            self._meter.book(model=None, input_tokens=sent, output_tokens=0, usd=0.0 if unbilled else None)
            _note(request, None, error)
            raise
        self._book(request, response)
        _note(request, text_of(response), None)
        return response

    def _book(self, request: Request, response: Response) -> None:
        usage = response.usage
        sent, got = usage.input_tokens, usage.output_tokens
        self._meter.book(
            model=response.model,
            input_tokens=tokens(*(text for _, text in messages_of(request))) if sent is None else sent,
            output_tokens=tokens(text_of(response)) if got is None else got,
            usd=self._price(request, response),
        )

    def __deepcopy__(self, memo: object) -> MeteredEngine:
        return self  # a copy of an LM spends from the same budget


class ProviderEngine:
    """The engine that dspy.LM itself chooses for a model: lm15, else litellm; one attempt per call."""

    def __init__(self, model: str, *, timeout_seconds: float) -> None:
        self.lm = dspy.LM(model, cache=False, timeout=timeout_seconds)

    def complete(self, request: Request) -> Response:
        """Send the request the way that DSPy chooses for it."""
        backend, canonical, _ = self._chosen(request)
        response: Response = backend.complete(canonical)
        return response

    def check(self) -> None:
        """Raise what a call would raise before it reaches the network: no such provider, no key."""
        request = Request(model=self.lm.model, messages=(Message.user("?"),))
        backend, _, _ = self._chosen(request)
        if isinstance(backend, LM15Engine):
            route = backend.resolve(self.lm.model)
            backend.router.lm(f"{route.provider}:{route.model}")
        else:
            import litellm

            litellm.get_llm_provider(self.lm.model)

    def price(self, request: Request, response: Response) -> float | None:
        """Return the price in USD by the list that DSPy ships; None when it is not in there."""
        _, _, provider = self._chosen(request)
        if provider is None:  # litellm: a gateway's own prices, or a provider that lm15 does not know
            return None
        binding = _binding_for(self.lm._providers, provider)
        usd, _ = estimate_cost(  # type: ignore[no-untyped-call]  # dspy is untyped
            response,
            provider=provider,
            requested_model=resolve(self.lm).model,  # type: ignore[no-untyped-call]  # likewise
            request=request,
            namespaces=None if binding is None else binding.metadata_namespaces,
        )
        return None if usd is None else float(usd)

    def typical_price(self) -> float | None:
        """Return what a short call would cost, to learn before the first one whether that is known."""
        request = Request(model=self.lm.model, messages=(Message.user("?"),))
        usage = Usage(input_tokens=1000, output_tokens=1000)
        return self.price(request, answer(self.lm.model, "!", usage=usage))

    def _chosen(self, request: Request) -> Any:
        call = prepare(self.lm, request, None, {})  # type: ignore[no-untyped-call]  # dspy is untyped
        return _engine(self.lm, call, False)  # type: ignore[no-untyped-call]  # likewise


def answer(model: str, text: str, *, usage: Usage) -> Response:
    """Return a finished answer of an engine."""
    return Response(
        id=None, model=model, message=Message.assistant([TextPart(text)]), finish_reason="stop", usage=usage
    )


def messages_of(request: Request) -> tuple[tuple[str, str], ...]:
    """Return (role, text) of a request's messages, the system message first."""
    system = request.system
    if system is None:
        head: tuple[tuple[str, str], ...] = ()
    elif isinstance(system, str):
        head = (("system", system),)
    else:
        head = (("system", "".join(getattr(part, "text", "") for part in system)),)
    return (*head, *((str(message.role), message.text or "") for message in request.messages))


def text_of(response: Response) -> str:
    """Return the text of an answer, empty when it has none."""
    return response.message.text or ""


def tokens(*texts: str) -> int:
    """Estimate the tokens of texts: a quarter of their characters, rounded up."""
    return -(-sum(map(len, texts)) // CHARACTERS_PER_TOKEN)


def _note(request: Request, said: str | None, error: BaseException | None) -> None:
    noted = EXCHANGES.get()
    if noted is not None:
        problem = None if error is None else f"{type(error).__name__}: {error}"
        noted.append(Exchange(messages_of(request), said, problem))
