"""Damaged and hostile files in a process of their own: onnxruntime is native code, and a crash there is no exception.

``python fuzz/mutations.py FILE COUNT`` makes as many mutations as one has time for.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import build
import command
import mutations
import pytest
from raman_edge.matching import library
from raman_edge.model import model

pytestmark = pytest.mark.slow

SCRIPT = Path(mutations.__file__)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The tests' own model and library."""
    return build.write_pair(tmp_path_factory.mktemp("fuzz"))


def mutate(file: Path, count: int) -> str:
    """Open that many mutations of a file in another process, and return what it says at the end."""
    called = [sys.executable, SCRIPT, file, str(count)]
    done = subprocess.run(called, capture_output=True, text=True, check=False, timeout=170, env=command.environment(OMP_NUM_THREADS="1"))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("which", [0, 1])
def test_a_mutated_file_is_opened_or_refused(pair: tuple[Path, Path], which: int) -> None:
    """Of the tests' own model and library: no crash, no other exception, nothing that takes seconds."""
    assert "300 mutations" in mutate(pair[which], 300)


@pytest.mark.parametrize("path", [model.default_path(), library.default_path()], ids=["model", "library"])
def test_a_mutated_default_is_opened_or_refused(path: Path) -> None:
    """The same of what ships."""
    assert "25 mutations" in mutate(path, 25)


def test_mutations_are_the_same_every_time() -> None:
    """A number names a mutation: what was found once can be found again."""
    content = bytes(range(256)) * 4
    assert mutations.mutated(content, 7) == mutations.mutated(content, 7)
    assert len({mutations.mutated(content, number) for number in range(200)}) > 190


def test_headers_are_mutated_more_than_weights() -> None:
    """Most places that are changed lie outside long runs of numbers."""
    content = build.graph(build.templates()).SerializeToString()
    short = mutations.structure(content)
    assert 0 < len(short) < len(content) / 10
