"""Smooth with a Savitzky-Golay filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import SpectrumError
from raman_edge.preprocessing.step import Points, StepBase, imported, require

if TYPE_CHECKING:
    from raman_edge.spectrum import Axis


class Smooth(StepBase, frozen=True, tag="smooth@1"):
    """Savitzky-Golay smoothing (Anal. Chem. 36 (1964) 1627), edges fitted, by scipy.

    Needs the extra ``baseline``. Importing scipy.signal takes about a second, so only a recipe with this step does it.
    """

    window: int = 11
    """Points in the window, odd, above ``order``."""
    order: int = 3
    """Order of the polynomial, ≥ 0."""

    def __post_init__(self) -> None:
        require(self.window % 2 == 1, f"smooth wants an odd window; got {self.window}")
        require(0 <= self.order < self.window, f"smooth wants 0 <= order < window; got {self.order} and {self.window}")

    def load(self) -> None:
        imported("scipy.signal", self.tag)

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        if counts.size < self.window:
            msg = f"smoothing over {self.window} points needs at least as many; the spectrum has {counts.size}"
            raise SpectrumError(msg)
        savgol_filter = imported("scipy.signal", self.tag).savgol_filter
        smoothed: Points = np.asarray(savgol_filter(counts, self.window, self.order), dtype=np.float64)
        return axis, smoothed
