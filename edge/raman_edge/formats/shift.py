"""From what a file's axis column holds to a Raman shift in cm⁻¹, or a clear word why that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMED_LIMIT = 6000.0
"""cm⁻¹; detectors see beyond the last fundamental (H₂, 4161 cm⁻¹) and as far on the anti-Stokes side, but not this far."""
_UNNAMED = (-600.0, 5500.0)
"""cm⁻¹; a column without a name has to look like a Raman shift."""
_LEAST_SPAN = 50.0
"""cm⁻¹; a column without a name that covers less is something else."""
_ONE_WAY = 0.9
"""Share of steps that go the same way in a column that is an axis; overlapping scan windows step back a few times."""
_NM = (300.0, 1200.0, 450.0, 0.25)
"""Silicon detectors' wavelengths: from, to, widest span, coarsest step (nm). Raman shifts are not cut that fine."""
_WAVELENGTHS = (100.0, 20_000.0)
"""nm; nothing else is a wavelength."""
_SAY_IT = "if it is a Raman shift, put a line with the column names above the table, such as 'Raman shift (cm-1)' and 'counts'"
_SAY_LASER = "give it as --laser NM, put a line such as 'Laser wavelength (nm): 785' above the table, or export with a Raman-shift axis"


def to_shift(values: NDArray[np.float64], kind: Role | None, laser_nm: float | None) -> NDArray[np.float64]:
    """Return the Raman shift (cm⁻¹) of every row, NaN where ``values`` is NaN.

    ``kind`` is the axis's role, None where nothing names it. Raises :class:`FormatError`
    where the values cannot be a Raman shift, or need a laser wavelength that is not there.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        msg = f"the axis column holds no number in {values.size} rows; expected the Raman shift (cm-1): was the instrument calibrated?"
        raise FormatError(msg)
    if kind is Role.PIXEL:
        msg = (
            f"the axis is in pixels ({known.min():g} to {known.max():g}); expected a Raman shift (cm-1): calibrate the instrument "
            "by a lamp or a standard (`raman-edge calibrate`) and give --calibration, or export with a wavenumber axis"
        )
        raise FormatError(msg)
    if kind is None:
        _refuse_implausible(known)
        return values
    if kind is Role.WAVELENGTH:
        return _from_wavelength(values, known, laser_nm)
    if kind is Role.WAVENUMBER and known.max() > NAMED_LIMIT:
        return _from_wavenumber(values, known, laser_nm)
    return _within(values, known, "the axis")


def is_pixels(values: NDArray[np.float64], kind: Role | None) -> bool:
    """Whether the axis column holds the numbers of a detector's pixels, by its name or, where nothing names it, by its steps."""
    if kind is Role.PIXEL:
        return bool(np.isfinite(values).any())
    return kind is None and values.size > 1 and _counts_up(values)


def _counts_up(known: NDArray[np.float64]) -> bool:
    return bool(known[0] in {0.0, 1.0} and (np.diff(known) == 1).all())


def _from_wavelength(values: NDArray[np.float64], known: NDArray[np.float64], laser_nm: float | None) -> NDArray[np.float64]:
    if known.min() < _WAVELENGTHS[0] or known.max() > _WAVELENGTHS[1]:
        msg = (
            f"the axis is named a wavelength and runs from {known.min():g} to {known.max():g}; "
            f"expected {_WAVELENGTHS[0]:g} to {_WAVELENGTHS[1]:g} nm: {_SAY_IT}"
        )
        raise FormatError(msg)
    if laser_nm is None:
        msg = f"the axis is a wavelength ({known.min():g} to {known.max():g} nm) and the laser's is not in the file: {_SAY_LASER}"
        raise FormatError(msg)
    return _near(1e7 / laser_nm - 1e7 / values, laser_nm)


def _from_wavenumber(values: NDArray[np.float64], known: NDArray[np.float64], laser_nm: float | None) -> NDArray[np.float64]:
    if laser_nm is None:
        msg = (
            f"the axis is an absolute wavenumber ({known.min():g} to {known.max():g} cm-1) and the laser's wavelength is not in "
            f"the file: {_SAY_LASER}"
        )
        raise FormatError(msg)
    return _near(1e7 / laser_nm - values, laser_nm)


def _near(values: NDArray[np.float64], laser_nm: float) -> NDArray[np.float64]:
    """Leave out what lies too far from the laser to be Raman scattering: a spectrometer from 200 to 1100 nm sees more than that."""
    with np.errstate(invalid="ignore"):
        near: NDArray[np.float64] = np.where(np.abs(values) <= NAMED_LIMIT, values, np.nan)
    known = values[np.isfinite(values)]
    if not (near > 0).any():
        msg = (
            f"the axis, with a laser of {laser_nm:g} nm, runs from {known.min():g} to {known.max():g} cm-1; expected a Raman shift "
            f"that goes above 0 and not far beyond {NAMED_LIMIT:g} cm-1: check its unit and the laser wavelength"
        )
        raise FormatError(msg)
    return near


def _within(values: NDArray[np.float64], known: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    if known.min() < -NAMED_LIMIT or known.max() > NAMED_LIMIT or known.max() <= 0:
        msg = (
            f"{what} runs from {known.min():g} to {known.max():g} cm-1; expected a Raman shift within {-NAMED_LIMIT:g} to "
            f"{NAMED_LIMIT:g} cm-1 that goes above 0: check its unit and the laser wavelength"
        )
        raise FormatError(msg)
    return values


def _refuse_implausible(known: NDArray[np.float64]) -> None:
    """Refuse a column without a name that does not look like a Raman shift."""
    low, high = float(known.min()), float(known.max())
    span, steps = high - low, np.diff(known)
    runs = f"the first column has no name and runs from {low:g} to {high:g}"
    if low < _UNNAMED[0] or high > _UNNAMED[1]:
        kind = ", as an absolute wavenumber does" if high > _UNNAMED[1] and low > 0 else ""
        msg = f"{runs}{kind}; expected a Raman shift of {_UNNAMED[0]:g} to {_UNNAMED[1]:g} cm-1: {_SAY_IT}"
        raise FormatError(msg)
    one_way = max(float(np.mean(steps >= 0)), float(np.mean(steps <= 0))) if steps.size else 1.0
    if one_way < _ONE_WAY:
        msg = f"{runs} up and down; expected a Raman shift that rises or falls from row to row: {_SAY_IT}"
        raise FormatError(msg)
    if _counts_up(known):
        msg = f"{runs} in steps of 1, as pixel numbers do; expected a Raman shift (cm-1): calibrate the instrument, or {_SAY_IT}"
        raise FormatError(msg)
    if span < _LEAST_SPAN:
        msg = f"{runs}; expected a Raman shift that covers {_LEAST_SPAN:g} cm-1 or more: {_SAY_IT}"
        raise FormatError(msg)
    nm_from, nm_to, nm_span, nm_step = _NM
    if nm_from <= low and high <= nm_to and span <= nm_span and span <= nm_step * steps.size:
        msg = f"{runs} in steps of {span / steps.size:.2g}, as a wavelength in nm does; expected a Raman shift (cm-1): {_SAY_IT}"
        raise FormatError(msg)
