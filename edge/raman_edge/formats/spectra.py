"""The last steps of every reader: points and facts of the header become spectra.

Rows are put in order and averaged (:func:`tidy`), the number of points and spectra is limited, the spectra of a map share one
axis (:func:`block`), and cameras have pixels, frames and tracks (:func:`axis`, :func:`numbered`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role
from raman_edge.formats.header import HeaderFacts
from raman_edge.formats.shift import to_shift
from raman_edge.formats.table import MAX_ROWS
from raman_edge.spectrum import OTHER_METHOD, PIXELS, Axis, PlacedMeta, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Shared

_NO_FACTS = HeaderFacts()


def with_laser(meta: Mapping[str, str], known: HeaderFacts) -> dict[str, str]:
    """Return ``meta`` with ``laser_nm`` and ``laser_from`` where the laser is known."""
    if known.laser_nm is None:
        return dict(meta)
    return {**meta, "laser_nm": f"{known.laser_nm:g}", "laser_from": known.laser_from}


def spectrum(points: Points, origin: Origin, meta: Mapping[str, str], known: HeaderFacts = _NO_FACTS, index: int = 0) -> Spectrum:
    """Build one spectrum of a file.

    Parameters
    ----------
    points : Points
        Raman shift (cm⁻¹) and counts, (n,) each, as :func:`tidy` returns them.
    origin : Origin
        Of the file.
    meta : mapping
        Header as text; it gains ``laser_nm``, ``laser_from`` and ``tidied`` where they are known.
    known : HeaderFacts
        Laser, exposure and time.
    index : int
        Number of the spectrum in the file, from 0.

    Returns
    -------
    Spectrum

    Raises
    ------
    FormatError, SpectrumError
        Too few or too many points, or an axis that is not monotonic.
    """
    stated = with_laser(meta, known)
    if points.notes:
        stated["tidied"] = "; ".join(points.notes)
    return Spectrum(
        axis=points.axis,
        counts=points.counts,
        origin=replace(origin, index=index),
        taken_at=known.taken_at,
        exposure_s=known.exposure_s,
        saturation=known.saturation,
        meta=stated,
    )


MIN_POINTS = 16
"""Fewest points of a spectrum."""
LARGEST = 1e30
"""No detector gives larger counts; squares and sums of what is below stay finite."""
_MOST_GAPS = 0.05
"""Share of the rows between the first and the last number that may be without one."""
_LEAST_DIFFERENT = 0.5
"""Share of the rows that must be left after rows of the same Raman shift were averaged."""


@dataclass(frozen=True, eq=False, slots=True)
class Points:
    """An axis, the counts on it, and what was done to the rows to get there."""

    axis: Axis
    counts: NDArray[np.float64]
    """(n,), finite."""
    notes: tuple[str, ...]
    """As in "12 of 2048 rows without a number left out"."""


def tidy(shift: NDArray[np.float64], counts: NDArray[np.float64], least: int = MIN_POINTS) -> Points:
    """Leave out rows without a number, sort by Raman shift, average rows of the same shift.

    Parameters
    ----------
    shift : ndarray, (rows,)
        Raman shift, cm⁻¹; NaN where the file has no number.
    counts : ndarray, (rows,)
        Counts; NaN where the file has no number.
    least : int
        Fewest rows.

    Returns
    -------
    Points
        Shift, strictly rising, and counts, (n,) each. Rows without a number at the ends (pixels that were not read out) are trimmed; a
        few between are left out.

    Raises
    ------
    FormatError
        More rows than a few lack a number, or fewer than ``least`` remain.
    """
    notes: list[str] = []
    shift, counts = _numeric_rows(shift, counts, notes, least)
    steps = np.diff(shift)
    if (steps <= 0).any():
        shift, counts = _sorted_rows(shift, counts, steps, notes)
    return Points(Axis(shift), counts, tuple(notes))


def _numeric_rows(
    shift: NDArray[np.float64], counts: NDArray[np.float64], notes: list[str], least: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the rows that have both numbers."""
    good = np.isfinite(shift) & (np.abs(counts) < LARGEST)
    kept = int(good.sum())
    if kept < least:
        raise FormatError(
            kind="too few points",
            got=f"{kept} of {good.size} rows with a Raman shift and counts{' (others are empty, NaN or inf)' * (kept < good.size)}",
            expected=f"at least {least}",
            advice="Check that the file is complete and the columns are the right ones",
        )
    if kept == good.size:
        return shift, counts
    first, last = np.flatnonzero(good)[[0, -1]]
    inside = int(last - first + 1) - kept
    if inside > _MOST_GAPS * (last - first + 1):
        raise FormatError(
            kind="too many rows without a number",
            got=f"{inside} of {last - first + 1} rows inside the spectrum (empty, NaN or inf)",
            expected=f"at most {_MOST_GAPS:.0%}",
            advice="Measure or export it again",
        )
    notes.append(f"{good.size - kept} of {good.size} rows without a number left out")
    return shift[good], counts[good]


