"""Standards that real instruments measured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge import formats
from raman_edge.calibration import standards
from raman_edge.calibration.making import StandardSpectrum, make
from raman_edge.spectrum import Origin, Spectrum

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.calibration.calibration import Calibration

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def read(folder: Path, pattern: str, laser_nm: float) -> Spectrum:
    """Read the first file that matches, pixels as they are."""
    path = min((folder / "instrument_files").rglob(pattern))
    return formats.read(path.read_bytes(), Origin("file", str(path)), laser_nm=laser_nm, pixels=True)[0]


def calibrated(spectrum: Spectrum, standard: str, laser_nm: float, laser: StandardSpectrum | None = None) -> Calibration:
    """Calibrate by a real file."""
    known = standards.find(standard)
    return make(StandardSpectrum(spectrum, known), instrument="real", laser_nm=laser_nm, made=NOW, days=30, laser=laser)


@pytest.mark.parametrize(
    ("pattern", "laser", "least", "rms"),
    [
        ("PST02_iRPlus785*", 785.0, 6, 0.6),
        ("bwtek/PST10_iR532*", 532.0, 10, 1.1),
        ("MacroRAM*", 785.0, 8, 1.0),
        ("PST10_iR785*", 785.0, 7, 1.1),
        ("PST02_Zolix*", 785.0, 7, 1.0),
        ("PST_532_SEX139*", 532.0, 8, 0.9),
        ("PST_Reflex532*.txt", 532.0, 11, 0.9),
        ("PST_WiICV532*", 532.0, 9, 1.1),
        ("PST_WITEcAlpha532*", 532.0, 4, 0.8),
    ],
)
def test_polystyrene_of_every_instrument(real_data: Path, pattern: str, laser: float, least: int, rms: float) -> None:
    """B&W Tek, Horiba, Renishaw, WITec, Zolix: the table is met within about 1 cm⁻¹."""
    made = calibrated(read(real_data, pattern, laser), "polystyrene", laser)
    assert len(made.lines) >= least
    assert made.rms is not None
    assert made.rms <= rms


def test_lamp_on_a_calibrated_axis(real_data: Path) -> None:
    """B&W Tek's neon lamp: 12 lines within 0.3 cm⁻¹."""
    made = calibrated(read(real_data, "Ne_785nm*", 785.0), "neon", 785.0)
    assert len(made.lines) == 12
    assert made.rms is not None
    assert made.rms < 0.3


def test_lamp_on_pixels(real_data: Path) -> None:
    """OpenRAMAN's neon lamp: 16 lines are matched on bare pixels, within 0.1 cm⁻¹."""
    made = calibrated(read(real_data, "*neon_n*", 532.0), "neon", 532.0)
    assert len(made.lines) == 16
    assert made.order == 3
    assert made.rms is not None
    assert made.rms < 0.1


def test_acetonitrile_gives_the_laser_on_the_lamps_scale(real_data: Path) -> None:
    """OpenRAMAN's acetonitrile: three lines agree on a laser of 532.2 nm within 3 cm⁻¹, one of them far outside the lamp's lines."""
    second = StandardSpectrum(read(real_data, "*acetonitrile_n*", 532.0), standards.find("acetonitrile"))
    made = calibrated(read(real_data, "*neon_n*", 532.0), "neon", 532.0, second)
    assert made.laser_nm == pytest.approx(532.24, abs=0.05)
    assert [line.at for line in made.lines if line.standard == "acetonitrile"] == [919.0, 2253.7, 2940.8]
    assert max(abs(line.residual) for line in made.lines) < 3.5


def test_calcite_of_the_pixels_has_its_line(real_data: Path) -> None:
    """OpenRAMAN's calcite on the lamp's scale, its laser taken at its label: 1086 cm⁻¹ within 4 cm⁻¹."""
    made = calibrated(read(real_data, "*neon_n*", 532.0), "neon", 532.0)
    seen = made.apply(read(real_data, "*Wardscalcite*", 532.0), NOW)
    assert seen.axis.shift[int(np.argmax(seen.counts))] == pytest.approx(1086.0, abs=4.5)
