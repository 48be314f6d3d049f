from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from g6o_eval.cli import group
from g6o_eval.commands.adopt import HAND, NOTHING, shown_lines
from g6o_eval.errors import RefusedError, UnfitError
from g6o_eval.steps.adopt import Uncommitted, adopt, others, uncommitted
from g6o_eval.store.doltlite import Connection
from g6o_eval.store.embedded import fit_library
from support.desk import Desk

COLUMNS = ("prompt_id", "module_name", "signature_name", "compiled_prompt", "compiled_at", "dspy_version")
ROW = ("other:x", "M", "S", "a text", "2026-01-02 03:04:05", "3.4.1")
INSERT = f"INSERT INTO compiled_prompts VALUES {ROW}"


@pytest.fixture
def daemon(desk: Desk) -> Iterator[Connection]:
    """A client of the same store that never commits."""
    path = str(desk.root / ".g6o" / "evals.db")
    client = Connection(fit_library(), path, mode="write", name=path, busy_seconds=5)
    yield client
    client.close()


def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, *arguments: str, said: str = "") -> Result:
    monkeypatch.chdir(desk.root)
    monkeypatch.delenv("G6O_STORE", raising=False)
    (desk.root / "pytest.ini").write_text("[pytest]\n")
    return CliRunner().invoke(group, ["adopt", *arguments], input=said)


def test_a_clean_store_has_nothing_to_adopt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(desk, monkeypatch)

    assert (done.exit_code, done.output) == (0, NOTHING + "\n")


def test_a_row_that_a_daemon_never_committed_is_shown_and_adopted(desk: Desk, daemon: Connection) -> None:
    daemon.run(INSERT)
    found = uncommitted(desk.store)

    commit, done = adopt(desk.store, ["compiled_prompts"], by="Ada")

    assert found == done == (Uncommitted(table="compiled_prompts", columns=COLUMNS, added=(ROW,), removed=()),)
    assert commit == desk.store.head()
    assert desk.store.dirty() == ()
    ((message,),) = desk.store.read("SELECT message FROM dolt_log LIMIT 1")
    assert message == "Adopt uncommitted rows of compiled_prompts (by Ada)"


def test_a_changed_row_is_one_that_went_and_one_that_came(desk: Desk, daemon: Connection) -> None:
    daemon.run(INSERT)
    adopt(desk.store, ["compiled_prompts"], by="Ada")

    daemon.run("UPDATE compiled_prompts SET compiled_prompt = 'b'")

    (found,) = uncommitted(desk.store)
    assert (found.removed, found.added) == ((ROW,), ((*ROW[:3], "b", *ROW[4:]),))


def test_a_promotion_that_refused_goes_through_after_the_adoption(desk: Desk, daemon: Connection) -> None:
    daemon.run(INSERT)
    desk.judge()
    with pytest.raises(UnfitError):
        desk.promote()

    adopt(desk.store, ["compiled_prompts"], by="Ada")
    desk.promote()

    assert desk.store.dirty() == ()


def test_a_table_that_no_commit_holds_is_all_new(desk: Desk, daemon: Connection) -> None:
    with desk.store.change("Not there yet") as change:
        change.execute("DROP TABLE compiled_prompts")
    daemon.run("CREATE TABLE compiled_prompts (prompt_id VARCHAR(200) NOT NULL PRIMARY KEY)")
    daemon.run("INSERT INTO compiled_prompts VALUES ('a')")

    (found,) = uncommitted(desk.store)

    assert (found.columns, found.added, found.removed) == (("prompt_id",), (("a",),), ())


def test_rows_of_other_tables_stay_uncommitted(desk: Desk, daemon: Connection) -> None:
    daemon.run("UPDATE tickets SET text = 'changed' WHERE id = 1")
    daemon.run(INSERT)

    adopt(desk.store, ["compiled_prompts"], by="Ada")

    assert desk.store.dirty() == others(desk.store) == ("tickets",)
    assert uncommitted(desk.store) == ()


def test_a_table_that_is_clean_by_now_is_refused(desk: Desk) -> None:
    with pytest.raises(RefusedError) as caught:
        adopt(desk.store, ["compiled_prompts"], by="Ada")

    assert caught.value.reasons == ("compiled_prompts: no uncommitted rows; somebody was quicker",)


def test_the_command_shows_the_rows_and_commits_only_after_a_yes(
    desk: Desk, daemon: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.run(INSERT)
    daemon.run("UPDATE tickets SET text = 'changed' WHERE id = 1")
    shown = (
        "compiled_prompts: 1 rows added, 0 removed\n"
        "  + prompt_id='other:x', module_name='M', signature_name='S', compiled_prompt='a text', "
        "compiled_at='2026-01-02 03:04:05', dspy_version='3.4.1'\n"
        "uncommitted rows of other tables stay: tickets\n"
    )

    no = run(desk, monkeypatch, said="n\n")
    nobody = run(desk, monkeypatch)
    still = uncommitted(desk.store)
    yes = run(desk, monkeypatch, said="y\n")

    assert (no.exit_code, nobody.exit_code, yes.exit_code) == (1, 1, 0)
    assert no.output == f"{shown}Commit these rows? [y/N]: n\nAborted!\n"
    assert len(still) == 1
    head = desk.store.head()[:12]
    assert yes.output == f"{shown}Commit these rows? [y/N]: y\nadopted compiled_prompts: commit {head}\n"


def test_the_command_asks_nothing_when_told_yes(
    desk: Desk, daemon: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.run(INSERT)

    done = run(desk, monkeypatch, "--yes")

    assert done.exit_code == 0
    assert done.output.endswith(f"adopted compiled_prompts: commit {desk.store.head()[:12]}\n")


def test_rows_of_our_own_tables_are_said_to_prove_nothing_and_long_values_are_cut() -> None:
    found = Uncommitted(table="g6o_runs", columns=("run_id", "body"), added=(("R", "x" * 100),), removed=())

    assert shown_lines([found]) == [
        "g6o_runs: 1 rows added, 0 removed",
        f"  + run_id='R', body='{'x' * 59}… (100 characters)",
        HAND.format(tables="g6o_runs"),
    ]


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("G6O_STORE", raising=False)

    done = CliRunner().invoke(group, ["adopt"])

    assert done.exit_code == 1
    assert not (tmp_path / ".g6o").exists()
