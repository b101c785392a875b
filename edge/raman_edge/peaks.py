"""Peaks: found in a spectrum, and matched against a reference's table.

The search is written here rather than taken from scipy.signal, whose import alone (1.3 s)
is longer than the whole budget of an identification.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from raman_edge.spectrum import Axis, frozen

Array = NDArray[np.floating]

SMOOTH = np.array([-3.0, 12.0, 17.0, 12.0, -3.0]) / 35
"""Quadratic Savitzky-Golay smoothing over 5 points (Anal. Chem. 36 (1964) 1627, table I)."""
NOISE_FACTOR = 5.0
"""A peak's prominence is at least this many standard deviations of the noise."""
RELATIVE_PROMINENCE = 0.04
"""A peak's prominence is at least this share of the largest prominence."""
MOST = 30
"""Peaks kept, the most prominent ones."""
TOLERANCE = 8.0
"""Two peaks are the same within this distance, cm⁻¹: uncalibrated handhelds are off by 5."""
TELLING_HEIGHT = 0.15
"""A reference peak lower than this share of the highest is not called missing."""


@dataclass(frozen=True, eq=False, slots=True)
class Peaks:
    """Peaks in order of Raman shift."""

    shift: Array
    """Position, cm⁻¹, (k,), increasing."""
    height: Array
    """Prominence relative to the most prominent peak, (k,), 0..1."""
    width: Array
    """Full width at half prominence, cm⁻¹, (k,)."""

    def __post_init__(self) -> None:
        for name in ("shift", "height", "width"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def __len__(self) -> int:
        return int(self.shift.size)


@dataclass(frozen=True, slots=True)
class Matched:
    """A peak of the spectrum that the reference has too."""

    at: float
    """In the spectrum, cm⁻¹."""
    reference: float
    """In the reference, cm⁻¹."""
    delta: float
    """``at - reference``, cm⁻¹."""
    height: float
    """In the spectrum, relative to its most prominent peak, 0..1."""


@dataclass(frozen=True, slots=True)
class Lone:
    """A peak that only the reference (missing) or only the spectrum (extra) has."""

    at: float
    """cm⁻¹."""
    height: float
    """Relative to the most prominent peak of its own spectrum, 0..1."""


@dataclass(frozen=True, slots=True)
class PeakMatch:
    """A spectrum's peaks beside a reference's."""

    matched: tuple[Matched, ...] = ()
    missing: tuple[Lone, ...] = ()
    extra: tuple[Lone, ...] = ()


def noise(counts: Array) -> float:
    """Return the standard deviation of the point-to-point noise, in the unit of ``counts``.

    From the median absolute second difference, which neither lines nor background reach.
    """
    second = np.abs(np.diff(counts, 2))
    return float(np.median(second)) * 1.4826 / math.sqrt(6.0) if second.size else 0.0


def find(axis: Axis, counts: Array, *, most: int = MOST) -> Peaks:
    """Return the peaks of ``counts`` on ``axis`` (uniform steps), at most ``most``, by prominence."""
    if counts.size < SMOOTH.size:
        return Peaks(np.empty(0), np.empty(0), np.empty(0))
    smooth = np.convolve(np.pad(counts, 2, mode="edge"), SMOOTH, mode="valid")
    tops = _tops(smooth)
    prominence = _prominences(smooth, tops)
    # The smoothing leaves 0.7 of white noise: sqrt(sum of squares of its weights).
    floor = NOISE_FACTOR * noise(counts) * float(np.sqrt((SMOOTH**2).sum()))
    largest = float(prominence.max(initial=0.0))
    keep = np.flatnonzero((prominence > floor) & (prominence >= RELATIVE_PROMINENCE * largest) & (prominence > 0))
    keep = np.sort(keep[np.argsort(-prominence[keep], kind="stable")[:most]])
    tops, prominence = tops[keep], prominence[keep]
    step = (axis.stop - axis.start) / (len(axis) - 1)
    return Peaks(_refine(axis, smooth, tops, step), prominence / (largest or 1.0), _widths(smooth, tops, prominence) * step)


def match(found: Peaks, reference: Peaks, covered: tuple[float, float], tolerance: float = TOLERANCE) -> PeakMatch:
    """Pair the nearest peaks first; ``covered`` (cm⁻¹) is where a reference peak can be missed at all."""
    pairs = _pairs(found.shift, reference.shift, tolerance)
    left, right = {i for i, _ in pairs}, {j for _, j in pairs}
    matched = tuple(
        Matched(
            at=round(float(found.shift[i]), 1),
            reference=round(float(reference.shift[j]), 1),
            delta=round(float(found.shift[i] - reference.shift[j]), 1),
            height=round(float(found.height[i]), 3),
        )
        for i, j in sorted(pairs)
    )
    low, high = covered
    missing = tuple(
        _lone(reference, j)
        for j in range(len(reference))
        if j not in right and reference.height[j] >= TELLING_HEIGHT and low <= reference.shift[j] <= high
    )
    return PeakMatch(matched, missing, tuple(_lone(found, i) for i in range(len(found)) if i not in left))


def _lone(peaks: Peaks, index: int) -> Lone:
    return Lone(at=round(float(peaks.shift[index]), 1), height=round(float(peaks.height[index]), 3))


def _pairs(found: Array, reference: Array, tolerance: float) -> list[tuple[int, int]]:
    """Return index pairs within ``tolerance``, each peak used once, the closest pairs first."""
    apart = np.abs(found[:, None] - reference[None, :])
    near = np.argwhere(apart <= tolerance)
    pairs: list[tuple[int, int]] = []
    used_found: set[int] = set()
    used_reference: set[int] = set()
    for i, j in near[np.argsort(apart[tuple(near.T)], kind="stable")].tolist():
        if i not in used_found and j not in used_reference:
            pairs.append((i, j))
            used_found.add(i)
            used_reference.add(j)
    return pairs


def _tops(counts: Array) -> NDArray[np.intp]:
    """Return the indices of local maxima; the left edge of a plateau counts, the ends never do."""
    rising = counts[1:-1] > counts[:-2]
    ahead = np.diff(counts[1:])
    # On a plateau the next step that is not flat decides.
    changes = np.flatnonzero(ahead)
    upcoming = np.searchsorted(changes, np.arange(ahead.size))
    falls = np.zeros(ahead.size, dtype=bool)
    known = upcoming < changes.size
    falls[known] = ahead[changes[upcoming[known]]] < 0
    return np.flatnonzero(rising & falls) + 1


def _prominences(counts: Array, tops: NDArray[np.intp]) -> Array:
    """Return each top's height above the higher of the two saddles that part it from higher ground."""
    if not tops.size:
        return np.empty(0)
    heights = counts[tops]
    valleys = np.minimum.reduceat(counts, np.concatenate([[0], tops]))
    left = _saddles(heights.tolist(), valleys[:-1].tolist())
    right = _saddles(heights[::-1].tolist(), valleys[:0:-1].tolist())[::-1]
    return heights - np.maximum(left, right)


def _saddles(heights: list[float], valleys: list[float]) -> Array:
    """Return the lowest value between each top and the nearest higher one before it.

    ``valleys[i]`` is the lowest value between top ``i`` and the one before (or the end).
    """
    stack: list[tuple[float, float]] = []  # (height, lowest value on its way back)
    saddles = np.empty(len(heights))
    for i, (height, valley) in enumerate(zip(heights, valleys, strict=True)):
        lowest = valley
        while stack and stack[-1][0] <= height:
            lowest = min(lowest, stack.pop()[1])
        saddles[i] = lowest
        stack.append((height, lowest))
    return saddles


def _refine(axis: Axis, counts: Array, tops: NDArray[np.intp], step: float) -> Array:
    """Return positions in cm⁻¹ from the parabola through each top and its neighbours."""
    before, here, after = counts[tops - 1], counts[tops], counts[tops + 1]
    bend = before - 2 * here + after
    offset = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1.0), 0.0)
    return axis.shift[tops] + np.clip(offset, -0.5, 0.5) * step


def _widths(counts: Array, tops: NDArray[np.intp], prominence: Array) -> Array:
    """Return full widths at half prominence, in points."""
    widths = np.empty(tops.size)
    for k, (top, height) in enumerate(zip(tops.tolist(), prominence.tolist(), strict=True)):
        below = np.flatnonzero(counts < counts[top] - height / 2)
        split = int(np.searchsorted(below, top))
        left = below[split - 1] if split else 0
        right = below[split] if split < below.size else counts.size - 1
        widths[k] = max(1.0, float(right - left) - 1.0)
    return widths
