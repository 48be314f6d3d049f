from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.cli import group
from g6o_eval.commands.grants import ROLES as OFFERED
from g6o_eval.errors import DataError, DeclarationError
from g6o_eval.steps.grants import ROLES, User, create_user, parse_user, statements

CI = User("ci", "10.0.0.%")
FORGET = "DELETE FROM dolt_branch_control WHERE `database` = 'evals' AND user = 'ci' AND host = '10.0.0.%'"


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("G6O_STORE", raising=False)
    return CliRunner().invoke(group, ["grants", *arguments])


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        (
            "reader",
            (
                "GRANT SELECT ON `Evals`.`compiled_prompts` TO 'ci'@'10.0.0.%'",
                "GRANT SELECT ON `Evals`.`diagnosis_classifications` TO 'ci'@'10.0.0.%'",
            ),
        ),
        ("judge", ("GRANT SELECT ON `Evals`.* TO 'ci'@'10.0.0.%'",)),
        (
            "promoter",
            (
                "GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON `Evals`.* TO 'ci'@'10.0.0.%'",
                "INSERT INTO dolt_branch_control VALUES ('evals', 'main', 'ci', '10.0.0.%', 'merge')",
            ),
        ),
        (
            "admin",
            (
                "GRANT ALL PRIVILEGES ON `Evals`.* TO 'ci'@'10.0.0.%' WITH GRANT OPTION",
                "INSERT INTO dolt_branch_control VALUES ('evals', '%', 'ci', '10.0.0.%', 'admin')",
            ),
        ),
    ],
)
def test_each_role_has_its_statements(role: str, granted: tuple[str, ...]) -> None:
    assert statements(role, CI, "Evals") == (FORGET, *granted)  # type: ignore[arg-type]


def test_every_role_is_offered() -> None:
    assert OFFERED == ROLES


@pytest.mark.parametrize(
    "text",
    ["", "ci", "@%", "ci@", "c'i@%", "ci@%'; DROP DATABASE evals; --", "ci`@%", "ci@a b", "ci\n@%", "x" * 33 + "@%"],
)
def test_a_hostile_user_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse_user(text)

    name, _, host = text.rpartition("@")
    assert str(caught.value) == (
        f"a user is NAME@HOST, for example daemon@% or ci@10.0.0.%, got {f'{name}@{host}'!r}: "
        "use letters, digits, _, . and -, and in HOST also % and :"
    )


@given(text=st.text(max_size=20))
def test_no_text_reaches_a_statement_with_a_quote_or_a_backslash(text: str) -> None:
    try:
        user = parse_user(f"{text}@{text or '%'}")
    except DeclarationError:
        return

    assert str(user) == f"'{text}'@'{text}'"
    assert not set(text) & set("'\"`\\; \n")


@pytest.mark.parametrize("database", ["a`b", "a.b", "a/b", "a\\b", ""])
def test_a_hostile_database_is_refused(database: str) -> None:
    with pytest.raises(DataError, match="cannot be the name"):
        statements("judge", CI, database)


def test_the_command_prints_the_statements_and_connects_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "dolt://root:hunter2@127.0.0.1:1/evals"

    done = run(tmp_path, monkeypatch, "--role", "judge", "--user", "ci@10.0.0.%", "--store", url)

    assert done.output == (
        f"-- if there is no such user: {create_user(CI)};\n{FORGET};\nGRANT SELECT ON `evals`.* TO 'ci'@'10.0.0.%';\n"
    )
    assert done.exit_code == 0


def test_an_embedded_store_has_no_roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(tmp_path, monkeypatch, "--role", "judge", "--user", "ci@%")

    assert (done.exit_code, done.output) == (
        2,
        "error: doltlite:///.g6o/evals.db is no server store: who may write an embedded store's file may write all of "
        "it. Name the server: --store dolt://user@host:port/database\n",
    )
