"""The hidden error of a simulated instrument's axis, found by a standard and gone for every other one."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from raman_edge.calibration import standards
from raman_edge.calibration.making import StandardSpectrum, deviation, make
from raman_edge.instruments.profiles import catalogue
from raman_edge.simulator import samples
from raman_edge.simulator.scene import Scene
from raman_edge.spectrum import Axis, Origin, Spectrum

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
STS = catalogue.load("ocean-sts")


def measured(standard: str, error: float) -> StandardSpectrum:
    """Return a spectrum of a standard on the axis of the device, off by ``error`` cm⁻¹."""
    scene = Scene(STS, standard, find=samples.find, axis_error_cm=error)
    counts = scene.expose(0.1, 10, np.random.default_rng(1), lit=True) / 10
    nm = np.polynomial.polynomial.polyval(np.arange(scene.pixels), scene.coefficients)
    spectrum = Spectrum(Axis(1e7 / 785.0 - 1e7 / nm), counts, Origin("serial", "simulated"))
    return StandardSpectrum(spectrum, standards.find(standard))


@pytest.mark.parametrize("error", [3.0, -3.0, 8.0])
@pytest.mark.parametrize("by", ["polystyrene", "paracetamol", "cyclohexane"])
def test_a_hidden_error_is_gone_after_calibration(by: str, error: float) -> None:
    """Where it is valid, other standards than its own lie within 1 cm⁻¹ (rms), and an axis without the error is then off by it."""
    calibration = make(measured(by, error), instrument="SIM00001", laser_nm=785.0, made=NOW, days=30)
    low, high = calibration.valid
    for other in sorted({"polystyrene", "paracetamol", "cyclohexane"} - {by}):
        lines = deviation(calibration, measured(other, error), NOW).lines
        off = np.array([off for at, off in lines if low <= at <= high])
        assert off.size >= 5
        assert np.sqrt(np.mean(off**2)) <= 1.0
        assert deviation(calibration, measured(other, 0.0), NOW).mean == pytest.approx(-error, abs=1.0)
