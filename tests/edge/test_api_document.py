"""docs/api.md: its blocks run, in their order, as a reader would run them; and it names everything that is public."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import build
import pytest
import raman_edge
from laser_instrument import instrument

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
BLOCKS = re.findall(r"<!-- runs -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)

WITHOUT_BASELINE = 'import sys; sys.modules.update(dict.fromkeys(("scipy", "pybaselines")))'


def test_the_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks, one after the other in one script, end without an error in a folder with the files they name.

    Neither scipy nor pybaselines is there: they belong to the extra ``baseline``.
    """
    monkeypatch.setenv("RAMAN_EDGE_CALIBRATIONS", str(tmp_path / "kept"))
    (tmp_path / "incoming").mkdir()
    for name, label in (("quartz.csv", "Quartz"), ("calcite.txt", "Calcite"), ("incoming/gypsum.csv", "Gypsum")):
        (tmp_path / name).write_text(build.text(label))
    with instrument("ocean-sts", "polystyrene") as simulated:
        script = "\n".join((WITHOUT_BASELINE, f"port = {simulated.port!r}", *BLOCKS))
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=150, check=False
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Quartz\n")
    assert "SIM00001" in done.stdout


def test_every_block_runs() -> None:
    """No block of Python is left out of the test above."""
    assert len(BLOCKS) == PAGE.count("```python") >= 10


@pytest.mark.parametrize("name", sorted(set(raman_edge.__all__) - {"__version__", "Fault"}))
def test_every_public_name_is_explained(name: str) -> None:
    """The page names it."""
    assert re.search(rf"\b{name}\b", PAGE)
