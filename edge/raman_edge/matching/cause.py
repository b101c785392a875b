"""The probable cause of an unknown spectrum, computed from it: too weak, saturated, fluorescence, a shifted axis, a mixture, organic.

The causes are tried in this order, and the first that its own measurement supports is given. Thresholds and how often each is right:
docs/benchmarks/packs.md.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raman_edge import peaks
from raman_edge.errors import SpectrumError
from raman_edge.matching import ranking
from raman_edge.matching.library import OWN
from raman_edge.matching.ranking import Cause
from raman_edge.spectrum import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.matching.library import Library
    from raman_edge.matching.ranking import Ranking
    from raman_edge.model.model import Model
    from raman_edge.peaks import MaterialLines, Peaks
    from raman_edge.quality import Quality
    from raman_edge.spectrum import Spectrum

WEAK_SNR = 16.0
"""Signal-to-noise ratio below which noise alone explains that nothing is near."""
COVERED = 12.0
"""Range of the background over the highest line, from which fluorescence hides the lines."""
FARTHEST = 60
"""Largest shift of the axis that is tried, cm⁻¹: three times the error of an uncalibrated instrument."""
SHIFT_STEP = 2
NEAR = 4.0
"""A line and a peak are the same within this distance, cm⁻¹, while shifts and pairs are tried."""
MOST_PEAKS = 12
"""The highest peaks are compared."""
FEWEST_PEAKS = 3
"""With fewer peaks any material fits at some shift."""
TRIED = 3
"""Shifts that the network is asked about, the best ones by their lines."""
SHIFT_KNOWN = 0.5
"""Least probability of being in the library after the shift."""
SHIFT_FITS = 0.6
"""Least product of the shares of peaks explained and of lines found."""
MIXED = 40
"""Labels that are tried as parts of a mixture, the most similar ones."""
MIXED_EXPLAINED = 0.93
"""Least share of the peaks, by height, that two labels explain together."""
MIXED_ALONE = 0.8
"""Largest share that one of them explains alone."""
MIXED_FOUND = 0.75
"""Least share of the lines of each part, by height, that the spectrum shows."""
ORGANIC = (2800.0, 3100.0)
"""Where carbon-hydrogen bonds stretch, cm⁻¹ (Socrates, Infrared and Raman Characteristic Group Frequencies, 3rd ed., ch. 2)."""
ORGANIC_HEIGHT = 0.15
"""Least height of a band there, relative to the highest line of the spectrum."""
ORGANIC_NOISE = 5.0
"""The same, over the noise."""
LISTED = 4
"""Peaks that a text lists."""


class LineTable(NamedTuple):
    """The lines of every label of a library, one after another."""

    shift: NDArray[np.float64]
    """cm⁻¹, (n,)."""
    height: NDArray[np.float64]
    """Height that every reference of the label has there at least, (n,)."""
    first: NDArray[np.intp]
    """Place of each label's first line, (k,); every label has at least one entry, of height 0 where it has no line."""
    near: NDArray[np.bool_]
    """Whether a label has a line within :data:`NEAR` of each whole cm⁻¹ from :attr:`start` on, (cm⁻¹, k)."""
    start: int

    @classmethod
    def of(cls, lines: tuple[MaterialLines, ...]) -> LineTable:
        """Lay out the lines of a library."""
        shifts = [one.shift if len(one) else np.zeros(1) for one in lines]
        heights = [one.lowest if len(one) else np.zeros(1) for one in lines]
        sizes = np.array([row.size for row in shifts])
        shift, height = np.concatenate(shifts).astype(np.float64), np.concatenate(heights).astype(np.float64)
        margin = FARTHEST + int(NEAR) + 1
        start, stop = int(shift.min()) - margin, int(shift.max()) + margin
        near = np.zeros((stop - start + 1, len(lines)), dtype=bool)
        label = np.repeat(np.arange(len(lines)), sizes)
        for offset in range(-int(NEAR), int(NEAR) + 1):
            near[np.rint(shift).astype(np.intp) + offset - start, label] = True
        near[:, [not len(one) for one in lines]] = False
        return cls(shift, height, np.concatenate([[0], np.cumsum(sizes)[:-1]]), near, start)

    def explained(self, shift: NDArray[np.floating], height: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the height of each peak that a label has a line for, 0 for the others, (k, peaks)."""
        places = np.rint(shift).astype(np.intp) - self.start
        inside = (places >= 0) & (places < self.near.shape[0])
        seen: NDArray[np.float64] = self.near[np.where(inside, places, 0)].T.astype(np.float64) * np.where(inside, height, 0.0)
        return seen

    def found(
        self, shift: NDArray[np.floating], covered: tuple[float, float], labels: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Return the share of the lines of ``labels`` (None: each label), by height, that a spectrum with peaks at ``shift`` shows."""
        sizes = np.diff(self.first, append=self.shift.size)
        first = self.first
        line, least = self.shift, self.height
        if labels is not None:
            sizes = sizes[labels]
            first = np.cumsum(sizes) - sizes
            rows = np.repeat(self.first[labels] - first, sizes) + np.arange(int(sizes.sum()))
            line, least = line[rows], least[rows]
        ordered = np.sort(shift)
        after = np.searchsorted(ordered, line).clip(0, ordered.size - 1)
        distance = np.minimum(np.abs(ordered[after] - line), np.abs(ordered[np.maximum(after - 1, 0)] - line))
        height = np.where((line >= covered[0]) & (line <= covered[1]), least, 0.0)
        whole = np.add.reduceat(height, first)
        seen = np.add.reduceat(np.where(distance <= NEAR, height, 0.0), first)
        return np.divide(seen, whole, out=np.zeros(whole.size), where=whole > 0)


@lru_cache(maxsize=2)
def _line_table(library: Library) -> LineTable:
    return LineTable.of(library.lines)


def find(spectrum: Spectrum, found: Peaks, quality: Quality, ranked: Ranking, library: Library, model: Model) -> Cause:
    """Return the probable cause of an unknown ``spectrum``; ``found`` are the peaks of the model's input."""
    if poor := _poor(spectrum, found, quality, model):
        return poor
    if len(found) >= FEWEST_PEAKS:
        strongest = _strongest(found)
        axis = model.card.recipe.axis
        covered = (max(axis.start, spectrum.axis.start), min(axis.stop, spectrum.axis.stop))
        if shifted := _shifted(spectrum, strongest, covered, library, model):
            return shifted
        if mixture := _mixture(strongest, covered, ranked, library):
            return mixture
    if has_organic_bands(spectrum):
        others = sum(not {"minerals", OWN} & {*packs} for packs in library.packs.values())
        holds = f"the packs in use hold {others} materials besides minerals" if others else "no pack of organic materials is in use"
        return Cause("organic", f"bands at 2800 to 3100 cm⁻¹: an organic material, and {holds}")
    return _nearest(ranked)


def _poor(spectrum: Spectrum, found: Peaks, quality: Quality, model: Model) -> Cause | None:
    """Return what is wrong with the measurement itself."""
    if quality.saturated:
        return Cause("saturated", "the detector is saturated, which cuts the lines: expose shorter")
    if quality.snr < WEAK_SNR or not len(found):
        return Cause("weak", f"too weak: the signal is {quality.snr:.1f} times the noise; expose longer, or average more exposures")
    covering = background_over_lines(spectrum, model.card.recipe.axis)
    if covering < COVERED:
        return None
    text = f"fluorescence covers the lines: its background is {covering:.0f} times as high; use a longer laser wavelength, or bleach"
    return Cause("fluorescence", text)


def background_over_lines(spectrum: Spectrum, axis: Axis) -> float:
    """Return the range of the background over the height of the highest line above it, where the model looks."""
    inside = (spectrum.axis.shift >= axis.start) & (spectrum.axis.shift <= axis.stop)
    counts = np.interp(grid := np.arange(*_whole(spectrum, axis)), spectrum.axis.shift[inside], spectrum.counts[inside])
    if grid.size < 2 * peaks.WIDEST:
        return 0.0
    background = peaks.background(counts, round(peaks.WIDEST / 2))
    lines = float((counts - background).max())
    return float(background.max() - background.min()) / lines if lines > 0 else 0.0


def has_organic_bands(spectrum: Spectrum) -> bool:
    """Whether the spectrum has bands where carbon-hydrogen bonds stretch; False where that was not measured."""
    shift, counts = spectrum.axis.shift, np.asarray(spectrum.counts, dtype=np.float64)
    if shift[-1] < ORGANIC[1] or shift[0] > ORGANIC[0]:
        return False
    inside = (shift >= ORGANIC[0]) & (shift <= ORGANIC[1])
    if inside.sum() < 10:  # noqa: PLR2004 - a band has a few points
        return False
    floor = np.interp(shift[inside], [ORGANIC[0], ORGANIC[1]], np.interp([ORGANIC[0], ORGANIC[1]], shift, counts))
    height = float((counts[inside] - floor).max())
    background = np.interp(shift, grid := np.arange(shift[0], shift[-1] + 1.0), peaks.background(np.interp(grid, shift, counts), 75))
    return height >= ORGANIC_HEIGHT * float((counts - background).max()) and height >= ORGANIC_NOISE * peaks.noise(counts, (1, 2))


def _whole(spectrum: Spectrum, axis: Axis) -> tuple[float, float]:
    return max(spectrum.axis.start, axis.start), min(spectrum.axis.stop, axis.stop)


def _strongest(found: Peaks) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    order = np.argsort(-found.height, kind="stable")[:MOST_PEAKS]
    return found.shift[order], found.height[order] / found.height[order].sum()


def _shifted(
    spectrum: Spectrum,
    strongest: tuple[NDArray[np.floating], NDArray[np.floating]],
    covered: tuple[float, float],
    library: Library,
    model: Model,
) -> Cause | None:
    """Return the shift of the axis at which the network recognises a material whose lines then fit."""
    table, (shift, height) = _line_table(library), strongest
    fits: list[tuple[float, int]] = []
    for error in range(-FARTHEST, FARTHEST + 1, SHIFT_STEP):
        if abs(error) > ranking.OFFSET:
            explained = table.explained(shift - error, height).sum(axis=1)
            # Where too little is explained no line has to be looked for: the product cannot be enough.
            if (enough := np.flatnonzero(explained >= SHIFT_FITS)).size:
                found = table.found(shift - error, (covered[0] - error, covered[1] - error), enough)
                fits.append((float((explained[enough] * found).max()), error))
    tried = (_at_shift(spectrum, error, covered, library, model) for fit, error in sorted(fits, reverse=True)[:TRIED] if fit >= SHIFT_FITS)
    best = max(filter(None, tried), default=None, key=lambda one: one.known)
    if best is None:
        return None
    text = f"the axis looks shifted by about {best.shift:+.0f} cm⁻¹, it is {best.label} then: calibrate the wavenumber axis"
    return Cause("shifted axis", text, (best.label,), round(best.shift, 1))


class ShiftedMatch(NamedTuple):
    """What a spectrum is at another axis."""

    known: float
    """Probability of being in the library."""
    label: str
    shift: float
    """Error of the axis, cm⁻¹."""


def _at_shift(spectrum: Spectrum, error: float, covered: tuple[float, float], library: Library, model: Model) -> ShiftedMatch | None:
    """Return what the network recognises on an axis without that error, where its lines fit."""
    axis, rule = model.card.recipe.axis, model.card.decision.familiar
    try:
        features = model.card.recipe.features(replace_axis(spectrum, error))
    except SpectrumError:
        return None
    outputs = model.run(features[np.newaxis])
    if not (np.isfinite(outputs.logits).all() and np.isfinite(outputs.embedding).all()):
        return None
    similarity = library.search(outputs.embedding[0])
    label, nearest = library.labels[int(similarity.argmax())], float(similarity.max())
    lines = peaks.match(peaks.find(axis, features), library.lines[library.place[label]], covered)
    # The energy needs all scores: a rule that uses it gets the similarity in its place, which is about as large.
    known = ranking.known(ranking.Ranking((), ranking.PredictionSets(), nearest, label, nearest), lines, rule)
    fits = known >= max(SHIFT_KNOWN, rule.least) and lines.explained >= SHIFT_FITS and lines.found >= SHIFT_FITS
    return ShiftedMatch(known, label, error + lines.offset) if fits else None


def replace_axis(spectrum: Spectrum, error: float) -> Spectrum:
    """Return the spectrum as an axis without that error would show it."""
    return replace(spectrum, axis=Axis(spectrum.axis.shift - error))


def _mixture(
    strongest: tuple[NDArray[np.floating], NDArray[np.floating]], covered: tuple[float, float], ranked: Ranking, library: Library
) -> Cause | None:
    """Return the two labels that explain the peaks together, where each one shows its own lines and neither explains them alone."""
    table, (shift, height) = _line_table(library), strongest
    explained, found = table.explained(shift, height), table.found(shift, covered)
    parts = [library.place[name] for name in ranked.leading[:MIXED] if name in library.place]
    parts = [k for k in parts if found[k] >= MIXED_FOUND and 0 < explained[k].sum() <= MIXED_ALONE]
    best: tuple[float, int, int] | None = None
    for i, k in enumerate(parts):
        for other in parts[i + 1 :]:
            both = float(np.maximum(explained[k], explained[other]).sum())
            if both >= MIXED_EXPLAINED and (best is None or both > best[0]):
                best = (both, k, other)
    if best is None:
        return None
    names = library.labels[best[1]], library.labels[best[2]]
    text = f"a mixture of {names[0]} and {names[1]}? Together they explain {best[0]:.0%} of the peaks, neither does alone"
    return Cause("mixture", text, names)


def _nearest(ranked: Ranking) -> Cause:
    first = ranked.matches[0]
    extra = sorted(first.peaks.extra, key=lambda peak: -peak.height)[:LISTED]
    rest = f"; unexplained peaks at {', '.join(f'{peak.at:.0f}' for peak in sorted(extra, key=lambda peak: peak.at))} cm⁻¹" if extra else ""
    text = f"a material that is not in the library; nearest {first.label}{rest}"
    return Cause("not in library", text, (first.label,))
