"""A small file system in memory that a test fills up, mounted in a name space of its own: no right is needed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_MOUNT = 'mount -t tmpfs -o size="$2" tmpfs "$1" && echo mounted && exec cat'


class SmallDisk:
    """A mount that only processes started with `enter` see under its own path; we see it under `seen`.

    Attributes:
        folder: where it is mounted.
        enter: what a command begins with that is to see it there.
        seen: where it is for every other process, as long as this object is open.
    """

    def __init__(self, folder: Path, size: str) -> None:
        folder.mkdir()
        self.folder = folder
        self._holder = subprocess.Popen(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh", str(folder), size],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        self.mounted = self._holder.stdout.readline() == "mounted\n"
        self.enter = ["nsenter", f"--target={self._holder.pid}", "--user", "--mount", "--preserve-credentials"]
        self.seen = Path(f"/proc/{self._holder.pid}/root{folder}")

    @property
    def why_not(self) -> str:
        """Why nothing is mounted; the disk is of no use afterwards."""
        return self._holder.communicate()[1].strip()

    @property
    def free(self) -> int:
        """Bytes."""
        return shutil.disk_usage(self.seen).free

    def grow(self, size: str) -> None:
        """Make room."""
        remount = ["mount", "-o", f"remount,size={size}", str(self.folder)]
        subprocess.run([*self.enter, *remount], check=True)

    def close(self) -> None:
        """Unmount it, which deletes what it holds; a process that still uses it keeps it until it ends."""
        self._holder.kill()
        self._holder.communicate()
