"""The subfiles of a Galactic SPC file: where each lies, its x and its counts.

Galactic Universal Data Format Specification, SPC.H (1997): SUBHDR, SSFSTC. Counts are signed
fractions of 32 or 16 bits times 2**exponent, or floating point; the old format swaps the two
words of a 32-bit fraction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.binary import CUT_SHORT
from raman_edge.formats.spc.header import FLOAT, MULTI, NEW_BYTES, OLD, OLD_BYTES, ORDERED_Z, OWN_X, RANDOM_Z, SHARED_X, SHORT_Y
from raman_edge.formats.stack import LEAST_POINTS, MAX_SPECTRA, check_points, check_spectra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from raman_edge.formats.binary import BinaryFile
    from raman_edge.formats.spc.header import Header

_HEAD, _ENTRY = 32, 12
"""Bytes of a subfile's header and of a directory's entry."""
_PADDING = b"\0\x1a"
"""What fills an old file up to a block of the disk."""


@dataclass(frozen=True, eq=False, slots=True)
class Trace:
    """One subfile."""

    x: NDArray[np.float64]
    """(n,), in the file's unit."""
    counts: NDArray[np.float64]
    """(n,)."""
    z: float
    """Its place in the series, in the file's unit; 0 where there is one subfile."""


def traces(file: BinaryFile, head: Header) -> Iterator[Trace]:
    """Read the subfiles, one after the other; raises :class:`FormatError` before anything large is made."""
    if head.flags & SHARED_X and head.flags & OWN_X:
        return _own(file, head)
    check_points(head.points, LEAST_POINTS)
    return _shared(file, head)


def _shared(file: BinaryFile, head: Header) -> Iterator[Trace]:
    """Read subfiles on one axis: the values before the first one, or even steps."""
    at = OLD_BYTES - _HEAD if head.version == OLD else NEW_BYTES
    if head.flags & SHARED_X:
        x = file.array("f4", at, head.points, "x values")
        at += 4 * head.points
    else:
        x = np.linspace(head.first, head.last, head.points)
    head = _with_exponents(file, head, at)
    places = _places(file, head, at)
    for index, start in enumerate(places):
        yield Trace(x, _counts(file, head, start, start + _HEAD, head.points), _z(file, head, places[0], start, index))


def _places(file: BinaryFile, head: Header, at: int) -> range:
    """Return where the subfiles begin."""
    step = _HEAD + _width(head, _exponent(file, head, at)) * head.points
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


def _own(file: BinaryFile, head: Header) -> Iterator[Trace]:
    """Read subfiles that have an axis each."""
    for start, points in _own_places(file, head):
        x = file.array("f4", start + _HEAD, points, "x values")
        counts = _counts(file, head, start, start + _HEAD + 4 * points, points)
        yield Trace(x, counts, _z(file, head, start, start, 0))


def _own_places(file: BinaryFile, head: Header) -> list[tuple[int, int]]:
    """Return where each subfile begins and its points, in the order of their directory or of the file."""
    check_spectra(head.spectra, 0)
    directory, at = head.points if head.many else 0, NEW_BYTES
    if directory:
        file.need(directory, head.spectra * _ENTRY, f"directory of {head.spectra} subfiles")
    found = []
    for index in range(head.spectra):
        start = file.integer("I", directory + index * _ENTRY, "directory") if directory else at
        points = file.integer("I", start + 16, f"number of points of subfile {index + 1}") or (0 if head.many else head.points)
        check_points(points, LEAST_POINTS)
        at = start + _HEAD + (4 + _width(head, _exponent(file, head, start))) * points
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
    if not head.flags & MULTI:
        return head.exponent
    own = file.integer("b", start + 1, "exponent")
    return head.exponent if own == 0 and (head.exponent == FLOAT or not head.own_exponents) else own


def _with_exponents(file: BinaryFile, head: Header, at: int) -> Header:
    """Return whether each subfile has an exponent: some software leaves all of them 0 and writes only that of the header."""
    if not head.flags & MULTI or head.exponent in {0, FLOAT}:
        return head
    step = _HEAD + (2 if head.flags & SHORT_Y else 4) * head.points
    starts = range(at, file.size - 1, step)[: head.spectra or MAX_SPECTRA]
    return replace(head, own_exponents=any(file.data[start + 1] for start in starts))


def _width(head: Header, exponent: int) -> int:
    """Return the bytes of one count."""
    return 2 if head.flags & SHORT_Y and exponent != FLOAT else 4


def _counts(file: BinaryFile, head: Header, start: int, at: int, points: int) -> NDArray[np.float64]:
    """Return the counts at byte ``at`` of the subfile that begins at byte ``start``."""
    exponent = _exponent(file, head, start)
    if exponent == FLOAT:
        return file.array("f4", at, points, "counts")
    if head.flags & SHORT_Y:
        return np.ldexp(file.array("i2", at, points, "counts"), exponent - 16)
    if head.version == OLD:
        words = file.array("u2", at, 2 * points, "counts")
        high = np.where(words[0::2] < 1 << 15, words[0::2], words[0::2] - (1 << 16))
        return np.ldexp(high * (1 << 16) + words[1::2], exponent - 32)
    return np.ldexp(file.array("i4", at, points, "counts"), exponent - 32)


def _z(file: BinaryFile, head: Header, first: int, start: int, index: int) -> float:
    """Return a subfile's place in a series: its own, or so many even steps after the first one's."""
    if not head.many:
        return 0.0
    if index == 0 or head.flags & (RANDOM_Z | ORDERED_Z):
        return file.real("f", start + 4, "z of a subfile")
    begin = file.real("f", first + 4, "z of a subfile")
    step = head.z_step or file.real("f", first + 8, "z of a subfile") - begin
    return begin + index * step
