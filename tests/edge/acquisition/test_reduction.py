"""Exposures become a spectrum on an axis, with what is known of it, and a digest of what was measured."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import spectrometers
from raman_edge.acquisition import darks, reduction
from raman_edge.acquisition.reduction import Reduction, digest
from raman_edge.calibration.calibration import Calibration, CalibrationLine, Unit, WavelengthScale, axis_unit
from raman_edge.errors import CalibrationError, ConfigError
from raman_edge.instruments.profiles.profile import Sensor
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.spectrum import PIXELS as IN_PIXELS
from spectrometers import BEGAN, COEFFICIENTS, COVERED, INSTRUMENT, LASER_NM, PIXELS, Fake, exposure

if TYPE_CHECKING:
    from raman_edge.instruments.spectrometer import InstrumentInfo

SERIAL = Reduction(path="/dev/ttyUSB0")


def shot(**changes: object) -> Exposure:
    """Return an exposure of calcite."""
    got = Fake().expose()
    assert isinstance(got, Exposure)
    return exposure(got.frame.counts, taken_at=got.taken_at, **changes)


def calibration(unit: Unit = "pixel", **changes: object) -> Calibration:
    """Return a calibration that puts the fake's pixels half a nanometre further than it does itself."""
    centre, half = (PIXELS / 2, PIXELS / 2) if unit == "pixel" else (835.0, 50.0)
    ends = (COEFFICIENTS[0] + 0.5 + COEFFICIENTS[1] * centre, COEFFICIENTS[1] * half) if unit == "pixel" else (835.5, 50.0)
    made = Calibration(
        instrument="F1", serial="F1", standards=("neon",), made=BEGAN - timedelta(days=1), expires=BEGAN + timedelta(days=1), unit=unit,
        points=PIXELS - COVERED if unit == "pixel" else None, own_laser_nm=LASER_NM, laser_nm=LASER_NM, laser_fitted=False,
        scale=WavelengthScale(centre, half, ends), order=1, valid=(0.0, 1500.0),
        lines=(CalibrationLine("neon", 500.0, 0.1, None),), rms=0.2, rms_without=None,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_the_axis_is_that_of_the_wavelengths() -> None:
    """The Raman shift of every active pixel is what its wavelength and the laser give, above the laser's own line."""
    spectrum = SERIAL.spectrum([shot()])
    pixels = np.arange(COVERED, PIXELS)
    expected = 1e7 / LASER_NM - 1e7 / (COEFFICIENTS[0] + COEFFICIENTS[1] * pixels)
    assert np.allclose(spectrum.axis.shift, expected[expected > reduction.LEAST_SHIFT])
    assert IN_PIXELS not in spectrum.meta


def test_the_highest_line_is_where_the_mineral_has_it() -> None:
    """Calcite's line at 1086 cm⁻¹ is found there."""
    spectrum = SERIAL.spectrum([shot()])
    assert abs(spectrum.axis.shift[spectrum.counts.argmax()] - 1086.0) < 2.5


def test_pixels_are_numbered_as_the_polynomial_has_them() -> None:
    """A polynomial of pixels from 1 gives the axis of one of pixels from 0 that is a pixel further."""
    shifted = msgspec.structs.replace(INSTRUMENT, first_pixel=1, coefficients=(COEFFICIENTS[0] - COEFFICIENTS[1], COEFFICIENTS[1]))
    assert np.allclose(SERIAL.spectrum([shot(instrument=shifted)]).axis.shift, SERIAL.spectrum([shot()]).axis.shift)


def test_an_axis_that_falls_is_turned_round_with_its_counts() -> None:
    """A detector whose last pixel is nearest to the laser gives the same spectrum, rising."""
    last = COEFFICIENTS[0] + COEFFICIENTS[1] * (PIXELS - 1)
    mirrored = msgspec.structs.replace(INSTRUMENT, coefficients=(last, -COEFFICIENTS[1]), sensor=Sensor())
    plain = msgspec.structs.replace(INSTRUMENT, sensor=Sensor())
    one, other = shot(instrument=plain), shot(instrument=mirrored)
    turned = exposure(other.frame.counts[::-1], instrument=mirrored)
    assert np.allclose(SERIAL.spectrum([turned]).axis.shift, SERIAL.spectrum([one]).axis.shift)
    assert np.array_equal(SERIAL.spectrum([turned]).counts, SERIAL.spectrum([one]).counts)


@pytest.mark.parametrize("coefficients", [(800.0, 1.0, -0.1), (float("nan"), 1.0), (-100.0, 0.1), (800.0, 0.0)])
def test_wavelengths_that_do_not_run_one_way_are_refused(coefficients: tuple[float, ...]) -> None:
    """Coefficients that give no axis are refused with their values."""
    with pytest.raises(ConfigError, match="wavelength coefficients"):
        SERIAL.spectrum([shot(instrument=spectrometers.instrument(coefficients=coefficients))])


def test_an_impossible_laser_is_refused() -> None:
    """Where the whole detector lies on the laser's other side, the laser's wavelength is doubted: no exposure will ever give a spectrum."""
    with pytest.raises(ConfigError, match="axis without Raman lines"):
        Reduction(laser_nm=1064.0).spectrum([shot()])


def test_the_laser_that_was_given_wins() -> None:
    """A laser given by the user replaces the instrument's, and the meta says whose it is."""
    spectrum = Reduction(laser_nm=784.5).spectrum([shot()])
    assert spectrum.meta["laser_nm"] == "784.5"
    assert spectrum.meta["laser_from"] == "option"
    assert SERIAL.spectrum([shot()]).meta["laser_from"] == "instrument"
    assert spectrum.axis.stop > SERIAL.spectrum([shot()]).axis.stop


@pytest.mark.parametrize(("changes", "reason"), [({"coefficients": None}, "calibrate"), ({"laser_nm": None}, "laser")])
def test_an_unknown_axis_ends_the_run(changes: dict[str, object], reason: str) -> None:
    """Without wavelengths or without a laser nothing can be named: that is no fault of an exposure, and says what to do."""
    with pytest.raises(ConfigError, match=reason):
        SERIAL.spectrum([shot(instrument=spectrometers.instrument(**changes))])


def test_a_calibration_knows_the_laser_of_its_axis() -> None:
    """Where neither user nor instrument says which laser it is, it is the one with which the axis was calibrated, as the meta says."""
    shift, unknown = calibration("shift"), spectrometers.instrument(laser_nm=None)
    made = Reduction(calibration=shift).spectrum([shot(instrument=unknown)])
    assert made.meta["laser_from"] == "calibration"
    assert np.array_equal(made.axis.shift, Reduction(calibration=shift).spectrum([shot()]).axis.shift)
    with pytest.raises(ConfigError, match="unknown laser"):
        SERIAL.spectrum([shot(instrument=unknown)])


def test_a_calibration_of_another_laser_ends_the_run() -> None:
    """No spectrum of an instrument fits a calibration that was made with another laser: that is no fault of one of them."""
    with pytest.raises(CalibrationError, match="another laser"):
        Reduction(calibration=calibration("shift"), laser_nm=633.0).spectrum([shot(instrument=spectrometers.instrument(laser_nm=None))])


def test_a_calibration_gets_the_pixels() -> None:
    """Without wavelengths the axis is the numbers of the active pixels, and reports it."""
    spectrum = Reduction(pixels=True).spectrum([shot(instrument=spectrometers.instrument(coefficients=None, first_pixel=1))])
    assert spectrum.axis.start == COVERED + 1
    assert len(spectrum) == PIXELS - COVERED
    assert axis_unit(spectrum) == "pixel"


def test_a_calibration_gets_every_point() -> None:
    """Nothing is cut from a spectrum that a calibration is to be made of."""
    assert len(Reduction(pixels=True).spectrum([shot()])) == PIXELS - COVERED


@pytest.mark.parametrize("unit", ["pixel", "shift"])
@pytest.mark.parametrize("knows", [True, False])
def test_a_calibration_makes_the_axis(unit: Unit, knows: bool) -> None:  # noqa: FBT001 - a parameter
    """A calibration in pixels or in shifts moves the axis by its half nanometre, and is named; pixels need no coefficients."""
    if unit == "shift" and not knows:
        return
    used = calibration(unit)
    instrument = INSTRUMENT if knows else spectrometers.instrument(coefficients=None)
    spectrum = Reduction(calibration=used).spectrum([shot(instrument=instrument)])
    moved = 1e7 / LASER_NM - 1e7 / (COEFFICIENTS[0] + 0.5 + COEFFICIENTS[1] * np.arange(COVERED, PIXELS))
    assert np.allclose(spectrum.axis.shift, moved[moved > reduction.LEAST_SHIFT], atol=0.05)
    assert spectrum.calibrated is not None
    assert spectrum.calibrated.id == used.id
    assert IN_PIXELS not in spectrum.meta


def test_a_calibration_of_another_instrument_ends_the_run() -> None:
    """An instrument with another serial number than the calibration's is refused."""
    with pytest.raises(CalibrationError, match="another instrument: got 'F2'"):
        Reduction(calibration=calibration()).spectrum([shot(instrument=spectrometers.instrument(serial_number="F2"))])


def test_a_calibration_is_as_old_as_it_was_when_it_was_used() -> None:
    """What was measured while the calibration held is calibrated whenever it is replayed; what came later is refused."""
    held = Reduction(calibration=calibration())
    assert datetime.now(UTC) > calibration().expires
    assert held.spectrum([shot()]).calibrated is not None
    late = exposure(shot().frame.counts, taken_at=BEGAN + timedelta(days=2))
    with pytest.raises(CalibrationError, match="Measure the standard again"):
        held.spectrum([late])


def test_the_spectrum_knows_what_it_is() -> None:
    """Origin, time, exposure and meta say what was measured, and how."""
    shots = [exposure(shot().frame.counts + k, taken_at=BEGAN + timedelta(seconds=k)) for k in range(3)]
    spectrum = Reduction(path="/dev/ttyUSB0").spectrum(shots)
    assert (spectrum.origin.kind, spectrum.origin.path) == ("serial", "/dev/ttyUSB0")
    assert spectrum.taken_at == BEGAN + timedelta(seconds=2)
    assert spectrum.exposure_s == 0.1
    expected = {
        "profile": "fake",
        "model": "Nobody's fake",
        "serial_number": "F1",
        "exposure_s": "0.1",
        "averages": "3",
        "dark": "pixels 2 to 17",
    }
    assert expected.items() <= dict(spectrum.meta).items()


def varied() -> list[tuple[list[Exposure], darks.Dark | None]]:
    """Return measurements that differ in one thing each."""
    one = shot()
    changed = one.frame.counts.copy()
    changed[3] += 1
    other: InstrumentInfo = spectrometers.instrument(serial_number="F2")
    dark = darks.of([exposure(np.full(PIXELS, 400.0), dark=True)])
    alone: list[list[Exposure]] = [
        [one],
        [one, one],
        [exposure(changed, taken_at=one.taken_at)],
        [exposure(one.frame.counts, taken_at=one.taken_at, instrument=other)],
        [exposure(one.frame.counts, taken_at=one.taken_at, exposure_s=0.2)],
        [exposure(one.frame.counts, taken_at=one.taken_at, averages=2)],
        [exposure(one.frame.counts, taken_at=one.taken_at + timedelta(microseconds=1))],
        [exposure(one.frame.counts.astype(np.float64), taken_at=one.taken_at)],
    ]
    return [(shots, None) for shots in alone] + [([one], dark)]


def test_the_digest_is_of_all_that_was_measured() -> None:
    """Another count, instrument, duration, moment, number of exposures or dark is another measurement; the same is the same."""
    found = [digest(shots, dark) for shots, dark in varied()]
    assert len(set(found)) == len(found)
    assert found == [digest(shots, dark) for shots, dark in varied()]
    assert all(len(one) == hashlib.sha256().digest_size * 2 for one in found)


def test_a_whole_number_of_seconds_is_one_measurement() -> None:
    """An exposure of 1 s has the digest of one of 1.0 s, which is how a file gives it back."""
    assert digest([shot(exposure_s=1)], None) == digest([shot(exposure_s=1.0)], None)


def test_the_origin_has_the_digest() -> None:
    """The spectrum is named by the digest of its exposures and its dark."""
    one, dark = shot(), darks.of([exposure(np.full(PIXELS, 400.0), dark=True)])
    assert SERIAL.spectrum([one], dark).origin.sha256 == digest([one], dark)
