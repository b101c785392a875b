"""Andor SIF: what Solis and the Andor SDK save; single spectra, kinetic series, tracks, and rows of an image.

Text lines and counts as 32-bit floats: a line of settings, a text of the user, the spectrograph, the
wavelengths as a polynomial, the names of the axes, the areas that were read out, then the counts. The
number of lines depends on the version, so the names of the axes are searched and the rest is counted
from there. The format is not published; fields as sif_parser (K. Fujii) has them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import Role, role
from raman_edge.formats.document import CUT_SHORT, BinaryFile, safe
from raman_edge.formats.header import LASER_NM, HeaderFacts
from raman_edge.formats.spectra import Trace, axis, check_points, check_spectra, moment, numbered, polynomial, stacked
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

_SIGNAL = re.compile(rb"Andor Technology Multi-Channel File\n65538 ([01])\n")
_REAL = rb"([-+.0-9eE]{1,24})"
_SETTINGS = re.compile(
    rb"(655[0-9]{2}) [0-9]{1,9} [0-9]{1,9} [0-9]{1,9} ([0-9]{1,12}) %b (?:. ){5}[0-9]{1,9} %b %b %b ([0-9]{1,9}) " % ((_REAL,) * 4),
    re.DOTALL,
)
"""Version, Unix time, temperature, five bytes, exposure (s), cycle times (s), accumulations."""
_OTHER_MEASUREMENT = re.compile(rb"\n655[0-9]{2} 0 0 1 [0-9]{1,12} ")
"""Where the settings of another measurement begin."""
_SERIAL = re.compile(rb". (?:%b ){10}. . (?:%b ){12}%b %b %b ([0-9]{1,9}) " % ((_REAL.replace(b"(", b"(?:"),) * 5), re.DOTALL)
"""Behind the settings: a byte, ten numbers, two bytes, twelve numbers, speed and gain; the camera's serial number."""
_DETECTOR = re.compile(rb"\n([^\n]{1,80})\n ?([0-9]{1,6}) ([0-9]{1,6}) ([0-9]{1,4})\n")
"""Model, pixels, and the length of the file's name behind it."""
_USER = re.compile(rb" ?\n65538 ([0-9]{1,7})\n")
"""Length of the user's text behind it."""
_AXIS_NAMES_START = re.compile(rb"\n(?=[0-9]{1,3}\n)")
_LENGTH = re.compile(rb"([0-9]{1,3})\n")
_AREA = re.compile(rb"65[0-9]{3}((?: [0-9]{1,9}){8}) *\n")
"""Left, top, right, bottom, frames, tracks, counts in all, counts a frame."""
_TRACK = re.compile(rb"65[0-9]{3}((?: [0-9]{1,9}){6,7}) *\n")
"""Left, top, right, bottom, rows and columns that are binned."""
_CALIBRATION = re.compile(
    rb"\n655[0-9]{2} .{11}\n([^\n]{0,400})\n[^\n]{0,400}\n[^\n]{0,400}\n([^\n]{0,40})(?:\n[^\n]{0,40}){2,3}\Z", re.DOTALL
)
"""The polynomial of the columns, two more of other axes, the laser (nm), the size of a pixel."""
_FRAME_CALIBRATION = re.compile(rb"Calibration data for frame ([0-9]{1,6})[,:]?([^\n]{1,400})")
_TIME = re.compile(rb"[ \n]*[0-9]{1,20}\n")
_FLAG = re.compile(rb"([01])\n")
_FLAG_SINCE_VERSION = 65_560
"""Later versions have a line behind the times of the frames that says whether one more number a frame follows."""
_DETECTOR_SEARCH_BYTES = 4096
"""Bytes in which the detector's name stands."""
_AXIS_NAMES_SEARCH_BYTES = 65_536
"""Bytes in which the names of the axes stand, behind the user's text."""


@dataclass(frozen=True, slots=True)
class _AxisNames:
    """The names of the axes, and where they stand."""

    begin: int
    end: int
    x: str
    counts: str


@dataclass(frozen=True, slots=True)
class _Track:
    """One area of the detector that was read out."""

    columns: int
    rows: int
    whole: bool
    """Whether column 1 is the detector's first pixel and no pixels were binned in a row."""


