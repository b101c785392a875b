"""What tests of the command line share: the tiny model and a folder to watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, its library beside it; read only."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to watch."""
    path = tmp_path / "in"
    path.mkdir()
    return path
