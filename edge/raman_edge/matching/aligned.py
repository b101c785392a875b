"""Search of whole reference spectra, tolerant of an error of the axis.

The network compares where minerals have their lines, at fixed positions. A pack has spectra: they are compared over all that spectrum
and reference both measured, with the spectrum moved by up to :data:`FARTHEST` cm⁻¹. What is compared is the smoothed derivative of the
square root of the intensity above the background, which gives weak lines a weight and ignores fluorescence. How often it is right:
`raman-train pack measure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raman_edge import peaks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raman_edge.spectrum import Spectrum

FIRST, LAST = 100, 3400
"""Raman shift that is compared, cm⁻¹: from the end of the Rayleigh line to the O-H stretch."""
STEP = 2
"""Distance of two points that are compared, cm⁻¹."""
FARTHEST = 12
"""Largest error of the axis, cm⁻¹: twice that of an uncalibrated handheld."""
BACKGROUND = 150
"""A wider rise than this is background, cm⁻¹."""
DENOISED, SMOOTHED = 3.0, 5.0
"""Standard deviation of the Gaussian before the background is searched, and of the derivative, cm⁻¹."""
FLOOR = 0.01
"""Share of the highest point that is added before the square root, so that noise at zero does not count as lines."""
SHARED = 0.5
"""Share of the lines of either, by the sum of squares, that the other one measured too; where it is less, the similarity is lowered."""
FEWEST = 60
"""A spectrum shorter than this is not compared, cm⁻¹."""
WINDOW = 20
"""Points of the windows whose shares of the similarity are counted: 40 cm⁻¹."""
MOVES = np.arange(-FARTHEST, FARTHEST + 1, STEP)
"""Moves of a spectrum, cm⁻¹."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """The reference that a spectrum is most similar to, once it is moved."""

    label: str
    similarity: float
    """Cosine of the derivatives where both are measured, -1..1."""
    offset: float
    """What the spectrum's axis shows minus what the reference's shows, cm⁻¹."""
    windows: float
    """Number of windows of 40 cm⁻¹ that the similarity rests on, 1 for a single line: inverse of the sum of squared shares."""
    covered: tuple[float, float]
    """Where both are measured, on the spectrum's axis, cm⁻¹."""

    @property
    def text(self) -> str:
        """What was found, for a person; the label is data, not yet escaped."""
        low, high = self.covered
        moved = f", the axis {self.offset:+.0f} cm⁻¹ off" if self.offset else ""
        return f"the whole reference of {self.label} fits from {low:.0f} to {high:.0f} cm⁻¹{moved}: similarity {self.similarity:.2f}"

    @property
    def convincing(self) -> bool:
        """Whether no other material is as similar: many lines agree, or fewer agree better. See :data:`CONVINCING`."""
        return any(self.similarity >= least and self.windows >= windows for least, windows in CONVINCING)


CONVINCING = ((0.8, 2.5), (0.9, 2.0))
"""Least similarity and least windows, either pair. Of 2500 spectra of RRUFF minerals none is that near to one of the 91 references of the
pack ``everyday``; single lines, such as those of carbonates and sulfates, are."""


class PreparedReferences(NamedTuple):
    """References as they are compared; a spectrum that is too short is left out."""

    labels: tuple[str, ...]
    values: NDArray[np.float32]
    """Derivatives, zero outside the measured range, (n, points)."""
    energy: NDArray[np.float32]
    """Sum of their squares before each point, (n, points + 1)."""
    start: NDArray[np.intp]
    """First measured point, (n,)."""
    stop: NDArray[np.intp]
    """Point after the last one, (n,)."""


