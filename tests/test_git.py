from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from g6o_eval import git
from g6o_eval.errors import G6oError


def run(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "no-such-file"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    run(folder, "init", "-q", "-b", "main")
    run(folder, "config", "user.name", "Ada")
    run(folder, "config", "user.email", "ada@example.org")
    (folder / "prompt.txt").write_text("one\n", encoding="utf-8")
    (folder / ".gitignore").write_text("*.log\n", encoding="utf-8")
    run(folder, "add", ".")
    run(folder, "commit", "-q", "-m", "First")
    return folder


def test_head_is_the_commit_that_is_checked_out(repo: Path) -> None:
    found = git.head(repo)

    assert found is not None
    assert len(found) == 40
    assert git.resolve(repo, "main") == found


def test_there_is_no_head_outside_a_repository_or_before_the_first_commit(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run(tmp_path / "empty", "init", "-q")

    assert git.head(tmp_path) is None
    assert git.head(tmp_path / "empty") is None


def test_a_ref_that_git_does_not_know_resolves_to_nothing(repo: Path) -> None:
    assert git.resolve(repo, "no-such-branch") is None
    assert git.resolve(repo, "--all") is None


def test_a_fresh_commit_is_clean(repo: Path) -> None:
    assert git.is_clean(repo)


@pytest.mark.parametrize("place", ["ignored.log", ".g6o/evals.db", "sub/.g6o/last/run.json"])
def test_what_git_ignores_and_the_stores_folder_do_not_make_a_checkout_unclean(repo: Path, place: str) -> None:
    (repo / place).parent.mkdir(parents=True, exist_ok=True)
    (repo / place).write_text("x", encoding="utf-8")

    assert git.is_clean(repo)


@pytest.mark.parametrize("place", ["prompt.txt", "untracked.py", "sub/untracked.py", "not.g6o/x"])
def test_an_edit_or_an_untracked_file_makes_a_checkout_unclean(repo: Path, place: str) -> None:
    (repo / place).parent.mkdir(parents=True, exist_ok=True)
    (repo / place).write_text("two\n", encoding="utf-8")

    assert not git.is_clean(repo)


def test_a_staged_rename_makes_a_checkout_unclean(repo: Path) -> None:
    run(repo, "mv", "prompt.txt", "other.txt")

    assert not git.is_clean(repo)


def test_an_edit_beside_the_folder_asked_for_counts(repo: Path) -> None:
    (repo / "sub").mkdir()
    (repo / "prompt.txt").write_text("two\n", encoding="utf-8")

    assert not git.is_clean(repo / "sub")


def test_the_files_that_make_a_checkout_unclean_are_named(repo: Path) -> None:
    (repo / "prompt.txt").write_text("two\n", encoding="utf-8")
    (repo / "ä b.py").write_text("", encoding="utf-8")

    assert git.changed_files(repo) == ("prompt.txt", "ä b.py")


def test_outside_a_repository_nothing_is_clean(tmp_path: Path) -> None:
    assert git.changed_files(tmp_path) is None
    assert not git.is_clean(tmp_path)


def test_a_file_is_read_as_it_was_at_a_ref(repo: Path) -> None:
    (repo / "prompt.txt").write_text("two – zwei\n", encoding="utf-8")
    run(repo, "commit", "-q", "-am", "Second")

    assert git.read_file(repo, "HEAD~1", "prompt.txt") == "one\n"
    assert git.read_file(repo, "main", "prompt.txt") == "two – zwei\n"


def test_a_path_is_relative_to_the_folder_asked_for(repo: Path) -> None:
    (repo / "sub").mkdir()
    (repo / "sub" / "a.txt").write_text("a", encoding="utf-8")
    run(repo, "add", ".")
    run(repo, "commit", "-q", "-m", "Second")

    assert git.read_file(repo / "sub", "main", "a.txt") == "a"


def test_a_file_that_is_not_there_at_that_ref_is_none(repo: Path, tmp_path: Path) -> None:
    assert git.read_file(repo, "main", "missing.txt") is None
    assert git.read_file(tmp_path, "main", "prompt.txt") is None


def test_an_unknown_ref_is_an_error_that_names_it(repo: Path) -> None:
    with pytest.raises(G6oError) as caught:
        git.read_file(repo, "origin/main", "prompt.txt")

    assert str(caught.value) == f"git knows no commit 'origin/main' in {repo}; fetch it, or name another"


def test_a_file_that_is_no_text_is_an_error(repo: Path) -> None:
    (repo / "blob").write_bytes(b"\xff\xfe\x00")
    run(repo, "add", ".")
    run(repo, "commit", "-q", "-m", "Second")

    with pytest.raises(G6oError, match=r"blob in .*: not UTF-8 text"):
        git.read_file(repo, "main", "blob")


def test_a_call_that_fails_is_an_error_with_gits_own_words(repo: Path) -> None:
    (repo / ".git" / "index").write_bytes(b"garbage")

    with pytest.raises(G6oError) as caught:
        git.is_clean(repo)

    assert str(caught.value).startswith(f"git status in {repo} failed with 128: ")


def test_the_user_is_name_and_mail_or_the_half_that_is_set(repo: Path, tmp_path: Path) -> None:
    assert git.user(repo) == "Ada <ada@example.org>"

    run(repo, "config", "--unset", "user.email")

    assert git.user(repo) == "Ada"
    assert git.user(tmp_path) is None


def test_without_git_there_is_no_repository(repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert git.head(repo) is None
    assert not git.is_clean(repo)
