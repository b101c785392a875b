"""From exposures to a spectrum: averaged, corrected for dark, nonlinearity and bad pixels, put on an axis, with a digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from raman_edge.acquisition import average
from raman_edge.errors import CalibrationError, ConfigError, SpectrumError
from raman_edge.spectrum import PIXELS, Axis, Origin, Spectrum
from raman_edge.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raman_edge.acquisition.average import Mean
    from raman_edge.acquisition.darks import Dark
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.instruments.profiles.profile import Sensor
    from raman_edge.instruments.spectrometer import Exposure, InstrumentInfo

FROM_INSTRUMENT, FROM_OPTION, FROM_CALIBRATION = "instrument", "option", "calibration"
LEAST_SHIFT = 50.0
"""cm⁻¹. Nearer to the laser lie its own line and the edge of the filter, beyond it anti-Stokes light. Both are cut: a model
sees the highest line first."""


@dataclass(frozen=True, eq=False, slots=True)
class CorrectedCounts:
    """Corrected counts of the active pixels."""

    pixels: NDArray[np.intp]
    """Pixel numbers from 0, (n,), rising."""
    counts: NDArray[np.float64]
    """(n,); noise may make them negative."""
    saturation: float | None
    """All clipped pixels have at least so many counts, and where none was clipped all have fewer; None is unknown."""
    dark: str
    """What was subtracted, in words; "" is nothing."""
    linear: bool
    """Whether the nonlinearity was corrected."""

    @property
    def is_clipped(self) -> bool:
        """Whether any pixel was clipped; False where saturation is unknown."""
        return self.saturation is not None and bool((self.counts >= self.saturation).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """How exposures become a spectrum."""

    laser_nm: float | None = None
    """Excitation, nm, instead of the instrument's own; None is the instrument's."""
    calibration: Calibration | None = None
    """Makes the axis; None uses the instrument's own coefficients."""
    pixels: bool = False
    """For a calibration: whether an axis in pixels is accepted where no shift is known, and nothing is cut."""
    kind: str = "serial"
    """Of the origin."""
    path: str = ""
    """Of the origin."""

    def spectrum(self, exposures: Sequence[Exposure], dark: Dark | None = None) -> Spectrum:
        """Return the spectrum of equal exposures; ``dark`` fits them.

        Raises :class:`raman_edge.errors.SpectrumError` for frames that give none, :class:`ConfigError` for an unknown
        axis, and :class:`raman_edge.errors.CalibrationError` for a calibration of another instrument, or one that was
        stale when the exposures were taken.
        """
        last = exposures[-1]
        instrument = last.instrument
        mean = average.mean(exposures)
        found = corrected(mean, instrument, dark)
        laser_nm, laser_from = self._laser(instrument)
        laser = {} if laser_nm is None else {"laser_nm": f"{laser_nm:.10g}", "laser_from": laser_from}
        meta = _meta(exposures, found, mean.spikes) | laser
        axis = self._own_axis(found, instrument, laser_nm)
        if axis is None:
            axis, meta = numbers(found.pixels, instrument), meta | {PIXELS: "counted by the instrument"}
        axis, counts = rising(axis, found.counts)
        made = Spectrum(
            axis=Axis(axis),
            counts=counts,
            origin=self.origin(digest(exposures, dark)),
            taken_at=last.taken_at,
            exposure_s=last.exposure_s,
            saturation=found.saturation,
            meta=meta,
        )
        return made if self.pixels else _cut(self._calibrated(made, last))

    def origin(self, sha256: str | None = None) -> Origin:
        """Return the origin of a spectrum."""
        return Origin(self.kind, self.path, sha256)

    def _own_axis(self, found: CorrectedCounts, instrument: InstrumentInfo, laser_nm: float | None) -> NDArray[np.float64] | None:
        """Return the Raman shift of the instrument itself; None for an axis in pixels."""
        if self.calibration is not None and self.calibration.unit == "pixel":
            return None
        if instrument.coefficients is not None and laser_nm is not None:
            return shift(found.pixels, instrument, laser_nm)
        if self.pixels:
            return None
        if instrument.coefficients is None:
            advice = "Measure a standard with `raman-edge calibrate`, and name that calibration"
            raise ConfigError(kind="unknown wavelengths", place=instrument.profile, advice=advice)
        advice = "Give its wavelength in nm, such as --laser 785"
        raise ConfigError(kind="unknown laser", place=instrument.profile, advice=advice)

    def _calibrated(self, made: Spectrum, last: Exposure) -> Spectrum:
        if self.calibration is None:
            return made
        serial = last.instrument.serial_number
        if serial is not None:
            self.calibration.require_instrument(serial, last.instrument.model)
        try:
            return self.calibration.apply(made, last.taken_at)
        except SpectrumError as error:  # no other spectrum of this instrument will fit
            raise CalibrationError(str(error)) from error

    def _laser(self, instrument: InstrumentInfo) -> tuple[float | None, str]:
        """Return the excitation, nm, and its source: the user, the instrument, or a calibration of an axis that was made with it."""
        if self.laser_nm is not None:
            return self.laser_nm, FROM_OPTION
        if instrument.laser_nm is None and self.calibration is not None and self.calibration.unit == "shift":
            return self.calibration.own_laser_nm, FROM_CALIBRATION
        return instrument.laser_nm, FROM_INSTRUMENT


