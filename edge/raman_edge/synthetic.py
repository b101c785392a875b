"""Synthetic spectra from peak tables, for the simulator, the demo and the tests.

Nothing here was measured, and the origin of every spectrum made here states this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from raman_edge.peaks import Peaks


@dataclass(frozen=True, slots=True)
class SyntheticConditions:
    """Conditions of a synthetic measurement."""

    signal: float = 20_000.0
    """Counts of the highest line."""
    background: float = 0.2
    """Height of a smooth fluorescence background, relative to the highest line, ≥ 0."""
    dark: float = 300.0
    """Counts without light."""
    read_noise: float = 8.0
    """Standard deviation of the read-out, counts."""
    shift_error: float = 0.0
    """Error of the axis, cm⁻¹."""
    saturation: float | None = None
    """Counts at which the detector clips; None does not clip."""


def lines(axis: Axis, peaks: Peaks, shift_error: float = 0.0) -> NDArray[np.float64]:
    """Return the sum of Lorentzian lines on ``axis``, (n,), in the unit of the heights."""
    half = np.maximum(peaks.width, 1.0)[:, None] / 2
    apart = axis.shift[None, :] - (peaks.shift[:, None] + shift_error)
    total: NDArray[np.float64] = (peaks.height[:, None] / (1 + (apart / half) ** 2)).sum(axis=0)
    return total


def expose(axis: Axis, peaks: Peaks, conditions: SyntheticConditions, rng: Generator, origin: Origin) -> Spectrum:
    """Return one exposure of a material with these ``peaks``: lines, background, shot noise, read noise."""
    pure = lines(axis, peaks, conditions.shift_error)
    pure = pure / max(float(pure.max()), 1e-12)
    place = (axis.shift - axis.start) / (axis.stop - axis.start)
    glow = np.exp(-(((place - rng.uniform(0.2, 0.8)) / 0.5) ** 2))
    expected = conditions.dark + conditions.signal * (pure + conditions.background * glow)
    counts = rng.poisson(expected) + rng.normal(0.0, conditions.read_noise, expected.size)
    if conditions.saturation is not None:
        counts = np.minimum(counts, conditions.saturation)
    return Spectrum(axis, counts, origin, saturation=conditions.saturation)
