"""The README's own commands, run as a reader would run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import build
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"<!-- runs -->\n```sh\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a POSIX shell")
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split()[1])
def test_the_commands_run(block: str, tmp_path: Path) -> None:
    """Every block marked as running ends with exit code 0, in an empty folder with the files it names."""
    (tmp_path / "incoming").mkdir()
    for name, label in (("quartz.csv", "Quartz"), ("calcite.txt", "Calcite"), ("incoming/gypsum.csv", "Gypsum")):
        (tmp_path / name).write_text(build.text(label))
    shutil.copy(ROOT / "train" / "raman_train" / "configs" / "smoke.toml", tmp_path)
    scripts = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": scripts + os.pathsep + os.environ["PATH"],
        "RAMAN_EDGE_JOURNAL": str(tmp_path / "journal.sqlite3"),
        "RAMAN_EDGE_USER_LIBRARY": str(tmp_path / "own.sqlite3"),
    }
    done = subprocess.run(["sh", "-euc", block], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr


def test_there_are_blocks_that_run() -> None:
    """Identifying, watching and training are each shown by commands that are tested."""
    told = " ".join(BLOCKS)
    assert all(command in told for command in ("identify", "library add", "watch", "journal list", "fit", "export --onnx", "model info"))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_what_it_links_to_is_there(target: str) -> None:
    """No link to a file that does not exist."""
    assert (ROOT / target).exists()
