"""Princeton Instruments SPE: what WinSpec (2.x) and LightField (3.0) save; spectra, frames, regions, rows of an image.

A header of 4100 bytes, then the counts, frame by frame; 2.x has the axis as a polynomial in the
header, 3.0 as wavelengths in an XML text behind the counts (:mod:`raman_edge.formats.princeton`).
Little-endian. WinSpec 2.6 manual, appendix "Data Structure" (WINHEAD.TXT); SPE 3.0 File Format
Specification (Princeton Instruments, 2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import Role
from raman_edge.formats.dialect import numbers
from raman_edge.formats.document import CUT_SHORT, BinaryFile, parse_xml, safe
from raman_edge.formats.header import LASER_NM, HeaderFacts
from raman_edge.formats.spectra import Trace, axis, check_points, check_spectra, numbered, polynomial, stacked
from raman_edge.formats.table import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from xml.etree import ElementTree as ET

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent, Number
    from raman_edge.spectrum import Origin, Spectrum

_XML_PLACE = 678
"""Byte of the header that says where the XML begins."""
_MOST_XML_BYTES = 8 * 1024 * 1024
"""Bytes; LightField writes 40 000, and a few hundred a region and a setting more."""
_LARGEST_ATTRIBUTE = 1 << 27
_MOST_REGIONS = 1024
_MOST_VALUE = 200


@dataclass(frozen=True, eq=False, slots=True)
class Region:
    """One region of the detector, as every frame has it."""

    columns: int
    rows: int
    values: NDArray[np.float64]
    """Wavelength (nm) or number of every column."""
    kind: Role


@dataclass(frozen=True, eq=False, slots=True)
class Footer:
    """What the XML says that changes how the counts are read."""

    frames: int
    stride: int
    """Bytes from a frame to the next."""
    regions: tuple[Region, ...]
    laser_nm: float | None
    exposure_s: float | None
    taken_at: datetime | None
    meta: Mapping[str, str]


def footer(file: BinaryFile) -> Footer:
    """Read the XML of a file; raises :class:`FormatError` where it is not all there."""
    root = _xml_root(file)
    frame = next(iter(_elements(root, "DataBlock")), None)
    if frame is None or not (blocks := frame.findall("{*}DataBlock")):
        raise FormatError(kind="no detector region", expected="at least one", advice="Save the file again from LightField")
    if len(blocks) > _MOST_REGIONS:
        raise FormatError(
            kind="too many detector regions",
            got=f"{len(blocks)} regions",
            expected=f"at most {_MOST_REGIONS}",
            advice="Save fewer per file",
        )
    frames, sizes = _attribute(frame, "count"), [(_attribute(block, "width"), _attribute(block, "height")) for block in blocks]
    for columns, _ in sizes:
        check_points(columns)
    check_spectra(frames * sum(rows for _, rows in sizes), frames * sum(columns * rows for columns, rows in sizes))
    named = {found.get("id", ""): found for found in _elements(root, "SensorMapping")}
    sensor = next(iter(_elements(root, "SensorInformation")), None)
    mapping = next(iter(_elements(root, "WavelengthMapping")), None)
    nm = _wavelengths(mapping)
    if mapping is not None and sensor is not None and mapping.get("orientation", "") != sensor.get("orientation", "") and nm is not None:
        raise FormatError(
            kind="wrong orientation",
            got="wavelengths in another direction than the sensor",
            expected="one orientation",
            advice="Export the spectrum as CSV from LightField",
        )
    wide = 0 if sensor is None else _attribute(sensor, "width")
    origin = next(iter(_elements(root, "Origin")), None)
    return Footer(
        frames=frames,
        stride=_attribute(frame, "stride"),
        regions=tuple(_xml_region(block, named, nm, wide) for block in blocks),
        laser_nm=_xml_laser(mapping),
        exposure_s=_xml_exposure(root),
        taken_at=_xml_time("" if origin is None else origin.get("created", "")),
        meta=_xml_texts(root, origin),
    )


def _xml_root(file: BinaryFile) -> ET.Element:
    at = file.integer("Q", _XML_PLACE, "place of the XML")
    if not _HEADER <= at < file.size:
        raise FormatError(
            kind="file cut short", place=f"byte {_XML_PLACE}", got=f"{file.size} bytes", expected=f"the XML at byte {at}", advice=CUT_SHORT
        )
    if file.size - at > _MOST_XML_BYTES:
        raise FormatError(
            kind="XML too large",
            place=f"byte {at}",
            got=f"{file.size - at} bytes",
            expected=f"at most {_MOST_XML_BYTES}",
            advice="Save it again from LightField",
        )
    text = file.data[at:].rstrip(b"\0").decode("utf-8-sig", "replace")
    try:
        return parse_xml(text)
    except FormatError as error:
        raise error.at(f"XML from byte {at}") from error


def _elements(element: ET.Element, name: str) -> list[ET.Element]:
    """Return the elements of that name below another one, in any namespace."""
    return element.findall(f".//{{*}}{name}")


def _attribute(element: ET.Element, name: str, least: int = 1) -> int:
    """Return a whole number out of an attribute."""
    text = element.get(name, "")
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1  # noqa: PLR2004 - digits
    if not least <= value <= _LARGEST_ATTRIBUTE:
        raise FormatError(
            kind="value out of range",
            place=f"{safe(element.tag.rpartition('}')[2])}",
            got=f"{name}={safe(text)}",
            expected=f"{least} or more",
            advice="Save the file again",
        )
    return value


def _wavelengths(mapping: ET.Element | None) -> NDArray[np.float64] | None:
    """Return the wavelength (nm) of every column of the sensor; None where it is not calibrated."""
    found = next((one for one in _elements(mapping, "Wavelength") if one.text), None) if mapping is not None else None
    if found is None and mapping is not None and (pairs := _elements(mapping, "WavelengthError")):
        return numbers([pair.partition(",")[0] for pair in (pairs[0].text or "").split(maxsplit=MAX_ROWS)[:MAX_ROWS]])
    if found is None:
        return None
    return numbers((found.text or "").strip().split(",", MAX_ROWS)[:MAX_ROWS])


def _xml_region(block: ET.Element, named: Mapping[str, ET.Element], nm: NDArray[np.float64] | None, wide: int) -> Region:
    """Return a region with its part of the wavelengths, or its pixels."""
    columns, rows = _attribute(block, "width"), _attribute(block, "height")
    if nm is None:
        return Region(columns, rows, np.arange(1.0, columns + 1), Role.PIXEL)
    if nm.size == columns:
        return Region(columns, rows, nm, Role.WAVELENGTH)
    where = next((named[one] for one in block.get("calibrations", "").split(",") if one in named), None)
    if where is not None and nm.size == wide:
        start, binned = _attribute(where, "x", 0), _attribute(where, "xBinning")
        part = nm[start : start + columns * binned]
        if part.size == columns * binned:
            return Region(columns, rows, part.reshape(columns, binned).mean(axis=1), Role.WAVELENGTH)
    raise FormatError(
        kind="wrong number of wavelengths",
        got=f"{nm.size}",
        expected=f"{columns}, as the region has columns",
        advice="Export the spectrum as CSV from LightField",
    )


def _xml_laser(mapping: ET.Element | None) -> float | None:
    """Return the laser (nm) that the wavelengths were calibrated with."""
    nm = _xml_number("" if mapping is None else mapping.get("laserLine", ""))
    return nm if LASER_NM[0] <= nm <= LASER_NM[1] else None


def _xml_exposure(root: ET.Element) -> float | None:
    """Return the exposure, s; LightField counts milliseconds."""
    found = next((one.text or "" for timing in _elements(root, "ShutterTiming") for one in _elements(timing, "ExposureTime")), "")
    seconds = float(f"{_xml_number(found) / 1e3:.9g}")  # LightField writes 999.99999999999989
    return seconds if 0 < seconds < math.inf else None


def _xml_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _xml_time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _xml_texts(root: ET.Element, origin: ET.Element | None) -> dict[str, str]:
    """Return the texts by name, without the empty ones."""
    first = {name: next(iter(_elements(root, tag)), None) for name, tag in (("detector", "Camera"), ("spectrometer", "Spectrometer"))}
    camera = first["detector"]
    texts = {name: "" if one is None else one.get("model", "") for name, one in first.items()}
    texts["serial number"] = "" if camera is None else camera.get("serialNumber", "")
    if origin is not None:
        made_by = (origin.get("software", ""), origin.get("softwareVersion", ""))
        texts |= {"user": origin.get("creator", ""), "application": " ".join(made_by).strip()}
    return {key: value[:_MOST_VALUE] for key, value in texts.items() if value}


_HEADER = 4100
"""Bytes of the header."""
_XML_VERSION = 3.0
"""From this version on, what the header of 2.x says is in the XML."""
_LARGEST_VERSION = 10.0
_COUNT_TYPES: dict[int, Number] = {0: "f4", 1: "i4", 2: "i2", 3: "u2", 5: "f8", 6: "u1", 8: "u4"}
"""Types of a count, by code."""
_X_CALIBRATION = 3000
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
    if not 0 < version < _LARGEST_VERSION or code not in _COUNT_TYPES:
        raise FormatError(
            kind="damaged header",
            got=f"version {version:g} with counts of type {code}",
            expected="version 2 or 3 and a known type",
            advice="Save the file again",
        )
    meta = {"format": f"{name} {version:.1f}"}
    if version < _XML_VERSION:
        return stacked(_winspec_traces(file, document, _COUNT_TYPES[code]), origin, meta | _winspec_texts(file))
    xml = footer(file)
    known = HeaderFacts(laser_nm=xml.laser_nm, exposure_s=xml.exposure_s, taken_at=xml.taken_at).or_laser(document.laser_nm)
    return stacked(
        _lightfield_traces(file, document, _COUNT_TYPES[code], xml.frames, xml.stride, xml.regions, known), origin, {**meta, **xml.meta}
    )


def _winspec_traces(file: BinaryFile, document: FileContent, kind: Number) -> Iterator[Trace]:
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
    values, unit, laser = _winspec_axis(file, columns)
    exposure = file.real("f", 10, "exposure")
    known = HeaderFacts(laser_nm=laser, exposure_s=exposure if 0 < exposure < math.inf else None).or_laser(document.laser_nm)
    shift, stated = axis(values, unit, known, document)
    for index in range(frames * rows):
        frame, row = divmod(index, rows)
        own = numbered(frame=(frame, frames), row=(row, rows))
        yield shift, file.array(kind, _HEADER + size * index, columns, "counts"), stated | own, known


def _winspec_axis(file: BinaryFile, columns: int) -> tuple[NDArray[np.float64], Role, float | None]:
    """Return what the columns are in a WinSpec file, and the laser (nm) or None."""
    known = _winspec_laser(file.real("d", _X_CALIBRATION + 311, "laser"))
    if file.integer("B", _X_CALIBRATION + 98, "calibration") == 0:
        return np.arange(1.0, columns + 1), Role.PIXEL, known
    unit, order = file.integer("B", _X_CALIBRATION + 100, "unit of the axis"), file.integer("B", _X_CALIBRATION + 101, "order of the axis")
    kinds = {_NM: Role.WAVELENGTH, _ABSOLUTE: Role.WAVENUMBER, _SHIFT: Role.SHIFT}
    if unit not in kinds or order > _MOST_ORDER:
        raise FormatError(
            kind="unsupported axis",
            place=f"byte {_X_CALIBRATION + 100}",
            got=f"a polynomial of order {order} in {_UNITS.get(unit, f'unit {unit}')}, named {safe(file.text(_X_CALIBRATION + 18, 40))}",
            expected=f"nm or cm-1 and an order up to {_MOST_ORDER}",
            advice="Calibrate in WinSpec and save it again",
        )
    coefficients = [file.real("d", _X_CALIBRATION + 263 + 8 * k, "axis") for k in range(order + 1)]
    if not all(map(math.isfinite, coefficients)):
        raise FormatError(
            kind="damaged axis",
            place=f"byte {_X_CALIBRATION + 263}",
            got="a coefficient that is not a number",
            expected="numbers",
            advice="The header is damaged: save the file again",
        )
    return polynomial(coefficients, _winspec_pixels(file, columns)), kinds[unit], known


def _winspec_laser(value: float) -> float | None:
    """Return the laser, nm: WinSpec keeps a wavelength or, as its manual says, a wavenumber; None where it is neither."""
    if LASER_NM[0] <= value <= LASER_NM[1]:
        return value
    return 1e7 / value if 1e7 / LASER_NM[1] <= value <= 1e7 / LASER_NM[0] else None


def _winspec_pixels(file: BinaryFile, columns: int) -> NDArray[np.float64]:
    """Return the pixel of every column, from 1, as the polynomial counts them.

    The columns are the pixels where whole rows were read out. Otherwise the calibration's own points
    show whether it counts the pixels of the detector: one beyond the last column does.
    """
    start, _, binned = (file.integer("H", 1512 + 2 * k, "region") for k in range(3))
    columns_are = np.arange(1.0, columns + 1)
    if start <= 1 and binned <= 1:
        return columns_are
    pairs = min(file.integer("B", _X_CALIBRATION + 102, "points of the calibration"), _MOST_PAIRS)
    last = max((file.real("d", _X_CALIBRATION + 103 + 8 * k, "point of the calibration") for k in range(pairs)), default=0.0)
    if last > columns + 1:
        return start + max(binned, 1) * (columns_are - 1) + (max(binned, 1) - 1) / 2
    raise FormatError(
        kind="unknown pixels",
        place="byte 1512",
        got=f"columns from pixel {start} with {binned} pixels binned",
        expected="whole rows, as the header does not state which pixels its axis counts",
        advice="Export the spectrum as text (ASCII) from WinSpec",
    )


def _winspec_texts(file: BinaryFile) -> dict[str, str]:
    """Return a WinSpec header's texts by name, without the empty ones."""
    comments = [file.text(200 + 80 * k, 80) for k in range(5)]
    texts = {
        "comment": " ".join(comment for comment in comments if comment)[:400],
        "date": " ".join(filter(None, (file.text(20, 10), file.text(172, 7)))),
        "accumulations": str(file.integer("I", 668, "accumulations") or ""),
    }
    return {key: value for key, value in texts.items() if value}


def _lightfield_traces(
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
