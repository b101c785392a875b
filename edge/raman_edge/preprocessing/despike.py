"""Take out cosmic-ray spikes."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.preprocessing.step import Points, StepBase, require

if TYPE_CHECKING:
    from raman_edge.spectrum import Axis

NORMAL_MAD = 0.6745
"""Median absolute deviation of a standard normal variable; Whitaker & Hayes 2018, eq. 2."""
GROW = 1
"""Points beside a spike that are replaced with it: it leaks into its neighbours."""
SHOULDER = 0.5
"""Share of the threshold above which a step still belongs to the rise or fall beside it: a line climbs over several points."""


class Despike(StepBase, frozen=True, tag="despike@1"):
    """Replace what rises and falls within a few points by interpolating its neighbours.

    Whitaker & Hayes, Chemometr. Intell. Lab. Syst. 179 (2018) 82: modified z-scores of the
    differenced spectrum. Apply it before any resampling: a spike is one to three pixels wide,
    a Raman line is wider, and interpolation makes them alike.
    """

    threshold: float = 8.0
    """Modified z-score above which a point is a spike, > 0; the paper's plots use 3.5 to 10."""
    width: int = 3
    """Points between the foot of the rise and the foot of the fall, at most, ≥ 1; what is wider is a line and is left alone."""

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
        """Return which points belong to a spike: a whole rise and a whole fall within ``width`` points."""
        steps = np.diff(counts)
        centred = steps - np.median(steps)
        mad = float(np.median(np.abs(centred)))
        spikes = np.zeros(counts.size, dtype=bool)
        if mad == 0:
            return spikes
        score = NORMAL_MAD * centred / mad
        falls = _runs(-score, self.threshold)
        for start, top in _runs(score, self.threshold):
            following = falls[bisect_left(falls, (top, 0)) :][:1]
            # Step i leads from point i to i + 1: the feet are the points start and stop.
            if following and (stop := following[0][1]) - start - 1 <= self.width:
                spikes[max(0, start + 1 - GROW) : stop + GROW] = True
        # The first and last points anchor the interpolation.
        spikes[[0, -1]] = False
        return spikes


def _runs(score: Points, threshold: float) -> list[tuple[int, int]]:
    """Return where neighbouring scores stay above the shoulder and reach ``threshold``, as [start, stop)."""
    edges = np.flatnonzero(np.diff(score > SHOULDER * threshold, prepend=False, append=False)).tolist()
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, stop) for start, stop in runs if score[start:stop].max() > threshold]
