"""Cost and tokens: the extension's own sums, whatever version wrote the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from g6o_eval.fleet.session import Usage
from support.task_folders import ask, make_folder, request, say, session_in

FIRST = say("text", "Do it.")


def usage_of(tmp_path: Path, *events: object) -> Usage:
    return session_in(make_folder(tmp_path, ui=[FIRST, *events])).usage


def test_the_cost_is_the_sum_over_requests_and_condensing(tmp_path: Path) -> None:
    condensed = say("condense_context", contextCondense={"cost": 0.25, "summary": "s"})

    usage = usage_of(tmp_path, request(cost=0.5), condensed, request(cost=0.125))

    assert (usage.requests, usage.request_usd, usage.condense_usd, usage.usd) == (2, 0.625, 0.25, 0.875)


@pytest.mark.parametrize(
    "text",
    [
        *("", "no json", "[]", '{"cost":null}', '{"cost":NaN}', '{"cost":-1}', '{"cost":true}'),
        *('{"cost":1.7e308}', f'{{"cost":1{"0" * 400}}}'),
    ],
)
def test_a_request_without_a_usable_cost_is_counted_not_guessed(tmp_path: Path, text: str) -> None:
    usage = usage_of(tmp_path, say("api_req_started", text), request(cost=1))

    assert (usage.requests, usage.without_cost, usage.request_usd) == (2, 1, 1.0)


@pytest.mark.parametrize("tokens", [1e300, 2**63, 10**12 + 1, -1, "7"])
def test_tokens_that_nobody_can_have_used_count_as_none(tmp_path: Path, tokens: object) -> None:
    usage = usage_of(tmp_path, request(cost=1, tokensIn=tokens, cacheReads=5), request(cost=1, tokensIn=10))

    assert (usage.tokens_in, usage.cache_reads) == (10, 5)


def test_an_old_finished_message_completes_the_last_open_request(tmp_path: Path) -> None:
    finished = say("api_req_finished", json.dumps({"cost": 0.5, "tokensIn": 7, "tokensOut": 3}))

    usage = usage_of(tmp_path, request(cost=1.0, tokensIn=10), request(), finished)

    assert (usage.requests, usage.without_cost, usage.request_usd, usage.tokens_in) == (2, 0, 1.5, 17)


def test_deleted_requests_still_cost(tmp_path: Path) -> None:
    deleted = say("api_req_deleted", json.dumps({"cost": 2.0, "tokensIn": 5}))

    usage = usage_of(tmp_path, request(cost=1.0, tokensIn=1), deleted)

    assert (usage.requests, usage.request_usd, usage.tokens_in) == (1, 3.0, 6)


@pytest.mark.parametrize(("tokens_in", "total"), [(100, 100), (80, 80), (79, 159)])
def test_input_tokens_without_the_cache_show_by_being_fewer_than_it(tmp_path: Path, tokens_in: int, total: int) -> None:
    usage = usage_of(tmp_path, request(cost=1, tokensIn=tokens_in, cacheReads=60, cacheWrites=20))

    assert (usage.tokens_in, usage.tokens_in_total) == (tokens_in, total)


def test_a_failed_condensing_costs_nothing_known(tmp_path: Path) -> None:
    assert usage_of(tmp_path, say("condense_context"), ask("condense")).condense_usd == 0.0
