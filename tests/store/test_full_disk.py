"""A disk that is full in the middle of promotions, on each engine: a real file system of a few megabytes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from g6o_eval.store.choose import open_store
from g6o_eval.store.schema import HARNESS, migrate
from support.dolt_server import DoltServer
from support.small_disk import SmallDisk

PROMOTER = Path(__file__).parent.parent / "support" / "promoter.py"
MAKE = "import sys; from pathlib import Path; from g6o_eval.store.choose import open_store; "
MAKE += "open_store(sys.argv[1], root=Path())"
SIZE, MORE = "3m", "64m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("unshare and nsenter, which mount a small file system without root, are not on PATH")
    small = SmallDisk(tmp_path / "disk", SIZE)
    if not small.mounted:
        pytest.skip(f"this machine lets nobody mount a file system in a name space: {small.why_not}")
    with closing(small):
        yield small


def start(disk: SmallDisk, part: str, url: str) -> subprocess.Popen[str]:
    command = [*disk.enter, sys.executable, str(PROMOTER), part, url, "triage"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the promoter ended"
    found: dict[str, Any] = json.loads(line)
    return found


def fill_up(process: subprocess.Popen[str]) -> tuple[list[str], dict[str, Any]]:
    """Return what was acknowledged, and the first error."""
    acknowledged: list[str] = []
    while "promoted" in (said := answer(process)):
        acknowledged.append(said["promoted"])
    return acknowledged, said


def once_more(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return answer(process)


def tell(disk: SmallDisk, url: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(start(disk, "tell", url).communicate(timeout=60)[0])
    return found


def holds(digests: list[str]) -> dict[str, Any]:
    return {"history": digests, "live": digests[-1:], "dirty": []}


def make(disk: SmallDisk, url: str) -> None:
    """Give the store its tables while there is room."""
    code = (
        MAKE
        + "; from g6o_eval.store.schema import HARNESS, migrate; migrate(open_store(sys.argv[1], root=Path()), HARNESS)"
    )
    subprocess.run([*disk.enter, sys.executable, "-c", code, url], check=True)


def test_an_embedded_store_on_a_full_disk_keeps_all_that_was_acknowledged_and_goes_on_with_room(
    disk: SmallDisk,
) -> None:
    path = disk.folder / "evals.db"
    url = f"doltlite:///{path}"
    make(disk, url)
    promoter = start(disk, "fill", url)

    acknowledged, said = fill_up(promoter)
    again = once_more(promoter)

    assert len(acknowledged) > 3
    full = (
        f"the disk of {path} is full (database or disk is full): nothing was written. Make room there, then try again"
    )
    assert said == again == {"error": "UnavailableError", "said": full}
    assert tell(disk, url) == holds(acknowledged)

    disk.grow(MORE)
    acknowledged += [once_more(promoter)["promoted"] for _ in range(2)]

    assert tell(disk, url) == holds(acknowledged)
    promoter.communicate()


def test_a_store_that_cannot_be_made_for_lack_of_room_leaves_no_draft(disk: SmallDisk) -> None:
    (disk.seen / "ballast").write_bytes(b"x" * disk.free)
    path = disk.folder / "evals.db"

    made = subprocess.run(
        [*disk.enter, sys.executable, "-c", MAKE, f"doltlite:///{path}"], capture_output=True, text=True
    )

    assert f"UnavailableError: the disk of {path} is full" in made.stderr
    assert sorted(each.name for each in disk.seen.iterdir() if not each.name.endswith(".lock")) == ["ballast"]


def test_a_server_that_a_full_disk_ended_has_all_that_was_acknowledged_and_goes_on_with_room(
    disk: SmallDisk, tmp_path: Path
) -> None:
    server = DoltServer(tmp_path / "own")
    server.folder.mkdir()
    (server.folder / "data").symlink_to(disk.seen)
    server.start()
    server.run("CREATE DATABASE evals")
    url = server.url("evals")
    with closing(open_store(url, root=tmp_path)) as store:
        migrate(store, HARNESS)
    promoter = start(disk, "fill", url)

    acknowledged, said = fill_up(promoter)

    assert len(acknowledged) > 3
    assert said["error"] in ("UnavailableError", "UnreachableError")
    assert "Nothing was written" in said["said"] or "cannot reach" in said["said"]
    assert server.ends_within(30)
    assert "no space left on device" in (server.folder / "log").read_text()

    server.kill()
    disk.grow(MORE)
    server.start()
    assert tell(disk, url) == holds(acknowledged)
    acknowledged += [once_more(promoter)["promoted"] for _ in range(2)]

    assert tell(disk, url) == holds(acknowledged)
    assert server.run("SELECT name FROM dolt_branches", database="evals") == [("main",)]
    promoter.communicate()
    server.kill()
