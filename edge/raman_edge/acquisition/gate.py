"""Whether a sample is in the beam and steady: a state machine over exposures, without a clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge import quality
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

Seen = Literal["nothing", "coming", "steady"]
"""The beam is empty; a sample is new or has changed; it is the same as before."""
APPEARS = 8.0
"""Least signal over noise of a sample; noise alone stays below five (:data:`raman_edge.quality.MIN_SNR`)."""
GONE = 6.0
"""Signal over noise below which the sample is gone."""
STEADY = 0.25
"""Two exposures show the same sample where their difference is below this share of the signal."""
_NOWHERE = Origin("gate", "")


@dataclass(frozen=True, eq=False, slots=True)
class Gate:
    """The state so far; :meth:`look` gives the next one."""

    seen: Seen = "nothing"
    last: NDArray[np.float64] | None = None
    """Counts of the previous exposure, (n,); None where there is none to compare."""

    def look(self, counts: NDArray[np.float64], *, clipped: bool = False) -> Gate:
        """Take the counts of the next exposure, (n,); ``clipped`` means a saturated detector, so there is light.

        The state is ``steady`` from the second equal exposure on.
        """
        signal = _signal(counts)
        there = clipped or signal >= (APPEARS if self.seen == "nothing" else GONE)
        if not there:
            return Gate("nothing", None)
        before = self.last
        if before is None or before.shape != counts.shape:
            return Gate("coming", counts)
        differs = max(_signal(counts - before), _signal(before - counts))
        same = differs <= max(quality.MIN_SNR, STEADY * signal)
        return Gate("steady" if same else "coming", counts)

    def rescaled(self) -> Gate:
        """Return the gate after a change of the exposure: the next one is compared with none."""
        return replace(self, last=None)


def _signal(counts: NDArray[np.float64]) -> float:
    """Return the highest peak above its surroundings, over the noise."""
    axis = Axis(np.arange(counts.size, dtype=np.float64))
    return quality.assess(Spectrum(axis, counts, _NOWHERE), axis).snr
