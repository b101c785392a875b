"""The axis of a detector: pixels, or the Raman shift that the instrument's own wavelengths give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.instruments.spectrometer import InstrumentInfo

LEAST_SHIFT = 50.0
"""cm⁻¹. Nearer to the laser its own line and the edge of the filter are measured, which few instruments get below; beyond
it is anti-Stokes light. Both are cut, since a model sees the highest line first."""


def numbers(pixels: NDArray[np.intp], instrument: InstrumentInfo) -> NDArray[np.float64]:
    """Return the numbers that the instrument's polynomial has for pixels counted from 0."""
    return (pixels + instrument.first_pixel).astype(np.float64)


def shift(pixels: NDArray[np.intp], instrument: InstrumentInfo, laser_nm: float) -> NDArray[np.float64]:
    """Return the Raman shift of pixels, cm⁻¹, (n,), in their order; raises :class:`ConfigError` where it does not run one way.

    Both wavelengths are taken as they are told: in air the shifts are 0.03 % larger than in vacuum, 0.8 cm⁻¹ at 3000, and where
    one is of air and the other of vacuum all are off by 4 cm⁻¹ at 785 nm. A calibration knows better.
    """
    coefficients = instrument.coefficients or ()
    wavelength = np.polynomial.polynomial.polyval(numbers(pixels, instrument), np.array(coefficients))
    steps = np.diff(wavelength)
    if not (np.isfinite(wavelength).all() and (wavelength > 0).all() and ((steps > 0).all() or (steps < 0).all())):
        told = ", ".join(f"{value:g}" for value in coefficients)
        msg = f"the instrument's wavelength coefficients ({told}) give no wavelengths that rise from pixel to pixel: calibrate it"
        raise ConfigError(msg)
    places: NDArray[np.float64] = 1e7 / laser_nm - 1e7 / wavelength
    return places


def rising(axis: NDArray[np.float64], counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both so that the axis rises."""
    return (axis, counts) if axis[0] < axis[-1] else (axis[::-1], counts[::-1])


def beyond_laser(shift: NDArray[np.floating]) -> slice:
    """Return the points of a rising axis above :data:`LEAST_SHIFT`; raises :class:`ConfigError` where they are fewer than two."""
    first = int(np.searchsorted(shift, LEAST_SHIFT, side="right"))
    if shift.size - first < 2:  # noqa: PLR2004 - a spectrum has two points
        msg = (
            f"the detector sees {shift[0]:.0f} to {shift[-1]:.0f} cm⁻¹ from the laser, and Raman lines are above {LEAST_SHIFT:g}: "
            "is the laser's wavelength right?"
        )
        raise ConfigError(msg)
    return slice(first, None)
