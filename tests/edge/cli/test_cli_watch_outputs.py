"""``raman-edge watch --output``: what was journaled reaches its outputs, whichever process is killed or does not read."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

import build
import command
import numpy as np
import pytest
import scripted_outputs
from raman_edge.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

FILES = 120
"""Their records are more than a pipe holds."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with spectra."""
    path = tmp_path_factory.mktemp("in")
    for seed in range(FILES):
        (path / f"{seed}.csv").write_text(build.text("Quartz", seed))
    return path


def journaled(path: Path) -> list[str]:
    """Return the ids in the journal, oldest first; none where there is no journal yet."""
    if not path.exists():
        return []
    with Journal.open(path, create=False) as journal:
        return [row.id for row in journal.after(0, 10 * FILES)]


def holds(path: Path, least: int) -> bool:
    """Whether the journal has at least so many records."""
    return len(journaled(path)) >= least


@pytest.mark.slow
def test_killed_again_and_again(folder: Path, model: Path, tmp_path: Path) -> None:
    """Killed at random moments from the very first start on, the outputs hold every record of the journal, in its order."""
    rng = np.random.default_rng(20261122)
    path, lines, table = tmp_path / "j.db", tmp_path / "out.jsonl", tmp_path / "out.csv"
    call = ("watch", folder, "--model", model, "--journal", path, "--output", f"jsonl:{lines}", "--output", f"csv:{table}")
    for part in (0, 1, 2):
        process = command.start(*call)
        least = int(rng.integers(1, FILES // 4)) + part * FILES // 4
        scripted_outputs.wait_until(functools.partial(holds, path, least), "some records")
        process.kill()
        process.communicate()
    assert command.call(*call, "--once").returncode == 0
    assert len(journaled(path)) == FILES
    assert scripted_outputs.first_times(scripted_outputs.ids(lines.read_bytes().splitlines())) == journaled(path)
    assert scripted_outputs.first_times([line[:32] for line in table.read_text().splitlines()[1:]]) == journaled(path)


def test_standard_output_without_a_reader(folder: Path, model: Path, tmp_path: Path) -> None:
    """While standard output has no reader everything is journaled and reaches the file; a signal ends the run."""
    path, lines = tmp_path / "j.db", tmp_path / "out.jsonl"
    read, write = os.pipe()
    with os.fdopen(write, "wb") as full:
        process = command.start("watch", folder, "--model", model, "--journal", path, "--output", f"jsonl:{lines}", stdout=full)
    scripted_outputs.wait_until(lambda: lines.exists() and lines.read_bytes().count(b"\n") == FILES, "all records in the file")
    command.stop(process)
    stderr = process.communicate(timeout=120)[1]
    assert process.returncode == command.STOPPED
    assert b"are still owed; they are in the journal" in stderr
    assert len(journaled(path)) == FILES
    os.close(read)
