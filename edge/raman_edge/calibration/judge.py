"""Whether a fit can be right: what neither a wrong standard, nor a wrong laser, nor chance can give.

A fit is judged by the whole spectrum: the strong lines of the standard are there, the strong peaks
are lines of the standard, more of them agree than chance explains, and the axis is one that a grating can make.
The limits are those that part right from wrong in ``benchmarks/calibration_matrix.py``, with room on either side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.calibration.match import LASER_LINE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.calibration.fit import Fit, Span
    from raman_edge.calibration.match import ObservedPeaks
    from raman_edge.calibration.standards import Standard

    Array = NDArray[np.float64]

CH_STRETCH = 2500.0
"""Beyond this, silicon detectors see little with a near-infrared laser: a line that is missing there counts less, cm⁻¹."""
FAINT = 0.25
"""How much less."""
NEAR = 8.0
"""A peak this near to a line that is too uncertain to fit is that line, cm⁻¹."""
SURE = 2.5
"""Standard deviations within which a pair counts as one."""
STRONG = 0.25
"""A peak, or a line, of this height against the highest is a strong one."""
TIMES_FAINTEST = 2.0
"""A line may be missing whose height is below so many times what the noise lets see."""
FINEST = 1.0
"""No pair is taken to be nearer than this, cm⁻¹: tables of standards agree no better."""


LEAST_EXPLAINED = 0.6
"""Share of the peaks that have to be lines of the standard."""
LEAST_FOUND = 0.6
"""Share of the standard's lines that have to have a peak: heights change with the laser, the detector and the lamp."""
LIKELY = {"pixel": -2.5, "shift": -2.5, "laser": -1.0}
"""Above this decimal logarithm of the number of chance fits, a fit may be one of them."""
UNEXPLAINED = 6.0
"""By how much peaks that are not the standard's lower that limit, where they are all there is."""
WORST_RMS = 2.5
"""Root mean square of the residuals, cm⁻¹, above which the lines are others: tables agree within one."""
OF_WIDTH = 0.3
"""The same as a share of the width of the lines, where that is more: blends of a coarse instrument."""
BELOW_LASER = 0.2
"""Most of a detector that may lie below the laser, share: one that was sold as such has 19 %."""
UNUSED = 0.25
"""Most of it that may lie there or beyond :data:`FURTHEST`, share."""
FURTHEST = 4500.0
"""No Raman line is beyond this, cm⁻¹."""
LATEST = 2800.0
"""A Raman spectrometer begins below this, cm⁻¹."""
UNEVEN = 0.6
"""The smallest dispersion on a detector against the largest."""
OFF = 60.0
"""How far an axis that has been calibrated before may be off anywhere, cm⁻¹."""
GUESSED = 9
"""Peaks that readings of a pixel axis start from, as :data:`raman_edge.calibration.match.STRONGEST`."""
SEARCHED = 30.0
"""How far from a line a peak of a shift axis may be it, cm⁻¹, as :data:`raman_edge.calibration.match.OFF`."""
OFF_ONE_LINE = 15.0
"""The same for a single line, which nothing else confirms."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What speaks for and against a fit."""

    explained: float
    """Share of the peaks that are lines of the standard, by the square root of their height, 0..1."""
    found: float
    """Share of the standard's lines on the detector that have a peak, likewise, 0..1."""
    chance: float
    """Decimal logarithm of the number of fits as good that chance alone gives with these peaks and lines."""
    foreign: tuple[float, ...]
    """Where strong peaks are that are no lines of the standard, cm⁻¹, the strongest first."""
    missing: tuple[float, ...]
    """Strong lines of the standard that have no peak, cm⁻¹, the strongest first."""
    width: float
    """Median width of the peaks, cm⁻¹; 0 where there are none."""

    @property
    def merit(self) -> float:
        """How much more a fit is than chance, decades; the higher the better."""
        return -self.chance - UNEXPLAINED * (1 - self.explained)


def doubt(found: Fit, judged: Judgement, standard: Standard, span: Span | None) -> str | None:
    """Return why a fit cannot be kept: what was found, and what was expected; None where nothing speaks against it.

    Without ``span`` the axis is given, and the fit is of the laser alone.
    """
    if span is not None and (why := _impossible(found, standard, span)) is not None:
        return why
    if len(standard.lines) == 1:
        return _doubt_of_one_line(judged, standard)
    return _doubt_of_lines(judged, standard) or _doubt_of_pairs(found, judged, "laser" if span is None else span.unit)


