"""Renishaw WDF: what WiRE saves, one spectrum or a map.

A file is a run of blocks, each with a name, a number and its size: WDF1 (the header), DATA (counts
of all spectra), XLST (the axis), ORGN (place and time of each spectrum), and more that is not needed.
Little-endian. Names and units as in Renishaw's own header file, known through Gwyddion's renishaw.c
and Henderson, Renishaw File Reader (2017), doi:10.5281/zenodo.495477.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import CM_PER_EV, AxisKind, Role
from raman_edge.formats.document import CUT_SHORT, BinaryFile, safe
from raman_edge.formats.header import LASER_NM, HeaderFacts
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import block, check_points, check_spectra
from raman_edge.spectrum import Place, Shared, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

_VALUE_BYTES = {"c": 1, "?": 1, "s": 2, "i": 4, "w": 8, "r": 4, "q": 8, "t": 8}
"""Bytes of a value, by type: letters and truths, integers, reals, times."""
_LENGTH_PREFIXED = frozenset("ubk")
"""Types that begin with their length: text, bytes, names."""
_PROPERTY_SET = "p"
_ARRAY, _COMPRESSED = 0x80, 0x40
_MOST_PROPERTIES = 100_000
"""Items that are looked at."""


def property_integers(data: bytes, names: frozenset[str]) -> dict[str, int]:
    """Return the first integer of each name in a block's property sets; nothing of what cannot be followed."""
    called: dict[int, str] = {}
    values: dict[int, int] = {}
    at = 8 if data.startswith(b"PSET") else len(data)
    for _ in range(_MOST_PROPERTIES):
        if at + 4 > len(data):
            break
        kind, flags, key = chr(data[at]), data[at + 1], int.from_bytes(data[at + 2 : at + 4], "little")
        at += 4
        if kind == _PROPERTY_SET:
            at += 4  # what is inside comes next
            continue
        size = _property_size(data, at, kind, flags)
        if size is None or at + size > len(data):
            break
        if kind == "k":
            called[key] = data[at + 4 : at + size].decode("utf-8", "replace")
        elif kind == "i" and not flags:
            values.setdefault(key, struct.unpack_from("<i", data, at)[0])
        at += size
    return {name: values[key] for key, name in called.items() if name in names and key in values}


def _property_size(data: bytes, at: int, kind: str, flags: int) -> int | None:
    """Return the bytes of an item's value; None where its form is unknown."""
    if flags & _COMPRESSED:  # the length stands before packed contents of any type
        return 4 + int.from_bytes(data[at : at + 4], "little")
    if kind not in _VALUE_BYTES and kind not in _LENGTH_PREFIXED:
        return None
    if not flags & _ARRAY and kind in _VALUE_BYTES:
        return _VALUE_BYTES[kind]
    count = int.from_bytes(data[at : at + 4], "little")
    if kind in _LENGTH_PREFIXED:
        return None if flags & _ARRAY else 4 + count
    return 4 + count * _VALUE_BYTES[kind]


_MAGIC = b"WDF1"
_HEADER, _BLOCK = 512, 16
"""Bytes of the header and of a block's own header."""
_MOST_BLOCKS = 4096
"""A file has a dozen, and one more for every analysis."""
_OWN_AXES = 1
"""Bit of the flags: every spectrum has its own axis (XYXY)."""
_UNITS = (
    *("arbitrary", "Raman shift (cm-1)", "wavenumber (cm-1)", "nm", "eV", "um", "counts", "electrons", "mm", "m", "K", "Pa"),
    *("s", "ms", "hours", "days", "pixels", "intensity", "relative intensity", "degrees", "radians", "Celsius", "Fahrenheit"),
    *("K/min", "time"),
)
"""Units, by code."""
_AXES = {
    1: AxisKind(Role.SHIFT, 1.0, "cm-1"),
    2: AxisKind(Role.WAVENUMBER, 1.0, "cm-1"),
    3: AxisKind(Role.WAVELENGTH, 1.0, "nm"),
    4: AxisKind(Role.WAVENUMBER, CM_PER_EV, "eV"),
    5: AxisKind(Role.WAVELENGTH, 1e3, "µm"),
    16: AxisKind(Role.PIXEL),
}
"""The units that can be a Raman axis, and what it is then."""
_PLACE_ORIGINS = {3: "x", 4: "y", 5: "z", 9: "temperature", 10: "pressure"}
"""What of the origins goes into the meta, by type."""
_TIME_ORIGIN, _ORIGIN_HEADER = 11, 24
"""Type of the times among the origins; bytes before the values of each."""
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
"""Of a FILETIME, which counts 100 ns."""
_LAST_TICK = 0x0300_0000_0000_0000
"""A FILETIME of the year 2285."""
_EXPOSURE = "Exposure Time"
"""Its value is in ms."""


