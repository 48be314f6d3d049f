"""A server's URL: what it says, and that no password in it is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.errors import DeclarationError
from g6o_eval.store.address import Address, parse_address

SECRET = "hunter2"


def test_a_url_says_everything() -> None:
    found = parse_address("dolt://ci:p%40ss%2F@db.example:3307/my-evals?tls_ca=/a.pem&tls_cert=/c&tls_key=/k&timeout=7")

    assert found == Address(
        url="dolt://ci@db.example:3307/my-evals?tls_ca=/a.pem&tls_cert=/c&tls_key=/k&timeout=7", host="db.example",
        port=3307, user="ci", password="p@ss/", database="my-evals", tls="verify", tls_ca="/a.pem", tls_cert="/c",
        tls_key="/k", answer_seconds=7.0,
    )  # fmt: skip
    assert found.server == "db.example:3307"


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("dolt://u@localhost/d", "off"),
        ("dolt://u@127.0.0.1/d", "off"),
        ("dolt://u@[::1]:3306/d", "off"),
        ("dolt://u@127.0.0.1/d?tls_ca=/a", "verify"),
        ("dolt://u@localhost/d?tls=encrypt", "encrypt"),
        ("dolt://u@10.0.0.1/d", "verify"),
        ("dolt://u@localhost.example/d", "verify"),
        ("dolt://u@db/d?tls=off", "off"),
    ],
)
def test_tls_is_off_on_this_machine_and_verified_elsewhere_unless_asked(url: str, tls: str) -> None:
    assert parse_address(url).tls == tls


def test_the_password_of_the_url_goes_before_the_environments() -> None:
    assert parse_address(f"dolt://u:{SECRET}@h/d", password="other").password == SECRET
    assert parse_address("dolt://u@h/d", password=SECRET).password == SECRET
    assert parse_address("dolt://u@h/d").password == ""


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("h:x/d", "a server store's URL is dolt://user@host:port/database, got 'dolt://u@h:x/d': host and port cannot "
                  "be read"),
        ("/d", "a server store's URL is dolt://user@host:port/database, got 'dolt://u@/d'"),
        ("h/d#x", "a server store's URL is dolt://user@host:port/database, got 'dolt://u@h/d#x'"),
        ("h", "'dolt://u@h' names the database '': use letters, digits, _ and -, 64 characters at most"),
        ("h/a/b", "'dolt://u@h/a/b' names the database 'a/b': use letters, digits, _ and -, 64 characters at most"),
        ("h/a%60b", "'dolt://u@h/a%60b' names the database 'a`b': use letters, digits, _ and -, 64 characters at most"),
        ("h/d?ssl=1", "'dolt://u@h/d?ssl=1' has the option 'ssl': the options are tls, tls_ca, tls_cert, tls_key, "
                      "timeout, each once"),
        ("h/d?tls=off&tls=off", "'dolt://u@h/d?tls=off&tls=off' has an option twice: the options are tls, tls_ca, "
                                "tls_cert, tls_key, timeout, each once"),
        ("h/d?tls=", "'dolt://u@h/d?tls=' has the option 'tls' without a value"),
        ("h/d?tls=yes", "'dolt://u@h/d?tls=yes' says tls=yes: it is off, encrypt or verify"),
        ("h/d?tls=off&tls_ca=/a", "'dolt://u@h/d?tls=off&tls_ca=/a' says tls=off and names tls_ca, which needs "
                                  "tls=verify"),
        ("h/d?tls_key=/k", "'dolt://u@h/d?tls_key=/k' names tls_key without tls_cert"),
        ("h/d?timeout=0", "'dolt://u@h/d?timeout=0' says timeout=0: it is a number of seconds above 0"),
        ("h/d?timeout=nan", "'dolt://u@h/d?timeout=nan' says timeout=nan: it is a number of seconds above 0"),
    ],
)  # fmt: skip
def test_a_wrong_url_is_refused_without_its_password(rest: str, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse_address(f"dolt://u:{SECRET}@{rest}")

    assert str(caught.value) == said


def test_a_url_without_a_user_is_refused() -> None:
    with pytest.raises(DeclarationError, match="got 'dolt://h/d'"):
        parse_address("dolt://h/d")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), st.sampled_from(["h/d", "h:x/d", "h"]))
def test_no_password_is_shown_however_it_is_written(tail: str, rest: str) -> None:
    try:
        shown = repr(parse_address(f"dolt://u:{SECRET}{tail}@{rest}"))
    except DeclarationError as error:
        shown = str(error)

    assert SECRET not in shown
