"""Whether a spectrum is good enough to be identified: signal, saturation, coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge import peaks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.spectrum import Axis, Spectrum

MIN_SNR = 5.0
"""Noise alone rises three to four and a half standard deviations above its median somewhere among a thousand points."""
MIN_COVERAGE = 0.25
"""Share of the model's axis that must have been measured."""
FLAT_TOP = 4
"""This many neighbouring points at exactly the highest count are a saturated detector."""
APART = (1, 2)
"""Points between which the noise is measured; 2, because a file may hold a point between any two measured ones."""
MOST_SNR = 9999.0
"""Reported where the noise is too small to be measured."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How far an identification of a spectrum can be trusted, by the spectrum alone."""

    snr: float
    """Highest line above its surroundings over the point-to-point noise."""
    saturated: bool | None
    """Whether the detector saturated; None is unknown."""
    coverage: float
    """Share of the model's axis that the spectrum covers, 0..1."""

    @property
    def reject_reasons(self) -> tuple[str, ...]:
        """Reasons to reject the spectrum; empty if it is good enough."""
        found = []
        if self.snr < MIN_SNR:
            found.append(f"too noisy: the signal is {self.snr:.1f} times the noise, {MIN_SNR:g} is the least; expose longer")
        if self.coverage < MIN_COVERAGE:
            found.append(f"covers {self.coverage:.0%} of the model's range, {MIN_COVERAGE:.0%} is the least; check the axis")
        return tuple(found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons to trust the identification less."""
        return ("the detector is saturated: expose shorter",) if self.saturated else ()


def assess(spectrum: Spectrum, axis: Axis) -> Quality:
    """Judge ``spectrum`` for a model that works on ``axis``."""
    covered = min(spectrum.axis.stop, axis.stop) - max(spectrum.axis.start, axis.start)
    return Quality(
        snr=round(_signal_to_noise(spectrum, axis), 1),
        saturated=_saturated(spectrum),
        coverage=round(max(0.0, covered) / (axis.stop - axis.start), 3),
    )


def _signal_to_noise(spectrum: Spectrum, axis: Axis) -> float:
    """Return the tallest rise above a running background over the noise, where the model looks."""
    inside = (spectrum.axis.shift >= axis.start) & (spectrum.axis.shift <= axis.stop)
    counts = np.asarray(spectrum.counts[inside], dtype=np.float64)
    if counts.size < 5:  # noqa: PLR2004 - a second difference and its median
        return 0.0
    largest = float(np.abs(counts).max())
    if largest == 0 or counts.max() == counts.min():
        return 0.0
    counts = counts / largest
    span = max(3, counts.size // 16)
    blocks = counts[: counts.size // span * span].reshape(-1, span)
    signal = float((blocks.max(axis=1) - _medians(blocks)).max())
    sigma = peaks.noise(counts, APART)
    if signal == 0:
        return 0.0
    return signal / sigma if sigma > signal / MOST_SNR else MOST_SNR


def _medians(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the median of each row; np.median takes five times as long."""
    high = rows.shape[1] // 2
    low = (rows.shape[1] - 1) // 2
    parted = np.partition(rows, (low, high), axis=1)
    return (parted[:, low] + parted[:, high]) / 2


def _saturated(spectrum: Spectrum) -> bool | None:
    """Return whether counts reach the detector's limit, or form a flat top; None if unknown."""
    if spectrum.saturation is not None:
        return bool((spectrum.counts >= spectrum.saturation).any())
    at_top = np.flatnonzero(spectrum.counts == spectrum.counts.max())
    return True if at_top.size >= FLAT_TOP and _has_run(at_top) else None


def _has_run(indices: np.ndarray[tuple[int], np.dtype[np.intp]]) -> bool:
    """Return whether ``FLAT_TOP`` of the increasing ``indices`` are neighbours."""
    return bool((indices[FLAT_TOP - 1 :] - indices[: indices.size - FLAT_TOP + 1] == FLAT_TOP - 1).any())
