"""Peaks: found in a spectrum, and matched against a reference's table.

The search is written here rather than taken from scipy.signal, whose import alone (1.3 s)
is longer than the whole budget of an identification.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from raman_edge.spectrum import Axis, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

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
"""A wider rise than this is fluorescence, not a line, cm⁻¹: the band of glassy carbon is 100 wide."""
RELATIVE_PROMINENCE = 0.04
"""A peak's prominence is at least this share of the largest prominence."""
MOST = 30
"""Peaks kept, the most prominent ones."""
TOLERANCE = 8.0
"""Two peaks are the same within this distance, cm⁻¹: uncalibrated handhelds are off by 5."""
BROAD = 0.25
"""Two broad peaks are the same within this share of the larger width: the top of a broad line is not sharp."""
FARTHEST = 15.0
"""No two peaks are the same beyond this distance, cm⁻¹, however broad they are."""
TELLING_HEIGHT = 0.15
"""A reference peak lower than this share of the highest is not called missing."""
SAME_LINE = 4.0
"""Peaks of two references of one material are one line within this distance, cm⁻¹: measured axes differ by 1 to 3."""
RARELY = 0.05
"""A line in a smaller share of a material's references is an impurity or a wrong label."""
MOST_LINES = 48
"""Lines kept of a material, the highest ones."""


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

    def within(self, covered: tuple[float, float]) -> Peaks:
        """Return the peaks between two Raman shifts, cm⁻¹."""
        inside = (self.shift >= covered[0]) & (self.shift <= covered[1])
        return Peaks(self.shift[inside], self.height[inside], self.width[inside])

    def moved(self, by: float) -> Peaks:
        """Return the peaks as an axis that shows ``by`` cm⁻¹ more has them."""
        return Peaks(self.shift + by, self.height, self.width)

    @cached_property
    def rounded(self) -> tuple[UnmatchedPeak, ...]:
        """The peaks as records have them: a tenth of a cm⁻¹, a thousandth of the height."""
        places, heights = self.shift.round(1).tolist(), self.height.round(3).tolist()
        return tuple(UnmatchedPeak(at, height) for at, height in zip(places, heights, strict=True))


