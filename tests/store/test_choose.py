from __future__ import annotations

from pathlib import Path

import pytest

from g6o_eval.errors import DeclarationError, MissingError
from g6o_eval.store.choose import Choice, choose_store, open_store, without_password


@pytest.mark.parametrize(
    ("option", "environ", "ini", "choice"),
    [
        ("dolt://a", {"G6O_STORE": "dolt://b"}, "dolt://c", Choice("dolt://a", "--eval-store")),
        (None, {"G6O_STORE": "dolt://b"}, "dolt://c", Choice("dolt://b", "G6O_STORE")),
        (None, {"G6O_STORE": ""}, "dolt://c", Choice("dolt://c", "g6o_store")),
        ("", {}, "", Choice("doltlite:///.g6o/evals.db", "default")),
    ],
)
def test_the_first_that_is_named_is_chosen(
    option: str | None, environ: dict[str, str], ini: str, choice: Choice
) -> None:
    assert choose_store(option, environ, ini) == choice


def test_a_relative_path_is_relative_to_the_root(tmp_path: Path) -> None:
    store = open_store("doltlite:///deep/evals.db", root=tmp_path)

    assert (tmp_path / "deep" / "evals.db").is_file()
    assert store.url == "doltlite:///deep/evals.db"


def test_a_fourth_slash_makes_a_path_absolute(tmp_path: Path) -> None:
    open_store(f"doltlite:///{tmp_path}/evals.db", root=Path("/nowhere"))

    assert (tmp_path / "evals.db").is_file()


def test_nothing_is_made_when_create_is_false(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        open_store("doltlite:///.g6o/evals.db", root=tmp_path, create=False)

    assert str(caught.value) == (
        f"there is no store at {tmp_path / '.g6o' / 'evals.db'} (from doltlite:///.g6o/evals.db)"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["", "evals.db", "sqlite:///evals.db", "doltlite://evals.db", "doltlite:///", "doltlite:///x/"]
)
def test_another_form_of_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        open_store(url, root=tmp_path)

    assert str(caught.value) == (
        f"a store's URL is doltlite:///PATH/FILE or dolt://user@host:port/database, got {url!r}"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("dolt://u:p@h:1/d", "dolt://u@h:1/d"),
        ("dolt://u:p:q@h/d", "dolt://u@h/d"),
        ("dolt://u@h:1/d", "dolt://u@h:1/d"),
        ("dolt://u:p/q@r@h/d", "dolt://u@h/d"),
        ("doltlite:////a:b@c/x.db", "doltlite:////a:b@c/x.db"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
