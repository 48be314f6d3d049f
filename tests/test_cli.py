from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import g6o_eval
from g6o_eval.cli import exit_status, group, message
from g6o_eval.commands.person import by_whom
from g6o_eval.commands.promote import ALREADY_LIVE, PROMOTED, REFUSED
from g6o_eval.commands.promote import exit_status as promote_status
from g6o_eval.commands.table import table_lines
from g6o_eval.errors import DataError, DeclarationError, LeakError, RefusedError, RoleError, StaleError

OURS = (
    "adopt", "doctor", "export", "grants", "import", "init", "load", "promote", "reinstate", "rollback", "show",
    "status",
)  # fmt: skip
REMEDY = "Repair or uninstall the package that adds it"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments, prog_name="g6o-eval")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is the current folder."""
    (tmp_path / "pytest.ini").write_text("[pytest]\ng6o_lm = task=offline\n", encoding="utf-8")
    (tmp_path / "tickets.csv").write_text("id,text\n1,a\n2,b\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("G6O_STORE", raising=False)
    return tmp_path


def add_package(folder: Path, monkeypatch: pytest.MonkeyPatch, entry: str, module: str = "") -> None:
    """Install a package that adds a command."""
    info = folder / "site" / "other-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[g6o_eval.commands]\n{entry}\n", encoding="utf-8")
    (folder / "site" / "other_commands.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder / "site"))
    monkeypatch.delitem(sys.modules, "other_commands", raising=False)


def test_help_loads_neither_dspy_nor_a_driver_nor_pytest() -> None:
    code = (
        "import sys\nfrom g6o_eval.cli import group\ngroup(['--help'], standalone_mode=False)\n"
        "print(sorted({'dspy', 'pymysql', 'litellm', 'pytest', 'rich'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_is_listed_with_a_sentence_that_is_not_cut() -> None:
    text = run("--help").output

    commands = text.split("Commands:\n")[1]
    for name in OURS:
        assert f"\n  {name} " in f"\n{commands}"
    assert "..." not in commands


def test_the_version_is_printed() -> None:
    assert run("--version").output == f"g6o-eval {g6o_eval.__version__}\n"


@pytest.mark.parametrize("name", OURS)
def test_every_option_of_every_command_has_its_help(name: str) -> None:
    command = group.get_command(click.Context(group), name)

    assert command is not None
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


def test_an_unknown_command_is_wrong_usage() -> None:
    found = run("promot")

    assert found.exit_code == 2
    assert "No such command 'promot'" in found.output


def test_an_installed_package_adds_a_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "import click\n@click.command()\ndef greet():\n    '''Say hello.'''\n    click.echo('hello')\n"
    add_package(folder, monkeypatch, "greet = other_commands:greet", module)

    assert run("greet").output == "hello\n"
    assert re.search(r"^  greet +Say hello\.$", run("--help").output, re.MULTILINE)


def test_a_command_of_ours_cannot_be_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_package(folder, monkeypatch, "status = other_commands:status", "raise SystemExit('taken over')")

    assert run("status", "--help").exit_code == 0


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("broken = no_such_module:x", f"cannot be loaded from 'no_such_module:x': No module named 'no_such_module'. {REMEDY}"),  # noqa: E501  # one message
        ("broken = other_commands:x", f"cannot be loaded from 'other_commands:x': module 'other_commands' has no attribute 'x'. {REMEDY}"),  # noqa: E501  # one message
        ("broken = other_commands:y", "at 'other_commands:y' is no click command: 3"),
    ],
)  # fmt: skip
def test_a_broken_command_says_so_and_hides_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, entry: str, problem: str
) -> None:
    add_package(folder, monkeypatch, entry, "y = 3\n")

    found, listed = run("broken"), run("--help")

    assert (found.exit_code, found.output) == (1, f"Error: the command 'broken' {problem}\n")
    assert listed.exit_code == 0
    assert "status " in listed.output


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (DeclarationError("a"), 2, "error: a"),
        (LeakError("a"), 2, "error: a"),
        (RoleError("a"), 2, "error: a"),
        (DataError("a"), 1, "error: a"),
        (RefusedError(("a", "b")), 1, "refused:\n  - a\n  - b"),
        (StaleError(("a",)), 1, "refused:\n  - a"),
        (DataError("row '\x1b[2J'"), 1, r"error: row '\u001b[2J'"),
    ],
)
def test_an_error_of_ours_is_a_message_and_an_exit_status(error: DataError, status: int, text: str) -> None:
    assert (exit_status(error), message(error)) == (status, text)


def test_an_error_reaches_stderr_without_a_traceback(folder: Path) -> None:
    found = run("load", "g6o_runs", "tickets.csv")

    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr == "error: table 'g6o_runs' belongs to g6o_eval; load rows into a table of your own\n"


def test_load_states_each_column_and_what_it_did(folder: Path) -> None:
    first, second = run("load", "tickets", "tickets.csv"), run("load", "tickets", "tickets.csv")

    *table, done = first.output.splitlines()
    assert table == ["column    type  stated by", "id (key)  INT   inferred", "text      TEXT  inferred"]
    assert done.startswith("tickets: 2 rows, table made; commit ")
    assert second.output.splitlines()[-1] == ("tickets: 2 rows, upserted; all of them stood there already, no commit")
    assert (folder / ".g6o" / "evals.db").exists()


def test_load_takes_stated_types_and_another_key(folder: Path) -> None:
    found = run("load", "tickets", "tickets.csv", "--key", "text", "--type", "id=text")

    assert found.output.splitlines()[1:3] == ["id          TEXT  --type", "text (key)  TEXT  inferred"]


@pytest.mark.parametrize("stated", ["id", "id=", "=INT", "id=DECIMAL"])
def test_a_type_that_is_none_is_wrong_usage(folder: Path, stated: str) -> None:
    found = run("load", "tickets", "tickets.csv", "--type", stated)

    assert found.exit_code == 2
    assert f"Error: Invalid value: {stated!r}: expected COLUMN=TYPE with TYPE one of TEXT, INT, FLOAT, BOOL, JSON" in (
        found.output
    )


def test_the_store_is_the_commands_then_the_groups_then_the_environments(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("G6O_STORE", "doltlite:///environ.db")

    run("--store", "doltlite:///group.db", "load", "tickets", "tickets.csv", "--store", "doltlite:///command.db")
    run("--store", "doltlite:///group.db", "load", "tickets", "tickets.csv")
    run("load", "tickets", "tickets.csv")

    assert sorted(path.name for path in folder.glob("*.db")) == ["command.db", "environ.db", "group.db"]
    for order in (("command.db", 1), ("group.db", 1), ("environ.db", 1)):
        assert run("--store", f"doltlite:///{order[0]}", "status").exit_code == 0


@pytest.mark.parametrize("arguments", [("status",), ("show", "triage"), ("rollback", "triage", "--reason", "x")])
def test_a_command_that_only_looks_or_takes_back_makes_no_store(folder: Path, arguments: tuple[str, ...]) -> None:
    found = run(*arguments)

    assert found.exit_code == 1
    assert found.stderr.startswith("error: ")
    assert "evals.db" in found.stderr
    assert not (folder / ".g6o").exists()


def test_a_store_url_of_another_form_is_wrong_usage(folder: Path) -> None:
    assert run("status", "--store", "mysql://x").exit_code == 2


def test_status_of_an_empty_store_says_what_to_do(folder: Path) -> None:
    run("load", "tickets", "tickets.csv")

    assert run("status").output == (
        "Nothing was promoted in this store, and snapshots/ holds no Eval. "
        "Run: pytest evals/ && g6o-eval promote EVAL\n"
    )
    assert run("status", "--json").output == (
        '{\n  "store": "doltlite:///.g6o/evals.db",\n  "kind": "embedded",\n  "evals": []\n}\n'
    )


def test_status_lists_an_eval_that_was_never_promoted(folder: Path) -> None:
    (folder / "snapshots" / "triage").mkdir(parents=True)
    run("load", "tickets", "tickets.csv")

    assert run("status").output.splitlines() == [
        "eval    state           since  verdict  data  program",
        "triage  never promoted  –      –        –     –",
        "store doltlite:///.g6o/evals.db",
    ]


def test_show_of_an_eval_without_a_prompt_says_where_it_looked(folder: Path) -> None:
    run("load", "tickets", "tickets.csv")

    found = run("show", "triage")

    place = folder / "snapshots" / "triage" / "prompt.txt"
    assert (found.exit_code, found.stderr) == (
        2,
        f"error: triage: nothing is live in doltlite:///.g6o/evals.db, and there is no {place}\n",
    )


def test_show_prints_the_committed_prompt_with_secrets_and_hidden_characters_taken_out(folder: Path) -> None:
    run("load", "tickets", "tickets.csv")
    place = folder / "snapshots" / "triage" / "prompt.txt"
    place.parent.mkdir(parents=True)
    place.write_text(f"Be\x1b kind.\nkey sk-{'a1B2' * 12}\n", encoding="utf-8")

    lines = run("show", "triage").output.splitlines()

    assert lines[:5] == [
        "# triage: live in doltlite:///.g6o/evals.db",
        "(nothing is live)",
        "",
        "# triage: candidate in snapshots/triage/prompt.txt",
        r"Be\u001b kind.",
    ]
    assert "a1B2" not in lines[5]


@pytest.mark.parametrize("arguments", [("promote",), ("promote", "triage", "--all")])
def test_promote_takes_one_eval_or_all(folder: Path, arguments: tuple[str, ...]) -> None:
    found = run(*arguments)

    assert found.exit_code == 2
    assert "Error: name one EVAL, or say --all" in found.output


@pytest.mark.parametrize(
    ("statuses", "every", "wanted"),
    [
        ([PROMOTED], False, 0),
        ([ALREADY_LIVE], False, 3),
        ([REFUSED], False, 1),
        ([ALREADY_LIVE, PROMOTED, ALREADY_LIVE], True, 0),
        ([ALREADY_LIVE, REFUSED, PROMOTED], True, 1),
    ],
)
def test_one_refusal_fails_promote_all_and_what_is_live_already_is_done(
    statuses: list[int], every: bool, wanted: int
) -> None:
    assert promote_status(statuses, every=every) == wanted


def test_promote_without_evals_says_where_they_should_be(folder: Path) -> None:
    found = run("promote", "--all")

    assert found.exit_code == 2
    assert found.stderr == (
        f"error: there is no {folder / 'evals'}. Run: g6o-eval init, or set g6o_evals in the ini file\n"
    )


@pytest.mark.parametrize("command", ["rollback", "reinstate"])
def test_a_rollback_and_a_reinstate_need_a_reason(folder: Path, command: str) -> None:
    found = run(command, "triage")

    assert found.exit_code == 2
    assert "Missing option '--reason'" in found.output


def test_a_ledger_entry_is_signed_by_git_then_by_the_user_and_never_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("USER", "ada")

    assert by_whom(tmp_path) == "ada"

    (tmp_path / "gitconfig").write_text("[user]\nname = Ada\n", encoding="utf-8")

    assert by_whom(tmp_path) == "Ada"

    (tmp_path / "gitconfig").unlink()
    monkeypatch.setenv("USER", " ")

    with pytest.raises(click.UsageError) as caught:
        by_whom(tmp_path)
    assert caught.value.message == "nobody is named. Run: git config user.name NAME, or set $USER"


def test_a_table_is_as_wide_as_its_cells_and_shows_them_as_they_are() -> None:
    wide = "x" * 300

    assert table_lines(("a", "b"), [(wide, "[red]:smile:"), ("é日", "")]) == [
        f"a{' ' * 299}  b",
        f"{wide}  [red]:smile:",
        "é日",
    ]
