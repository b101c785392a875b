"""The lines of a standard in a spectrum of it, between the points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge import peaks
from raman_edge.calibration import scale
from raman_edge.preprocessing.steps import Despike
from raman_edge.spectrum import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.calibration.standards import Standard
    from raman_edge.spectrum import Spectrum

MOST = 40
"""Peaks that are looked at."""
BEYOND = 60.0
"""How far beyond a Raman standard's lines peaks are looked for, cm⁻¹: the laser line is as a rule higher than all of them."""
NARROWEST = 600.0
"""Peaks are looked for over this range at least, cm⁻¹: in a narrower one a broad line is part of the background."""
OFF = 30.0
"""How far an axis that has been calibrated before may be off, cm⁻¹."""
LASER_LINE = 60.0
"""What is nearer to the laser than this is its own light and the edge of the filter, cm⁻¹."""


@dataclass(frozen=True, eq=False, slots=True)
class ObservedPeaks:
    """Peaks on the instrument's own axis."""

    place: NDArray[np.float64]
    """Pixel, or nm, (k,), increasing."""
    height: NDArray[np.float64]
    """Prominence relative to the largest, (k,), 0..1."""
    width: NDArray[np.float64]
    """Full width at half prominence, in the unit of ``place``, (k,)."""
    faintest: float = 0.0
    """The height that a peak needs to be seen at all, for the noise, relative to the largest."""

    def __len__(self) -> int:
        return int(self.place.size)


def observe(spectrum: Spectrum, standard: Standard, laser_nm: float, *, everywhere: bool = False) -> ObservedPeaks:
    """Return the peaks of ``spectrum`` where ``standard`` can have lines; ``laser_nm`` is the one the own axis was made with.

    With ``everywhere`` the peaks beyond the standard's lines are there too, but for the laser's own line.
    """
    kept = _near(spectrum, standard, everywhere=everywhere)
    shift, counts = spectrum.axis.shift[kept], _without_spikes(spectrum, standard)[kept]
    if shift.size < peaks.SMOOTH.size:
        return ObservedPeaks(np.empty(0), np.empty(0), np.empty(0))
    even = Axis(np.linspace(shift[0], shift[-1], shift.size))
    found = peaks.find(even, counts, most=MOST)
    step = (even.stop - even.start) / (len(even) - 1)
    at = _refined(counts, (found.shift - even.start) / step, found.width / step)
    places = scale.own(shift, scale.unit(spectrum), laser_nm)
    index = np.arange(shift.size)
    order = np.argsort(at, kind="stable")
    place = np.interp(at, index, places)[order]
    width = np.interp(at, index, np.abs(np.gradient(places)))[order] * (found.width / step)[order]
    return ObservedPeaks(place, found.height[order].astype(np.float64), width, _faintest(counts))


def _faintest(counts: NDArray[np.floating]) -> float:
    """Return the prominence that a peak needs against the noise, relative to the highest point above the lowest."""
    smooth = np.convolve(counts, peaks.SMOOTH, mode="valid")
    highest = float(np.ptp(smooth))
    return min(1.0, peaks.NOISE_FACTOR * peaks.noise(smooth, peaks.APART) / highest) if highest else 1.0


def _without_spikes(spectrum: Spectrum, standard: Standard) -> NDArray[np.floating]:
    """Return the counts without cosmic spikes; a lamp's lines are as narrow as those."""
    return spectrum.counts if standard.lamp else Despike().apply(spectrum.axis, spectrum.counts.astype(np.float64))[1]


def _near(spectrum: Spectrum, standard: Standard, *, everywhere: bool) -> NDArray[np.bool_]:
    shift = spectrum.axis.shift
    if standard.lamp or scale.unit(spectrum) == "pixel":
        return np.ones(shift.size, dtype=bool)
    if everywhere:
        right_of_laser: NDArray[np.bool_] = shift >= LASER_LINE
        return right_of_laser
    first, last = standard.lines[0], standard.lines[-1]
    beyond_lines = max(BEYOND, (NARROWEST - (last - first)) / 2)
    near: NDArray[np.bool_] = (shift >= max(first - beyond_lines, min(LASER_LINE, first - OFF))) & (shift <= last + beyond_lines)
    return near


def _refined(counts: NDArray[np.floating], at: NDArray[np.floating], widths: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the places of the tops, in points, from the upper half of each."""
    return np.array([_middle(counts, place, width) for place, width in zip(at.tolist(), widths.tolist(), strict=True)], dtype=np.float64)


def _middle(counts: NDArray[np.floating], place: float, width: float) -> float:
    """Return the centre of gravity of what rises above half of a top's height: the image of a wide slit has a flat top."""
    reach = max(2, round(width))
    first, last = max(0, round(place) - reach), min(counts.size, round(place) + reach + 1)
    near = counts[first:last]
    level = (float(near.max()) + float(near.min())) / 2
    above = np.maximum(near - level, 0.0)
    top = min(max(round(place) - first, 0), near.size - 1)
    if above[top] <= 0:
        return place
    lower = np.flatnonzero(above == 0)
    begin, end = int(lower[lower < top].max(initial=-1)) + 1, int(lower[lower > top].min(initial=near.size))
    x = np.arange(begin, end)
    return first + float((x * above[begin:end]).sum() / above[begin:end].sum())
