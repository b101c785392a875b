"""Bruker OPUS: a directory of typed blocks, of which the Raman ones are read.

Type, size (in words of 4 bytes) and place of every block stand in a directory. A block of numbers
has a status block beside it, of the same type with the status bit, that says how many points there
are and where the axis begins and ends. Little-endian. The format is not published; block types and
parameters as OPUS shows them, read with brukeropus (J. Duran) beside it.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role
from raman_edge.formats.document import CUT_SHORT, BinaryFile, safe
from raman_edge.formats.header import LASER_NM, HeaderFacts, positive
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import Trace, check_points, check_spectra, stacked
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Literal

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

STATUS, DIRECTORY = 1, 13
"""Kind of parameters: those of a block of numbers; kind of data: the directory."""
_ENTRY = 12
"""Bytes of a directory's entry."""
_MOST_BLOCKS = 512
"""OPUS makes room for 40, and for some hundred where there are more."""
_MOST_BYTES = 16_384
"""Bytes of a block of parameters that are looked at."""
_INTEGER, _REAL = 0, 1
"""Types of a parameter; the others are text."""

Parameters = dict[str, str | int | float]
"""Values by their three letters."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: what is in it and where."""

    code: int
    """What it holds, in bits."""
    at: int
    size: int
    """Bytes."""

    @property
    def part(self) -> int:
        """1 real, 2 imaginary, 3 amplitude."""
        return self.code & 3

    @property
    def channel(self) -> int:
        """1 sample, 2 reference, 3 ratio."""
        return self.code >> 2 & 3

    @property
    def parameters(self) -> int:
        """0 where the block holds no parameters."""
        return self.code >> 4 & 63

    @property
    def data(self) -> int:
        """Kind of data; 0 where it belongs to none."""
        return self.code >> 10 & 31

    @property
    def derivative(self) -> int:
        """Order of the derivative; 0 is the spectrum itself."""
        return self.code >> 17 & 3

    @property
    def is_report(self) -> bool:
        """Whether it is the report of an evaluation, which is kept under the kind of data that was evaluated; bit 30 does not count."""
        return bool(self.code >> 22 & 0xFF)

    @property
    def form(self) -> int:
        """How the numbers are kept."""
        return self.code >> 19 & 7


def directory(file: BinaryFile) -> list[Block]:
    """Return the blocks of the directory; raises :class:`FormatError` where one is not all there."""
    start, most = file.integer("I", 12, "place of the directory"), file.integer("I", 16, "number of blocks")
    if not 0 < most <= _MOST_BLOCKS:
        raise FormatError(
            kind="damaged header",
            place="byte 16",
            got=f"a directory of {most} blocks",
            expected=f"1 to {_MOST_BLOCKS}",
            advice="Copy the file again",
        )
    file.need(start, most * _ENTRY, f"directory of {most} blocks")
    found: list[Block] = []
    for at in range(start, start + most * _ENTRY, _ENTRY):
        code, words, place = (file.integer("I", at + 4 * k, "directory") for k in range(3))
        if place == 0:
            break
        file.need(place, 4 * words, f"block {len(found) + 1}")
        found.append(Block(code, place, 4 * words))
    if sum(block.size for block in found) > file.size:
        raise FormatError(
            kind="overlapping blocks",
            place=f"byte {start}",
            got=f"blocks of more bytes than the {file.size} of the file",
            expected="consecutive blocks",
            advice=CUT_SHORT,
        )
    return found


def parameters(file: BinaryFile, block: Block) -> Parameters:
    """Return a block's parameters by their three letters, up to END or to the first impossible one."""
    found: Parameters = {}
    at, stop = block.at, block.at + min(block.size, _MOST_BYTES)
    while at + 8 <= stop:
        name, kind, words = struct.unpack_from("<3sxHH", file.data, at)
        at += 8 + 2 * words
        if name == b"END" or at > stop or not name.isalnum():
            break
        found[name.decode("ascii", "replace")] = _value(file, kind, at - 2 * words, 2 * words)
    return found


def _value(file: BinaryFile, kind: int, at: int, size: int) -> str | int | float:
    if kind == _INTEGER and size >= 4:  # noqa: PLR2004 - its bytes
        return file.integer("i", at, "parameter")
    if kind == _REAL and size >= 8:  # noqa: PLR2004 - its bytes
        return file.real("d", at, "parameter")
    return file.text(at, size)


