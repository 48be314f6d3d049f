"""Git, read only: where the checkout stands, whether it is clean, what a file said at a ref."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from g6o_eval.errors import G6oError

TIMEOUT_SECONDS = 30.0
"""Of one git call. A status of a large tree on a slow disk takes a few seconds."""

_STORE_FOLDER = ".g6o/"


def head(root: Path) -> str | None:
    """Return the commit that is checked out; None outside a repository or before its first commit."""
    return resolve(root, "HEAD")


def resolve(root: Path, ref: str) -> str | None:
    """Return the commit that a branch, tag or abbreviated commit names; None when it names none here."""
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return found.stdout.strip() if found is not None and found.returncode == 0 else None


def is_clean(root: Path) -> bool:
    """Return whether the checkout holds exactly what its commit says; outside a repository: False."""
    return changed_files(root) == ()


def changed_files(root: Path) -> tuple[str, ...] | None:
    """Return the files that are other than in the commit, from the top of the checkout, sorted.

    A file that git ignores does not count, and never does the store's folder `.g6o/`. None outside a
    repository, where nothing can be vouched for.

    Raises:
        G6oError: git failed.
    """
    if _outside(root):
        return None
    # :/ makes it the whole tree: an edit beside the pytest root is an edit of what was judged.
    lines = _checked(root, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", ":/")
    paths = (entry[3:] for entry in lines.split("\0") if entry)  # a path stands after two letters and a blank
    return tuple(sorted(path for path in paths if f"/{_STORE_FOLDER}" not in f"/{path}"))


def read_file(root: Path, ref: str, path: str) -> str | None:
    """Return a file's text at a ref; None outside a repository and when it is not there at that ref.

    Args:
        root: a folder of the checkout.
        ref: a branch, tag or commit.
        path: relative to `root`, with slashes.

    Raises:
        G6oError: there is no such ref, or the file is no UTF-8 text.
    """
    if _outside(root):
        return None
    if (commit := resolve(root, ref)) is None:
        raise G6oError(f"git knows no commit {ref!r} in {root}; fetch it, or name another")
    place = f"{commit}:./{path}"
    if (kind := _git(root, "cat-file", "-t", place)) is None or kind.stdout.strip() != "blob":
        return None
    return _checked(root, "cat-file", "blob", place)


def user(root: Path) -> str | None:
    """Return "Name <mail>" as git is configured here, or the half that is; None when neither is."""
    found = [_git(root, "config", "--get", f"user.{part}") for part in ("name", "email")]
    name, mail = (call.stdout.strip() if call is not None and call.returncode == 0 else "" for call in found)
    return f"{name} <{mail}>" if name and mail else (name or mail or None)


def _outside(root: Path) -> bool:
    found = _git(root, "rev-parse", "--is-inside-work-tree")
    return found is None or found.returncode != 0 or found.stdout.strip() != "true"


def _checked(root: Path, *arguments: str) -> str:
    done = _git(root, *arguments)
    if done is None:
        raise G6oError(f"git {arguments[0]} in {root}: git is not installed; install it")
    if done.returncode != 0:
        raise G6oError(f"git {arguments[0]} in {root} failed with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    """Run git; None when it is not installed. LC_ALL keeps its messages in one language."""
    try:
        return subprocess.run(  # noqa: S603  # arguments are a list, refs stand behind --end-of-options
            ["git", "-C", str(root), *arguments],  # noqa: S607  # the user's own git, from PATH
            capture_output=True,
            check=False,
            encoding="utf-8",
            env={**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            timeout=TIMEOUT_SECONDS,
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        raise G6oError(f"git {arguments[0]} in {root} took more than {TIMEOUT_SECONDS:g} s; it was stopped") from None
    except UnicodeDecodeError as error:
        raise G6oError(f"git {arguments[0]} {arguments[-1]} in {root}: not UTF-8 text ({error.reason})") from None
