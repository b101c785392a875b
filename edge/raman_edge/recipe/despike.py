"""Take out cosmic-ray spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_edge.recipe.step import Points, StepBase, require

if TYPE_CHECKING:
    from raman_edge.spectrum import Axis

NORMAL_MAD = 0.6745
"""Median absolute deviation of a standard normal variable; Whitaker & Hayes 2018, eq. 2."""
GROW = 1
"""Points beside a flagged one that are replaced with it: a spike leaks into its neighbours."""


class Despike(StepBase, frozen=True, tag="despike@1"):
    """Replace points whose first difference is an outlier by interpolating their neighbours.

    Whitaker & Hayes, Chemometr. Intell. Lab. Syst. 179 (2018) 82: modified z-scores of the
    differenced spectrum. Apply it before any resampling: a spike is one to three pixels wide,
    a Raman line is wider, and interpolation makes them alike.
    """

    threshold: float = 8.0
    """Modified z-score above which a point is a spike, > 0; the paper's plots use 3.5 to 10."""
    width: int = 3
    """A run of flagged points longer than this is a line, not a spike, and is left alone."""

    def __post_init__(self) -> None:
        require(self.threshold > 0, f"despike wants a threshold above 0; got {self.threshold}")
        require(self.width >= 1, f"despike wants a width of at least 1 point; got {self.width}")

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        flagged = self._spikes(counts)
        if not flagged.any():
            return axis, counts
        good = ~flagged
        return axis, np.interp(axis.shift, axis.shift[good], counts[good])

    def _spikes(self, counts: Points) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return which points belong to a spike: a steep rise and a steep fall within ``width`` points."""
        steps = np.diff(counts)
        centred = steps - np.median(steps)
        mad = float(np.median(np.abs(centred)))
        spikes = np.zeros(counts.size, dtype=bool)
        if mad == 0:
            return spikes
        score = NORMAL_MAD * centred / mad
        falls = np.flatnonzero(score < -self.threshold)
        for rise in np.flatnonzero(score > self.threshold):
            fall = falls[np.searchsorted(falls, rise) :][:1]
            if fall.size and fall[0] - rise <= self.width:
                spikes[max(0, rise + 1 - GROW) : fall[0] + 1 + GROW] = True
        # The first and last points anchor the interpolation.
        spikes[[0, -1]] = False
        return spikes