_MAGIC = b"\x0a\x0a\xfe\xfe"
_HEADER = 24
"""Bytes of the header."""
_RAMAN = 10
"""Kind of data."""
_DATA_BY_PREFERENCE = (_RAMAN, 4, 5, 6, 12, 16, 17, 11, 15, 9, 1)
"""Kinds of data that are spectra, the one that is wanted first; the others are infrared ones."""
_IMAGINARY, _REFERENCE = 2, 2
_SINGLE_SPECTRUM, _SPECTRUM_SERIES, _COMPACT_FORM = 0, 2, 4
"""Forms of a block of numbers: one spectrum, many, one behind something else."""
_DATA = (
    *("", "single-channel spectrum", "interferogram", "phase", "absorbance", "transmittance", "Kubelka-Munk", "trace"),
    *("interferograms", "spectra", "Raman", "emission", "reflectance", "directory", "power", "log reflectance", "ATR", "photoacoustic"),
)
"""Kinds of data, by code."""
_AXES = {
    "WN": AxisKind(Role.WAVENUMBER, 1.0, "cm-1"),
    "MI": AxisKind(Role.WAVELENGTH, 1e3, "µm"),
    "NM": AxisKind(Role.WAVELENGTH, 1.0, "nm"),
    "PNT": AxisKind(Role.PIXEL),
}
"""What the axis is, by its unit."""
_LARGEST = 1e9
"""No number of a status is larger."""
_DAY = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_ZONE = re.compile(r"\((?:GMT|UTC)([+-][0-9]{1,2})(?::?([0-9]{2}))?\)")
_LASER = re.compile(r"([0-9.]+) ?(cm-1|nm)")
_TEXTS = {"SNM": "sample", "SFM": "sample form", "CNM": "operator", "INS": "instrument", "SRC": "source", "EXP": "experiment"}
"""Parameters that go into the meta, and under which name."""


class Opus:
    """Reads every Raman block, one spectrum or a series, that is neither a reference nor a derivative.

    A file without one gives the best of what else it holds, and names it in the meta.

    ``meta`` has ``sample``, ``sample form``, ``operator``, ``instrument``, ``source``,
    ``experiment`` and ``date``; the time is known where the file has its time zone.
    """

    name = "Bruker OPUS"

    def recognises(self, document: FileContent) -> bool:
        """Whether the file begins with an OPUS header."""
        return document.data.startswith(_MAGIC) and len(document.data) >= _HEADER

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every Raman block."""
        file = BinaryFile(document.data)
        blocks = directory(file)
        wanted = _raman_blocks(blocks)
        general = _merged_parameters(file, [block for block in blocks if block.parameters > STATUS and block.channel != _REFERENCE])
        stated = {name: str(general[key]) for key, name in _TEXTS.items() if general.get(key)}
        known = HeaderFacts(laser_nm=_laser(general)).or_laser(document.laser_nm)
        pairs = _with_status(file, wanted, blocks)
        traces = (trace for block, status in pairs for trace in _traces(file, block, status, known))
        if wanted[0].data != _RAMAN:
            stated[OTHER_METHOD] = _DATA[wanted[0].data]
        return stacked(traces, origin, stated | {"format": self.name})


def _raman_blocks(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks of the first kind that the file has; raises :class:`FormatError` without any."""
    for kind in _DATA_BY_PREFERENCE:
        if wanted := [block for block in blocks if _is_spectrum(block, kind)]:
            return wanted
    raise FormatError(
        kind="no spectrum", got=f"{_data_names(blocks)}", expected="a Raman block", advice="Select the Raman file of the sample"
    )


def _is_spectrum(block: Block, kind: int) -> bool:
    return (
        block.data == kind
        and block.parameters == 0
        and block.part != _IMAGINARY
        and block.channel != _REFERENCE
        and block.derivative == 0
        and not block.is_report
        and block.form in {_SINGLE_SPECTRUM, _SPECTRUM_SERIES, _COMPACT_FORM}
    )


def _data_names(blocks: Iterable[Block]) -> str:
    """Say what the blocks of numbers are, as in "interferogram, absorbance"."""
    kinds = sorted({block.data for block in blocks if block.parameters == 0} - {0, DIRECTORY})
    return ", ".join(_DATA[kind] if kind < len(_DATA) else f"data of kind {kind}" for kind in kinds) or "no data"


def _with_status(file: BinaryFile, wanted: Sequence[Block], blocks: Iterable[Block]) -> list[tuple[Block, Parameters]]:
    """Return every wanted block with its status: the next one of its type whose points fit in it.

    A compact block without one, beside others that have theirs, is the result of an evaluation and no spectrum.
    """
    kinds = {block.data for block in wanted}
    there = [(block.code, parameters(file, block)) for block in blocks if block.parameters == STATUS and block.data in kinds]
    found: list[tuple[Block, Parameters]] = []
    for block in sorted(wanted, key=lambda block: block.form == _COMPACT_FORM):
        fits = next((k for k, (code, status) in enumerate(there) if code == block.code | STATUS << 4 and _has_points(status, block)), None)
        if fits is None and block.form == _COMPACT_FORM and found:
            continue
        if fits is None:
            raise FormatError(
                kind="missing status",
                place=f"byte {block.at}",
                got=f"a block of {block.size} bytes",
                expected="a block with a matching status",
                advice=CUT_SHORT,
            )
        found.append((block, there.pop(fits)[1]))
    return sorted(found, key=lambda pair: wanted.index(pair[0]))


