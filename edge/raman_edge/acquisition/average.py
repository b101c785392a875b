"""The mean of several exposures, without cosmic spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import SpectrumError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raman_edge.instruments.spectrometer import Exposure

LEAST = 3
"""Fewest exposures that reveal a spike: of two, either may be right."""
TOGETHER = 64
"""Pixels with similar counts share their scatter: that of three values alone is often 0 by chance."""
BEYOND = 12.0
"""A value this many standard deviations above the median of its pixel is a spike; from three values the deviation is rough."""
MOST_SHARE = 0.01
"""Where more of an exposure's pixels stand out, the sample or the light has changed, and all of it stays."""
MOST_FEW = 8
"""Pixels that may always stand out: a track across a small detector."""
_SMALL_SAMPLES = {3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}
"""What the median absolute deviation of so few normal values is too small by; Croux and Rousseeuw (1992), Comput. Stat. 1, 411."""
_NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, eq=False, slots=True)
class Mean:
    """Counts of a single exposure, in the order of the pixels."""

    counts: NDArray[np.float64]
    """(n,); in a clipped pixel, its highest count."""
    clipped: NDArray[np.bool_]
    """Whether the detector was saturated there in any exposure, before corrections, (n,)."""
    spikes: int
    """Values left out."""


def same(one: Exposure, other: Exposure) -> bool:
    """Whether two exposures may be averaged: the same instrument, exposure and length."""
    alike = one.exposure_s == other.exposure_s and one.frame.counts.shape == other.frame.counts.shape
    return alike and one.instrument == other.instrument


def mean(exposures: Sequence[Exposure]) -> Mean:
    """Average exposures that are :func:`same`, at least one.

    With three or more, a value that is more than :data:`BEYOND` standard deviations above the median of its pixel
    is left out; the standard deviation is estimated from the median absolute deviation (MAD), the larger of the pixel's own and
    the median of those with about as many counts. Raises :class:`SpectrumError` where they differ.

    In a sum made by the device, a pixel counts as clipped only where the whole sum was.
    """
    first, *others = exposures
    if not all(same(first, other) for other in others):
        got = "exposures of different instruments, durations or lengths"
        raise SpectrumError(kind="exposures differ", got=got, expected="one kind", advice="Average each kind by itself")
    frames = np.stack([exposure.counts for exposure in exposures])  # (N, n)
    sensor = first.instrument.sensor
    if sensor.reverse:
        frames = frames[:, ::-1]
    if not np.isfinite(frames).all():
        raise SpectrumError(kind="impossible counts", expected="finite numbers", advice="The frame is damaged: take another one")
    kept = ~spikes(frames)
    full = np.zeros(frames.shape, dtype=bool) if sensor.saturation is None else (frames >= sensor.saturation) & kept
    clipped: NDArray[np.bool_] = np.logical_or.reduce(full)
    counts = frames.mean(axis=0, where=kept)
    counts[clipped] = frames[:, clipped].max(axis=0, where=kept[:, clipped], initial=-np.inf)
    return Mean(counts, clipped, int((~kept).sum()))


def spikes(frames: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which values, (N, n), are spikes: none where the exposures are fewer than :data:`LEAST`."""
    number, n = frames.shape
    if number < LEAST:
        return np.zeros(frames.shape, dtype=bool)
    middle = _median(frames)
    above = frames - middle
    factor = _NORMAL * _SMALL_SAMPLES.get(number, number / (number - 0.8))
    scatter = factor * _median(np.abs(above))  # (n,)
    found: NDArray[np.bool_] = above > BEYOND * np.maximum(scatter, _alike(scatter, middle))
    found &= above > 1.0  # exposures that are all alike have no scatter, and a count is the least that is measured
    found[found.sum(axis=1) > max(MOST_FEW, MOST_SHARE * n)] = False
    return found


def _median(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each pixel; np.median takes ten times as long over few exposures."""
    columns = np.sort(frames, axis=0)
    high = frames.shape[0] // 2
    middle: NDArray[np.float64] = columns[high] if frames.shape[0] % 2 else (columns[high - 1] + columns[high]) / 2
    return middle


def _alike(scatter: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median scatter of the pixels that count about as much, (n,): light has shot noise, and lines are narrow.

    The lowest few belong to those before them where they do not fill a group.
    """
    order = np.argsort(-level, kind="stable")
    size = min(TOGETHER, order.size)
    whole = order.size // size * size
    groups = np.median(scatter[order[:whole]].reshape(-1, size), axis=1)
    shared = np.empty_like(scatter)
    shared[order] = np.append(np.repeat(groups, size), np.full(order.size - whole, groups[-1]))
    return shared
