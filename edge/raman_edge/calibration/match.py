"""Which peak is which line, on an axis that is off or has no unit at all.

Guesses are made from pairs of peaks and pairs of lines, each is judged by how many peaks stand
where it puts a line, and the best ones are grown line by line (after Fischler and Bolles,
Comm. ACM 24 (1981) 381, with every guess tried instead of random ones).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge import peaks
from raman_edge.calibration.calibration import axis_unit, instrument_places
from raman_edge.calibration.fit import Fit, Pairs, Span, robust
from raman_edge.preprocessing.steps import Despike
from raman_edge.spectrum import Axis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from raman_edge.calibration.standards import Standard

    Array = NDArray[np.float64]
    from raman_edge.spectrum import Spectrum

TOLERANCE = 6.0
"""Within how much a guess has to put a line, cm⁻¹, to count it."""
POINTS = 4.0
"""The same on a pixel axis, points."""
STRONGEST = 9
"""Peaks that guesses on a pixel axis are made of."""
DISPERSION = (0.005, 1.0)
"""nm a pixel: from an echelle's to an infrared array's."""
BENDS = (0.0, -0.06, 0.06, -0.12, 0.12)
"""How much the dispersion may change from one end to the other, share."""
NEAR_LASER = (-60.0, 150.0)
"""Where a Raman spectrometer's axis begins, nm from the laser."""
LONGEST = 500.0
"""The most nanometres on one detector."""
GROWN = 20
"""Best guesses that are grown."""
CHUNK = 4096
"""Guesses judged at once."""


@dataclass(frozen=True, eq=False, slots=True)
class StandardLines:
    """A standard's lines, as a search wants them."""

    truth: Array
    """As :meth:`Standard.truth`."""
    wavelength: Array
    """nm, vacuum, increasing."""
    lamp: bool

    @classmethod
    def of(cls, standard: Standard, laser_nm: float) -> StandardLines:
        """Return the lines with a laser of ``laser_nm``."""
        return cls(standard.truth(), standard.wavelengths(laser_nm), standard.lamp)


def solutions(seen: ObservedPeaks, lines: StandardLines, span: Span, laser_nm: float, least: int) -> list[Fit]:
    """Return the different ways to read the peaks as lines, the best first; empty where there is none with ``least`` lines."""
    guesses = _shift_guesses(seen, lines, laser_nm) if span.unit == "shift" else _pixel_guesses(seen, lines, span, laser_nm)
    ranked = _ranked(guesses, seen, lines, TOLERANCE if span.unit == "shift" else POINTS, span)
    found: list[tuple[float, Fit]] = []
    for guess in ranked:
        grown = _grow(guess, seen, lines, span, laser_nm, least)
        if grown is not None and not any(_same(grown, other) for _, other in found):
            found.append((worth(grown, seen), grown))
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _shift_guesses(seen: ObservedPeaks, lines: StandardLines, laser_nm: float) -> Array:
    """Return (g, k) wavelengths of the peaks: moved, and moved and stretched, in cm⁻¹."""
    shift, truth = 1e7 / laser_nm - 1e7 / seen.place, 1e7 / laser_nm - 1e7 / lines.wavelength
    i, j = np.nonzero(np.abs(truth[None, :] - shift[:, None]) <= OFF)
    moved = truth[j] - shift[i]
    a, b = np.nonzero(shift[i][None, :] - shift[i][:, None] > 3 * OFF)
    stretch = (moved[b] - moved[a]) / (shift[i][b] - shift[i][a])
    start = moved[a] - stretch * shift[i][a]
    ends = np.array([truth.min(), truth.max()])
    good = (np.abs(start[:, None] + stretch[:, None] * ends) <= OFF).all(axis=1)
    stretched = shift + start[good, None] + stretch[good, None] * shift
    return 1e7 / (1e7 / laser_nm - np.concatenate([shift + moved[:, None], stretched]))


def _pixel_guesses(seen: ObservedPeaks, lines: StandardLines, span: Span, laser_nm: float) -> Array:
    """Return (g, k) wavelengths of the peaks: two of them are two lines, the dispersion changes evenly along the detector."""
    strong = np.sort(np.argsort(-seen.height)[:STRONGEST])
    first, second = np.triu_indices(strong.size, 1)
    p, q = seen.place[strong[first]], seen.place[strong[second]]
    one, two = np.nonzero(~np.eye(lines.wavelength.size, dtype=bool))
    guesses = [_bent(p[:, None], q[:, None], lines.wavelength[one], lines.wavelength[two], bend, span) for bend in BENDS]
    coefficients = np.concatenate(guesses)  # (g, 3)
    ends = np.polynomial.polynomial.polyval(np.array([-1.0, 1.0]), coefficients.T, tensor=True)
    low, high = ends.min(axis=1), ends.max(axis=1)
    per_pixel = (high - low) / (2 * span.half)
    good = (low >= laser_nm + NEAR_LASER[0]) & (low <= laser_nm + NEAR_LASER[1]) & (high - low <= LONGEST)
    good &= (per_pixel >= DISPERSION[0]) & (per_pixel <= DISPERSION[1])
    t = (seen.place - span.centre) / span.half
    result: Array = np.polynomial.polynomial.polyval(t, coefficients[good].T, tensor=True)
    return result


def _bent(p: Array, q: Array, one: Array, two: Array, bend: float, span: Span) -> Array:
    """Return c₀, c₁, c₂ (nm, of t in -1..1), (g, 3), with ``p`` at ``one`` and ``q`` at ``two``."""
    t, u = (p - span.centre) / span.half, (q - span.centre) / span.half
    # λ = c₀ + c₁ (t + bend / 4 · t²): the slope changes by the share ``bend`` from end to end
    slope = (two - one) / ((u + bend / 4 * u**2) - (t + bend / 4 * t**2))
    start = one - slope * (t + bend / 4 * t**2)
    return np.stack([start.ravel(), slope.ravel(), (slope * bend / 4).ravel()], axis=1)


