"""Our syrupy extension: the published prompt of an Eval as snapshots/<eval>/prompt.txt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from syrupy.data import SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

if TYPE_CHECKING:
    from syrupy.types import SnapshotIndex

SNAPSHOTS = "snapshots"


class PromptSnapshot(SingleFileSnapshotExtension):
    """One text file per Eval, beside its compiled program, where a reviewer looks for it."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        """Return snapshots/<eval> under the root of the project."""
        item = test_location.item
        mark = item.get_closest_marker("eval")
        if mark is None:
            return super().dirname(test_location=test_location)
        return str(item.config.rootpath / SNAPSHOTS / mark.args[0].name)

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        """Return `prompt`: one test of an Eval compares its prompt."""
        if test_location.item.get_closest_marker("eval") is None:
            return super().get_file_basename(test_location=test_location, index=index)
        return "prompt"

    def discover_snapshots(
        self, *, test_location: PyTestLocation, ignore_extensions: list[str] | None = None
    ) -> SnapshotCollections:
        """Return none: syrupy deletes what it discovers and knows no test of, program.json among it."""
        return SnapshotCollections()

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        """Whether a file on disk is the snapshot of this test."""
        return Path(snapshot_location).parent == Path(cls.dirname(test_location=test_location))


def orphans(root: Path, known: frozenset[str]) -> list[str]:
    """Return the folders of snapshots/ that belong to no Eval, sorted."""
    folder = root / SNAPSHOTS
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in known)


@pytest.fixture
def snapshot(snapshot: object, request: pytest.FixtureRequest) -> object:
    """syrupy's `snapshot`; in a test of an Eval it compares with snapshots/<eval>/prompt.txt."""
    if request.node.get_closest_marker("eval") is None:
        return snapshot
    return snapshot.use_extension(PromptSnapshot)  # type: ignore[attr-defined]  # syrupy's SnapshotAssertion
