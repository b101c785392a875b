"""WDF and OPUS beside other people's readers of the same formats; skipped where they are not installed."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from contracts.format_contract import ORIGIN
from data_folder import DATA
from opus_files import COMPACT, INSTRUMENTS, RAMAN, opus, raman, series
from raman_edge.formats import read
from wdf_files import MICRON, WdfFile, X, Y

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raman_edge.spectrum import Spectrum

SHIFT = 150.0 + 15.25 * np.arange(40)
ROWS = [1000.0 + (k + 1) * 37.25 * (np.arange(40) ** 2 % 41) for k in range(6)]
GRID = {X: (MICRON, [0, 1.5, 3, 0, 1.5, 3]), Y: (MICRON, [0, 0, 0, 2, 2, 2])}


def same(found: Sequence[Spectrum], x: np.ndarray[tuple[int], np.dtype[np.float64]], rows: object) -> bool:
    """Whether spectra are these rows on this axis, rising or falling."""
    order = np.argsort(x)
    counts = np.asarray(rows, np.float64).reshape(len(found), -1)[:, order]
    return all(
        np.array_equal(spectrum.axis.shift, np.asarray(x, np.float64)[order]) and np.array_equal(spectrum.counts, row)
        for spectrum, row in zip(found, counts, strict=True)
    )


def wdf_files() -> list[bytes]:
    """Return a made spectrum, a made map, an unfinished one, and the real file where it is there."""
    real = DATA / "instrument_files" / "renishaw" / "nCal_Qontor785_z005H12_100_1x3s.wdf"
    made = [
        WdfFile(SHIFT[::-1], ROWS[:1], origins={X: (MICRON, [1.0])}),
        WdfFile(SHIFT, ROWS, origins=GRID),
        WdfFile(SHIFT, ROWS, capacity=8, origins=GRID),
    ]
    return [replace(file, user=b"by hand").made() for file in made] + ([real.read_bytes()] if real.is_file() else [])


def test_wdf_is_read_as_renishawwire_reads_it(tmp_path: Path) -> None:
    """Axis, counts, places and laser are the same."""
    wire = pytest.importorskip("renishawWiRE", reason="an extra of development")
    for data in wdf_files():
        (tmp_path / "file.wdf").write_bytes(data)
        theirs = wire.WDFReader(str(tmp_path / "file.wdf"))
        theirs.close()
        found = read(data, ORIGIN)
        assert len(found) == theirs.count
        assert same(found, theirs.xdata, theirs.spectra)
        assert float(found[0].meta["laser_nm"]) == pytest.approx(theirs.laser_length, abs=1e-3)
        if len(found) > 1:
            assert [float(spectrum.meta["x"].split()[0]) for spectrum in found] == theirs.xpos.tolist()
            assert [float(spectrum.meta["y"].split()[0]) for spectrum in found] == theirs.ypos.tolist()


def opus_files() -> list[bytes]:
    """Return made files in every form, and the real one where it is there."""
    real = DATA / "instrument_files" / "opus" / "test_opus.0"
    made = [
        [*raman(SHIFT[::-1], ROWS[0]), *INSTRUMENTS],
        raman(SHIFT, ROWS[0], CSF=0.25),
        series(SHIFT, ROWS),
        series(SHIFT, ROWS, stored=9),
        raman(SHIFT, ROWS[0], RAMAN | COMPACT),
    ]
    return [opus(blocks) for blocks in made] + ([real.read_bytes()] if real.is_file() else [])


def test_opus_is_read_as_brukeropus_reads_it(tmp_path: Path) -> None:
    """Axis and counts are the same, of one spectrum and of a series."""
    bruker = pytest.importorskip("brukeropus", reason="an extra of development")
    for data in opus_files():
        (tmp_path / "file.0").write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            theirs = bruker.read_opus(str(tmp_path / "file.0"))
        (name,) = theirs.all_data_keys
        assert name.startswith("ra")
        block = getattr(theirs, name)
        assert same(read(data, ORIGIN), block.x, block.y)
