"""A file is there when it is whole, or as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raman_edge import atomic_write

if TYPE_CHECKING:
    from pathlib import Path


def test_it_appears_at_the_end(tmp_path: Path) -> None:
    """Until the block is left the old content lies there, then the new one and nothing else."""
    path = tmp_path / "dark.json"
    path.write_bytes(b"old")
    with atomic_write.written(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_one(tmp_path: Path, error: BaseException) -> None:
    """Whatever ends the block early, the file is as it was and no part of the new one is left."""
    path = tmp_path / "dark.json"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        _broken_off(path, error)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    """A missing folder raises the system's own error."""
    with pytest.raises(FileNotFoundError), atomic_write.written(tmp_path / "nowhere" / "dark.json") as file:
        file.write(b"new")


def _broken_off(path: Path, error: BaseException) -> None:
    with atomic_write.written(path) as file:
        file.write(b"ne")
        raise error
