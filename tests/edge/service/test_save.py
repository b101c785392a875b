"""What the save key writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from raising import refused
from raman_edge.errors import OutputError
from raman_edge.service.display import saver
from raman_edge.sources.files import FileSource
from raman_edge.spectrum import Origin, Spectrum
from screens import MATCH, STONE, UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.matching.identify import Reading


def named(path: str, reading: Reading = MATCH) -> Reading:
    """The same reading of another file."""
    taken = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    return replace(reading, spectrum=replace(reading.spectrum, origin=Origin("file", path), taken_at=taken))


@pytest.mark.parametrize("reading", [MATCH, STONE, UNKNOWN])
def test_what_is_saved_is_read_back_exactly(tmp_path: Path, reading: Reading) -> None:
    """The file holds every number to its last digit, and this program reads it as the same spectrum."""
    message = saver(tmp_path)(reading)
    (path,) = tmp_path.iterdir()
    assert path.name in message
    with FileSource([str(path)]) as source:
        (again,) = source
    assert isinstance(again, Spectrum)
    assert np.array_equal(again.counts, reading.spectrum.counts)
    assert np.array_equal(again.axis.shift, reading.spectrum.axis.shift)


def test_the_header_describes_the_file(tmp_path: Path) -> None:
    """The source, the identification, when and how it was taken, and the calibration of its axis."""
    saver(tmp_path)(STONE)
    (path,) = tmp_path.iterdir()
    head = path.read_text(encoding="utf-8").split("Raman shift")[0]
    for fact in ("/dev/ttyUSB0", "Zircon (97.1% if in the library)", "2026-11-22T09:59:58+00:00", "0.1 s", "0c1d0c1d"):
        assert fact in head


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """The same spectrum saved again is another file."""
    keep = saver(tmp_path)
    for _ in range(3):
        keep(named("a.txt"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a-20261122T100000Z{more}.csv" for more in ("-2", "-3", "")]


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "C:\\a\\b.txt", "a\nb\x1b[2J.txt", "石英.txt", "caf\udce9.txt", ".", "", "x" * 5000, "a/../.."]
)
def test_a_name_from_outside_stays_in_its_folder(tmp_path: Path, path: str) -> None:
    """Whatever a file is called, what is written lies in the folder, under a name that is only a name."""
    saver(tmp_path)(named(path))
    (written,) = tmp_path.iterdir()
    assert written.name.isprintable()
    assert len(written.name) < 80
    assert "\x1b" not in written.read_text(encoding="utf-8")


@pytest.mark.parametrize("below", [".", "deep/er"])
def test_a_watched_folder_gets_nothing(tmp_path: Path, below: str) -> None:
    """A file there would be identified as a spectrum of its own: it is refused, with what to do."""
    into = tmp_path / below
    into.mkdir(parents=True, exist_ok=True)
    with refused(OutputError, "not saved", got="a watched folder"):
        saver(into, watched=tmp_path)(MATCH)
    assert not list(into.glob("*.csv"))


def test_a_folder_that_is_gone_or_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """No traceback: the reason."""
    with refused(OutputError, "not saved", "gone"):
        saver(tmp_path / "gone")(MATCH)
    (tmp_path / "file").touch()
    with refused(OutputError, "not saved", "file"):
        saver(tmp_path / "file")(MATCH)