def _doubt_of_lines(judged: Judgement, standard: Standard) -> str | None:
    """Return which peaks, or which lines, are without the other."""
    if judged.explained < LEAST_EXPLAINED:
        strange = f", among them strong ones at {_listed(judged.foreign)} cm⁻¹" if judged.foreign else ""
        return f"{1 - judged.explained:.0%} of the peaks (by height) are no lines of {standard.title}{strange}"
    if judged.found < LEAST_FOUND:
        absent = f", among them the strong ones at {_listed(judged.missing)} cm⁻¹" if judged.missing else ""
        return f"{1 - judged.found:.0%} of the lines of {standard.title} (by height) have no peak{absent}"
    return None


def _doubt_of_pairs(found: Fit, judged: Judgement, kind: str) -> str | None:
    """Return why the pairs of peaks and lines may be chance."""
    if found.rms > max(WORST_RMS, OF_WIDTH * judged.width):
        return f"the {len(found.pairs)} lines scatter by {found.rms:.1f} cm⁻¹ about the fit; expected at most {WORST_RMS:g}"
    if judged.merit < -LIKELY[kind]:
        peaks = f"{len(found.pairs)} of the lines agree within {found.rms:.1f} cm⁻¹"
        return f"{peaks}, which is too few: chance gives as many ({10**judged.chance:.1g} such fits expected by chance alone)"
    return None


def _doubt_of_one_line(judged: Judgement, standard: Standard) -> str | None:
    """Return why a single line may be another one: nothing else strong may be there."""
    if judged.found < 1.0:
        return f"the line of {standard.title} has no peak"
    if judged.foreign:
        return f"strong peaks at {_listed(judged.foreign)} cm⁻¹ are no lines of {standard.title}"
    return None


def _impossible(found: Fit, standard: Standard, span: Span) -> str | None:
    """Return why no grating with this laser makes the fitted axis; None where one can."""
    low, high = _ends(found, span)
    laser = f"{found.laser_nm:g} nm"
    if span.unit == "pixel":
        below, beyond = _share(low, high, -math.inf, 0.0), _share(low, high, FURTHEST, math.inf)
        if low > LATEST or below > BELOW_LASER or below + beyond > UNUSED:
            return f"the detector would see {low:.0f} to {high:.0f} cm⁻¹ from a laser of {laser}, which no Raman spectrometer does"
        middle = float(np.median(_shift(found, found.pairs.place)))
        if not 0 < middle < FURTHEST:
            return f"half of the lines would be beyond {middle:.0f} cm⁻¹ from a laser of {laser}, where no Raman line is"
        along = found.scale.wavelength(np.linspace(span.first, span.last, 257))
        steps = np.abs(np.diff(along))
        if steps.min() < UNEVEN * steps.max():
            return f"the dispersion would change {steps.max() / steps.min():.1f}-fold along the detector; a grating changes it less"
        return None
    places = np.array([span.first, span.last]) if len(standard.lines) > 1 else found.pairs.place
    off = _shift(found, places) - (1e7 / found.laser_nm - 1e7 / places)
    limit = OFF if len(standard.lines) > 1 else OFF_ONE_LINE
    if np.abs(off).max() > limit:
        return f"the axis would be off by {off[np.abs(off).argmax()]:+.0f} cm⁻¹ somewhere; expected at most {limit:g} by {standard.title}"
    return None


def _share(low: float, high: float, first: float, last: float) -> float:
    """Return the share of ``low`` to ``high`` that lies between ``first`` and ``last``."""
    return max(0.0, min(high, last) - max(low, first)) / (high - low)


def _listed(places: tuple[float, ...], most: int = 4) -> str:
    return ", ".join(f"{place:.0f}" for place in places[:most])


