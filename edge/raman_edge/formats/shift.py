"""From what a file's axis column holds to a Raman shift in cm⁻¹, or an error with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    AxisOption = Literal["nm", "shift", "pixel"]
    """What an axis holds, by the user's option."""

NAMED_LIMIT = 6000.0
"""cm⁻¹; detectors see beyond the last fundamental (H₂, 4161 cm⁻¹) and as far on the anti-Stokes side, but not this far."""
_WIDE_LIMIT = 12_000.0
"""cm⁻¹; a grating of 150 lines/mm and a blue laser see shifts beyond :data:`NAMED_LIMIT`, but none beyond this."""
_NEAR_LASER = 2000.0
"""cm⁻¹; an axis that begins below is not an absolute wavenumber: those are 1e7 / wavelength, and 2000 would be 5 µm."""
_UNNAMED_RANGE = (-600.0, 5500.0)
"""cm⁻¹; a column without a name has to look like a Raman shift."""
_LEAST_SPAN = 50.0
"""cm⁻¹; a column without a name that covers less is something else."""
_MONOTONIC_SHARE = 0.9
"""Share of steps that go the same way in a column that is an axis; overlapping scan windows step back a few times."""
_SILICON = (150.0, 1200.0)
"""nm; what silicon detectors see. A column without a name that lies within may hold wavelengths."""
_DETECTOR_STEP = 0.25
"""nm; steps in which Raman shifts are hardly ever written."""
_DATA_SET_ARRAYS = (((860.0, 960.0), (1640.0, 1720.0)), ((860.0, 960.0), (2450.0, 2560.0)))
"""nm; where InGaAs arrays begin and end."""
_RAMAN_RANGE = (-1500.0, 4500.0)
"""cm⁻¹; an axis that lies within, read as wavelengths with the laser that the file names, may well be wavelengths."""
_WAVELENGTHS = (100.0, 20_000.0)
"""nm; nothing else is a wavelength."""
_NO_UNIT_FROM = 150.0
"""nm; where an axis that is named a wavelength, without a unit, begins at the least: Raman shifts are called so, too."""
_AXIS_ADVICE = (
    "Select one with --axis nm, --axis shift or --axis pixel, or put a line with the column names above the table, "
    "such as 'Raman shift (cm-1)' and 'counts'"
)
_LASER_ADVICE = (
    "Give it with --laser NM, put a line such as 'Laser wavelength (nm): 785' above the table, or export with a Raman-shift axis"
)
_OPTIONS = {"nm": AxisKind(Role.WAVELENGTH, 1.0, "nm"), "shift": AxisKind(Role.SHIFT, 1.0, "cm-1"), "pixel": AxisKind(Role.PIXEL)}


