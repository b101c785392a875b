"""Complete calibrations of simulated instruments with a hidden error of the axis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from markers import examples, slow
from raising import refused
from raman_edge.calibration import standards
from raman_edge.calibration.making import StandardSpectrum, deviation, make
from raman_edge.errors import SpectrumError
from raman_edge.peaks import Peaks
from raman_edge.spectrum import PIXELS, Axis, Origin, Spectrum
from raman_edge.synthetic import SyntheticConditions, expose

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.calibration.standards import Standard

ORIGIN = Origin("test", "simulated")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LASER = 785.0
SHIFT = np.linspace(100.0, 3300.0, 2400)


BLEND = 10.0
"""cm⁻¹; a false line nearer than this to a true one, 8 cm⁻¹ wide both, is a shoulder of it and moves its top."""


def wrong(offset: float, stretch: float, curve: float) -> NDArray[np.float64]:
    """Return the axis that an instrument writes for ``SHIFT``: off by up to the sum of the three, cm⁻¹."""
    t = np.linspace(-1.0, 1.0, SHIFT.size)
    return SHIFT + offset + stretch * t + curve * t**2


def seen(standard: Standard, written: NDArray[np.float64], seed: int, *, missing: int = 0, false: float | None = None) -> Spectrum:
    """Return a noisy spectrum of ``standard`` on the axis the instrument writes, ``missing`` lines fewer, one line more."""
    rng = np.random.default_rng(seed)
    lines = np.delete(np.array(standard.lines), rng.choice(len(standard.lines), missing, replace=False))
    places = np.sort(np.append(lines, [] if false is None else [false]))
    table = Peaks(places, rng.uniform(0.3, 1.0, places.size), np.full(places.size, 8.0))
    exposed = expose(Axis(SHIFT), table, SyntheticConditions(), rng, ORIGIN)
    return Spectrum(Axis(written), exposed.counts, ORIGIN, meta={"laser_nm": f"{LASER:g}"})


def lamp(first_nm: float, per_pixel: float, bend: float, seed: int) -> Spectrum:
    """Return a neon lamp on 2048 pixels; ``bend`` is how many nm the middle is off the straight line."""
    pixel = np.arange(2048.0)
    wavelength = first_nm + per_pixel * pixel + bend * (1 - ((pixel - 1023.5) / 1023.5) ** 2)
    rng = np.random.default_rng(seed)
    lines = standards.vacuum(np.array(standards.find("neon").lines))
    heights = rng.uniform(0.1, 1.0, lines.size)
    apart = (wavelength[None, :] - lines[:, None]) / (1.5 * per_pixel)
    counts = 20_000 * (heights[:, None] * np.exp(-(apart**2) / 2)).sum(axis=0) + 300
    return Spectrum(Axis(pixel), rng.poisson(counts) + rng.normal(0, 8, counts.size), ORIGIN, meta={PIXELS: "2048"})


def calibrated(spectrum: Spectrum, standard: Standard) -> Calibration:
    """Calibrate, for a month from now on."""
    return make(StandardSpectrum(spectrum, standard), instrument="SN1", laser_nm=LASER, made=NOW, days=30)


def left(calibration: Calibration, written: NDArray[np.float64]) -> float:
    """Return what is still wrong with the axis where the calibration holds, cm⁻¹ rms."""
    blank = Spectrum(Axis(written), np.zeros(written.size), ORIGIN, meta={"laser_nm": f"{LASER:g}"})
    low, high = calibration.valid
    inside = slice(*np.searchsorted(SHIFT, (low, high)))
    off = calibration.apply(blank, NOW).axis.shift - SHIFT
    return float(np.sqrt(np.mean(off[inside] ** 2)))


@settings(max_examples=examples(25), deadline=None)
@given(
    name=st.sampled_from(["polystyrene", "cyclohexane", "4-acetamidophenol", "naphthalene"]),
    offset=st.floats(-3, 3),
    stretch=st.floats(-3, 3),
    curve=st.floats(-1.5, 1.5),
    false=st.floats(200, 3200),
    missing=st.integers(0, 2),
    seed=st.integers(0, 2**16),
)
def test_hidden_errors_are_found(name: str, offset: float, stretch: float, curve: float, false: float, missing: int, seed: int) -> None:
    """Whatever offset, stretch and curvature of 3 cm⁻¹ hide in the axis, 1 cm⁻¹ rms is left, with lines missing and one that is false."""
    standard = standards.find(name)
    assume(min(abs(line - false) for line in standard.lines) > BLEND)
    written = wrong(offset, stretch, curve)
    calibration = calibrated(seen(standard, written, seed, missing=missing, false=false), standard)
    assert left(calibration, written) <= 1.0


@pytest.mark.parametrize("offset", [-28.0, 17.0, 28.0])
def test_far_off_axis_is_found(offset: float) -> None:
    """Polystyrene's lines are matched on an axis that is off by almost 30 cm⁻¹."""
    written = wrong(offset, 0.0, 0.0)
    assert left(calibrated(seen(standards.find("polystyrene"), written, 1), standards.find("polystyrene")), written) <= 1.0