def _has_points(status: Parameters, block: Block) -> bool:
    points = status.get("NPT")
    return isinstance(points, int) and 0 < 4 * points <= block.size


def _merged_parameters(file: BinaryFile, blocks: Iterable[Block]) -> Parameters:
    merged: Parameters = {}
    for block in blocks:
        merged |= parameters(file, block)
    return merged


def _traces(file: BinaryFile, block: Block, status: Parameters, known: HeaderFacts) -> Iterator[Trace]:
    """Give the spectra of a block their axis and their facts."""
    points = int(_status_number(status, "NPT", block))
    check_points(points)
    unit = str(status.get("DXU", ""))
    if unit not in _AXES:
        raise FormatError(
            kind="unsupported axis unit",
            place=f"byte {block.at}",
            got=f"{safe(unit)}",
            expected="wavenumbers (WN)",
            advice="Save it with them from OPUS",
        )
    x = np.linspace(_status_number(status, "FXV", block), _status_number(status, "LXV", block), points)
    shift = to_shift(x, _AXES[unit], known.laser_nm) if block.data == _RAMAN else x
    scale = _status_number(status, "CSF", block) if "CSF" in status else 1.0
    date = f"{status.get('DAT', '')} {status.get('TIM', '')}".strip()
    own = {"date": date} if date else {}
    known = replace(known, taken_at=_taken_at(status))
    for counts in _counts(file, block, points, integers=status.get("DPF") == 2):  # noqa: PLR2004 - its code
        yield shift, counts * scale, own, known


def _counts(file: BinaryFile, block: Block, points: int, *, integers: bool) -> Iterator[NDArray[np.float64]]:
    """Give the counts of every spectrum in a block."""
    kind: Literal["i4", "f4"] = "i4" if integers else "f4"
    if block.form != _SPECTRUM_SERIES:
        at = block.at + block.size - 4 * points if block.form == _COMPACT_FORM else block.at
        yield file.array(kind, at, points, "counts")
        return
    spectra, first, size, between = (file.integer("I", block.at + at, "header of the series") for at in (4, 8, 12, 16))
    stored = min(spectra, max(block.size - first, 0) // max(size + between, 1))
    if size < 4 * points or not stored:
        raise FormatError(
            kind="wrong number of counts",
            place=f"byte {block.at}",
            got=f"{spectra} spectra of {size} bytes",
            expected=f"{4 * points} bytes each",
            advice="Copy the file again",
        )
    check_spectra(stored, stored * points)
    for index in range(stored):
        yield file.array(kind, block.at + first + index * (size + between), points, "counts")


def _status_number(status: Parameters, name: str, block: Block) -> float:
    """Return a number of the status; raises :class:`FormatError` where it is missing or not a number."""
    value = status.get(name)
    if isinstance(value, str) or value is None or not abs(value) < _LARGEST:
        raise FormatError(
            kind="not a number",
            place=f"byte {block.at}: {name}",
            got=f"{safe(str(value))}",
            expected="a number",
            advice="Copy the file again",
        )
    return value


def _laser(general: Parameters) -> float | None:
    """Return the laser's wavelength, nm: its wavenumber (RLW), or what the source is called."""
    named = _LASER.search(str(general.get("SRC", "")))
    stated = [(general.get("RLW"), "cm-1")] + ([(positive(named[1]), named[2])] if named else [])
    lasers = [value if unit == "nm" else 1e7 / value for value, unit in stated if isinstance(value, float) and value > 0]
    return next((nm for nm in lasers if LASER_NM[0] <= nm <= LASER_NM[1]), None)


def _taken_at(status: Parameters) -> datetime | None:
    """Return when the data were taken, as in 04/07/2023 and 16:59:10.608 (GMT+1); None without a zone."""
    day, time = _DAY.fullmatch(str(status.get("DAT", ""))), str(status.get("TIM", ""))
    zone = _ZONE.search(time)
    if day is None or zone is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{day[3]}-{day[2]}-{day[1]}T{time.split(maxsplit=1)[0]}")
        return moment.replace(tzinfo=timezone(timedelta(hours=int(zone[1]), minutes=int(zone[2] or 0))))
    except ValueError:
        return None
