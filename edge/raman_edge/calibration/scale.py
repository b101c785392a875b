"""The instrument's own axis, and the polynomial that makes wavelengths of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from raman_edge.spectrum import PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.spectrum import Spectrum

Unit = Literal["pixel", "shift"]
"""Kind of axis in the files of the instrument: pixel numbers, or a Raman shift from an earlier calibration."""


def unit(spectrum: Spectrum) -> Unit:
    """Return the kind of axis of a spectrum."""
    return "pixel" if PIXELS in spectrum.meta else "shift"


def own(shift: NDArray[np.floating], unit: Unit, laser_nm: float) -> NDArray[np.floating]:
    """Return the place of every point on the instrument's own axis: its pixel, or the wavelength (nm) it takes itself to be at."""
    return shift if unit == "pixel" else 1e7 / (1e7 / laser_nm - shift)


class WavelengthScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """λ = c₀ + c₁t + c₂t² + c₃t³ with t = (place - centre) / half."""

    centre: float
    """Middle of the instrument's own axis: a pixel, or nm."""
    half: float
    """Half of its length, above 0."""
    coefficients: tuple[float, ...]
    """nm, of ascending powers."""

    def t(self, place: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return places on the own axis as -1..1."""
        return (place - self.centre) / self.half

    def wavelength(self, place: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the wavelength in vacuum, nm, at places on the own axis."""
        return np.asarray(np.polynomial.polynomial.polyval(self.t(place), np.array(self.coefficients)), dtype=np.float64)

    def is_monotone(self) -> bool:
        """Whether every place of the axis has a different wavelength above 0."""
        along = np.linspace(self.centre - self.half, self.centre + self.half, 513)
        wavelength = self.wavelength(along)
        steps = np.diff(wavelength)
        return bool((wavelength > 0).all() and ((steps > 0).all() or (steps < 0).all()))
