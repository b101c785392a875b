"""Peaks: found in a spectrum, and matched against a reference's table.

The search is written here rather than taken from scipy.signal, whose import alone (1.3 s)
is longer than the whole budget of an identification.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from raman_edge.spectrum import Axis, frozen

Array = NDArray[np.floating]

SMOOTH = np.array([-3.0, 12.0, 17.0, 12.0, -3.0]) / 35
"""Quadratic Savitzky-Golay smoothing over 5 points (Anal. Chem. 36 (1964) 1627, table I)."""
NOISE_FACTOR = 7.0
"""A peak's prominence is at least this many standard deviations of the smoothed noise: from its
deepest to its highest point noise alone spans six among a thousand points."""
APART = (3, 6)
"""Points between which the smoothed noise is measured: the smoothing, and interpolation onto a
finer axis than the measured one, make nearer neighbours alike."""
WIDEST = 150.0
"""What rises over a wider range than this is fluorescence, not a line, cm⁻¹: the band of glassy carbon is 100 wide."""
RELATIVE_PROMINENCE = 0.04
"""A peak's prominence is at least this share of the largest prominence."""
MOST = 30
"""Peaks kept, the most prominent ones."""
TOLERANCE = 8.0
"""Two peaks are the same within this distance, cm⁻¹: uncalibrated handhelds are off by 5."""
TELLING_HEIGHT = 0.15
"""A reference peak lower than this share of the highest is not called missing."""


@dataclass(frozen=True, eq=False)
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

    @cached_property
    def rounded(self) -> tuple[Lone, ...]:
        """The peaks as records have them: a tenth of a cm⁻¹, a thousandth of the height."""
        places, heights = self.shift.round(1).tolist(), self.height.round(3).tolist()
        return tuple(Lone(at, height) for at, height in zip(places, heights, strict=True))


class Matched(msgspec.Struct, frozen=True):
    """A peak of the spectrum that the reference has too."""

    at: float
    """In the spectrum, cm⁻¹."""
    reference: float
    """In the reference, cm⁻¹."""
    delta: float
    """``at - reference``, cm⁻¹."""
    height: float
    """In the spectrum, relative to its most prominent peak, 0..1."""
    reference_height: float
    """In the reference, likewise."""


class Lone(msgspec.Struct, frozen=True):
    """A peak that only the reference (missing) or only the spectrum (extra) has."""

    at: float
    """cm⁻¹."""
    height: float
    """Relative to the most prominent peak of its own spectrum, 0..1."""


class PeakMatch(msgspec.Struct, frozen=True):
    """A spectrum's peaks beside a reference's."""

    matched: tuple[Matched, ...] = ()
    missing: tuple[Lone, ...] = ()
    extra: tuple[Lone, ...] = ()

    @property
    def explained(self) -> float:
        """Share of the spectrum's peaks, by height, that the reference has too, 0..1; 0 where there are none."""
        return _share(sum(peak.height for peak in self.matched), self.extra)

    @property
    def found(self) -> float:
        """Share of the reference's telling peaks, by height, that the spectrum has too, 0..1; 0 where there are none."""
        return _share(sum(peak.reference_height for peak in self.matched), self.missing)