class AlignedSearch:
    """Reference spectra, prepared when the first spectrum is compared with them."""

    def __init__(self, labels: Sequence[str], spectra: Sequence[Spectrum], *, settles: bool = True) -> None:
        """Keep ``spectra``, one a label; labels may repeat.

        ``settles`` is whether a convincing one may be a match: only for packs whose errors were measured.
        """
        self._labels, self._spectra, self.settles = tuple(labels), tuple(spectra), settles

    def __len__(self) -> int:
        return len(self._labels)

    @cached_property
    def _prepared(self) -> PreparedReferences:
        rows = [(label, row) for label, one in zip(self._labels, self._spectra, strict=True) if (row := _derivative(one)) is not None]
        values = np.stack([values for _, (values, _, _) in rows]) if rows else np.zeros((0, _length()), np.float32)
        energy = np.zeros((len(rows), _length() + 1), np.float32)
        np.cumsum(values**2, axis=1, out=energy[:, 1:])
        start, stop = (np.array([row[place] for _, row in rows], dtype=np.intp) for place in (1, 2))
        return PreparedReferences(tuple(label for label, _ in rows), values, energy, start, stop)

    def search(self, spectrum: Spectrum) -> Aligned | None:
        """Return the most similar reference; None where there is none, or the spectrum is too short or has no lines."""
        labels, references, energies, starts, stops = self._prepared
        prepared = _derivative(spectrum)
        if prepared is None or not labels:
            return None
        values, start, stop = prepared
        energy = np.concatenate([[0.0], np.cumsum(values.astype(np.float64) ** 2)])
        if energy[-1] <= 0:
            return None
        moved, steps, last = _moved(values, start, stop), MOVES // STEP, _length()
        # Of the reference where the spectrum is measured, and of the spectrum where the reference is, (references, moves).
        theirs = energies[:, np.clip(stop - steps, 0, last)] - energies[:, np.clip(start - steps, 0, last)]
        ours = energy[np.clip(stops[:, np.newaxis] + steps, 0, last)] - energy[np.clip(starts[:, np.newaxis] + steps, 0, last)]
        whole = np.maximum(energies[:, -1:], 1e-12)
        shared = np.minimum(1, theirs / (SHARED * whole)) * np.minimum(1, ours / (SHARED * energy[-1]))
        cosine = (references @ moved.T) / np.sqrt(np.maximum(theirs * ours, 1e-12)) * np.sqrt(np.maximum(shared, 0))
        row, move = divmod(int(cosine.argmax()), MOVES.size)
        back = int(MOVES[move]) // STEP
        low, high = max(start, int(starts[row]) + back), min(stop, int(stops[row]) + back)
        return Aligned(
            labels[row],
            round(float(cosine[row, move]), 4),
            float(MOVES[move]),
            _windows(references[row] * moved[move]),
            (float(FIRST + STEP * low), float(FIRST + STEP * (high - 1))),
        )


def _windows(products: NDArray[np.float32]) -> float:
    """Return the number of windows that the sum of ``products`` rests on."""
    parts = np.maximum(np.add.reduceat(products, np.arange(0, products.size, WINDOW)), 0).astype(np.float64)
    whole = float((parts**2).sum())
    return round(float(parts.sum()) ** 2 / whole, 2) if whole > 0 else 0.0


def _length() -> int:
    return (LAST - FIRST) // STEP + 1


def _derivative(spectrum: Spectrum) -> tuple[NDArray[np.float32], int, int] | None:
    """Return what is compared, zero outside the measured range, with the places of its start and stop; None where it is too short."""
    shift = spectrum.axis.shift
    low, high = max(FIRST, int(np.ceil(shift[0]))), min(LAST, int(np.floor(shift[-1])))
    low += (low - FIRST) % STEP
    if high - low < FEWEST:
        return None
    counts = np.interp(np.arange(low - 1, high + 2, dtype=np.float64), shift, spectrum.counts)
    counts = (counts[:-2] + 2 * counts[1:-1] + counts[2:])[::STEP] / 4
    envelope = peaks.background(_smooth(counts, DENOISED), BACKGROUND // STEP // 2)
    lines = counts - _smooth(envelope, BACKGROUND / 3)
    lines -= lines.min()
    if (highest := float(lines.max())) <= 0 or not np.isfinite(highest):
        return None
    values = np.zeros(_length(), np.float32)
    start, stop = (low - FIRST) // STEP, (low - FIRST) // STEP + counts.size
    values[start:stop] = _smooth(np.sqrt(lines / highest + FLOOR), SMOOTHED, derivative=True)
    return values, start, stop


def _smooth(values: NDArray[np.floating], sigma: float, *, derivative: bool = False) -> NDArray[np.float64]:
    """Return ``values`` after a Gaussian with this standard deviation in cm⁻¹, or its derivative; the ends are held."""
    half = round(4 * sigma / STEP)
    places = np.arange(-half, half + 1) * STEP
    kernel = np.exp(-0.5 * (places / sigma) ** 2)
    kernel /= kernel.sum()
    if derivative:
        kernel = -places / sigma**2 * kernel
    return np.convolve(np.pad(values, half, mode="edge"), kernel, mode="valid")


def _moved(values: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """Return the spectrum moved by minus each of :data:`MOVES`, (moves, points)."""
    moved = np.zeros((MOVES.size, values.size), np.float32)
    for row, move in enumerate(range(-FARTHEST // STEP, FARTHEST // STEP + 1)):
        low, high = max(0, start - move), min(values.size, stop - move)
        if high > low:
            moved[row, low:high] = values[low + move : high + move]
    return moved
