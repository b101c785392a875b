"""Galactic (Thermo) SPC: what GRAMS and most spectrometers' software can save.

New files in both byte orders (versions 0x4B, 0x4C) and old ones (0x4D); an even axis, one axis for
all subfiles or one each; counts in 16 or 32 bits or floating point; one subfile or a series.
Galactic Universal Data Format Specification, SPC.H (1997).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats import spc_header as codes
from raman_edge.formats.columns import AXES as AXIS_ROLES
from raman_edge.formats.columns import Role, axis_kind, role
from raman_edge.formats.document import CUT_SHORT, BinaryFile, safe
from raman_edge.formats.header import LASER_NM, HeaderFacts, facts, pairs, positive
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spc_header import Header, described, header, log, order, recognises
from raman_edge.formats.spectra import LEAST_POINTS, MAX_SPECTRA, Trace, check_points, check_spectra, stacked
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from raman_edge.formats.columns import AxisKind
    from raman_edge.formats.document import FileContent
    from raman_edge.formats.shift import AxisOption
    from raman_edge.spectrum import Origin, Spectrum

_SUBFILE_HEADER, _DIRECTORY_ENTRY = 32, 12
"""Bytes of a subfile's header and of a directory's entry."""
_PADDING = b"\0\x1a"
"""What fills an old file up to a block of the disk."""


@dataclass(frozen=True, eq=False, slots=True)
class Subfile:
    """One subfile."""

    x: NDArray[np.float64]
    """(n,), in the file's unit."""
    counts: NDArray[np.float64]
    """(n,)."""
    z: float
    """Its place in the series, in the file's unit; 0 where there is one subfile."""


def subfiles(file: BinaryFile, head: Header) -> Iterator[Subfile]:
    """Read the subfiles, one after the other; raises :class:`FormatError` before anything large is made."""
    if head.flags & codes.SHARED_X and head.flags & codes.OWN_X:
        return _with_own_axes(file, head)
    check_points(head.points, LEAST_POINTS)
    return _with_one_axis(file, head)


def _with_one_axis(file: BinaryFile, head: Header) -> Iterator[Subfile]:
    """Read subfiles on one axis: the values before the first one, or even steps."""
    at = codes.OLD_BYTES - _SUBFILE_HEADER if head.version == codes.OLD else codes.NEW_BYTES
    if head.flags & codes.SHARED_X:
        x = file.array("f4", at, head.points, "x values")
        at += 4 * head.points
    else:
        x = np.linspace(head.first, head.last, head.points)
    head = _with_exponents(file, head, at)
    places = _one_axis_places(file, head, at)
    for index, start in enumerate(places):
        yield Subfile(x, _counts(file, head, start, start + _SUBFILE_HEADER, head.points), _z_value(file, head, places[0], start, index))


def _one_axis_places(file: BinaryFile, head: Header, at: int) -> range:
    """Return where the subfiles begin."""
    step = _SUBFILE_HEADER + _width(head, _exponent(file, head, at)) * head.points
    spectra = head.spectra or _old_spectra(file, head, at, step)
    check_spectra(spectra, spectra * head.points)
    file.need(at, spectra * step, f"{spectra} x {head.points} counts")
    return range(at, at + spectra * step, step)


def _old_spectra(file: BinaryFile, head: Header, at: int, step: int) -> int:
    """Count the subfiles of an old file up to its end."""
    whole, rest = divmod(file.size - at, step)
    if whole == 0 or (rest and file.data[-rest:].strip(_PADDING)):
        raise FormatError(
            kind="file cut short",
            place=f"byte {at + whole * step}",
            got=f"{rest} bytes",
            expected=f"{step} of a subfile of {head.points} points",
            advice=CUT_SHORT,
        )
    return whole


def _with_own_axes(file: BinaryFile, head: Header) -> Iterator[Subfile]:
    """Read subfiles that have an axis each."""
    for start, points in _own_axis_places(file, head):
        x = file.array("f4", start + _SUBFILE_HEADER, points, "x values")
        counts = _counts(file, head, start, start + _SUBFILE_HEADER + 4 * points, points)
        yield Subfile(x, counts, _z_value(file, head, start, start, 0))


