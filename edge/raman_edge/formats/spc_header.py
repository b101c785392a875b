"""The header of a Galactic SPC file, new (512 bytes, either byte order) or old (256 bytes), and what its codes stand for.

Galactic Universal Data Format Specification, SPC.H (1997): SPCHDR, OSPCHDR, LOGSTC, fxtype, fytype, fexper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.columns import CM_PER_EV, AxisKind, Role
from raman_edge.formats.document import CUT_SHORT, BinaryFile

if TYPE_CHECKING:
    from typing import Literal

RAMAN_SHIFT, TEXT_LABELS = 13, 15
X_UNITS: dict[int, str] = {
    0: "arbitrary",
    1: "wavenumber (cm-1)",
    2: "micrometres",
    3: "nanometres",
    4: "time (s)",
    5: "time (minutes)",
    6: "frequency (Hz)",
    7: "frequency (kHz)",
    8: "frequency (MHz)",
    9: "mass (m/z)",
    10: "chemical shift (ppm)",
    11: "time (days)",
    12: "time (years)",
    RAMAN_SHIFT: "Raman shift (cm-1)",
    14: "energy (eV)",
    TEXT_LABELS: "named by the text labels",
    16: "diode number",
    17: "channel",
    18: "degrees",
    19: "temperature (F)",
    20: "temperature (C)",
    21: "temperature (K)",
    22: "data points",
    23: "time (ms)",
    24: "time (us)",
    25: "time (ns)",
    26: "frequency (GHz)",
    27: "length (cm)",
    28: "length (m)",
    29: "length (mm)",
    30: "time (hours)",
    255: "double interferogram",
}
"""Units of an axis, by code."""
AXES: dict[int, AxisKind] = {
    1: AxisKind(Role.WAVENUMBER, 1.0, "cm-1"),
    2: AxisKind(Role.WAVELENGTH, 1e3, "µm"),
    3: AxisKind(Role.WAVELENGTH, 1.0, "nm"),
    RAMAN_SHIFT: AxisKind(Role.SHIFT, 1.0, "cm-1"),
    14: AxisKind(Role.WAVENUMBER, CM_PER_EV, "eV"),
    16: AxisKind(Role.PIXEL),
    17: AxisKind(Role.PIXEL),
    22: AxisKind(Role.PIXEL),
}
"""The codes that can be a Raman axis, and what it is then."""
UNNAMED = frozenset({0, TEXT_LABELS})
"""The codes that leave the axis open."""
Y_UNITS: dict[int, str] = {
    0: "arbitrary intensity",
    1: "interferogram",
    2: "absorbance",
    3: "Kubelka-Munk",
    4: "counts",
    5: "volts",
    6: "degrees",
    7: "milliamperes",
    8: "millimetres",
    9: "millivolts",
    10: "log(1/R)",
    11: "percent",
    12: "intensity",
    13: "relative intensity",
    14: "energy",
    16: "decibel",
    19: "temperature (F)",
    20: "temperature (C)",
    21: "temperature (K)",
    22: "refractive index",
    23: "extinction coefficient",
    24: "real part",
    25: "imaginary part",
    26: "complex",
    128: "transmission",
    129: "reflectance",
    130: "single beam with valleys",
    131: "emission",
}
Y_RAMAN = frozenset({0, 4, 5, 7, 9, 12, 13, 14})
"""What a detector's signal is stored as."""
METHODS: dict[int, str] = {
    0: "general",
    1: "gas chromatogram",
    2: "chromatogram",
    3: "HPLC chromatogram",
    4: "FT-IR, FT-NIR or FT-Raman spectrum",
    5: "near-infrared spectrum",
    7: "UV-VIS spectrum",
    8: "X-ray diffraction pattern",
    9: "mass spectrum",
    10: "NMR spectrum",
    11: "Raman spectrum",
    12: "fluorescence spectrum",
    13: "atomic spectrum",
    14: "diode-array chromatogram",
}
METHODS_NOT_RAMAN = frozenset({1, 2, 3, 5, 8, 9, 10, 13, 14})
"""A spectrometer for fluorescence or UV-VIS measures Raman spectra as well; the others do not."""


NEW_LITTLE, NEW_BIG, OLD = 0x4B, 0x4C, 0x4D
SHORT_Y, CHROMATOGRAM, MULTI, RANDOM_Z, ORDERED_Z, LABELS, OWN_X, SHARED_X = (1 << bit for bit in range(8))
"""Bits of the flags: TSPREC, TCGRAM, TMULTI, TRANDM, TORDRD, TALABS, TXYXYS, TXVALS."""
NEW_BYTES, OLD_BYTES = 512, 256
FLOAT = -128
"""The exponent of floating-point counts; the old format has it as a word, 0x0080."""
LARGEST_X = 1e9
"""No axis has larger numbers."""
_FIRST_YEAR = 1980
_SNIFFED_BYTES = 32
"""First bytes of an SPC file."""
_MOST_COUNT = 1 << 27
"""Subfiles, points or bytes beyond which this is something else: four letters of text are more."""
_LOG_HEAD = 64
_MAX_LOG = 65_536
"""Bytes of the log's text that are kept."""


@dataclass(frozen=True, slots=True)
class Header:
    """Facts of both headers."""

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
    if len(data) < _SNIFFED_BYTES or data[1] not in {NEW_LITTLE, NEW_BIG, OLD}:
        return False
    file = BinaryFile(data[:_SNIFFED_BYTES], order(data[1]))
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
        and all(0 <= count <= _MOST_COUNT for count in counts)
        and all(math.isfinite(x) and abs(x) <= LARGEST_X for x in (first, last))
    )


def header(file: BinaryFile) -> Header:
    """Read the header of a file that is recognised."""
    return _old_header(file) if file.data[1] == OLD else _new_header(file)


def _new_header(file: BinaryFile) -> Header:
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


def _old_header(file: BinaryFile) -> Header:
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
        points=_integer_from_float(file.real("f", 4, "number of points")),
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


def _integer_from_float(points: float) -> int:
    if not 0 <= points <= _MOST_COUNT:
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
    """Write a time without a time zone as text; empty where it is impossible, or before there were such files."""
    try:
        return f"{datetime(year, month, day, hour, minute):%Y-%m-%d %H:%M}" if year >= _FIRST_YEAR else ""  # noqa: DTZ001 - it has none
    except ValueError:
        return ""


def log(file: BinaryFile, head: Header) -> list[str]:
    """Return the lines of the log; empty without a log. Raises :class:`FormatError` where it is cut off."""
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