def digest(exposures: Sequence[Exposure], dark: Dark | None) -> str:
    """Return a digest of instrument, time, exposure, every raw count, and the dark.

    The same exposures from a recording have the same digest; exposures with equal counts, as of a saturated detector, differ by time.
    """
    made = hashlib.sha256(b"raman-edge exposures 1\0")
    for exposure in exposures:
        instrument = exposure.instrument
        stamp = exposure.taken_at.astimezone(UTC).isoformat()
        seconds = None if exposure.exposure_s is None else float(exposure.exposure_s)
        facts = (instrument.profile, instrument.model, instrument.serial_number, stamp, seconds, exposure.averages)
        counts = exposure.frame.counts
        made.update(msgspec.json.encode((*facts, counts.dtype.kind, counts.size)))
        made.update(counts.astype(counts.dtype.newbyteorder("<")).tobytes())
    if dark is not None:
        made.update(dark.sha256.encode())
    return made.hexdigest()


def _cut(spectrum: Spectrum) -> Spectrum:
    """Cut the laser's own line and its other side."""
    kept = beyond_laser(spectrum.axis.shift)
    if kept.start == 0:
        return spectrum
    return replace(spectrum, axis=Axis(spectrum.axis.shift[kept]), counts=spectrum.counts[kept])


def _meta(exposures: Sequence[Exposure], found: CorrectedCounts, spikes: int) -> dict[str, str]:
    """Return the facts of the measurement, as text."""
    last = exposures[-1]
    instrument = last.instrument
    facts = {
        "profile": instrument.profile,
        "model": instrument.model,
        "serial_number": instrument.serial_number or "",
        "exposure_s": "" if last.exposure_s is None else f"{last.exposure_s:g}",
        "averages": str(sum(exposure.averages for exposure in exposures)),
        "dark": found.dark or "not subtracted",
        "nonlinearity": "corrected" if found.linear else "",
        "spikes": str(spikes) if spikes else "",
    }
    return {key: value for key, value in facts.items() if value}


def corrected(mean: Mean, instrument: InstrumentInfo, dark: Dark | None) -> CorrectedCounts:
    """Correct a mean; ``dark`` must fit (:meth:`Dark.why_not`).

    The detector's saturation goes through the same steps as the counts, pixel by pixel, since a dark moves it.
    Nonlinearity: counts above the dark are divided by the polynomial of these counts (Ocean Optics, OOINLCorrect; the
    same in python-seabreeze, ``Spectrometer.intensities``), so that nothing is corrected where the dark is unknown.
    Pixels that are bad, or saturated in the dark, are interpolated linearly.
    Raises :class:`SpectrumError` where the instrument's facts do not fit its frame.
    """
    sensor, size = instrument.sensor, mean.counts.size
    rows = np.stack([mean.counts, np.full(size, np.inf if sensor.saturation is None else sensor.saturation)])
    offset, subtracted = _offset(mean, sensor, dark)
    rows -= offset
    linear = bool(instrument.nonlinearity) and bool(subtracted)
    if linear:
        rows = _linear(rows, instrument.nonlinearity)
    bad = np.zeros(size, dtype=bool) if dark is None else dark.blind.copy()
    bad[[pixel for pixel in sensor.bad_pixels if pixel < size]] = True
    if bad.any():
        rows = _interpolated(rows, bad)
    kept = active(sensor, size)
    counts, ceiling = rows[:, kept]
    clipped = (mean.clipped & ~bad)[kept]
    return CorrectedCounts(kept, counts, _saturation(counts, ceiling, clipped), subtracted, linear)


def active(sensor: Sensor, size: int) -> NDArray[np.intp]:
    """Return the numbers of the active pixels; raises :class:`SpectrumError` where the frame has fewer."""
    first, last = sensor.active or (0, size - 1)
    if not 0 <= first < last < size:
        got, expected = f"a frame of {size} pixels", f"active pixels {first} to {last}"
        raise SpectrumError(kind="frame too short", got=got, expected=expected, advice="Correct sensor.active in the profile")
    return np.arange(first, last + 1)