@dataclass(frozen=True, slots=True)
class _WdfBlock:
    at: int
    """Byte where its contents begin."""
    size: int
    """Bytes of the contents."""


class Wdf:
    """Reads the spectra that were collected, on the axis of the file.

    ``meta`` has ``title``, ``user``, ``application``, ``accumulations``, ``comment``, ``counts in``
    (their unit), ``collected`` where a map is not complete and, in a map, ``x``, ``y`` and ``z``.
    """

    name = "Renishaw WDF"

    def recognises(self, document: FileContent) -> bool:
        """Whether the file begins with a WDF header's name and size."""
        return document.data.startswith(_MAGIC) and int.from_bytes(document.data[8:16], "little") == _HEADER

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every spectrum that was collected."""
        file = BinaryFile(document.data)
        file.need(0, _HEADER, "header")
        blocks = _blocks(file)
        points, collected = _points_and_spectra(file)
        known = HeaderFacts(laser_nm=_laser(file), exposure_s=_exposure(file, blocks)).or_laser(document.laser_nm)
        known = replace(known, taken_at=_filetime(file.integer("Q", 0x88, "start time")))
        shift, counts = _axis_and_counts(file, blocks, points, collected, known.laser_nm)
        moments, places = _times_and_places(file, _origins(file, blocks, collected), collected, known.taken_at)
        shared = Shared(moments, places, meta=_header_texts(file, blocks) | {"format": self.name})
        return block(shift, counts, origin, shared, known)


def _blocks(file: BinaryFile) -> dict[str, _WdfBlock]:
    """Return the blocks by name, the first of each; raises :class:`FormatError` where the file ends within one."""
    found: dict[str, _WdfBlock] = {}
    at = _HEADER
    for _ in range(_MOST_BLOCKS):
        if at == file.size:
            return found
        name, size = file.text(at, 4), file.integer("Q", at + 8, "block header")
        if size < _BLOCK or not (name.isascii() and name.isprintable() and name):
            raise FormatError(
                kind="unknown block",
                place=f"byte {at}",
                got=f"{safe(name)} of {size} bytes",
                expected="a block of a WDF file",
                advice=CUT_SHORT,
            )
        file.need(at, size, f"block {name}")
        found.setdefault(name, _WdfBlock(at + _BLOCK, size - _BLOCK))
        at += size
    raise FormatError(
        kind="too many blocks",
        place=f"byte {at}",
        got=f"more than {_MOST_BLOCKS} blocks",
        expected="a dozen",
        advice="Save the measurement again from WiRE",
    )


def _points_and_spectra(file: BinaryFile) -> tuple[int, int]:
    """Return the points of a spectrum and how many spectra were collected."""
    points, collected = file.integer("I", 0x3C, "points"), file.integer("Q", 0x48, "spectra")
    if file.integer("Q", 0x10, "flags") & _OWN_AXES:
        raise FormatError(
            kind="unsupported axes",
            place="byte 16",
            got="an axis for every spectrum",
            expected="one axis",
            advice="Export the spectra as text from WiRE",
        )
    if collected == 0:
        raise FormatError(
            kind="no spectra",
            place="byte 72",
            got=f"0 of {file.integer('Q', 0x40, 'spectra')} spectra",
            expected="at least one",
            advice="Wait until the measurement is complete",
        )
    axis = file.integer("I", 0x58, "length of the axis")
    if axis != points:
        raise FormatError(
            kind="not spectra",
            place="byte 88",
            got=f"{points} counts on an axis of {axis} points, as in an image of the detector",
            expected="spectra",
            advice="Save the spectra",
        )
    check_points(points)
    check_spectra(collected, collected * points)
    return points, collected


def _axis_and_counts(
    file: BinaryFile, blocks: Mapping[str, _WdfBlock], points: int, collected: int, laser_nm: float | None
) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    """Return the Raman shift, (points,), and the counts as the file has them, (collected, points)."""
    data, axis = _required_block(file, blocks, "DATA", 4 * points * collected), _required_block(file, blocks, "XLST", 8 + 4 * points)
    unit = file.integer("I", axis.at + 4, "unit of the axis")
    if unit not in _AXES:
        raise FormatError(
            kind="unsupported axis unit",
            place=f"byte {axis.at + 4}",
            got=f"{_unit(unit)}",
            expected="Raman shift, wavenumber or wavelength",
            advice="Save it with one of them from WiRE",
        )
    shift = to_shift(file.array("f4", axis.at + 8, points, "axis"), _AXES[unit], laser_nm)
    return shift, file.view("f4", data.at, points * collected, "counts").reshape(collected, points)


def _required_block(file: BinaryFile, blocks: Mapping[str, _WdfBlock], name: str, size: int) -> _WdfBlock:
    """Return a block that is needed, with at least ``size`` bytes."""
    block = blocks.get(name)
    if block is None or block.size < size:
        there = "is not there" if block is None else f"has {block.size} bytes"
        raise FormatError(
            kind="wrong block size",
            place=f"byte {file.size if block is None else block.at}",
            got=f"block {name} {there}",
            expected=f"{size} bytes",
            advice=CUT_SHORT,
        )
    return block


def _origins(file: BinaryFile, blocks: Mapping[str, _WdfBlock], collected: int) -> dict[int, tuple[int, str]]:
    """Return where the values of every kind of origin begin, and their unit; none where they do not fit."""
    block = blocks.get("ORGN")
    stride = _ORIGIN_HEADER + 8 * file.integer("Q", 0x40, "spectra")
    if block is None or block.size < 4 or stride < _ORIGIN_HEADER + 8 * collected:  # noqa: PLR2004 - its count
        return {}
    count = min(file.integer("I", block.at, "origins"), (block.size - 4) // stride)
    found: dict[int, tuple[int, str]] = {}
    for at in range(block.at + 4, block.at + 4 + count * stride, stride):
        kind, unit = file.integer("I", at, "origin") & 0x7FFF_FFFF, file.integer("I", at + 4, "origin")
        found.setdefault(kind, (at + _ORIGIN_HEADER, _unit(unit)))
    return found


def _times_and_places(
    file: BinaryFile, origins: Mapping[int, tuple[int, str]], collected: int, started: datetime | None
) -> tuple[list[datetime | None], list[Place]]:
    """Return when each spectrum of a map was taken, and where; of a single one, when it was started."""
    if collected == 1 or not origins:
        return [started] * collected, []
    places = [
        Place(_PLACE_ORIGINS[kind], frozen(file.array("f8", at, collected, "place")), unit)
        for kind, (at, unit) in origins.items()
        if kind in _PLACE_ORIGINS
    ]
    if _TIME_ORIGIN not in origins:
        return [started] * collected, places
    ticks = file.view("u8", origins[_TIME_ORIGIN][0], collected, "time").astype(np.uint64)
    known = ((ticks > 0) & (ticks < _LAST_TICK)).tolist()
    micros = (ticks // np.uint64(10)).tolist()
    return [_EPOCH + timedelta(0, 0, micro) if sound else started for sound, micro in zip(known, micros, strict=True)], places


def _unit(code: int) -> str:
    return _UNITS[code] if code < len(_UNITS) else f"unit {code}"


def _filetime(ticks: int) -> datetime | None:
    """Return a FILETIME as a time; None where there is none."""
    return _EPOCH + timedelta(microseconds=ticks // 10) if 0 < ticks < _LAST_TICK else None


def _laser(file: BinaryFile) -> float | None:
    """Return the laser's wavelength, nm, from its wavenumber; None where there is none."""
    wavenumber = file.real("f", 0x9C, "laser")
    return 1e7 / wavenumber if 1e7 / LASER_NM[1] <= wavenumber <= 1e7 / LASER_NM[0] else None