@pytest.mark.parametrize(("first", "per_pixel", "bend"), [(534.0, 0.055, 1.0), *slow((770.0, 0.09, -1.5), (625.0, 0.12, 2.0))])
def test_lamp_makes_wavelengths_of_pixels(first: float, per_pixel: float, bend: float) -> None:
    """A neon lamp calibrates a detector of unknown range and dispersion, to a fifth of a pixel."""
    spectrum = lamp(first, per_pixel, bend, 3)
    laser = 532.0 if first < 550 else 633.0 if first < 700 else 785.0
    made = make(StandardSpectrum(spectrum, standards.find("neon")), instrument="SN1", laser_nm=laser, made=NOW, days=30)
    pixel = np.arange(2048.0)
    truth = first + per_pixel * pixel + bend * (1 - ((pixel - 1023.5) / 1023.5) ** 2)
    low, high = (1e7 / (1e7 / laser - value) for value in made.valid)
    inside = (truth >= low) & (truth <= high)
    assert np.abs(made.scale.wavelength(pixel) - truth)[inside].max() < 0.2 * per_pixel + 0.01


def test_reversed_detector_is_turned() -> None:
    """A detector whose first pixel is the longest wavelength gives a rising Raman shift with its own counts."""
    straight = lamp(534.0, 0.055, 1.0, 3)
    turned = Spectrum(straight.axis, straight.counts[::-1], ORIGIN, meta={PIXELS: "2048"})
    neon = standards.find("neon")
    one, other = (make(StandardSpectrum(each, neon), instrument="SN1", laser_nm=532.0, made=NOW, days=30) for each in (straight, turned))
    assert np.allclose(one.apply(straight, NOW).axis.shift, other.apply(turned, NOW).axis.shift, atol=0.1)
    assert np.array_equal(other.apply(turned, NOW).counts, straight.counts)


def test_raman_standard_gives_the_laser_on_a_lamps_scale() -> None:
    """With neon for the wavelengths, the lines of cyclohexane give a laser that is 0.4 nm from its label."""
    spectrum = lamp(540.0, 0.07, 1.0, 5)
    pixel = np.arange(2048.0)
    truth = 540.0 + 0.07 * pixel + 1.0 * (1 - ((pixel - 1023.5) / 1023.5) ** 2)
    standard = standards.find("cyclohexane")
    table = Peaks(np.array(standard.lines), np.full(len(standard.lines), 0.8), np.full(len(standard.lines), 8.0))
    raman = expose(Axis(1e7 / 532.4 - 1e7 / truth), table, SyntheticConditions(), np.random.default_rng(1), ORIGIN)
    second = StandardSpectrum(Spectrum(spectrum.axis, raman.counts, ORIGIN, meta={PIXELS: "2048"}), standard)
    neon = StandardSpectrum(spectrum, standards.find("neon"))
    made = make(neon, instrument="SN1", laser_nm=532.0, made=NOW, days=30, laser=second)
    assert made.laser_nm == pytest.approx(532.4, abs=0.02)
    assert made.laser_fitted
    assert made.standards == ("neon", "cyclohexane")


def test_silicon_gives_an_offset_and_no_scatter() -> None:
    """One line moves the axis; what it cannot give is unknown, not zero."""
    written = wrong(2.5, 0.0, 0.0)
    made = calibrated(seen(standards.find("silicon"), written, 2), standards.find("silicon"))
    assert made.order == 0
    assert made.rms is None
    assert made.rms_without is None
    assert left(made, written) < 0.5


def test_noise_is_no_standard() -> None:
    """A spectrum without lines is refused with how many were found and what to do."""
    noise = Spectrum(Axis(SHIFT), np.random.default_rng(0).normal(1000, 10, SHIFT.size), ORIGIN, meta={"laser_nm": "785"})
    with refused(SpectrumError, "too few lines", got="0 peaks"):
        calibrated(noise, standards.find("polystyrene"))


def test_another_material_is_no_standard() -> None:
    """Silicon's line alone is not read as polystyrene."""
    with refused(SpectrumError, "too few lines", got="0 peaks"):
        calibrated(seen(standards.find("silicon"), SHIFT, 2), standards.find("polystyrene"))


def test_pixels_want_more_than_one_line() -> None:
    """An axis of pixels is not calibrated with silicon: a lamp is named instead."""
    with pytest.raises(SpectrumError, match="neon lamp"):
        calibrated(lamp(800.0, 0.1, 0.0, 1), standards.find("silicon"))


def test_laser_is_required() -> None:
    """Without the laser's wavelength nothing is guessed."""
    spectrum = lamp(534.0, 0.055, 1.0, 3)
    with pytest.raises(SpectrumError, match="--laser NM"):
        make(StandardSpectrum(spectrum, standards.find("neon")), instrument="SN1", laser_nm=None, made=NOW, days=30)


def test_check_gives_todays_deviation() -> None:
    """After the axis has moved by 1.5 cm⁻¹, today's standard says so."""
    standard = standards.find("polystyrene")
    calibration = calibrated(seen(standard, wrong(2.0, 1.0, 0.0), 1), standard)
    today = deviation(calibration, StandardSpectrum(seen(standard, wrong(3.5, 1.0, 0.0), 2), standard), NOW)
    assert today.mean == pytest.approx(1.5, abs=0.3)
    assert today.rms >= abs(today.mean)
