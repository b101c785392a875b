"""The XML behind the counts of a LightField file (SPE 3.0): regions, wavelengths, laser, exposure, time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.binary import CUT_SHORT
from raman_edge.formats.cells import numbers
from raman_edge.formats.columns import Role
from raman_edge.formats.header import LASER_NM
from raman_edge.formats.stack import check_points, check_spectra
from raman_edge.formats.table import MAX_ROWS
from raman_edge.formats.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree as ET

    from numpy.typing import NDArray

    from raman_edge.formats.binary import BinaryFile

_PLACE = 678
"""Byte of the header that says where the XML begins."""
_HEADER = 4100
_LONGEST = 8 * 1024 * 1024
"""Bytes; LightField writes 40 000, and a few hundred a region and a setting more."""
_MOST_TAGS = 100_000
_DECLARATION = re.compile(r"<!(?!--|\[CDATA\[)")
_MOST = 1 << 27
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
    root = _parsed(file)
    frame = next(iter(_all(root, "DataBlock")), None)
    if frame is None or not (blocks := frame.findall("{*}DataBlock")):
        raise FormatError(kind="no detector region", expected="at least one", advice="Save the file again from LightField")
    if len(blocks) > _MOST_REGIONS:
        raise FormatError(
            kind="too many detector regions",
            got=f"{len(blocks)} regions",
            expected=f"at most {_MOST_REGIONS}",
            advice="Save fewer per file",
        )
    frames, sizes = _whole(frame, "count"), [(_whole(block, "width"), _whole(block, "height")) for block in blocks]
    for columns, _ in sizes:
        check_points(columns)
    check_spectra(frames * sum(rows for _, rows in sizes), frames * sum(columns * rows for columns, rows in sizes))
    named = {found.get("id", ""): found for found in _all(root, "SensorMapping")}
    sensor = next(iter(_all(root, "SensorInformation")), None)
    mapping = next(iter(_all(root, "WavelengthMapping")), None)
    nm = _wavelengths(mapping)
    if mapping is not None and sensor is not None and mapping.get("orientation", "") != sensor.get("orientation", "") and nm is not None:
        raise FormatError(
            kind="wrong orientation",
            got="wavelengths in another direction than the sensor",
            expected="one orientation",
            advice="Export the spectrum as CSV from LightField",
        )
    wide = 0 if sensor is None else _whole(sensor, "width")
    origin = next(iter(_all(root, "Origin")), None)
    return Footer(
        frames=frames,
        stride=_whole(frame, "stride"),
        regions=tuple(_region(block, named, nm, wide) for block in blocks),
        laser_nm=_laser(mapping),
        exposure_s=_exposure(root),
        taken_at=_moment("" if origin is None else origin.get("created", "")),
        meta=_described(root, origin),
    )


def _parsed(file: BinaryFile) -> ET.Element:
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - few files are XML, and every start would pay

    at = file.integer("Q", _PLACE, "place of the XML")
    if not _HEADER <= at < file.size:
        raise FormatError(
            kind="file cut short", place=f"byte {_PLACE}", got=f"{file.size} bytes", expected=f"the XML at byte {at}", advice=CUT_SHORT
        )
    if file.size - at > _LONGEST:
        raise FormatError(
            kind="XML too large",
            place=f"byte {at}",
            got=f"{file.size - at} bytes",
            expected=f"at most {_LONGEST}",
            advice="Save it again from LightField",
        )
    text = file.data[at:].rstrip(b"\0").decode("utf-8-sig", "replace")
    if _DECLARATION.search(text) or text.count("<") > _MOST_TAGS:
        raise FormatError(
            kind="unsupported XML",
            place=f"byte {at}",
            got=f"declarations, or more than {_MOST_TAGS} tags",
            expected="neither, as LightField writes",
            advice="Save the file again",
        )
    try:
        return ET.fromstring(text)  # noqa: S314 - without declarations there is nothing to expand or to fetch
    except (ET.ParseError, ValueError) as error:
        raise FormatError(kind="broken XML", place=f"byte {at}", cause=f"{safe(str(error))}", advice=CUT_SHORT) from error


def _all(element: ET.Element, name: str) -> list[ET.Element]:
    """Return the elements of that name below another one, whatever their namespace."""
    return element.findall(f".//{{*}}{name}")


def _whole(element: ET.Element, name: str, least: int = 1) -> int:
    """Return a whole number out of an attribute."""
    text = element.get(name, "")
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1  # noqa: PLR2004 - digits
    if not least <= value <= _MOST:
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
    found = next((one for one in _all(mapping, "Wavelength") if one.text), None) if mapping is not None else None
    if found is None and mapping is not None and (pairs := _all(mapping, "WavelengthError")):
        return numbers([pair.partition(",")[0] for pair in (pairs[0].text or "").split(maxsplit=MAX_ROWS)[:MAX_ROWS]])
    if found is None:
        return None
    return numbers((found.text or "").strip().split(",", MAX_ROWS)[:MAX_ROWS])


def _region(block: ET.Element, named: Mapping[str, ET.Element], nm: NDArray[np.float64] | None, wide: int) -> Region:
    """Return a region with its part of the wavelengths, or its pixels."""
    columns, rows = _whole(block, "width"), _whole(block, "height")
    if nm is None:
        return Region(columns, rows, np.arange(1.0, columns + 1), Role.PIXEL)
    if nm.size == columns:
        return Region(columns, rows, nm, Role.WAVELENGTH)
    where = next((named[one] for one in block.get("calibrations", "").split(",") if one in named), None)
    if where is not None and nm.size == wide:
        start, binned = _whole(where, "x", 0), _whole(where, "xBinning")
        part = nm[start : start + columns * binned]
        if part.size == columns * binned:
            return Region(columns, rows, part.reshape(columns, binned).mean(axis=1), Role.WAVELENGTH)
    raise FormatError(
        kind="wrong number of wavelengths",
        got=f"{nm.size}",
        expected=f"{columns}, as the region has columns",
        advice="Export the spectrum as CSV from LightField",
    )


def _laser(mapping: ET.Element | None) -> float | None:
    """Return the laser (nm) that the wavelengths were calibrated with."""
    nm = _real("" if mapping is None else mapping.get("laserLine", ""))
    return nm if LASER_NM[0] <= nm <= LASER_NM[1] else None


def _exposure(root: ET.Element) -> float | None:
    """Return the exposure, s; LightField counts milliseconds."""
    found = next((one.text or "" for timing in _all(root, "ShutterTiming") for one in _all(timing, "ExposureTime")), "")
    seconds = float(f"{_real(found) / 1e3:.9g}")  # LightField writes 999.99999999999989
    return seconds if 0 < seconds < math.inf else None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _described(root: ET.Element, origin: ET.Element | None) -> dict[str, str]:
    """Return the texts by name, without the empty ones."""
    first = {name: next(iter(_all(root, tag)), None) for name, tag in (("detector", "Camera"), ("spectrometer", "Spectrometer"))}
    camera = first["detector"]
    texts = {name: "" if one is None else one.get("model", "") for name, one in first.items()}
    texts["serial number"] = "" if camera is None else camera.get("serialNumber", "")
    if origin is not None:
        made_by = (origin.get("software", ""), origin.get("softwareVersion", ""))
        texts |= {"user": origin.get("creator", ""), "application": " ".join(made_by).strip()}
    return {key: value[:_MOST_VALUE] for key, value in texts.items() if value}
