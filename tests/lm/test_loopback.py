"""Real dspy.LMs over HTTP against a server that misbehaves: the meter counts what the server got."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dspy
import pytest
from dspy.lm15 import (
    AccessPolicy,
    EndpointSupport,
    Message,
    OpenAIChatCompat,
    ProviderDefinition,
    Request,
    TextPart,
    register_provider,
    unregister_provider,
)
from dspy.utils.exceptions import AdapterParseError, LMError, LMRateLimitError, LMServerError

from g6o_eval.budget import Budget
from g6o_eval.errors import RoleError
from g6o_eval.lm.engine import MeteredEngine, ProviderEngine
from g6o_eval.lm.meter import EXCHANGES, BudgetStop, Exchange, Meter
from g6o_eval.lm.roles import build_lm
from g6o_eval.prompt.render import make_adapter

GOOD = 200
SLOW = "slow"
HANG = "hang"
GARBAGE = "garbage"
NO_USAGE = "no usage"
Act = int | str


class Server(ThreadingHTTPServer):
    """An OpenAI-compatible server that plays a script, then behaves well."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Act] = []
        self.bodies: list[dict[str, Any]] = []
        self.requests = 0
        self.lock = threading.Lock()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def next_act(self) -> Act:
        with self.lock:
            self.requests += 1
            return self.script.pop(0) if self.script else GOOD


