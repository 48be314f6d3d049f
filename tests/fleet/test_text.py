"""Texts from logs, made fit to keep: cutting early gives what cutting late would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.ingest.text import identifier, kept, milliseconds
from g6o_eval.redact import neutralise, plain, redact

LIMIT = 40
PIECES = st.sampled_from(
    ["[[ ## plan ## ]]", "<|im_start|>", "system:", "\n", "\u202e", "\U000e0041", "[INST]", "<<SYS>>", "a", " ", "\r\n"]
)


@given(st.text(st.characters(max_codepoint=0x2100), max_size=40))
def test_the_quick_way_through_plain_text_changes_nothing(text: str) -> None:
    # A private-use character behind it makes the whole text go the long way.
    assert plain(text) == plain(f"{text}\ue000").removesuffix("\\ue000")


@given(st.lists(PIECES | st.text(max_size=12), max_size=30).map("".join))
def test_what_is_kept_is_the_start_of_the_whole_text_made_safe(text: str) -> None:
    assert kept(text, LIMIT) == neutralise(plain(redact(text.replace("\r\n", "\n"))))[:LIMIT]


def test_a_secret_that_reaches_far_past_the_end_is_not_kept_in_part() -> None:
    token = "eyJ" + "a1" * 700 + "." + "eyJ" + "b2" * 700 + "." + "c3" * 20

    assert kept(f"{'x' * 30} {token}", LIMIT) == f"{'x' * 30} [redacted"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-" + "a1" * 40,
        "ghp_" + "a1" * 30,
        "AKIA" + "A1" * 8,
        "password = '" + "x7" * 60 + "'",
        "https://somebody:" + "p4" * 50 + "@example.org",
        "MY_LONG_SERVICE_NAME_TOKEN=" + "q8" * 60,
        "-----BEGIN PRIVATE KEY-----\n" + "Ab3" * 2_000,
        "Authorization: Bearer " + "z9" * 100,
    ],
)
@pytest.mark.parametrize("before", range(0, LIMIT, 3))
def test_wherever_a_secret_stands_what_is_kept_is_the_start_of_the_redacted_text(secret: str, before: int) -> None:
    text = f"{'word ' * 20}"[:before] + f" {secret} and more"

    assert kept(text, LIMIT) == neutralise(plain(redact(text)))[:LIMIT]


@pytest.mark.parametrize(
    ("value", "ts"),
    [
        (0, 0),
        (1_769_000_000_000, 1_769_000_000_000),
        (253_402_300_799_999, 253_402_300_799_999),
        (253_402_300_800_000, None),
        (1_769_000_000_000_000, None),
        (-1, None),
        ("1769000000000", None),
    ],
)
def test_a_time_later_than_any_datetime_is_none(value: object, ts: int | None) -> None:
    assert milliseconds(value) == ts


def test_what_looks_like_a_secret_is_no_id() -> None:
    secret = "gh" + "p_" + "A1b2C3d4" * 5

    assert identifier(secret) is None
    assert identifier("019c6cad-ab04-729d-8d06-0713cb1977c8") == "019c6cad-ab04-729d-8d06-0713cb1977c8"