def _sorted_rows(
    shift: NDArray[np.float64], counts: NDArray[np.float64], steps: NDArray[np.float64], notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn, sort and merge until the shift rises strictly."""
    if (steps < 0).all():
        return shift[::-1], counts[::-1]
    order = np.argsort(shift, kind="stable")
    if not ((steps <= 0).all() or (steps >= 0).all()):
        notes.append("rows sorted by Raman shift")
    unique, where, copies = np.unique(shift[order], return_inverse=True, return_counts=True)
    if unique.size < max(MIN_POINTS, _LEAST_DIFFERENT * shift.size):
        raise FormatError(
            kind="repeated Raman shifts",
            got=f"{unique.size} different Raman shifts in {shift.size} rows",
            expected="one row per shift",
            advice="If this is a map or a series, export one spectrum per file",
        )
    if unique.size < shift.size:
        notes.append(f"{shift.size - unique.size} rows of the same Raman shift averaged")
    return unique, np.bincount(where, weights=counts[order]) / copies


LEAST_POINTS = 2
"""Of another method: a mass spectrum is a few lines."""
MAX_SPECTRA = 16_384
"""A map of 128 x 128 points; a text table of as many columns would not be read, but a map is one file by nature."""
MAX_POINTS = 16_777_216
"""Points over all spectra: 128 MiB as float64, and what a file of the largest size holds as float32."""

Trace = tuple["NDArray[np.float64]", "NDArray[np.float64]", "Mapping[str, str]", "HeaderFacts"]
"""Raman shift (cm⁻¹) and counts, both (n,), what is known of this spectrum as text, and its facts."""


def check_points(points: int, least: int = MIN_POINTS) -> None:
    """Refuse a spectrum of more or fewer points than there are, before anything is made of it."""
    if not least <= points <= MAX_ROWS:
        raise FormatError(
            kind="wrong number of points",
            got=f"{points} points a spectrum",
            expected=f"{least} to {MAX_ROWS}",
            advice="Check that it is a spectrum: export it as text",
        )


def check_spectra(spectra: int, points: int) -> None:
    """Refuse more spectra, or more ``points`` over all of them, than are read from one file."""
    if spectra > MAX_SPECTRA or points > MAX_POINTS:
        raise FormatError(
            kind="too many spectra",
            got=f"{spectra} spectra of {points} points in all",
            expected=f"at most {MAX_SPECTRA} spectra and {MAX_POINTS} points",
            advice="Export a part of the map or series",
        )


def block(
    shift: NDArray[np.float64], counts: NDArray[np.floating], origin: Origin, shared: Shared, known: HeaderFacts
) -> tuple[Spectrum, ...]:
    """Build the spectra of a map, several times as fast as :func:`stacked` where every row is sound.

    Parameters
    ----------
    shift : ndarray, (n,)
        Raman shift, cm⁻¹.
    counts : ndarray, (m, n)
        A spectrum a row.
    origin : Origin
        Of the file; the spectra are numbered from 0.
    shared : Shared
        What all spectra have in common.
    known : HeaderFacts
        Laser, exposure and time.

    Returns
    -------
    tuple of Spectrum
        m of them, on one axis.

    Raises
    ------
    FormatError, SpectrumError
        As :func:`stacked`.
    """
    steps = np.diff(shift)
    rising, falling = bool((steps > 0).all()), bool((steps < 0).all())
    sound = counts.shape[1] >= MIN_POINTS and (rising or falling) and bool(np.isfinite(shift).all())
    if not sound or not -LARGEST < counts.min() <= counts.max() < LARGEST:  # a NaN is neither
        each = (
            (shift, row.astype(np.float64), PlacedMeta({}, shared.places, index), replace(known, taken_at=moment))
            for index, (row, moment) in enumerate(zip(counts, shared.moments, strict=True))
        )
        return stacked(each, origin, shared.meta)
    order = slice(None, None, -1 if falling else 1)
    values = np.array(counts[:, order], np.float64, order="C")
    values.setflags(write=False)
    shared = replace(shared, exposure_s=known.exposure_s, saturation=known.saturation, meta=with_laser(shared.meta, known))
    return Spectrum.rows(Axis(shift[order]), values, replace(origin, index=0), shared)


def stacked(traces: Iterable[Trace], origin: Origin, meta: Mapping[str, str]) -> tuple[Spectrum, ...]:
    """Tidy every trace and number the spectra from 0; equal axes are kept once."""
    found: list[Spectrum] = []
    for index, (shift, counts, own, known) in enumerate(traces):
        points = tidy(shift, counts, LEAST_POINTS if OTHER_METHOD in meta else MIN_POINTS)
        if found and points.axis.same_as(found[-1].axis):
            points = replace(points, axis=found[-1].axis)
        found.append(spectrum(points, origin, {**meta, **own}, known, index))
    return tuple(found)


LEAST_NM = 100.0
"""No spectrometer for Raman spectra sees shorter wavelengths."""
_YEARS = (1990, 2100)
"""A time outside these years is a clock that was never set."""


def polynomial(coefficients: Sequence[float], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate a polynomial, such as that of a detector's axis.

    Parameters
    ----------
    coefficients : sequence of float
        The constant first.
    at : ndarray, (n,)
        Places, such as pixel numbers.

    Returns
    -------
    ndarray, (n,)
        The values, such as wavelengths in nm.
    """
    return np.asarray(np.polynomial.polynomial.polyval(at, np.asarray(coefficients, np.float64)), np.float64)


def axis(values: NDArray[np.float64], kind: Role, known: HeaderFacts, document: FileContent) -> tuple[NDArray[np.float64], dict[str, str]]:
    """Convert the axis of a file that is no table, and name its facts.

    Parameters
    ----------
    values : ndarray, (n,)
        Of the file, in the unit of ``kind``.
    kind : Role
        Kind of the axis.
    known : HeaderFacts
        Laser of the file.
    document : FileContent
        With the user's options for laser and axis.

    Returns
    -------
    ndarray, (n,)
        Raman shift, cm⁻¹; pixels for a calibration that needs them.
    dict
        Facts of the axis for the meta.

    Raises
    ------
    FormatError
        As :func:`to_shift`, with advice for a file that is no table.
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
