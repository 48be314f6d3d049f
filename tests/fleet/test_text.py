"""Texts from logs, made fit to keep: cutting early gives what cutting late would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.fleet.ingest.text import kept
from g6o_eval.redact import neutralise, plain, redact

LIMIT = 40
PIECES = st.sampled_from(
    ["[[ ## plan ## ]]", "<|im_start|>", "system:", "\n", "\u202e", "\U000e0041", "[INST]", "<<SYS>>", "a", " ", "\r\n"]
)


@given(st.lists(PIECES | st.text(max_size=12), max_size=30).map("".join))
def test_what_is_kept_is_the_start_of_the_whole_text_made_safe(text: str) -> None:
    assert kept(text, LIMIT) == neutralise(plain(redact(text.replace("\r\n", "\n"))))[:LIMIT]


def test_a_secret_that_reaches_far_past_the_end_is_not_kept_in_part() -> None:
    token = "eyJ" + "a1" * 700 + "." + "eyJ" + "b2" * 700 + "." + "c3" * 20

    assert kept(f"{'x' * 30} {token}", LIMIT) == f"{'x' * 30} [redacted"