def to_shift(
    values: NDArray[np.float64], kind: AxisKind | None, laser_nm: float | None, option: AxisOption | None = None, *, raman: bool = False
) -> NDArray[np.float64]:
    """Convert an axis to Raman shifts.

    Parameters
    ----------
    values : ndarray, (n,)
        Of the file; NaN where it has no number.
    kind : AxisKind or None
        Kind of the axis by the file; None where nothing names it.
    laser_nm : float or None
        Wavelength of the laser, nm.
    option : {"nm", "shift", "pixel"}, optional
        The user's choice, which decides where the file does not.
    raman : bool
        Whether the file mentions Raman elsewhere.

    Returns
    -------
    ndarray, (n,)
        Raman shift, cm⁻¹; NaN where ``values`` is NaN. From wavelengths: 10⁷/laser − 10⁷/λ.

    Raises
    ------
    FormatError
        The values cannot be a Raman shift, are ambiguous, or need a laser wavelength that is not there.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        raise FormatError(
            kind="axis without numbers",
            got=f"no number in {values.size} rows",
            expected="the Raman shift (cm-1)",
            advice="Calibrate the instrument and export again",
        )
    kind = settled(known, kind, laser_nm, option, raman=raman)
    if kind.role is Role.PIXEL:
        raise FormatError(
            kind="axis in pixels",
            got=f"{known.min():g} to {known.max():g}",
            expected="a Raman shift (cm-1)",
            advice="Calibrate the instrument (`raman-edge calibrate`) and give --calibration, or export with a wavenumber axis",
        )
    if kind.factor != 1.0:
        values, known = values * kind.factor, known * kind.factor
    if kind.role is Role.WAVELENGTH:
        return _from_wavelength(values, known, laser_nm)
    if kind.role is Role.WAVENUMBER and known.max() > NAMED_LIMIT and known.min() > _NEAR_LASER:
        return _from_wavenumber(values, known, laser_nm)
    return _checked_range(values, known)


def settled(
    known: NDArray[np.float64], kind: AxisKind | None, laser_nm: float | None, option: AxisOption | None, *, raman: bool = False
) -> AxisKind:
    """Return what an axis with these values is; raises :class:`FormatError` if it is ambiguous."""
    if kind is not None and not kind.doubt and not kind.assumed and not (kind.role is Role.WAVELENGTH and _is_no_wavelength(known, kind)):
        return kind
    if option is not None:
        return _OPTIONS[option]
    if kind is None:
        _refuse_implausible(known, laser_nm, raman=raman)
        return _OPTIONS["shift"]
    if kind.doubt:
        raise FormatError(
            kind="ambiguous axis",
            got=f"{kind.doubt} from {known.min():g} to {known.max():g}: wavelengths (nm) or Raman shifts (cm-1)?",
            expected="a name and a unit that agree",
            advice="Select one with --axis nm or --axis shift",
        )
    if kind.assumed:
        if _looks_like_nm(known, laser_nm, fine=True):
            raise _two_readings("ambiguous axis", known)
        return kind
    least = _WAVELENGTHS[0] if kind.unit else _NO_UNIT_FROM
    raise FormatError(
        kind="wavelength out of range",
        got=f"{known.min():g} to {known.max():g}",
        expected=f"{least:g} to {_WAVELENGTHS[1]:g} nm",
        advice="If these are Raman shifts (cm-1), select --axis shift",
    )


def _is_no_wavelength(known: NDArray[np.float64], kind: AxisKind) -> bool:
    least = _WAVELENGTHS[0] if kind.unit else _NO_UNIT_FROM
    return bool(known.min() * kind.factor < least or known.max() * kind.factor > _WAVELENGTHS[1])


def is_pixels(values: NDArray[np.float64], kind: AxisKind | None, option: AxisOption | None = None) -> bool:
    """Whether the axis column holds the numbers of a detector's pixels: by its name, the user's word or, without either, its steps."""
    if kind is not None and not kind.assumed and not kind.doubt:
        return kind.role is Role.PIXEL and bool(np.isfinite(values).any())
    if option is not None:
        return option == "pixel" and bool(np.isfinite(values).any())
    return kind is None and values.size > 1 and _counts_up(values)


def _counts_up(known: NDArray[np.float64]) -> bool:
    """Whether values count pixels from 0 or 1, up or down, once or again and again."""
    if known[0] not in {0.0, 1.0}:
        known = known[::-1]
    steps = np.diff(known)
    again = (known[1:] == known[0]) & (steps < 0)
    return bool(known[0] in {0.0, 1.0} and ((steps == 1) | again).all() and (steps == 1).any())


def _from_wavelength(values: NDArray[np.float64], known: NDArray[np.float64], laser_nm: float | None) -> NDArray[np.float64]:
    if laser_nm is None:
        raise FormatError(
            kind="unknown laser wavelength",
            got=f"a wavelength axis ({known.min():g} to {known.max():g} nm)",
            expected="the wavelength of the laser",
            advice=_LASER_ADVICE,
        )
    return _checked_against_laser(1e7 / laser_nm - 1e7 / values, laser_nm)


def _from_wavenumber(values: NDArray[np.float64], known: NDArray[np.float64], laser_nm: float | None) -> NDArray[np.float64]:
    if laser_nm is None:
        raise FormatError(
            kind="unknown laser wavelength",
            got=f"an axis of absolute wavenumbers ({known.min():g} to {known.max():g} cm-1)",
            expected="the wavelength of the laser",
            advice=_LASER_ADVICE,
        )
    return _checked_against_laser(1e7 / laser_nm - values, laser_nm)


def _checked_against_laser(values: NDArray[np.float64], laser_nm: float) -> NDArray[np.float64]:
    """Leave out what lies too far from the laser to be Raman scattering: a spectrometer from 200 to 1100 nm sees more than that."""
    with np.errstate(invalid="ignore"):
        near: NDArray[np.float64] = np.where(np.abs(values) <= NAMED_LIMIT, values, np.nan)
    known = values[np.isfinite(values)]
    if not (near > 0).any():
        raise FormatError(
            kind="Raman shift out of range",
            got=f"{known.min():g} to {known.max():g} cm-1 with a laser of {laser_nm:g} nm",
            expected=f"a range that includes values above 0 and few beyond {NAMED_LIMIT:g} cm-1",
            advice="Check its unit and the laser wavelength",
        )
    return near


def _checked_range(values: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep shifts as they are: those of a blue laser go beyond 6000 cm⁻¹, but begin near the laser."""
    most = _WIDE_LIMIT if known.min() <= _NEAR_LASER else NAMED_LIMIT
    if known.min() < -NAMED_LIMIT or known.max() > most or known.max() <= 0:
        raise FormatError(
            kind="Raman shift out of range",
            got=f"{known.min():g} to {known.max():g} cm-1",
            expected=f"a range within {-NAMED_LIMIT:g} to {most:g} cm-1 that includes values above 0",
            advice="Check its unit and the laser wavelength",
        )
    return values