def read(document: FileContent, origin: Origin, name: str) -> tuple[Spectrum, ...]:
    """Read every row of every track of every frame.

    ``meta`` has ``detector``, ``serial number`` (the camera's), ``accumulations``, ``counts in`` (their name), ``left_out`` and,
    where there are several, ``frame``, ``track`` and ``row``. The file's laser is used only where its axis is a Raman shift:
    otherwise the field holds a default.
    """
    file = BinaryFile(document.data)
    if (signal := _SIGNAL.match(file.data)) is None or signal[1] == b"0":
        raise FormatError(
            kind="no signal",
            place="byte 36",
            got="a file without a signal, perhaps a reference or background",
            expected="a measurement",
            advice="Save the measurement from Solis",
        )
    settings, model, user_end, frames_said = _described(file, signal.end())
    names = _names(file, user_end)
    kind = _kind(names.x)
    coefficients, laser = _calibration(file.data[user_end : names.begin])
    seconds = _number(settings[4])
    known = HeaderFacts(
        laser_nm=laser if kind is Role.SHIFT else None,
        exposure_s=seconds if 0 < seconds < math.inf else None,
        taken_at=moment(int(settings[2])),
    ).or_laser(document.laser_nm)
    meta = {"format": name, "detector": model, "accumulations": settings[7].decode(), "counts in": names.counts}
    if (serial := _SERIAL.match(file.data, settings.end())) is not None and int(serial[1]):
        meta["serial number"] = serial[1].decode()
    if role(names.counts) is Role.OTHER:
        meta[OTHER_METHOD] = f"{safe(names.counts)} over {safe(names.x)}"
    at, frames, tracks = _tracks(file, names.end, int(settings[1]))
    end = at + 4 * frames * sum(track.columns * track.rows for track in tracks)
    if further := len(_OTHER_MEASUREMENT.findall(file.data, end)):
        meta["left_out"] = f"{further} further measurements (a background, a reference or what was shown live)"
    axes = [frames_said.get(frame + 1, coefficients) for frame in range(frames)]
    return stacked(_traces(file, at, axes, tracks, document, known, kind), origin, meta)


def _described(file: BinaryFile, at: int) -> tuple[re.Match[bytes], str, int, dict[int, list[float]]]:
    """Return the settings, the detector's model, where the user's text ends, and the polynomials of single frames in it."""
    settings = _SETTINGS.match(file.data, at)
    detector = _DETECTOR.search(file.data, settings.end(), settings.end() + _DETECTOR_SEARCH_BYTES) if settings else None
    user = _USER.match(file.data, detector.end() + int(detector[4])) if detector else None
    if settings is None or detector is None or user is None:
        raise FormatError(kind="unreadable settings", place=f"byte {at}", expected="version, time, exposure and detector", advice=CUT_SHORT)
    end = user.end() + int(user[1])
    file.need(user.end(), int(user[1]), "text of the user")
    text = file.data[user.end() : end]
    own = {int(found[1]): _numbers(found[2].replace(b",", b" ")) for found in _FRAME_CALIBRATION.finditer(text)}
    return settings, detector[1].decode("utf-8", "replace").strip(), end, {frame: line for frame, line in own.items() if line}


def _names(file: BinaryFile, at: int) -> _AxisNames:
    """Find the three names of the axes: each behind a line with its length."""
    for start in _AXIS_NAMES_START.finditer(file.data, max(at - 1, 0), at + _AXIS_NAMES_SEARCH_BYTES):
        found, end = [], start.end()
        for _ in range(3):
            length = _LENGTH.match(file.data, end)
            if length is None or not 0 < int(length[1]) <= file.size - length.end():
                break
            end = length.end() + int(length[1])
            found.append(file.data[length.end() : end])
        if len(found) == 3 and all(name.isascii() and b"\n" not in name for name in found) and _AREA.match(file.data, end):  # noqa: PLR2004 - x, counts, y
            return _AxisNames(start.start(), end, found[0].decode().strip(), found[1].decode().strip())
    raise FormatError(kind="missing axis name", place=f"byte {at}", expected="'Wavelength' or 'Raman shift'", advice=CUT_SHORT)


def _kind(name: str) -> Role:
    """Return what the columns are by their name."""
    found = role(name)
    if found not in {Role.WAVELENGTH, Role.SHIFT, Role.PIXEL}:
        raise FormatError(
            kind="unsupported axis unit",
            got=f"{safe(name)}",
            expected="'Wavelength' or 'Raman shift'",
            advice="Set its unit in Solis and save the file again",
        )
    return found