@dataclass(frozen=True, eq=False)
class MaterialLines:
    """The lines of one material over all of its references: how high each is at most, and at least.

    One reference is not enough to call a peak foreign or missing: turned in the beam, a crystal shows other lines.
    """

    shift: Array
    """Position, cm⁻¹, (k,), increasing."""
    width: Array
    """Largest full width at half prominence, cm⁻¹, (k,)."""
    highest: Array
    """Largest height in any reference, relative to that reference's most prominent peak, (k,), 0..1."""
    lowest: Array
    """Height that every reference has there at least, (k,), 0..1; 0 where one has no peak."""

    def __post_init__(self) -> None:
        for name in ("shift", "width", "highest", "lowest"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def __len__(self) -> int:
        return int(self.shift.size)

    @classmethod
    def of(cls, tables: Sequence[Peaks]) -> MaterialLines:
        """Gather the lines of these references, one table each."""
        lines: list[list[float]] = []  # position, width, height, references that show it
        for table in tables:
            used: set[int] = set()
            for at, width, height in sorted(zip(table.shift.tolist(), table.width.tolist(), table.height.tolist(), strict=True),
                                            key=lambda peak: -peak[2]):  # fmt: skip
                near = [(abs(line[0] - at), k) for k, line in enumerate(lines) if k not in used and abs(line[0] - at) <= SAME_LINE]
                if near:
                    k = min(near)[1]
                    lines[k][1:] = [max(lines[k][1], width), max(lines[k][2], height), lines[k][3] + 1]
                    used.add(k)
                else:
                    used.add(len(lines))
                    lines.append([at, width, height, 1])
        kept = sorted((line for line in lines if line[3] >= RARELY * len(tables)), key=lambda line: -line[2])[:MOST_LINES]
        shift, width, highest, _ = np.array(sorted(kept)).reshape(-1, 4).T
        lowest = np.array([min(_height_near(table, at) for table in tables) for at in shift.tolist()])
        return cls(shift, width, highest, np.minimum(lowest, highest))  # a higher line may stand beside it

    def and_of(self, table: Peaks) -> MaterialLines:
        """Return these lines with those of one more reference; all of its lines count."""
        again = MaterialLines.of([Peaks(self.shift, self.highest, self.width), table])
        before = Peaks(self.shift, self.lowest, self.width)
        lowest = [min(_height_near(before, at), _height_near(table, at)) for at in again.shift.tolist()]
        return MaterialLines(again.shift, again.width, again.highest, np.minimum(lowest, again.highest))

    @cached_property
    def rounded(self) -> tuple[tuple[float, float, float], ...]:
        """Place, largest and least height as records have them: a tenth of a cm⁻¹, a thousandth of the height."""
        columns = (self.shift.round(1).tolist(), self.highest.round(3).tolist(), self.lowest.round(3).tolist())
        return tuple(zip(*columns, strict=True))


def _height_near(table: Peaks, at: float) -> float:
    """Return the height of the highest peak of ``table`` near ``at``, 0 where there is none."""
    return float(table.height[np.abs(table.shift - at) <= TOLERANCE].max(initial=0.0))


class MatchedPeak(msgspec.Struct, frozen=True):
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


class UnmatchedPeak(msgspec.Struct, frozen=True):
    """A peak that only the reference (missing) or only the spectrum (extra) has."""

    at: float
    """cm⁻¹."""
    height: float
    """Relative to the most prominent peak of its own spectrum, 0..1."""


class PeakMatch(msgspec.Struct, frozen=True):
    """A spectrum's peaks beside a reference's."""

    matched: tuple[MatchedPeak, ...] = ()
    missing: tuple[UnmatchedPeak, ...] = ()
    extra: tuple[UnmatchedPeak, ...] = ()

    @property
    def explained(self) -> float:
        """Share of the spectrum's peaks, by height, that the reference has too, 0..1; 0 where there are none."""
        return _share(sum(peak.height for peak in self.matched), self.extra)

    @property
    def found(self) -> float:
        """Share of the reference's telling peaks, by height, that the spectrum has too, 0..1; 0 where there are none."""
        return _share(sum(peak.reference_height for peak in self.matched), self.missing)

    @property
    def offset(self) -> float:
        """Mean distance of the spectrum's peaks from the reference's, cm⁻¹, weighted by the lower height of each pair; 0 without pairs."""
        weights = [min(peak.height, peak.reference_height) for peak in self.matched]
        whole = sum(weights)
        return sum(weight * peak.delta for weight, peak in zip(weights, self.matched, strict=True)) / whole if whole else 0.0


def noise(counts: Array, apart: tuple[int, ...] = (1,)) -> float:
    """Return the standard deviation of the noise, in the unit of ``counts``; 0 where there are too few points.

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
    lines = smooth - background(smooth, max(1, round(WIDEST / 2 / step)))
    tops = _tops(lines)
    tops = tops[lines[tops] > floor]  # nothing is more prominent than it is high
    prominence = _prominences(lines, tops)
    largest = float(prominence.max(initial=0.0))
    keep = np.flatnonzero((prominence > floor) & (prominence >= RELATIVE_PROMINENCE * largest))
    keep = np.sort(keep[np.argsort(-prominence[keep], kind="stable")[:most]])
    tops, prominence = tops[keep], prominence[keep]
    return Peaks(_refine(axis, lines, tops, step), prominence / (largest or 1.0), _widths(lines, tops, prominence) * step)


def match(found: Peaks, reference: MaterialLines | Peaks, covered: tuple[float, float], tolerance: float = TOLERANCE) -> PeakMatch:
    """Pair the nearest peaks first; ``covered`` (cm⁻¹) is where a reference peak can be missed at all.

    ``reference`` are the lines of a material, or the peaks of its only reference. Missing is what every reference has and the spectrum
    has nothing near.
    """
    lines = (
        reference
        if isinstance(reference, MaterialLines)
        else MaterialLines(reference.shift, reference.width, reference.height, reference.height)
    )
    near = _near(found, lines, tolerance)
    pairs = sorted(_pairs(near))
    ours, theirs = found.rounded, lines.rounded
    matched = tuple(
        MatchedPeak(at=ours[i].at, reference=theirs[j][0], delta=round(ours[i].at - theirs[j][0], 1), height=ours[i].height,
                reference_height=theirs[j][1])
        for i, j in pairs
    )  # fmt: skip
    low, high = covered
    left, there = {i for i, _ in pairs}, {j for _, _, j in near}
    missing = tuple(
        UnmatchedPeak(at, least)
        for j, (at, _, least) in enumerate(theirs)
        if j not in there and least >= TELLING_HEIGHT and low <= at <= high
    )
    return PeakMatch(matched, missing, tuple(lone for i, lone in enumerate(ours) if i not in left))


def _share(shared: float, alone: tuple[UnmatchedPeak, ...]) -> float:
    whole = shared + sum(peak.height for peak in alone)
    return shared / whole if whole else 0.0


def _near(found: Peaks, lines: MaterialLines, tolerance: float) -> list[tuple[float, int, int]]:
    """Return distance and indices of all peaks and lines that can be the same, the closest first."""
    theirs, widths = lines.shift.tolist(), lines.width.tolist()
    reach = max(tolerance, FARTHEST)
    near = []
    for i, (at, width) in enumerate(zip(found.shift.tolist(), found.width.tolist(), strict=True)):
        for j in range(bisect_left(theirs, at - reach), bisect_right(theirs, at + reach)):
            distance = abs(at - theirs[j])
            if distance <= tolerance or distance <= min(FARTHEST, BROAD * max(width, widths[j])):
                near.append((distance, i, j))
    return sorted(near)


def _pairs(near: list[tuple[float, int, int]]) -> list[tuple[int, int]]:
    """Return index pairs, each peak used once, the closest pairs first."""
    pairs: list[tuple[int, int]] = []
    used_found: set[int] = set()
    used_reference: set[int] = set()
    for _, i, j in near:
        if i not in used_found and j not in used_reference:
            pairs.append((i, j))
            used_found.add(i)
            used_reference.add(j)
    return pairs


def _measured(counts: Array) -> Array:
    """Return ``counts`` without the constant run at either end, which fills what was not measured."""
    changes = np.flatnonzero(np.diff(counts))
    return counts[changes[0] : changes[-1] + 2] if changes.size else counts[:0]


def background(counts: Array, half: int) -> Array:
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
