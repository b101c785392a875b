"""Princeton Instruments SPE: what WinSpec (2.x) and LightField (3.0) save; spectra, frames, regions, rows of an image.

A header of 4100 bytes, then the counts, frame by frame; 2.x has the axis as a polynomial in the
header, 3.0 as wavelengths in an XML text behind the counts (:mod:`raman_edge.formats.princeton_xml`).
Little-endian. WinSpec 2.6 manual, appendix "Data Structure" (WINHEAD.TXT); SPE 3.0 File Format
Specification (Princeton Instruments, 2014).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.binary import BinaryFile
from raman_edge.formats.columns import Role
from raman_edge.formats.detector import axis, numbered, polynomial
from raman_edge.formats.header import LASER_NM, HeaderFacts
from raman_edge.formats.stack import Trace, check_points, check_spectra, stacked
from raman_edge.formats.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from raman_edge.formats.binary import Number
    from raman_edge.formats.document import FileContent
    from raman_edge.formats.princeton_xml import Region
    from raman_edge.spectrum import Origin, Spectrum

_HEADER = 4100
"""Bytes of the header."""
_XML = 3.0
"""From this version on, what the header of 2.x says is in the XML."""
_LARGEST_VERSION = 10.0
_CODES: dict[int, Number] = {0: "f4", 1: "i4", 2: "i2", 3: "u2", 5: "f8", 6: "u1", 8: "u4"}
"""Types of a count, by code."""
_X = 3000
"""Byte where the calibration of the columns begins."""
_UNITS = {0: "nothing", 1: "pixels", 2: "data", 3: "a unit of the user", 4: "nm", 5: "cm-1", 6: "Raman shift (cm-1)"}
"""Units of the polynomial and of what was shown, by code."""
_NM, _ABSOLUTE, _SHIFT = 4, 5, 6
_MOST_ORDER, _MOST_PAIRS = 5, 10
_MOST_ROIS = 10


def read(document: FileContent, origin: Origin, name: str) -> tuple[Spectrum, ...]:
    """Read every row of every region of every frame.

    ``meta`` has ``accumulations``, ``comment``, ``date`` (2.x: its time has no zone, so ``taken_at``
    stays None), ``user``, ``detector``, ``serial number`` and ``spectrometer`` (3.0) and, where there are several, ``frame``, ``region``
    and ``row``.
    """
    file = BinaryFile(document.data)
    file.need(0, _HEADER, "header")
    version = file.real("f", 1992, "version")
    code = file.integer("h", 108, "type of a count")
    if not 0 < version < _LARGEST_VERSION or code not in _CODES:
        raise FormatError(
            kind="damaged header",
            got=f"version {version:g} with counts of type {code}",
            expected="version 2 or 3 and a known type",
            advice="Save the file again",
        )
    meta = {"format": f"{name} {version:.1f}"}
    if version < _XML:
        return stacked(_old(file, document, _CODES[code]), origin, meta | _described(file))
    from raman_edge.formats.princeton_xml import footer  # noqa: PLC0415 - LightField's files only

    xml = footer(file)
    known = HeaderFacts(laser_nm=xml.laser_nm, exposure_s=xml.exposure_s, taken_at=xml.taken_at).or_laser(document.laser_nm)
    return stacked(_new(file, document, _CODES[code], xml.frames, xml.stride, xml.regions, known), origin, {**meta, **xml.meta})


def _old(file: BinaryFile, document: FileContent, kind: Number) -> Iterator[Trace]:
    """Give the rows of a WinSpec file their axis."""
    columns, rows, frames = file.integer("H", 42, "columns"), file.integer("H", 656, "rows"), file.integer("i", 1446, "frames")
    check_points(columns)
    if rows < 1 or frames < 1:
        raise FormatError(
            kind="no frames",
            got=f"{frames} frames of {rows} rows",
            expected="at least one of each",
            advice="Save it again from WinSpec when the measurement is complete",
        )
    check_spectra(rows * frames, rows * frames * columns)
    if (regions := file.integer("h", 1510, "regions")) > 1:
        raise FormatError(
            kind="several detector regions",
            place="byte 1510",
            got=f"{min(regions, _MOST_ROIS)} regions in one image",
            expected="one",
            advice="Save one region per file from WinSpec",
        )
    size = int(kind[1]) * columns
    file.need(_HEADER, size * rows * frames, f"{frames} x {rows} x {columns} counts")
    values, unit, laser = _axis(file, columns)
    exposure = file.real("f", 10, "exposure")
    known = HeaderFacts(laser_nm=laser, exposure_s=exposure if 0 < exposure < math.inf else None).or_laser(document.laser_nm)
    shift, stated = axis(values, unit, known, document)
    for index in range(frames * rows):
        frame, row = divmod(index, rows)
        own = numbered(frame=(frame, frames), row=(row, rows))
        yield shift, file.array(kind, _HEADER + size * index, columns, "counts"), stated | own, known


def _axis(file: BinaryFile, columns: int) -> tuple[NDArray[np.float64], Role, float | None]:
    """Return what the columns are in a WinSpec file, and the laser (nm) or None."""
    known = _laser(file.real("d", _X + 311, "laser"))
    if file.integer("B", _X + 98, "calibration") == 0:
        return np.arange(1.0, columns + 1), Role.PIXEL, known
    unit, order = file.integer("B", _X + 100, "unit of the axis"), file.integer("B", _X + 101, "order of the axis")
    kinds = {_NM: Role.WAVELENGTH, _ABSOLUTE: Role.WAVENUMBER, _SHIFT: Role.SHIFT}
    if unit not in kinds or order > _MOST_ORDER:
        raise FormatError(
            kind="unsupported axis",
            place=f"byte {_X + 100}",
            got=f"a polynomial of order {order} in {_UNITS.get(unit, f'unit {unit}')}, named {safe(file.text(_X + 18, 40))}",
            expected=f"nm or cm-1 and an order up to {_MOST_ORDER}",
            advice="Calibrate in WinSpec and save it again",
        )
    coefficients = [file.real("d", _X + 263 + 8 * k, "axis") for k in range(order + 1)]
    if not all(map(math.isfinite, coefficients)):
        raise FormatError(
            kind="damaged axis",
            place=f"byte {_X + 263}",
            got="a coefficient that is not a number",
            expected="numbers",
            advice="The header is damaged: save the file again",
        )
    return polynomial(coefficients, _pixels(file, columns)), kinds[unit], known


def _laser(value: float) -> float | None:
    """Return the laser, nm: WinSpec keeps a wavelength or, as its manual says, a wavenumber; None where it is neither."""
    if LASER_NM[0] <= value <= LASER_NM[1]:
        return value
    return 1e7 / value if 1e7 / LASER_NM[1] <= value <= 1e7 / LASER_NM[0] else None


def _pixels(file: BinaryFile, columns: int) -> NDArray[np.float64]:
    """Return the pixel of every column, from 1, as the polynomial counts them.

    The columns are the pixels where whole rows were read out. Otherwise the calibration's own points
    show whether it counts the pixels of the detector: one beyond the last column does.
    """
    start, _, binned = (file.integer("H", 1512 + 2 * k, "region") for k in range(3))
    columns_are = np.arange(1.0, columns + 1)
    if start <= 1 and binned <= 1:
        return columns_are
    pairs = min(file.integer("B", _X + 102, "points of the calibration"), _MOST_PAIRS)
    last = max((file.real("d", _X + 103 + 8 * k, "point of the calibration") for k in range(pairs)), default=0.0)
    if last > columns + 1:
        return start + max(binned, 1) * (columns_are - 1) + (max(binned, 1) - 1) / 2
    raise FormatError(
        kind="unknown pixels",
        place="byte 1512",
        got=f"columns from pixel {start} with {binned} pixels binned",
        expected="whole rows, as the header does not state which pixels its axis counts",
        advice="Export the spectrum as text (ASCII) from WinSpec",
    )


def _described(file: BinaryFile) -> dict[str, str]:
    """Return a WinSpec header's texts by name, without the empty ones."""
    comments = [file.text(200 + 80 * k, 80) for k in range(5)]
    texts = {
        "comment": " ".join(comment for comment in comments if comment)[:400],
        "date": " ".join(filter(None, (file.text(20, 10), file.text(172, 7)))),
        "accumulations": str(file.integer("I", 668, "accumulations") or ""),
    }
    return {key: value for key, value in texts.items() if value}


def _new(
    file: BinaryFile,
    document: FileContent,
    kind: Number,
    frames: int,
    stride: int,
    regions: Sequence[Region],
    known: HeaderFacts,
) -> Iterator[Trace]:
    """Give the rows of a LightField file their axis."""
    size = int(kind[1]) * sum(region.columns * region.rows for region in regions)
    if size > stride:
        raise FormatError(
            kind="wrong frame size",
            got=f"a frame of {stride} bytes",
            expected=f"{size} bytes of its regions",
            advice="The XML is damaged: save the file again from LightField",
        )
    file.need(_HEADER, stride * (frames - 1) + size, f"{frames} frames of {size} bytes")
    axes = [axis(region.values, region.kind, known, document) for region in regions]
    for frame in range(frames):
        at = _HEADER + stride * frame
        for number, (region, (shift, stated)) in enumerate(zip(regions, axes, strict=True)):
            for row in range(region.rows):
                counts = file.array(kind, at, region.columns, "counts")
                at += int(kind[1]) * region.columns
                own = numbered(frame=(frame, frames), region=(number, len(regions)), row=(row, region.rows))
                yield shift, counts, stated | own, known
