"""Materials that the test library does not have, as spectra and as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from raman_edge import synthetic
from raman_edge.peaks import Peaks
from raman_edge.sources.files import FileSource
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from pathlib import Path

SILICON = Peaks(np.array([303.0, 520.5, 960.0]), np.array([0.1, 1.0, 0.15]), np.array([8.0, 6.0, 20.0]))


def exposure(table: Peaks = SILICON, seed: int = 0, name: str = "wafer") -> Spectrum:
    """Return one exposure, its own for each ``seed``."""
    rng = np.random.default_rng(seed)
    return synthetic.expose(Axis.linear(150.0, 1400.0, 1.0), table, synthetic.SyntheticConditions(), rng, Origin("test", f"{name}-{seed}"))


def noise() -> Spectrum:
    """Return an exposure of nothing."""
    counts = np.random.default_rng(0).normal(300.0, 8.0, 1251)
    return Spectrum(Axis.linear(150.0, 1400.0, 1.0), counts, Origin("test", "noise"))


def write(path: Path, table: Peaks = SILICON, seed: int = 0) -> Path:
    """Write an exposure as the text file an instrument would write."""
    return write_spectrum(path, exposure(table, seed))


def write_spectrum(path: Path, made: Spectrum) -> Path:
    """Write any spectrum as such a file."""
    rows = "\n".join(f"{x:.2f}, {y:.2f}" for x, y in zip(made.axis.shift, made.counts, strict=True))
    path.write_text(f"Raman shift (cm-1), Intensity (counts)\n{rows}\n")
    return path


def read(path: Path) -> Spectrum:
    """Return the one spectrum in the file at ``path``."""
    (spectrum,) = FileSource([str(path)])
    assert isinstance(spectrum, Spectrum)
    return spectrum
