"""Scale to 0..1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.errors import SpectrumError
from raman_edge.preprocessing.step import Points, StepBase

if TYPE_CHECKING:
    from raman_edge.spectrum import Axis


class MinMax(StepBase, frozen=True, tag="minmax@1"):
    """Subtract the lowest value and divide by the range: the result spans exactly 0..1."""

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        low, high = float(counts.min()), float(counts.max())
        if not high > low:
            msg = f"a flat spectrum has nothing to recognise: every count on the model's axis is {low:g}"
            raise SpectrumError(msg)
        # Dividing first keeps the range finite where high - low would overflow.
        scale = max(abs(low), abs(high))
        low, high = low / scale, high / scale
        return axis, (counts / scale - low) / (high - low)
