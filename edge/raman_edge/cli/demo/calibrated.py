"""What a calibration came to: how far off the axis was before it, and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.spectrum import Spectrum


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Root mean squares over the lines of the standard."""

    before: float
    """By the axis that the instrument itself tells, cm⁻¹."""
    after: float
    """By the calibration, cm⁻¹."""
    lines: int

    @property
    def words(self) -> str:
        """In one line."""
        return f"off by {self.before:.1f}, now by {self.after:.2f} cm⁻¹"

    @property
    def is_better(self) -> bool:
        """Whether the axis is nearer than it was."""
        return self.after < self.before


def off(calibration: Calibration, own: Spectrum) -> float:
    """Return how far the spectrum's own axis puts the calibration's lines from where they belong, cm⁻¹ (rms)."""
    calibrated = calibration.apply(own, calibration.made)
    seen = np.array([line.at + line.residual for line in calibration.lines])
    told = np.interp(seen, calibrated.axis.shift, own.axis.shift)
    return float(np.sqrt(np.mean((told - np.array([line.at for line in calibration.lines])) ** 2)))
