"""The commands of README and docs, run as a reader would run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import build
import pytest
from raman_edge import __version__

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("quickstart", "library", "training"))]
SLOW = re.compile("raman-train fit|instruments simulate")
"""What trains, and what measures with a simulated instrument."""
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{block.split()[1]}", marks=[pytest.mark.slow] if SLOW.search(block) else [])
    for page in PAGES
    for block in re.findall(r"<!-- runs -->\n```sh\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
WORDS = 1000
"""A README is a front door; everything else is in docs/."""


@pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a POSIX shell")
@pytest.mark.parametrize("block", BLOCKS)
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
        "RAMAN_EDGE_USER_LIBRARY": str(tmp_path / "user.sqlite3"),
    }
    done = subprocess.run(["sh", "-euc", block], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr


def test_there_are_blocks_that_run() -> None:
    """Identifying, watching, measuring, adding a material and training are each shown by commands that are tested."""
    shown = " ".join(str(block.values[0]) for block in BLOCKS)
    assert all(
        command in shown for command in ("identify", "library add", "watch", "serial", "journal list", "fit", "export --onnx", "model info")
    )


def test_the_readme_is_short() -> None:
    """What it is, a picture, install, shell, Python, links."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.split()) <= WORDS
    assert text.index("raman-edge identify") < text.index("## What you get")


def test_the_wheel_is_named_as_it_is_built() -> None:
    """README and quickstart install the wheel of this version."""
    for page in PAGES[:2]:
        assert set(re.findall(r"raman_edge-([\d.]+)-py3", page.read_text("utf-8"))) == {__version__}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(document: Path) -> None:
    """No link leads to a file or a heading that does not exist."""
    for target, _, heading in (link.partition("#") for link in re.findall(r"\]\(([^)\s:]+)\)", document.read_text("utf-8"))):
        page = (document.parent / target).resolve() if target else document
        assert page.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, f"{target}#{heading}"
