"""What an axis column may hold."""

from __future__ import annotations

import numpy as np
import pytest
from raising import refused
from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role
from raman_edge.formats.shift import is_pixels, to_shift

SHIFT, WAVENUMBER, WAVELENGTH, PIXEL = (AxisKind(role) for role in (Role.SHIFT, Role.WAVENUMBER, Role.WAVELENGTH, Role.PIXEL))
NM = AxisKind(Role.WAVELENGTH, 1.0, "nm")
RISING = np.linspace(100.0, 1800.0, 200)


@pytest.mark.parametrize("kind", [SHIFT, WAVENUMBER, None])
@pytest.mark.parametrize("values", [RISING, RISING[::-1], RISING - 300.0])
def test_a_raman_shift_is_left_alone(values: np.ndarray, kind: AxisKind | None) -> None:
    """Rising, falling, from below 0: a Raman shift stays as it is."""
    assert np.array_equal(to_shift(values, kind, None), values)


def test_a_wavelength_is_converted() -> None:
    """The shift is the difference of the wavenumbers of laser and light."""
    shift = to_shift(np.linspace(785.0, 950.0, 50), WAVELENGTH, 785.0)
    assert shift[0] == 0
    assert shift[-1] == pytest.approx(1e7 / 785 - 1e7 / 950)


def test_an_absolute_wavenumber_is_converted() -> None:
    """What lies too high for a shift is the light's own wavenumber."""
    shift = to_shift(np.linspace(12_700.0, 10_500.0, 50), WAVENUMBER, 785.0)
    assert shift[0] == pytest.approx(1e7 / 785 - 12_700)
    assert (np.diff(shift) > 0).all()


def test_gaps_stay_gaps() -> None:
    """A row without an axis value stays without one, whatever is converted."""
    values = np.linspace(800.0, 900.0, 50)
    values[3] = np.nan
    assert np.isnan(to_shift(values, WAVELENGTH, 785.0)).sum() == 1


@pytest.mark.parametrize(
    ("values", "kind", "laser", "says"),
    [
        (np.linspace(800, 900, 50), WAVELENGTH, None, r"unknown laser wavelength: got a wavelength axis \(800 to 900 nm\)"),
        (np.linspace(0, 900, 50), WAVELENGTH, 785.0, "wavelength out of range: got 0 to 900, expected 150 to 20000 nm"),
        (np.linspace(50, 900, 50), NM, 785.0, "wavelength out of range: got 50 to 900, expected 100 to 20000 nm"),
        (np.linspace(400, 700, 50), WAVELENGTH, 785.0, r"Raman shift out of range: got -12261\.1 to -1546\.86 cm-1 with a laser of 785 nm"),
        (
            np.linspace(12_700, 10_000, 50),
            WAVENUMBER,
            None,
            r"unknown laser wavelength: got an axis of absolute wavenumbers \(10000 to 12700 cm-1\)",
        ),
        (np.linspace(12_700, 10_000, 50), WAVENUMBER, 400.0, "Raman shift out of range: got 12300 to 15000 cm-1 with a laser of 400 nm"),
        (np.linspace(100, 13_000, 50), SHIFT, None, "Raman shift out of range: got 100 to 13000 cm-1"),
        (np.arange(1024.0), PIXEL, 785.0, r"axis in pixels: got 0 to 1023, expected a Raman shift \(cm-1\)"),
        (np.full(9, np.nan), SHIFT, None, "no number in 9 rows"),
        (np.linspace(12_700, 10_000, 50), None, None, "axis without a name: got 10000 to 12700, like absolute wavenumbers"),
        (np.linspace(-900, 10, 50), None, None, "axis without a name: got -900 to 10, expected a Raman shift of -600 to 5500 cm-1"),
        (np.arange(1024.0), None, None, "in steps of 1, like pixel numbers"),
        (np.arange(1.0, 1025.0), None, None, "in steps of 1, like pixel numbers"),
        (np.linspace(0.1, 0.9, 50), None, None, "covers 50 cm-1 or more"),
        (np.full(50, 7.0), None, None, "got 7 alone, expected a Raman shift that covers 50 cm-1 or more"),
        (np.tile([100.0, 900.0, 300.0], 20), None, None, "up and down"),
        (
            np.linspace(785, 950, 1024),
            None,
            None,
            r"axis without a name: got 785 to 950 in steps of 0\.16: wavelengths \(nm\) or Raman shifts \(cm-1\)\?",
        ),
    ],
)
def test_what_is_no_raman_shift_is_refused(values: np.ndarray, kind: AxisKind | None, laser: float | None, says: str) -> None:
    """The message names the values, what was expected and what to do."""
    with pytest.raises(FormatError, match=says) as caught:
        to_shift(np.asarray(values, dtype=float), kind, laser)
    assert any(advice in caught.value.advice for advice in ("--axis shift", "--laser NM", "Calibrate", "Check its unit"))


@pytest.mark.parametrize("values", [np.arange(100.0, 1124.0), np.linspace(0, 3000, 500), np.linspace(1100, 350, 1024)])
def test_unnamed_shifts_that_look_a_little_like_something_else_are_read(values: np.ndarray) -> None:
    """Steps of 1 that do not begin at a pixel, and falling axes in the range of wavelengths, are no reason to refuse."""
    assert to_shift(values, None, None).size == values.size


