"""Counts become what the light left: dark, nonlinearity, bad pixels; and what a clipped pixel becomes by the same steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import SpectrumError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.acquisition.average import Mean
    from raman_edge.acquisition.darks import Dark
    from raman_edge.instruments.profiles.profile import Sensor
    from raman_edge.instruments.spectrometer import InstrumentInfo


@dataclass(frozen=True, eq=False, slots=True)
class CorrectedCounts:
    """Counts of the active pixels, corrected."""

    pixels: NDArray[np.intp]
    """Their numbers, from 0, (n,), rising."""
    counts: NDArray[np.float64]
    """(n,); negative where noise makes it so."""
    saturation: float | None
    """At least so many counts have all pixels that were clipped, and fewer all others where none was; None is unknown."""
    dark: str
    """What was subtracted, in words; "" is nothing."""
    linear: bool
    """Whether the nonlinearity was corrected."""

    @property
    def is_clipped(self) -> bool:
        """Whether any of them was clipped; False where saturation is unknown."""
        return self.saturation is not None and bool((self.counts >= self.saturation).any())


def corrected(mean: Mean, instrument: InstrumentInfo, dark: Dark | None) -> CorrectedCounts:
    """Correct a mean; ``dark`` is one that fits (:meth:`Dark.why_not`).

    The detector's saturation goes through the same steps as the counts, pixel by pixel, since a dark moves it.
    Nonlinearity: counts above the dark are divided by the polynomial of these counts (Ocean Optics, OOINLCorrect; the
    same in python-seabreeze, ``Spectrometer.intensities``), so that nothing is corrected where the dark is unknown.
    Pixels that are bad, or saturated in the dark, are interpolated linearly.
    Raises :class:`SpectrumError` where the instrument's facts do not fit its frame.
    """
    sensor, size = instrument.sensor, mean.counts.size
    rows = np.stack([mean.counts, np.full(size, np.inf if sensor.saturation is None else sensor.saturation)])
    offset, said = _offset(mean, sensor, dark)
    rows -= offset
    linear = bool(instrument.nonlinearity) and bool(said)
    if linear:
        rows = _linear(rows, instrument.nonlinearity)
    bad = np.zeros(size, dtype=bool) if dark is None else dark.blind.copy()
    bad[[pixel for pixel in sensor.bad_pixels if pixel < size]] = True
    if bad.any():
        rows = _interpolated(rows, bad)
    kept = active(sensor, size)
    counts, ceiling = rows[:, kept]
    clipped = (mean.clipped & ~bad)[kept]
    return CorrectedCounts(kept, counts, _saturation(counts, ceiling, clipped), said, linear)


def active(sensor: Sensor, size: int) -> NDArray[np.intp]:
    """Return the numbers of the pixels that see light; raises :class:`SpectrumError` where the frame has fewer."""
    first, last = sensor.active or (0, size - 1)
    if not 0 <= first < last < size:
        msg = f"pixels {first} to {last} see light by the instrument's page, the frame has {size}: correct sensor.active"
        raise SpectrumError(msg)
    return np.arange(first, last + 1)


def _offset(mean: Mean, sensor: Sensor, dark: Dark | None) -> tuple[NDArray[np.float64] | float, str]:
    """Return what is subtracted, and what that is in words."""
    if dark is not None:
        return dark.counts, f"spectrum of {dark.averages} exposures, {dark.taken_at:%Y-%m-%dT%H:%M:%SZ}, {dark.sha256[:12]}"
    if sensor.dark_pixels is None:
        return 0.0, ""
    first, last = sensor.dark_pixels
    if not first <= last < mean.counts.size:
        msg = f"dark pixels {first} to {last} by the instrument's page, the frame has {mean.counts.size}: correct sensor.dark_pixels"
        raise SpectrumError(msg)
    level = float(mean.counts[first : last + 1].mean())
    if sensor.saturation is not None and level >= sensor.saturation:
        msg = f"the covered pixels read {level:g} counts, and the detector saturates at {sensor.saturation:g}: expose shorter"
        raise SpectrumError(msg)
    return level, f"pixels {first} to {last}"


def _linear(rows: NDArray[np.float64], coefficients: tuple[float, ...]) -> NDArray[np.float64]:
    """Divide by the polynomial; where saturation is unknown it stays so."""
    known = np.isfinite(rows)
    divisor = np.polynomial.polynomial.polyval(np.where(known, rows, 0.0), np.array(coefficients))
    if not (np.isfinite(divisor).all() and (divisor > 0).all()):
        msg = f"the instrument's nonlinearity polynomial is {divisor.min():g} somewhere below saturation; expected about 1: it is damaged"
        raise SpectrumError(msg)
    straight: NDArray[np.float64] = rows / divisor
    return straight


def _interpolated(rows: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float64]:
    if bad.all():
        msg = "every pixel is bad, or saturated in the dark: take another dark"
        raise SpectrumError(msg)
    place, good = np.arange(bad.size), ~bad
    return np.stack([np.where(good, row, np.interp(place, place[good], row[good])) for row in rows])


def _saturation(counts: NDArray[np.float64], ceiling: NDArray[np.float64], clipped: NDArray[np.bool_]) -> float | None:
    """Return a level that tells clipped spectra from others, whatever the dark of each pixel was.

    Where pixels were clipped it is the lowest of theirs; a dark above it leaves nothing, and the level is as small as can be.
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
