"""Least squares: wavelengths as a polynomial of the instrument's own axis, and how far each line is off without itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.calibration.calibration import WavelengthScale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.calibration.calibration import Unit

HIGHEST = 3
"""Order of the polynomial at most: a grating needs no more over one detector."""
WORTH = 0.9
"""A higher order has to bring the error without the line itself below this share of the lower one's."""
SPREAD = (0.0, 0.1, 0.3, 0.4)
"""Share of the own axis that the lines have to span for each order."""
ROUNDING = 1e-6
"""A line with less freedom than this is met exactly: nothing else determines its coefficient."""
FEWEST_OFF = 2.0
"""A line is never left out for less, cm⁻¹: tables of standards agree within one."""
TIMES_OFF = 4.0
"""Standard deviations, from the median, beyond which a line is another one."""


@dataclass(frozen=True, eq=False, slots=True)
class Pairs:
    """Places on the own axis, and the lines that stand there."""

    place: NDArray[np.float64]
    """Pixel, or nm, (k,)."""
    line: NDArray[np.float64]
    """Raman shift, cm⁻¹, or a lamp's wavelength in vacuum, nm, (k,)."""
    lamp: NDArray[np.bool_]
    """Which of the two, (k,)."""

    def __len__(self) -> int:
        return int(self.place.size)

    def __getitem__(self, kept: NDArray[np.bool_]) -> Pairs:
        return Pairs(self.place[kept], self.line[kept], self.lamp[kept])

    def joined(self, other: Pairs) -> Pairs:
        """Return the pairs of both."""
        return Pairs(
            np.concatenate([self.place, other.place]), np.concatenate([self.line, other.line]), np.concatenate([self.lamp, other.lamp])
        )

    def wavelength(self, laser_nm: float) -> NDArray[np.float64]:
        """Return the wavelengths of the lines in vacuum, nm."""
        raman = np.where(self.lamp, 0.0, self.line)
        return np.where(self.lamp, self.line, 1e7 / (1e7 / laser_nm - raman))


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """A fitted scale, and how far the lines are from it."""

    scale: WavelengthScale
    laser_nm: float
    """Vacuum; as given, or as a Raman standard determines it on the scale of a lamp."""
    pairs: Pairs
    residual: NDArray[np.float64]
    """Where the scale puts each line minus where it belongs, cm⁻¹, (k,)."""
    without: NDArray[np.float64]
    """The same with a fit of all others, cm⁻¹, (k,); NaN where the others cannot be fitted."""
    order: int
    """Order of the polynomial; of the correction where the own axis is one of wavelengths."""

    @property
    def rms(self) -> float:
        """Root mean square of the residuals, cm⁻¹."""
        return _rms(self.residual)

    @property
    def rms_without(self) -> float:
        """Root mean square of what each line is off without itself, cm⁻¹; infinite if it is undetermined."""
        return _rms(self.without) if np.isfinite(self.without).all() else float("inf")


@dataclass(frozen=True, slots=True)
class Span:
    """The own axis, as far as a fit has to know it."""

    first: float
    last: float
    unit: Unit

    @property
    def lowest_order(self) -> int:
        """A shift axis has a length; pixels need a width."""
        return int(self.unit == "pixel")

    @property
    def centre(self) -> float:
        """Middle."""
        return (self.first + self.last) / 2

    @property
    def half(self) -> float:
        """Half of the length."""
        return abs(self.last - self.first) / 2


def fit(pairs: Pairs, span: Span, laser_nm: float, order: int) -> Fit:
    """Fit one order; a shift axis is corrected by a polynomial of that order, pixels are made wavelengths by one."""
    wavelength = pairs.wavelength(laser_nm)
    scaled = 1e7 / wavelength**2  # cm⁻¹ in a nanometre: the residuals are to be small in those
    base = np.zeros(wavelength.size) if span.unit == "pixel" else pairs.place
    design = np.vander((pairs.place - span.centre) / span.half, order + 1, increasing=True) * scaled[:, None]
    goal = (wavelength - base) * scaled
    solution, *_ = np.linalg.lstsq(design, goal, rcond=None)
    residual = design @ solution - goal
    free = 1.0 - np.einsum("ij,ji->i", design, np.linalg.pinv(design))
    without = np.where(free > ROUNDING, residual / np.where(free > ROUNDING, free, 1.0), np.nan)
    if span.unit == "shift":
        solution = np.pad(solution, (0, max(0, 2 - solution.size)))
        solution[:2] += span.centre, span.half
    scale = WavelengthScale(span.centre, span.half, tuple(solution.tolist()))
    return Fit(scale, laser_nm, pairs, residual, without, order)


def robust(pairs: Pairs, span: Span, laser_nm: float, *, least: int) -> Fit:
    """Fit the order that the number and the spread of the lines allow and that predicts left-out lines best.

    For every order the line that the others contradict most is left out, as long as one does and ``least`` are left.
    """
    covered = float(np.ptp(pairs.place)) / (2 * span.half)
    chosen = _trimmed(pairs, span, laser_nm, span.lowest_order, least)
    for order in range(span.lowest_order + 1, HIGHEST + 1):
        fewest = max(least, 2 * order + 1)
        if len(pairs) < fewest or covered < SPREAD[order]:
            break
        higher = _trimmed(pairs, span, laser_nm, order, fewest)
        if higher.scale.is_monotone() and _cost(higher, len(pairs)) < WORTH * _cost(chosen, len(pairs)):
            chosen = higher
    return chosen


def _trimmed(pairs: Pairs, span: Span, laser_nm: float, order: int, least: int) -> Fit:
    """Fit one order without the lines that contradict the others."""
    while True:
        found = fit(pairs, span, laser_nm, order)
        off = np.abs(np.nan_to_num(found.without))
        limit = max(FEWEST_OFF, TIMES_OFF * 1.4826 * float(np.median(off)))
        worst = int(off.argmax())
        if off[worst] <= limit or len(pairs) <= least:
            return found
        pairs = pairs[np.arange(len(pairs)) != worst]


def _cost(found: Fit, lines: int) -> float:
    """Return what ``lines`` lines are off without themselves, cm⁻¹ rms, those left out as much as a line may be off."""
    if not np.isfinite(found.without).all():
        return float("inf")
    kept = np.minimum(found.without**2, FEWEST_OFF**2).sum()
    return float(np.sqrt((kept + (lines - len(found.pairs)) * FEWEST_OFF**2) / lines))


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0