def noise(counts: Array, apart: tuple[int, ...] = (1,)) -> float:
    """Return the standard deviation of the noise, in the unit of ``counts``; 0 where there are too few points to tell.

    From the median absolute second difference of points ``apart`` points from each other,
    which neither lines nor background reach; the largest of several.
    """
    seconds = (np.abs(counts[2 * k :] - 2 * counts[k:-k] + counts[: -2 * k]) for k in apart if counts.size > 2 * k)
    # np.median takes three times as long.
    medians = (float(np.partition(second, second.size // 2)[second.size // 2]) for second in seconds)
    return max(medians, default=0.0) * 1.4826 / math.sqrt(6.0)


def find(axis: Axis, counts: Array, *, most: int = MOST) -> Peaks:
    """Return the peaks of ``counts`` on ``axis`` (uniform steps) above the background, at most ``most``, by prominence."""
    if counts.size < SMOOTH.size:
        return Peaks(np.empty(0), np.empty(0), np.empty(0))
    smooth = np.convolve(np.concatenate([counts[:1].repeat(2), counts, counts[-1:].repeat(2)]), SMOOTH, mode="valid")
    floor = NOISE_FACTOR * noise(_measured(smooth), APART)
    step = (axis.stop - axis.start) / (len(axis) - 1)
    lines = smooth - _background(smooth, max(1, round(WIDEST / 2 / step)))
    tops = _tops(lines)
    tops = tops[lines[tops] > floor]  # nothing is more prominent than it is high
    prominence = _prominences(lines, tops)
    largest = float(prominence.max(initial=0.0))
    keep = np.flatnonzero((prominence > floor) & (prominence >= RELATIVE_PROMINENCE * largest))
    keep = np.sort(keep[np.argsort(-prominence[keep], kind="stable")[:most]])
    tops, prominence = tops[keep], prominence[keep]
    return Peaks(_refine(axis, lines, tops, step), prominence / (largest or 1.0), _widths(lines, tops, prominence) * step)


def match(found: Peaks, reference: Peaks, covered: tuple[float, float], tolerance: float = TOLERANCE) -> PeakMatch:
    """Pair the nearest peaks first; ``covered`` (cm⁻¹) is where a reference peak can be missed at all."""
    pairs = sorted(_pairs(found.shift, reference.shift, tolerance))
    ours, theirs = found.rounded, reference.rounded
    matched = tuple(
        Matched(at=ours[i].at, reference=theirs[j].at, delta=round(ours[i].at - theirs[j].at, 1), height=ours[i].height,
                reference_height=theirs[j].height)
        for i, j in pairs
    )  # fmt: skip
    low, high = covered
    left, right = {i for i, _ in pairs}, {j for _, j in pairs}
    missing = tuple(lone for j, lone in enumerate(theirs) if j not in right and lone.height >= TELLING_HEIGHT and low <= lone.at <= high)
    return PeakMatch(matched, missing, tuple(lone for i, lone in enumerate(ours) if i not in left))


def _share(shared: float, alone: tuple[Lone, ...]) -> float:
    whole = shared + sum(peak.height for peak in alone)
    return shared / whole if whole else 0.0


def _pairs(found: Array, reference: Array, tolerance: float) -> list[tuple[int, int]]:
    """Return index pairs within ``tolerance``, each peak used once, the closest pairs first."""
    theirs = reference.tolist()
    near = [
        (abs(at - theirs[j]), i, j)
        for i, at in enumerate(found.tolist())
        for j in range(bisect_left(theirs, at - tolerance), bisect_right(theirs, at + tolerance))
    ]
    pairs: list[tuple[int, int]] = []
    used_found: set[int] = set()
    used_reference: set[int] = set()
    for _, i, j in sorted(near):
        if i not in used_found and j not in used_reference:
            pairs.append((i, j))
            used_found.add(i)
            used_reference.add(j)
    return pairs


def _measured(counts: Array) -> Array:
    """Return ``counts`` without the constant run at either end, which fills what was not measured."""
    changes = np.flatnonzero(np.diff(counts))
    return counts[changes[0] : changes[-1] + 2] if changes.size else counts[:0]


def _background(counts: Array, half: int) -> Array:
    """Return the lower envelope that follows nothing narrower than ``2 * half + 1`` points.

    A morphological opening: Perez-Pueyo et al., Appl. Spectrosc. 64 (2010) 595.
    """
    beyond = np.full(half, np.inf)
    eroded = _lowest(np.concatenate([beyond, counts, beyond]), 2 * half + 1)
    return -_lowest(np.concatenate([beyond, -eroded, beyond]), 2 * half + 1)


def _lowest(counts: Array, window: int) -> Array:
    """Return the lowest value of every ``window`` neighbouring points, (n - window + 1,)."""
    reach = 1
    while reach < window:
        more = min(reach, window - reach)
        counts = np.minimum(counts[:-more], counts[more:])
        reach += more
    return counts


def _tops(counts: Array) -> NDArray[np.intp]:
    """Return the indices of local maxima; the left edge of a plateau counts, the ends never do."""
    steps = np.diff(counts)
    changes = np.flatnonzero(steps)
    rising = steps[changes] > 0
    return changes[np.flatnonzero(rising[:-1] > rising[1:])] + 1


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
    higher, lows = [math.inf], [math.inf]  # tops not yet overlooked, and the lowest value on the way back from each
    saddles = []
    for height, valley in zip(heights, valleys, strict=True):
        lowest = valley
        while higher[-1] <= height:
            higher.pop()
            lowest = min(lowest, lows.pop())
        saddles.append(lowest)
        higher.append(height)
        lows.append(lowest)
    return np.array(saddles)


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
        below = counts < counts[top] - height / 2
        # Both exist: half a prominence down lies above the higher saddle.
        widths[k] = max(1.0, float(below[top:].argmax() + below[top::-1].argmax()) - 1.0)
    return widths
