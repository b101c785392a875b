"""The promise of the watched folder, with everything against it at once; ``fuzz/torture.py`` does the same for as long as requested."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import torture

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and SIGSTOP are not sent on Windows")
@pytest.mark.timeout(300)
def test_every_content_has_one_row(tmp_path: Path) -> None:
    """Under writers of all kinds, SIGKILL, two watchers and lost events, every content that lies there has one row and none is torn."""
    report = torture.run(6.0, 11, tmp_path)
    assert report.is_right, report
    assert report.kills > 0
    assert report.lying > 0


def test_the_comparison_finds_what_is_wrong(tmp_path: Path) -> None:
    """A content without a row, and rows of what was never a whole file, are reported: the test above can fail."""
    torture.run(1.0, 3, tmp_path)
    rows = set(torture._contents(tmp_path / "journal.sqlite3"))
    assert rows
    report = torture.compare(tmp_path / "journal.sqlite3", rows - {min(rows)}, {"0" * 64})
    assert report.missing == ["0" * 64]
    assert report.torn == [min(rows)]
    assert not report.is_right