def _calibration(lines: bytes) -> tuple[list[float], float | None]:
    """Return the polynomial from the column (from 1) to the wavelength (nm), and the laser (nm) or None."""
    found = _CALIBRATION.search(lines)
    if found is None:
        return [], None
    laser = _number(found[2])
    return _numbers(found[1]), laser if LASER_NM[0] <= laser <= LASER_NM[1] else None


def _tracks(file: BinaryFile, at: int, version: int) -> tuple[int, int, list[_Track]]:
    """Return where the counts begin, the frames, and the areas of each."""
    area = _AREA.match(file.data, at)
    *_, frames, count, total, size = (int(word) for word in area[1].split()) if area else (0,) * 8
    check_spectra(max(frames, 1) * max(count, 1), total)
    at = area.end() if area else at
    tracks = []
    for _ in range(count):
        found = _TRACK.match(file.data, at)
        if found is None:
            raise FormatError(kind="missing detector area", place=f"byte {at}", expected=f"{count} areas", advice=CUT_SHORT)
        tracks.append(_track(found))
        at = found.end()
    counts = sum(track.columns * track.rows for track in tracks)
    if not frames or not counts or counts != size or frames * size != total:
        raise FormatError(
            kind="wrong number of counts",
            place=f"byte {at}",
            got=f"{frames} frames of {counts} counts",
            expected=f"{total} counts in all and {size} a frame, as the header declares",
            advice="The file is damaged: save it again from Solis",
        )
    check_spectra(frames * sum(track.rows for track in tracks), total)
    for _ in range(frames):
        at = _skip_line(file, _TIME, at, "time of a frame")
    flag = _FLAG.match(file.data, at) if version >= _FLAG_SINCE_VERSION else None
    if flag is not None:
        at = flag.end()
        for _ in range(frames if flag[1] == b"1" else 0):
            at = _skip_line(file, _TIME, at, "second time of a frame")
    file.need(at, 4 * total, f"{frames} x {size} counts")
    return at, frames, tracks


def _track(found: re.Match[bytes]) -> _Track:
    left, top, right, bottom, high, wide = (int(word) for word in found[1].split()[:6])
    columns, rows = (right - left + 1) // max(wide, 1), (top - bottom + 1) // max(high, 1)
    if columns <= 0 or rows <= 0:
        raise FormatError(
            kind="empty detector area",
            place=f"byte {found.start()}",
            got=f"{columns} x {rows} pixels",
            expected="at least one",
            advice="Save it again from Solis",
        )
    check_points(columns)
    return _Track(columns, rows, whole=left == wide == 1)


def _skip_line(file: BinaryFile, line: re.Pattern[bytes], at: int, what: str) -> int:
    found = line.match(file.data, at)
    if found is None:
        raise FormatError(kind="missing number", place=f"byte {at}", got=f"no {what}", expected="a number", advice=CUT_SHORT)
    return found.end()


def _traces(
    file: BinaryFile, at: int, axes: list[list[float]], tracks: list[_Track], document: FileContent, known: HeaderFacts, kind: Role
) -> Iterator[Trace]:
    """Give every row its axis, and say which one it is."""
    for frame, coefficients in enumerate(axes):
        for number, track in enumerate(tracks):
            shift, stated = axis(
                _columns(track, coefficients, kind), Role.PIXEL if kind is Role.PIXEL else Role.WAVELENGTH, known, document
            )
            for row in range(track.rows):
                counts = file.array("f4", at, track.columns, "counts")
                at += 4 * track.columns
                own = numbered(frame=(frame, len(axes)), track=(number, len(tracks)), row=(row, track.rows))
                yield shift, counts, stated | own, known


def _columns(track: _Track, coefficients: list[float], kind: Role) -> NDArray[np.float64]:
    """Return the wavelength (nm) of every column, or its number."""
    columns = np.arange(1.0, track.columns + 1)
    if kind is Role.PIXEL:
        return columns
    if not track.whole:
        raise FormatError(
            kind="unknown pixels",
            got="binned columns, or columns that do not begin at the first pixel",
            expected="whole rows, as the file does not state the pixels of its wavelengths",
            advice="Export the spectrum as text (ASCII) from Solis",
        )
    if not coefficients:
        raise FormatError(
            kind="uncalibrated axis", expected="the wavelength of every pixel", advice="Calibrate the spectrograph in Solis and save again"
        )
    return polynomial(coefficients, columns)


def _numbers(line: bytes) -> list[float]:
    """Return a line's numbers; empty where one is not a number."""
    found = [_number(word) for word in line.split()]
    return found if all(map(math.isfinite, found)) else []


def _number(word: bytes) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