def _refuse_implausible(known: NDArray[np.float64], laser_nm: float | None, *, raman: bool) -> None:
    """Refuse a column without a name that does not look like a Raman shift, or as much like something else."""
    low, high = float(known.min()), float(known.max())
    steps = np.diff(known)
    runs = f"{low:g} to {high:g}" if low < high else f"{low:g} alone"
    if not _may_be_shifts(low, high):
        kind = ", like absolute wavenumbers" if high > _UNNAMED_RANGE[1] and low > 0 else ""
        raise FormatError(
            kind="axis without a name",
            got=f"{runs}{kind}",
            expected=f"a Raman shift of {_UNNAMED_RANGE[0]:g} to {_UNNAMED_RANGE[1]:g} cm-1",
            advice=_AXIS_ADVICE,
        )
    if _counts_up(known):
        raise FormatError(
            kind="axis without a name",
            got=f"{runs} in steps of 1, like pixel numbers",
            expected="a Raman shift (cm-1)",
            advice=f"Calibrate the instrument if these are pixels; else {_AXIS_ADVICE[0].lower()}{_AXIS_ADVICE[1:]}",
        )
    one_way = max(float(np.mean(steps >= 0)), float(np.mean(steps <= 0))) if steps.size else 1.0
    if one_way < _MONOTONIC_SHARE:
        raise FormatError(
            kind="axis without a name",
            got=f"{runs}, up and down",
            expected="a Raman shift that rises or falls from row to row",
            advice=_AXIS_ADVICE,
        )
    if high - low < _LEAST_SPAN:
        raise FormatError(
            kind="axis without a name",
            got=f"{runs}",
            expected=f"a Raman shift that covers {_LEAST_SPAN:g} cm-1 or more",
            advice=_AXIS_ADVICE,
        )
    if _looks_like_nm(known, laser_nm, fine=raman):
        raise _two_readings("axis without a name", known)


def _may_be_shifts(low: float, high: float) -> bool:
    """Whether a column without a name lies where Raman shifts do; beside negative ones, also beyond: nothing else is negative."""
    if low < 0 and high >= _NEAR_LASER:
        return low >= -NAMED_LIMIT and high <= _WIDE_LIMIT
    return low >= _UNNAMED_RANGE[0] and high <= _UNNAMED_RANGE[1]


def _two_readings(kind: str, known: NDArray[np.float64]) -> FormatError:
    step = abs(known[-1] - known[0]) / max(1, np.unique(known).size - 1)
    got = f"{known.min():g} to {known.max():g} in steps of {step:.2g}: wavelengths (nm) or Raman shifts (cm-1)?"
    return FormatError(kind=kind, got=got, advice=_AXIS_ADVICE)


def _looks_like_nm(known: NDArray[np.float64], laser_nm: float | None, *, fine: bool) -> bool:
    """Whether the values may as well be wavelengths; with ``fine``, only where they are cut as finely as those."""
    low, high = float(known.min()), float(known.max())
    if _SILICON[0] <= low and high <= _SILICON[1]:
        falls = known[0] > known[-1]
        return high - low <= _DETECTOR_STEP * max(1, np.unique(known).size - 1) or not (fine or falls)
    if fine:
        return False
    if any(begin[0] <= low <= begin[1] and end[0] <= high <= end[1] for begin, end in _DATA_SET_ARRAYS):
        return True
    if laser_nm is None or low <= _SILICON[0]:
        return False
    return bool(1e7 / laser_nm - 1e7 / low >= _RAMAN_RANGE[0] and 1e7 / laser_nm - 1e7 / high <= _RAMAN_RANGE[1])