class Handler(BaseHTTPRequestHandler):
    """One request, one act."""

    server: Server

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        act = self.server.next_act()
        if act == HANG:
            self.server.released.wait(20)
            return
        if act == SLOW:
            self.server.released.wait(0.05)
        if isinstance(act, int) and act != GOOD:
            self.send(act, json.dumps({"error": {"message": f"status {act}"}}), {"retry-after": "0"})
        elif act == GARBAGE:
            self.send(GOOD, '{"choices": [{"mess', {})
        else:
            self.send(GOOD, json.dumps(answer_body(usage=act != NO_USAGE)), {})

    def send(self, status: int, body: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def answer_body(*, usage: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello back"}}],
    }
    return body | ({"usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}} if usage else {})


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    found.released.set()
    found.shutdown()
    found.server_close()


@pytest.fixture
def model(server: Server) -> Iterator[str]:
    """The server as a provider of its own, priced like OpenAI's."""
    access = AccessPolicy("g6o-loopback", EndpointSupport(complete=True), auth_modes=("bearer",), base_url=server.url)
    register_provider(
        ProviderDefinition.chat(access, compat=OpenAIChatCompat(), placeholder_key="none"),
        metadata_namespaces=("openai",),
        replace=True,
    )
    yield "g6o-loopback/gpt-4o-mini"
    unregister_provider("g6o-loopback")


def lm_of(model: str, meter: Meter, *, retries: int = 3) -> Any:
    lm = build_lm(model, role="task", meter=meter)
    lm.num_retries = retries
    return lm


PRICE = 1000 * 0.15e-6 + 500 * 0.60e-6
"""Of one answer, in USD, by the list that dspy 3.4.1 ships."""


def test_a_good_answer_is_booked_with_tokens_price_and_name(server: Server, model: str) -> None:
    meter = Meter(Budget(usd=1))

    assert lm_of(model, meter)("hello") == ["hello back"]

    spend = meter.spend()
    assert (spend.calls, spend.input_tokens, spend.output_tokens) == (server.requests, 1000, 500) == (1, 1000, 500)
    assert spend.usd == pytest.approx(PRICE)
    assert meter.answered() == ("gpt-4o-mini-2024-07-18",)


def test_retries_after_429_and_500_are_calls_without_a_price(server: Server, model: str) -> None:
    server.script = [429, 500, 503, GOOD]
    meter = Meter()

    assert lm_of(model, meter)("hello") == ["hello back"]

    assert meter.spend().calls == server.requests == 4
    assert meter.spend().usd == pytest.approx(PRICE)
    assert meter.spend().input_tokens == 1000


@pytest.mark.parametrize(("status", "error"), [(429, LMRateLimitError), (500, LMServerError)])
def test_a_server_that_stays_broken_is_asked_once_and_per_retry(
    server: Server, model: str, status: int, error: type[Exception]
) -> None:
    server.script = [status] * 10
    meter = Meter()

    with pytest.raises(error):
        lm_of(model, meter, retries=2)("hello")

    assert meter.spend().calls == server.requests == 3
    assert meter.spend().usd == 0.0
    assert meter.answered() == ()


def test_a_retry_that_the_budget_forbids_is_not_made(server: Server, model: str) -> None:
    server.script = [429] * 10
    meter = Meter(Budget(calls=2))

    with pytest.raises(BudgetStop, match=r"^2 of 2 calls used$"):
        lm_of(model, meter)("hello")

    assert meter.spend().calls == server.requests == 2


def test_each_of_n_answers_reaches_the_server_and_is_counted(server: Server, model: str) -> None:
    meter = Meter()

    assert lm_of(model, meter)("hello", n=3) == ["hello back"] * 3

    assert meter.spend().calls == server.requests == 3


def test_a_server_that_hangs_is_an_error_of_unknown_price(server: Server, model: str) -> None:
    server.script = [HANG]
    meter = Meter()
    provider = ProviderEngine(model, timeout_seconds=0.2)
    engine = MeteredEngine(provider, meter=meter, price=provider.price)

    with pytest.raises(LMError):
        dspy.LM(model, engine=engine, cache=False, num_retries=0)("hello")

    assert meter.spend().calls == server.requests == 1
    assert meter.spend().usd is None


def test_an_answer_that_is_no_json_is_an_error_of_unknown_price(server: Server, model: str) -> None:
    server.script = [GARBAGE]
    meter = Meter()

    with pytest.raises(LMError):
        lm_of(model, meter, retries=0)("hello")

    assert meter.spend().calls == server.requests == 1
    assert meter.spend().usd is None


def test_after_an_unknown_price_a_budget_of_usd_stops(server: Server, model: str) -> None:
    server.script = [GARBAGE]
    lm = lm_of(model, Meter(Budget(usd=5)), retries=0)
    with pytest.raises(LMError):
        lm("hello")

    with pytest.raises(BudgetStop, match=r"^the price of a call is unknown, so \$5\.00 cannot be kept$"):
        lm("hello")

    assert server.requests == 1


def test_usage_that_is_not_reported_is_estimated_and_has_no_price(server: Server, model: str) -> None:
    server.script = [NO_USAGE]
    meter = Meter()

    lm_of(model, meter)("hello")

    spend = meter.spend()
    assert (spend.input_tokens, spend.output_tokens, spend.usd) == (2, 3, None)


@pytest.mark.parametrize("threads", [1, 8])
def test_the_server_gets_exactly_as_many_requests_as_the_budget_allows(
    server: Server, model: str, threads: int
) -> None:
    server.script = [SLOW, 429] * 10
    meter = Meter(Budget(calls=50))
    lm = lm_of(model, meter)

    def ask(number: int) -> bool:
        try:
            return bool(lm(f"hello {number}"))
        except (BudgetStop, LMRateLimitError):  # whoever met 429 four times in a row gives up
            return False

    with ThreadPoolExecutor(threads) as pool:
        answered = list(pool.map(ask, range(80)))

    assert meter.spend().calls == server.requests == 50
    assert sum(answered) == 40


def test_exchanges_are_noted_where_somebody_listens(server: Server, model: str) -> None:
    server.script = [500, GOOD]
    lm = lm_of(model, Meter())
    heard: list[Exchange] = []
    token = EXCHANGES.set(heard)

    lm("hello")
    EXCHANGES.reset(token)
    lm("nobody listens")

    assert [exchange.answer for exchange in heard] == [None, "hello back"]
    assert heard[0].messages == (("user", "hello"),)
    assert heard[0].error is not None
    assert "status 500" in heard[0].error


def test_litellm_behind_a_gateway_is_counted_call_by_call(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """DSPy sends a model by litellm when a base URL stands in the environment; litellm may retry by itself."""
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.script = [429, GOOD, 500, 500]
    meter = Meter()
    lm = lm_of("openai/gpt-4o-mini", meter, retries=1)

    assert lm("hello") == ["hello back"]
    with pytest.raises(LMServerError):
        lm("again")

    assert meter.spend().calls == server.requests == 4
    assert meter.spend().usd is None


def test_a_gateway_has_no_known_price(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)

    with pytest.raises(RoleError, match=r"^role 'task': the price of 'openai/gpt-4o-mini' is not known"):
        build_lm("openai/gpt-4o-mini", role="task", meter=Meter(Budget(usd=1)))

    assert server.requests == 0


def test_the_json_adapter_asks_for_json_when_the_model_behind_the_meter_allows_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    meter = Meter()
    lm = lm_of("openai/gpt-4o-mini", meter, retries=0)

    with dspy.context(lm=lm, adapter=make_adapter("json")), pytest.raises(AdapterParseError):
        dspy.Predict("question -> answer")(question="why?")

    assert lm.supports_response_schema
    assert "response_format" in server.bodies[0]
    assert meter.spend().calls == server.requests


def test_a_system_message_in_parts_is_noted_as_text(server: Server, model: str) -> None:
    heard: list[Exchange] = []
    token = EXCHANGES.set(heard)
    request = Request(model=model, system=(TextPart("be "), TextPart("brief")), messages=(Message.user("hello"),))

    lm_of(model, Meter())(request)
    EXCHANGES.reset(token)

    assert heard[0].messages == (("system", "be brief"), ("user", "hello"))
