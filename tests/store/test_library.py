from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from g6o_eval.errors import UnavailableError, UnfitError
from g6o_eval.store.library import Library, check_version, find_library

REMEDY = (
    "The embedded store needs the package doltlite, which has wheels for Linux with glibc (x86_64, aarch64) "
    "and macOS on Apple silicon. Elsewhere name a Dolt server: --eval-store dolt://user@host:port/database"
)


def test_the_library_is_found_without_importing_its_package() -> None:
    code = (
        "import sys; from g6o_eval.store.embedded import fit_library; print(fit_library().path.name); "
        "assert 'doltlite' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("libdoltlite.")


def test_a_machine_without_the_package_is_told_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "doltlite", None)  # as Python itself marks a package that cannot be imported

    with pytest.raises(UnavailableError) as caught:
        find_library()

    assert str(caught.value) == f"the package doltlite is not installed on this {sys.platform}. {REMEDY}"


def test_a_package_without_this_platforms_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "doltlite").mkdir()
    (tmp_path / "doltlite" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(UnavailableError) as caught:
        find_library()

    assert str(caught.value).startswith("the package doltlite has no libdoltlite.")
    assert str(caught.value).endswith(f" in {tmp_path / 'doltlite' / '_lib'}. {REMEDY}")


def test_a_library_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    path = tmp_path / "libdoltlite.so"
    path.write_bytes(b"not an ELF file")

    with pytest.raises(UnavailableError) as caught:
        Library(path)

    assert str(caught.value).startswith(f"cannot load {path}: ")
    assert str(caught.value).endswith(REMEDY)


def test_a_function_that_is_not_declared_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="sqlite3_backup_init is not declared"):
        _ = Library(find_library()).backup_init


@pytest.mark.parametrize("version", ["v0.51.3", "0.51.0", "v0.51.12-rc1"])
def test_a_library_of_the_pinned_line_is_taken(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["v0.52.0", "v0.11.8", "v1.51.0", "", "unknown"])
def test_a_library_of_another_line_is_refused_with_the_command_that_fixes_it(version: str) -> None:
    with pytest.raises(UnfitError) as caught:
        check_version(version)

    assert str(caught.value) == (
        f"libdoltlite says it is {version!r}, this package works with 0.51.x: another line may not see the rows of "
        "this one and destroy them. Run: pip install 'doltlite==0.51.*'"
    )