def _offset(mean: Mean, sensor: Sensor, dark: Dark | None) -> tuple[NDArray[np.float64] | float, str]:
    """Return the counts to subtract, and their description."""
    if dark is not None:
        return dark.counts, f"spectrum of {counted(dark.averages, 'exposure')}, {dark.taken_at:%Y-%m-%dT%H:%M:%SZ}, {dark.sha256[:12]}"
    if sensor.dark_pixels is None:
        return 0.0, ""
    first, last = sensor.dark_pixels
    if not first <= last < mean.counts.size:
        got, expected = f"a frame of {mean.counts.size} pixels", f"dark pixels {first} to {last}"
        raise SpectrumError(kind="frame too short", got=got, expected=expected, advice="Correct sensor.dark_pixels in the profile")
    level = float(mean.counts[first : last + 1].mean())
    if sensor.saturation is not None and level >= sensor.saturation:
        got, expected = f"{level:g} counts", f"less than saturation, {sensor.saturation:g}"
        raise SpectrumError(kind="covered pixels saturated", got=got, expected=expected, advice="Expose shorter")
    return level, f"pixels {first} to {last}"


def _linear(rows: NDArray[np.float64], coefficients: tuple[float, ...]) -> NDArray[np.float64]:
    """Divide by the polynomial; an unknown saturation stays unknown."""
    known = np.isfinite(rows)
    divisor = np.polynomial.polynomial.polyval(np.where(known, rows, 0.0), np.array(coefficients))
    if not (np.isfinite(divisor).all() and (divisor > 0).all()):
        got, expected = f"{divisor.min():g} somewhere below saturation", "about 1"
        raise SpectrumError(kind="damaged nonlinearity polynomial", got=got, expected=expected)
    straight: NDArray[np.float64] = rows / divisor
    return straight


def _interpolated(rows: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float64]:
    if bad.all():
        raise SpectrumError(kind="every pixel is bad, or saturated in the dark", advice="Take another dark")
    place, good = np.arange(bad.size), ~bad
    return np.stack([np.where(good, row, np.interp(place, place[good], row[good])) for row in rows])


def _saturation(counts: NDArray[np.float64], ceiling: NDArray[np.float64], clipped: NDArray[np.bool_]) -> float | None:
    """Return a level that separates clipped spectra from others, for any dark of each pixel.

    It is the lowest of the clipped pixels; where the dark is above it, the smallest positive count.
    """
    if clipped.any():
        lowest = float(counts[clipped].min())
        if lowest > 0:
            return lowest
        positive = counts[counts > 0]
        return float(positive.min()) if positive.size else None
    highest = int(counts.argmax())
    level = max(float(ceiling[highest]), float(np.nextafter(counts[highest], np.inf)))
    return level if 0 < level < np.inf else None


def numbers(pixels: NDArray[np.intp], instrument: InstrumentInfo) -> NDArray[np.float64]:
    """Return the instrument's numbers of pixels counted from 0."""
    return (pixels + instrument.first_pixel).astype(np.float64)


def shift(pixels: NDArray[np.intp], instrument: InstrumentInfo, laser_nm: float) -> NDArray[np.float64]:
    """Return the Raman shift of pixels, cm⁻¹, (n,), in their order; raises :class:`ConfigError` where it is not monotonic.

    Both wavelengths are used as given: in air the shifts are 0.03 % larger than in vacuum, 0.8 cm⁻¹ at 3000; where one is for air
    and the other for vacuum, all are off by 4 cm⁻¹ at 785 nm. A calibration removes this.
    """
    coefficients = instrument.coefficients or ()
    wavelength = np.polynomial.polynomial.polyval(numbers(pixels, instrument), np.array(coefficients))
    steps = np.diff(wavelength)
    if not (np.isfinite(wavelength).all() and (wavelength > 0).all() and ((steps > 0).all() or (steps < 0).all())):
        got, expected = ", ".join(f"{value:g}" for value in coefficients), "wavelengths that rise or fall from pixel to pixel"
        raise ConfigError(
            kind="impossible wavelength coefficients", place=instrument.profile, got=got, expected=expected, advice="Calibrate it"
        )
    places: NDArray[np.float64] = 1e7 / laser_nm - 1e7 / wavelength
    return places


def rising(axis: NDArray[np.float64], counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both in the order of a rising axis."""
    return (axis, counts) if axis[0] < axis[-1] else (axis[::-1], counts[::-1])


def beyond_laser(shift: NDArray[np.floating]) -> slice:
    """Return the points of a rising axis above :data:`LEAST_SHIFT`; raises :class:`ConfigError` where there are fewer than two."""
    first = int(np.searchsorted(shift, LEAST_SHIFT, side="right"))
    if shift.size - first < 2:  # noqa: PLR2004 - a spectrum has two points
        got, expected = f"{shift[0]:.0f} to {shift[-1]:.0f} cm⁻¹ from the laser", f"more than {LEAST_SHIFT:g} cm⁻¹"
        raise ConfigError(kind="axis without Raman lines", got=got, expected=expected, advice="Check the wavelength of the laser")
    return slice(first, None)