def test_a_few_steps_back_are_no_reason_to_refuse() -> None:
    """Scan windows that overlap step back a few times."""
    stitched = np.concatenate([np.linspace(100, 800, 100), np.linspace(780, 1500, 100)])
    assert to_shift(stitched, None, None).size == 200


@pytest.mark.parametrize(
    ("values", "kind", "pixels"),
    [
        (np.arange(0.0, 100.0), None, True),
        (np.arange(1.0, 100.0), None, True),
        (np.arange(0.0, 100.0), PIXEL, True),
        (np.arange(5.0, 100.0), None, False),
        (np.tile(np.arange(1.0, 100.0), 2), None, True),
        (np.concatenate([np.arange(0.0, 100.0), np.arange(0.0, 50.0)]), None, True),
        (np.arange(100.0)[::-1], None, True),
        (np.arange(0.0, 100.0), SHIFT, False),
        (np.full(9, np.nan), PIXEL, False),
        (np.empty(0), None, False),
    ],
)
def test_pixels_are_derived_from_their_name_or_their_steps(values: np.ndarray, kind: AxisKind | None, *, pixels: bool) -> None:
    """A column named so, or one without a name that counts from 0 or 1, has the numbers of pixels."""
    assert is_pixels(values, kind) == pixels


@pytest.mark.parametrize(
    ("low", "high", "points"),
    [
        (150.0, 850.0, 4711),
        (176.36, 893.69, 3648),
        (176.14, 1100.29, 1612),
        (400, 700, 301),
        (380, 780, 81),
        (405, 495, 181),
        (900, 1700, 512),
    ],
)
def test_what_may_be_wavelengths_needs_an_option(low: float, high: float, points: int) -> None:
    """Of any span and step within what silicon and InGaAs detectors see; the option decides, either way."""
    values = np.linspace(low, high, points)
    with refused(FormatError, "axis without a name", got="wavelengths (nm) or Raman shifts (cm-1)?"):
        to_shift(values, None, None)
    assert np.array_equal(to_shift(values, None, None, "shift"), values)
    with refused(FormatError, "unknown laser wavelength", got=f"{low:g} to {high:g} nm"):
        to_shift(values, None, None, "nm")
    with refused(FormatError, "axis in pixels"):
        to_shift(values, None, None, "pixel")


def test_an_axis_that_a_laser_makes_a_shift_needs_an_option() -> None:
    """From 1070 to 1400 nm lie 50 to 2250 cm⁻¹ of a laser of 1064 nm, and both readings are sound."""
    values = np.linspace(1070.0, 1400.0, 1024)
    assert np.array_equal(to_shift(values, None, None), values)
    with pytest.raises(FormatError, match="--axis nm"):
        to_shift(values, None, 1064.0)


def test_nothing_else_is_negative() -> None:
    """An axis without a name that goes below 0 and beyond 6000 has Raman shifts."""
    values = np.linspace(-560.9, 6267.4, 1600)
    assert np.array_equal(to_shift(values, None, None), values)


def test_the_option_does_not_override_the_file() -> None:
    """A name or a unit wins."""
    assert np.array_equal(to_shift(RISING, SHIFT, None, "nm"), RISING)
    assert to_shift(np.linspace(790.0, 900.0, 50), NM, 785.0, "shift")[0] == pytest.approx(1e7 / 785 - 1e7 / 790)


def test_a_name_that_contradicts_itself_needs_an_option() -> None:
    """Raman shifts are not in nm."""
    doubted = AxisKind(Role.WAVELENGTH, 1.0, "nm", doubt="a Raman shift in nm")
    with refused(FormatError, "ambiguous axis", got="a Raman shift in nm from 100 to 1800"):
        to_shift(RISING, doubted, 785.0)
    assert np.array_equal(to_shift(RISING, doubted, 785.0, "shift"), RISING)


@pytest.mark.parametrize(
    ("kind", "values"), [(AxisKind(Role.WAVELENGTH, 1e3, "µm"), 0.8), (AxisKind(Role.WAVENUMBER, 8065.543937, "eV"), 1.55)]
)
def test_other_units_are_converted(kind: AxisKind, values: float) -> None:
    """To nm or to cm⁻¹ before the laser is taken."""
    shift = to_shift(np.linspace(values, values * 1.01, 50), kind, 785.0)
    nm = values * kind.factor if kind.role is Role.WAVELENGTH else 1e7 / (values * kind.factor)
    assert shift[0] == pytest.approx(1e7 / 785 - 1e7 / nm)


@pytest.mark.parametrize("kind", [SHIFT, WAVENUMBER])
@pytest.mark.parametrize("low", [-560.9, 100.0])
def test_shifts_of_a_blue_laser_go_beyond_6000(kind: AxisKind, low: float) -> None:
    """What begins near the laser is no absolute wavenumber."""
    values = np.linspace(low, 6267.4, 1600)
    assert np.array_equal(to_shift(values, kind, None), values)
