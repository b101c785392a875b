"""The header of a Galactic SPC file, new (512 bytes, either byte order) or old (256 bytes): one value for all.

Galactic Universal Data Format Specification, SPC.H (1997): SPCHDR, OSPCHDR, LOGSTC.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.binary import CUT_SHORT, BinaryFile
from raman_edge.formats.spc.codes import METHODS, TEXT_LABELS, X_UNITS, Y_UNITS

if TYPE_CHECKING:
    from typing import Literal

NEW_LITTLE, NEW_BIG, OLD = 0x4B, 0x4C, 0x4D
SHORT_Y, CHROMATOGRAM, MULTI, RANDOM_Z, ORDERED_Z, LABELS, OWN_X, SHARED_X = (1 << bit for bit in range(8))
"""Bits of the flags: TSPREC, TCGRAM, TMULTI, TRANDM, TORDRD, TALABS, TXYXYS, TXVALS."""
NEW_BYTES, OLD_BYTES = 512, 256
FLOAT = -128
"""The exponent of floating-point counts; the old format has it as a word, 0x0080."""
LARGEST_X = 1e9
"""No axis has larger numbers."""
_FIRST_YEAR = 1980
_SNIFFED = 32
"""First bytes of an SPC file."""
_MOST = 1 << 27
"""Subfiles, points or bytes beyond which this is something else: four letters of text are more."""
_LOG_HEAD = 64
_MAX_LOG = 65_536
"""Bytes of the log's text that are kept."""


@dataclass(frozen=True, slots=True)
class Header:
    """What both headers say."""

    version: int
    flags: int
    method: int
    """Code of the instrument technique; 0 is general."""
    exponent: int
    """Of the counts, -128..127; :data:`FLOAT` are floating-point counts."""
    points: int
    """Points of every subfile; if each has an axis, the byte of their directory, 0 without one."""
    first: float
    last: float
    """First and last x of an even axis."""
    spectra: int
    """Subfiles, at least 1; 0 if the header does not state it."""
    x_unit: int
    y_unit: int
    z_unit: int
    x_label: str
    y_label: str
    """Override the units; empty where there are none."""
    z_step: float
    """Distance of evenly spaced subfiles; 0 if their headers state it."""
    log_at: int
    """Byte of the log; 0 where there is none."""

    own_exponents: bool = True
    """Whether an exponent of 0 in the header of a subfile is its own, and not left out in favour of the file's."""

    @property
    def many(self) -> bool:
        """Whether there may be more than one subfile."""
        return bool(self.flags & MULTI) or self.spectra > 1


def order(version: int) -> Literal["<", ">"]:
    """Return the byte order of a version."""
    return ">" if version == NEW_BIG else "<"


def recognises(data: bytes) -> bool:
    """Whether the first bytes can be an SPC header: a version, and codes and counts that exist."""
    if len(data) < _SNIFFED or data[1] not in {NEW_LITTLE, NEW_BIG, OLD}:
        return False
    file = BinaryFile(data[:_SNIFFED], order(data[1]))
    counts: tuple[float, ...]
    if data[1] == OLD:
        points, first, last = (file.real("f", at, "header") for at in (4, 8, 12))
        units, counts = (data[16], data[17]), (points,)
    else:
        first, last = (file.real("d", at, "header") for at in (8, 16))
        units, counts = (data[28], data[29]), (file.integer("I", 4, "header"), file.integer("I", 24, "header"))
    return (
        data[0] & (OWN_X | SHARED_X) != OWN_X  # which no file may have, and every ZIP archive has
        and units[0] in X_UNITS
        and units[1] in Y_UNITS
        and all(0 <= count <= _MOST for count in counts)
        and all(math.isfinite(x) and abs(x) <= LARGEST_X for x in (first, last))
    )


def header(file: BinaryFile) -> Header:
    """Read the header of a file that is recognised."""
    return _old(file) if file.data[1] == OLD else _new(file)