def _ranked(guesses: Array, seen: ObservedPeaks, lines: StandardLines, tolerance: float, span: Span) -> Iterator[Array]:
    """Give the best guesses, each unlike those before."""
    if not guesses.size:
        return
    scores = np.concatenate([_score(guesses[k : k + CHUNK], seen, lines, tolerance, span) for k in range(0, len(guesses), CHUNK)])
    given: list[Array] = []
    for k in np.argsort(-scores, kind="stable").tolist():
        if len(given) == GROWN or scores[k] <= 0:
            return
        if all(np.abs(1e7 / guesses[k] - 1e7 / one).max() > TOLERANCE for one in given):
            given.append(guesses[k])
            yield guesses[k]


def _score(guesses: Array, seen: ObservedPeaks, lines: StandardLines, tolerance: float, span: Span) -> Array:
    """Return how well each of (g, k) guesses explains the peaks: the less likely by chance, the better, (g,)."""
    within, chance = _within(guesses, seen, tolerance, span, lines)
    nearest = np.abs(_nearest(guesses, lines.wavelength)[1] - guesses)
    closeness = np.clip(1 - (nearest / within) ** 2, 0.0, 1.0)
    weight = np.sqrt(seen.height)
    result: Array = (closeness * weight).sum(axis=1) * -np.log(chance)
    return result


def _within(guesses: Array, seen: ObservedPeaks, tolerance: float, span: Span, lines: StandardLines) -> tuple[Array, Array]:
    """Return the tolerance of every peak, nm, (g, k), and the share of the range that all lines' tolerances cover, (g,)."""
    if span.unit == "shift":
        within = tolerance * guesses**2 / 1e7
    else:
        width = np.ptp(guesses, axis=1) / max(float(np.ptp(seen.place)), 1e-9)
        within = np.broadcast_to((tolerance * width)[:, None], guesses.shape)
    low, high = guesses.min(axis=1), guesses.max(axis=1)
    inside = ((lines.wavelength >= low[:, None]) & (lines.wavelength <= high[:, None])).sum(axis=1)
    chance = 2 * within.mean(axis=1) * np.maximum(inside, 1) / np.maximum(high - low, 1e-9)
    return within, np.clip(chance, 1e-3, 0.95)


def _nearest(wavelength: Array, lines: Array) -> tuple[NDArray[np.intp], Array]:
    """Return which of the increasing ``lines`` is nearest, and where it is."""
    above = np.clip(np.searchsorted(lines, wavelength), 0, lines.size - 1)
    below = np.maximum(above - 1, 0)
    index = np.where(np.abs(lines[below] - wavelength) <= np.abs(lines[above] - wavelength), below, above)
    return index, lines[index]


def _grow(guess: Array, seen: ObservedPeaks, lines: StandardLines, span: Span, laser_nm: float, least: int) -> Fit | None:
    """Fit, assign again with the fit, narrower each time; None if too few lines remain."""
    wavelength, found = guess, None
    for tolerance in (2.0, 1.5, 1.0, 0.7):
        pairs = assign(seen, wavelength, lines, tolerance * _room(seen, wavelength, span))
        if len(pairs) < max(least, 1 + span.lowest_order):
            return None
        found = robust(pairs, span, laser_nm, least=least)
        if not found.scale.is_monotone():
            return None
        wavelength = found.scale.wavelength(seen.place)
    return found


def _room(seen: ObservedPeaks, wavelength: Array, span: Span) -> Array:
    """Return the tolerance of each peak, cm⁻¹."""
    if span.unit == "shift":
        return np.full(wavelength.size, TOLERANCE)
    width = float(np.ptp(wavelength)) / max(float(np.ptp(seen.place)), 1e-9)
    result: Array = np.maximum(POINTS * width * 1e7 / wavelength**2, 2.0)
    return result


def assign(seen: ObservedPeaks, wavelength: Array, lines: StandardLines, room: Array) -> Pairs:
    """Pair peaks and lines within ``room`` (cm⁻¹) of each other, each once, near and high ones first."""
    index, truth = _nearest(wavelength, lines.wavelength)
    off = np.abs(1e7 / wavelength - 1e7 / truth)
    taken: dict[int, int] = {}
    for k in np.argsort(off / room - np.sqrt(seen.height), kind="stable").tolist():
        if off[k] <= room[k] and int(index[k]) not in taken:
            taken[int(index[k])] = k
    chosen = np.array(sorted(taken.values()), dtype=np.intp)
    return Pairs(seen.place[chosen], lines.truth[index[chosen]], np.full(chosen.size, lines.lamp))


def worth(found: Fit, seen: ObservedPeaks) -> float:
    """Return how much of the spectrum a solution explains, less what it does not fit."""
    heights = dict(zip(seen.place.tolist(), np.sqrt(seen.height).tolist(), strict=True))
    explained = sum(heights[place] for place in found.pairs.place.tolist()) / sum(heights.values())
    return float(len(found.pairs) * (0.2 + explained) - 0.5 * found.rms)


def _same(one: Fit, other: Fit) -> bool:
    """Whether two solutions name the same lines at the same places, in the main."""
    ours = {*zip(one.pairs.place.tolist(), one.pairs.line.tolist(), strict=True)}
    theirs = {*zip(other.pairs.place.tolist(), other.pairs.line.tolist(), strict=True)}
    return 2 * len(ours & theirs) >= min(len(ours), len(theirs))


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
    places = instrument_places(shift, axis_unit(spectrum), laser_nm)
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
    if standard.lamp or axis_unit(spectrum) == "pixel":
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