def _own_axis_places(file: BinaryFile, head: Header) -> list[tuple[int, int]]:
    """Return where each subfile begins and its points, in the order of their directory or of the file."""
    check_spectra(head.spectra, 0)
    directory, at = head.points if head.many else 0, codes.NEW_BYTES
    if directory:
        file.need(directory, head.spectra * _DIRECTORY_ENTRY, f"directory of {head.spectra} subfiles")
    found = []
    for index in range(head.spectra):
        start = file.integer("I", directory + index * _DIRECTORY_ENTRY, "directory") if directory else at
        points = file.integer("I", start + 16, f"number of points of subfile {index + 1}") or (0 if head.many else head.points)
        check_points(points, LEAST_POINTS)
        at = start + _SUBFILE_HEADER + (4 + _width(head, _exponent(file, head, start))) * points
        file.need(start, at - start, f"subfile {index + 1} with {points} points")
        found.append((start, points))
    total = sum(points for _, points in found)
    check_spectra(head.spectra, total)
    if 4 * total > file.size:
        raise FormatError(
            kind="overlapping subfiles",
            place=f"byte {directory}",
            got=f"{total} points in {file.size} bytes",
            expected="every subfile in its own bytes",
            advice="Copy the file again",
        )
    return found


def _exponent(file: BinaryFile, head: Header, start: int) -> int:
    """Return the exponent of a subfile: its own where there may be several and they have one, else the file's."""
    if not head.flags & codes.MULTI:
        return head.exponent
    own = file.integer("b", start + 1, "exponent")
    return head.exponent if own == 0 and (head.exponent == codes.FLOAT or not head.own_exponents) else own


def _with_exponents(file: BinaryFile, head: Header, at: int) -> Header:
    """Return whether each subfile has an exponent: some software leaves all of them 0 and writes only that of the header."""
    if not head.flags & codes.MULTI or head.exponent in {0, codes.FLOAT}:
        return head
    step = _SUBFILE_HEADER + (2 if head.flags & codes.SHORT_Y else 4) * head.points
    starts = range(at, file.size - 1, step)[: head.spectra or MAX_SPECTRA]
    return replace(head, own_exponents=any(file.data[start + 1] for start in starts))


def _width(head: Header, exponent: int) -> int:
    """Return the bytes of one count."""
    return 2 if head.flags & codes.SHORT_Y and exponent != codes.FLOAT else 4


def _counts(file: BinaryFile, head: Header, start: int, at: int, points: int) -> NDArray[np.float64]:
    """Return the counts at byte ``at`` of the subfile that begins at byte ``start``."""
    exponent = _exponent(file, head, start)
    if exponent == codes.FLOAT:
        return file.array("f4", at, points, "counts")
    if head.flags & codes.SHORT_Y:
        return np.ldexp(file.array("i2", at, points, "counts"), exponent - 16)
    if head.version == codes.OLD:
        words = file.array("u2", at, 2 * points, "counts")
        high = np.where(words[0::2] < 1 << 15, words[0::2], words[0::2] - (1 << 16))
        return np.ldexp(high * (1 << 16) + words[1::2], exponent - 32)
    return np.ldexp(file.array("i4", at, points, "counts"), exponent - 32)


def _z_value(file: BinaryFile, head: Header, first: int, start: int, index: int) -> float:
    """Return a subfile's place in a series: its own, or so many even steps after the first one's."""
    if not head.many:
        return 0.0
    if index == 0 or head.flags & (codes.RANDOM_Z | codes.ORDERED_Z):
        return file.real("f", start + 4, "z of a subfile")
    begin = file.real("f", first + 4, "z of a subfile")
    step = head.z_step or file.real("f", first + 8, "z of a subfile") - begin
    return begin + index * step


_DEFAULT_Y_UNITS = frozenset({2, 3, 10})
"""Codes of the counts that software writes by default: absorbance, Kubelka-Munk, log(1/R)."""
_MOST_ABSORBANCE = 10.0
"""No detector sees through more."""
_NM = re.compile(r"\b([0-9]{3,4}(?:\.[0-9]+)?) ?nm\b")