def _new(file: BinaryFile) -> Header:
    file.need(0, NEW_BYTES, "header")
    flags = file.data[0]
    x_label, y_label = _labels(file, 218) if flags & LABELS else ("", "")
    return Header(
        version=file.data[1],
        flags=flags,
        method=file.data[2],
        exponent=file.integer("b", 3, "exponent"),
        points=file.integer("I", 4, "number of points"),
        first=file.real("d", 8, "first x"),
        last=file.real("d", 16, "last x"),
        spectra=max(1, file.integer("I", 24, "number of subfiles")),
        x_unit=file.data[28],
        y_unit=file.data[29],
        z_unit=file.data[30],
        x_label=x_label,
        y_label=y_label,
        z_step=file.real("f", 312, "z step"),
        log_at=file.integer("I", 248, "place of the log"),
    )


def _old(file: BinaryFile) -> Header:
    file.need(0, OLD_BYTES, "header")
    flags, year = file.data[0], file.integer("H", 18, "year")
    labelled = flags & LABELS or TEXT_LABELS in {file.data[16], year >> 12}
    x_label, y_label = _labels(file, 194) if labelled else ("", "")
    exponent = file.integer("h", 2, "exponent")
    return Header(
        version=OLD,
        flags=flags & ~(SHARED_X | OWN_X),  # x values came with the new format
        method=0,
        exponent=FLOAT if exponent == -FLOAT else exponent,
        points=_whole(file.real("f", 4, "number of points")),
        first=file.real("f", 8, "first x"),
        last=file.real("f", 12, "last x"),
        spectra=0 if flags & MULTI else 1,
        x_unit=file.data[16],
        y_unit=file.data[17],
        z_unit=year >> 12,
        x_label=x_label,
        y_label=y_label,
        z_step=0.0,
        log_at=0,
    )


def _labels(file: BinaryFile, at: int) -> tuple[str, str]:
    """Return the names of x and y, each ended by a zero."""
    x, _, rest = file.data[at : at + 30].partition(b"\0")
    return file.text(at, len(x)), file.text(at + 30 - len(rest), len(rest))


def _whole(points: float) -> int:
    if not 0 <= points <= _MOST:
        raise FormatError(
            kind="wrong number of points",
            place="byte 4",
            got=f"{points:g} points",
            expected="a number of points",
            advice="If this is an SPC file, export the spectrum as text",
        )
    return int(points)


def described(file: BinaryFile, head: Header) -> dict[str, str]:
    """Return the header's texts by name, without the empty ones."""
    if head.version == OLD:
        texts = {"comment": file.text(64, 130), "resolution": file.text(24, 8), "date": _old_date(file)}
    else:
        texts = {
            "comment": file.text(88, 130),
            "source": file.text(45, 9),
            "resolution": file.text(36, 9),
            "method": file.text(264, 48),
            "date": _new_date(file.integer("I", 32, "date")),
            "technique": METHODS.get(head.method, f"code {head.method}"),
        }
    return {key: value for key, value in texts.items() if value}


def _new_date(packed: int) -> str:
    return _date(packed >> 20, packed >> 16 & 15, packed >> 11 & 31, packed >> 6 & 31, packed & 63)


def _old_date(file: BinaryFile) -> str:
    return _date(file.integer("H", 18, "year") & 0xFFF, *file.data[20:24])


def _date(year: int, month: int, day: int, hour: int, minute: int) -> str:
    """Write a time without a time zone as text; empty where it is none, or before there were such files."""
    try:
        return f"{datetime(year, month, day, hour, minute):%Y-%m-%d %H:%M}" if year >= _FIRST_YEAR else ""  # noqa: DTZ001 - it has none
    except ValueError:
        return ""


def log(file: BinaryFile, head: Header) -> list[str]:
    """Return the lines of the log; none where there is none. Raises :class:`FormatError` where it is cut off."""
    at = head.log_at
    if at < NEW_BYTES:
        return []
    file.need(at, _LOG_HEAD, "header of the log")
    size, text = file.integer("I", at, "size of the log"), file.integer("I", at + 8, "place of its text")
    ended = file.data.endswith(b"\0")  # as the text does; some programs write the size that the log has in memory
    if at + text > file.size or (at + size > file.size and not ended):
        raise FormatError(
            kind="file cut short",
            place=f"byte {at}",
            got=f"{file.size} bytes in all",
            expected=f"a log of {size} bytes here",
            advice=CUT_SHORT,
        )
    return file.text(at + text, min(max(size - text, 0), _MAX_LOG)).splitlines()