def _exposure(file: BinaryFile, blocks: Mapping[str, _WdfBlock]) -> float | None:
    """Return the exposure of the measurement, s; None where it is not found."""
    block = blocks.get("WXDM")
    if block is None:
        return None
    milliseconds = property_integers(file.data[block.at : block.at + block.size], frozenset({_EXPOSURE})).get(_EXPOSURE, 0)
    return milliseconds / 1000 if milliseconds > 0 else None


def _header_texts(file: BinaryFile, blocks: Mapping[str, _WdfBlock]) -> dict[str, str]:
    """Return the header's texts by name, without the empty ones."""
    version = ".".join(str(file.integer("H", 0x78 + 2 * k, "version")) for k in range(4))
    collected, capacity = file.integer("Q", 0x48, "spectra"), file.integer("Q", 0x40, "spectra")
    comment = blocks.get("TEXT")
    texts = {
        "title": file.text(0xF0, 160),
        "user": file.text(0xD0, 32),
        "application": f"{file.text(0x60, 24)} {version}",
        "counts in": _unit(file.integer("I", 0x98, "unit of the counts")),
        "collected": f"{collected} of {capacity}" if capacity != collected else "",
        "accumulations": str(file.integer("I", 0x50, "accumulations")),
        "comment": file.text(comment.at, min(comment.size, 500)) if comment else "",
    }
    return {key: value for key, value in texts.items() if value}