class Spc:
    """Reads every subfile, its x axis as a Raman shift where it can be made one.

    A file that is not a Raman spectrum by its codes keeps its axis; ``meta`` names the other method.

    ``meta`` has the log's ``key=value`` lines and of the header ``comment``, ``source``,
    ``resolution``, ``method``, ``technique``, ``counts in`` (their unit), ``date`` (its time has no
    zone, so ``taken_at`` stays None) and, in a series, ``z``.
    """

    name = "Galactic SPC"

    def recognises(self, document: FileContent) -> bool:
        """Whether the file begins with an SPC header."""
        return recognises(document.data)

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every subfile."""
        file = BinaryFile(document.data, order(document.data[1]))
        head = header(file)
        other = _other_method(head)
        kind = None if other else _axis(head)
        stated = pairs(log(file, head))
        if other and _is_no_absorbance(file, head):
            other, kind = None, _axis(head)
        meta = {**stated, **described(file, head), "format": self.name, "counts in": head.y_label or codes.Y_UNITS[head.y_unit]}
        if other:
            meta[OTHER_METHOD] = other
        known = _facts(stated).or_laser(document.laser_nm)

        def shifted(x: NDArray[np.float64]) -> NDArray[np.float64]:
            return x if other else _shift(x, kind, known.laser_nm, document.axis)

        return stacked(_traces(file, head, shifted, known), origin, meta)


def _traces(
    file: BinaryFile, head: Header, shifted: Callable[[NDArray[np.float64]], NDArray[np.float64]], known: HeaderFacts
) -> Iterator[Trace]:
    """Give every subfile its Raman shift."""
    for subfile in subfiles(file, head):
        own = {"z": f"{subfile.z:g} ({codes.X_UNITS.get(head.z_unit, 'unknown unit')})"} if head.many else {}
        yield shifted(subfile.x), subfile.counts, own, known


def _axis(head: Header) -> AxisKind | None:
    """Return what the x axis is; None where the file leaves it open."""
    label = axis_kind(head.x_label)
    if head.x_unit != codes.RAMAN_SHIFT and label is not None:
        return label
    return codes.AXES.get(head.x_unit)


def _other_method(head: Header) -> str | None:
    """Return what was measured where the file's codes exclude a Raman spectrum, as in "absorbance over wavenumber (cm-1)"."""
    label = role(head.x_label)
    if head.x_unit == codes.RAMAN_SHIFT or label in AXIS_ROLES:
        return None
    method = head.method or (2 if head.flags & codes.CHROMATOGRAM else 0)
    other = Role.OTHER in {label, role(head.y_label)}
    if (
        not other
        and method not in codes.METHODS_NOT_RAMAN
        and head.y_unit in codes.Y_RAMAN
        and head.x_unit in codes.UNNAMED.union(codes.AXES)
    ):
        return None
    x, y = head.x_label or codes.X_UNITS[head.x_unit], head.y_label or codes.Y_UNITS[head.y_unit]
    kind = f" (a {codes.METHODS[method]})" if method in codes.METHODS_NOT_RAMAN else ""
    return f"{safe(y)} over {safe(x)}{kind}"


def _is_no_absorbance(file: BinaryFile, head: Header) -> bool:
    """Whether only the code of the counts says absorbance or the like over wavenumbers, and the values are too large to be that."""
    return (
        head.y_unit in _DEFAULT_Y_UNITS
        and not head.y_label
        and head.method in {0, 11}
        and head.x_unit in codes.UNNAMED.union(codes.AXES)
        and not head.flags & codes.CHROMATOGRAM
        and float(np.nanmax(next(subfiles(file, head)).counts, initial=0.0)) > _MOST_ABSORBANCE
    )


def _shift(x: NDArray[np.float64], kind: AxisKind | None, laser_nm: float | None, option: AxisOption | None) -> NDArray[np.float64]:
    """Return the Raman shift, cm⁻¹; an axis without a unit has to look like one."""
    try:
        return to_shift(x, kind, laser_nm, option, raman=True)
    except FormatError as error:
        if kind is not None:
            raise
        raise FormatError(
            kind="axis without a unit",
            place="byte 28",
            got=f"{x[0]:g} to {x[-1]:g}",
            expected="a Raman shift (cm-1)",
            advice="Select it with --axis nm or --axis shift, or set its unit in the software that made the file",
        ) from error


def _facts(stated: Mapping[str, str]) -> HeaderFacts:
    """Return what the log says: WiRE calls the laser "Laser: 785 nm edge", Nicolet gives its wavenumber."""
    known = replace(facts(stated), saturation=None)
    named, wavenumber = _NM.search(stated.get("laser", "")), positive(stated.get("ramanfreq", ""))
    nm = float(named[1]) if named else 1e7 / wavenumber if wavenumber else 0.0
    return replace(known, laser_nm=nm) if known.laser_nm is None and LASER_NM[0] <= nm <= LASER_NM[1] else known