def judge(found: Fit, seen: ObservedPeaks, standard: Standard, span: Span) -> Judgement:
    """Judge a fit by all peaks of the spectrum."""
    laser = found.laser_nm
    shift, width = _shift(found, seen.place), _width(found, seen)
    truth = 1e7 / laser - 1e7 / standard.wavelengths(laser)
    low, high = _ends(found, span)
    if not standard.lamp:
        low = max(low, LASER_LINE)
    kept = (shift >= low) & (shift <= high)
    shift, width, height = shift[kept], width[kept], seen.height[kept]
    highest = max(float(height.max(initial=0.0)), 1e-9)
    height = height / highest
    tolerance = max(SURE * found.rms, FINEST)
    room = max(tolerance, 3.0)

    weight = np.sqrt(height)
    known = (_apart(shift, truth) <= room) | (_apart(shift, standard.uncertain(laser)) <= NEAR)
    explained = float(weight[known].sum() / max(float(weight.sum()), 1e-9))

    inside = (truth >= low + room) & (truth <= high - room)
    table = np.array(standard.heights) if standard.heights else np.ones(truth.size)
    reach = np.maximum(max(room, NEAR), width)  # a line may be in the flank of a wider peak
    there = (np.abs(truth[:, None] - shift[None, :]) <= reach[None, :]).any(axis=1)
    faint = ~there & (table < TIMES_FAINTEST * seen.faintest / highest)
    strength = np.sqrt(table)
    if not standard.lamp:
        strength = np.where(~there & (truth > CH_STRETCH), FAINT * strength, strength)
    wanted = inside & ~faint
    share = float(strength[wanted & there].sum() / max(float(strength[wanted].sum()), 1e-9))

    foreign, missing = ~known & (height >= STRONG), wanted & ~there & (table >= STRONG)
    return Judgement(
        explained,
        share,
        _chance(found, int(shift.size), int(inside.sum()), high - low, tolerance, span),
        tuple(shift[foreign][np.argsort(-height[foreign])].tolist()),
        tuple(truth[missing][np.argsort(-table[missing])].tolist()),
        float(np.median(width)) if width.size else 0.0,
    )


def _shift(found: Fit, place: Array) -> Array:
    """Return the Raman shift of places on the own axis, cm⁻¹."""
    result: Array = 1e7 / found.laser_nm - 1e7 / found.scale.wavelength(place)
    return result


def _width(found: Fit, seen: ObservedPeaks) -> Array:
    """Return the widths of the peaks, cm⁻¹."""
    return np.abs(_shift(found, seen.place + seen.width / 2) - _shift(found, seen.place - seen.width / 2))


def _ends(found: Fit, span: Span) -> tuple[float, float]:
    """Return the Raman shifts between which the detector lies, cm⁻¹."""
    ends = _shift(found, np.array([span.first, span.last]))
    return float(ends.min()), float(ends.max())


def _chance(found: Fit, peaks: int, lines: int, width: float, tolerance: float, span: Span) -> float:
    """Return log₁₀ of the fits as good as this that are expected by chance.

    A peak that lies anywhere is within ``tolerance`` of a line with a probability that the density of the lines gives. As many pairs
    as the polynomial has coefficients agree in any case; how likely the others are is the tail of a binomial distribution, times the
    number of ways to choose those first pairs (:mod:`raman_edge.calibration.match`).
    """
    fitted = found.order + 1
    agreed, tries = len(found.pairs) - fitted, max(peaks, len(found.pairs)) - fitted
    each = min(0.9, 2 * tolerance * max(lines, 1) / max(width, 1.0))
    tail = sum(math.comb(tries, k) * each**k * (1 - each) ** (tries - k) for k in range(max(agreed, 0), tries + 1)) if tries > 0 else 1.0
    if span.unit == "pixel":
        guesses = 10.0 * math.comb(min(max(peaks, 2), GUESSED), 2) * math.comb(max(lines, 2), 2)
    else:
        near = max(1.0, peaks * lines * 2 * SEARCHED / max(width, 1.0))
        guesses = near if found.order == 0 else near**2 / 2
    return math.log10(max(tail, 1e-300)) + math.log10(max(guesses, 1.0))


def _apart(places: Array, lines: Array) -> Array:
    """Return how far each place is from the nearest line."""
    if not lines.size:
        return np.full(places.size, np.inf)
    result: Array = np.abs(places[:, None] - lines[None, :]).min(axis=1, initial=np.inf)
    return result
