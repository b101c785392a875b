"""From Raman shift and counts to places in a picture: the curve, and the numbers on an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.floating]

STEPS = (1.0, 2.0, 5.0, 10.0)
"""Distances between numbers on an axis, times a power of ten."""
COLUMN = 2
"""Width in which a curve has one lowest and one highest point, units of the picture."""

TOLD = 1e-5
"""Share of a number that shows where it is written with a few digits: numbers that differ by less look alike."""
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, slots=True)
class Plane:
    """A rectangle of a picture, and which Raman shifts and counts it shows; picture units run right and down."""

    left: int
    top: int
    width: int
    height: int
    start: float
    """cm⁻¹ at the left edge."""
    stop: float
    """cm⁻¹ at the right edge, above ``start``."""
    low: float
    """Counts at the lower edge."""
    high: float
    """Counts at the upper edge; equal to ``low`` for a spectrum without any structure."""

    def x(self, shift: Array) -> NDArray[np.int64]:
        """Return where these Raman shifts are, whole units."""
        x: NDArray[np.int64] = np.rint(_share(shift, self.start, self.stop) * self.width).astype(np.int64) + self.left
        return x

    def y(self, counts: Array) -> NDArray[np.int64]:
        """Return where these counts are; what is above or below the rectangle lies on its edge."""
        y: NDArray[np.int64] = np.rint((1.0 - _share(counts, self.low, self.high)) * self.height).astype(np.int64) + self.top
        return y

    def column(self, shift: float) -> int:
        """Return where one Raman shift is."""
        return int(self.x(np.array([shift]))[0])

    def shows(self, shift: float) -> bool:
        """Whether a Raman shift lies in the rectangle."""
        return self.start <= shift <= self.stop


def _share(values: Array, low: float, high: float) -> Array:
    """Return how far from ``low`` to ``high`` these are, 0..1, by halves: the span of the largest numbers is no number."""
    span = max(high / 2 - low / 2, TINY)
    return np.minimum(np.maximum((values / 2 - low / 2) / span, 0.0), 1.0)


def curve(shift: Array, counts: Array, plane: Plane) -> str:
    """Return the curve as the data of an SVG path.

    Where points are denser than the picture, each column has its lowest and its highest one: a line narrower than a column
    stays as high as it was measured.
    """
    x, y = plane.x(shift), plane.y(counts)
    if x.size > 2 * plane.width // COLUMN:
        x, y = _lowest_and_highest(x, y)
    moves = np.stack([np.diff(x, prepend=0), np.diff(y, prepend=0)], axis=1)
    return "m" + " ".join(map("%d%+d".__mod__, map(tuple, moves.tolist())))


def _lowest_and_highest(x: NDArray[np.int64], y: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return two points a column, in the order in which the curve reaches them."""
    column = x // COLUMN
    first = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    last = np.append(first[1:], x.size) - 1
    upper, lower = np.minimum.reduceat(y, first), np.maximum.reduceat(y, first)
    falling = y[last] > y[first]
    ends = np.stack([np.where(falling, upper, lower), np.where(falling, lower, upper)], axis=1)
    return (column[first] * COLUMN).repeat(2), ends.reshape(-1)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most ``most`` round numbers within ``low`` and ``high``, evenly apart; none where they would look alike."""
    span = high - low
    if not max(abs(low), abs(high)) * TOLD < span < math.inf:
        return []
    power = 10.0 ** math.floor(math.log10(max(span / most, TINY)))
    step = next((power * digit for digit in STEPS if span / (power * digit) < most), 10 * power)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]
