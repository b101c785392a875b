"""What a camera's files have in common: rows of pixels, and an axis that may be the pixels themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role
from raman_edge.formats.shift import to_shift
from raman_edge.spectrum import PIXELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.formats.header import HeaderFacts

LEAST_NM = 100.0
"""No spectrometer for Raman spectra sees shorter wavelengths."""
_YEARS = (1990, 2100)
"""A time outside these years is a clock that was never set."""


def polynomial(coefficients: Sequence[float], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the polynomial's values; ``coefficients`` begin with the constant."""
    return np.asarray(np.polynomial.polynomial.polyval(at, np.asarray(coefficients, np.float64)), np.float64)


def axis(values: NDArray[np.float64], kind: Role, known: HeaderFacts, document: FileContent) -> tuple[NDArray[np.float64], dict[str, str]]:
    """Return the Raman shift (cm⁻¹) of every column, and what the meta says of the axis.

    A calibration receives pixels if it needs them. Otherwise the errors of :func:`to_shift`, with what
    to do where the file is no table.
    """
    if kind is Role.PIXEL and document.pixels:
        return values, {PIXELS: f"{values.size}"}
    if kind is Role.WAVELENGTH:
        _refuse_wavelengths(values, known.laser_nm)
    return to_shift(values, AxisKind(kind), known.laser_nm), {}


def _refuse_wavelengths(values: NDArray[np.float64], laser_nm: float | None) -> None:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < LEAST_NM:
        raise FormatError(
            kind="wavelengths too short",
            got=f"{low:g} to {high:g} nm",
            expected=f"{LEAST_NM:g} nm or more",
            advice="At the zeroth order of the grating the detector takes an image, not a spectrum",
        )
    if laser_nm is None:
        raise FormatError(
            kind="unknown laser wavelength",
            got=f"a wavelength axis ({low:g} to {high:g} nm)",
            expected="the wavelength of the laser",
            advice="Give it with --laser NM, or save the spectrum with a Raman-shift axis",
        )


def numbered(**counted: tuple[int, int]) -> dict[str, str]:
    """Name which frame, track or row a spectrum is, as in "2 of 5"; nothing where there is one of a kind."""
    return {name: f"{index + 1} of {total}" for name, (index, total) in counted.items() if total > 1}


def moment(seconds: float) -> datetime | None:
    """Return a Unix time in UTC; None where the clock was never set."""
    try:
        found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if _YEARS[0] <= found.year < _YEARS[1] else None
