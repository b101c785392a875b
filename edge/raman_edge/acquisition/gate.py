"""Whether something is in the beam, and holds still: exposure by exposure, a state machine without a clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge import quality
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

Seen = Literal["nothing", "coming", "steady"]
"""Nothing is in the beam; something is, and was not there or not the same before; it is as it was."""
APPEARS = 8.0
"""Signal over noise from which on something is in the beam; noise alone stays below five (:data:`raman_edge.quality.MIN_SNR`)."""
GONE = 6.0
"""And below which it is gone again."""
STEADY = 0.25
"""Two exposures are of the same thing where what differs rises to less than this share of what they have in common."""
_NOWHERE = Origin("gate", "")


@dataclass(frozen=True, eq=False, slots=True)
class Gate:
    """What was seen up to now; :meth:`look` gives the next one."""

    seen: Seen = "nothing"
    last: NDArray[np.float64] | None = None
    """Counts of the exposure before, (n,); None where none can be compared with."""

    def look(self, counts: NDArray[np.float64], *, clipped: bool = False) -> Gate:
        """Take the counts of the next exposure, (n,); ``clipped`` says that the detector was saturated, which is light in any case.

        It is ``steady`` from the second of two exposures on that show the same.
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
        """Return the gate after the exposure was changed: the next one is compared with nothing."""
        return replace(self, last=None)


def _signal(counts: NDArray[np.float64]) -> float:
    """Return the highest rise above the surroundings over the noise."""
    axis = Axis(np.arange(counts.size, dtype=np.float64))
    return quality.assess(Spectrum(axis, counts, _NOWHERE), axis).snr
