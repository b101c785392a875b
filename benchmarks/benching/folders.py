"""Folders to watch: simulated exposures as two columns, original files of RRUFF, and many small files."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
from raman_edge import synthetic
from raman_edge.spectrum import Axis, Origin

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.matching.library import Library
    from raman_edge.spectrum import Spectrum

RANGE = (150.0, 1450.0)
"""First and last Raman shift of what is simulated, cm⁻¹."""
POINTS, FEW_POINTS = 1024, 160
RRUFF = "rruff/excellent_unoriented.zip"
"""Below the folder of real spectra."""
ALIKE = 64
"""Small files among which only the first line differs: a journal knows a content by its digest."""


def exposures(library: Library, count: int, points: int) -> list[Spectrum]:
    """Return one exposure each of materials drawn from the library's peak tables, all on the same axis."""
    rng = np.random.default_rng(0)
    known = [table for table in library.peaks if len(table)]
    axis = Axis(np.linspace(*RANGE, points))
    chosen = rng.choice(len(known), count)
    return [synthetic.expose(axis, known[i], synthetic.SyntheticConditions(), rng, Origin("bench", "")) for i in chosen]


def simulated(folder: Path, library: Library, count: int, points: int = POINTS) -> list[Path]:
    """Write ``count`` exposures as CSV files of two columns."""
    return [_write(folder / f"{i:06d}.csv", _rows(one)) for i, one in enumerate(exposures(library, count, points))]


def small(folder: Path, library: Library, count: int) -> list[Path]:
    """Write ``count`` files of few points; what is in them repeats, but no two are the same bytes."""
    rows = [_rows(one) for one in exposures(library, min(count, ALIKE), FEW_POINTS)]
    return [_write(folder / f"{i:06d}.csv", f"# {i}\n{rows[i % ALIKE]}") for i in range(count)]


def original(folder: Path, archive: Path, count: int) -> list[Path]:
    """Unpack the first ``count`` processed spectra of RRUFF as they are, each with its own axis."""
    with zipfile.ZipFile(archive) as packed:
        names = [name for name in packed.namelist() if name.endswith(".txt")][:count]
        for number, name in enumerate(names):
            (folder / f"{number:06d}.txt").write_bytes(packed.read(name))
    return sorted(folder.glob("*.txt"))


def _rows(spectrum: Spectrum) -> str:
    pairs = zip(spectrum.axis.shift.tolist(), spectrum.counts.tolist(), strict=True)
    return "".join(f"{shift:.2f},{counts:.1f}\n" for shift, counts in pairs)


def _write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="ascii")
    return file
