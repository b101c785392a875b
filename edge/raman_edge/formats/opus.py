"""Bruker OPUS: a directory of typed blocks, of which the Raman ones are read.

Type, size (in words of 4 bytes) and place of every block stand in a directory. A block of numbers
has a status block beside it, of the same type with the status bit, that says how many points there
are and where the axis begins and ends. Little-endian. The format is not published; block types and
parameters as OPUS shows them, read with brukeropus (J. Duran) beside it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.binary import CUT_SHORT, BinaryFile
from raman_edge.formats.columns import AxisKind, Role
from raman_edge.formats.header import LASER_NM, HeaderFacts, positive
from raman_edge.formats.opus_blocks import DIRECTORY, STATUS, directory, parameters
from raman_edge.formats.shift import to_shift
from raman_edge.formats.stack import Trace, check_points, check_spectra, stacked
from raman_edge.formats.text import safe
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Literal

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.formats.opus_blocks import Block, Parameters
    from raman_edge.spectrum import Origin, Spectrum

_MAGIC = b"\x0a\x0a\xfe\xfe"
_HEADER = 24
"""Bytes of the header."""
_RAMAN = 10
"""Kind of data."""
_KINDS = (_RAMAN, 4, 5, 6, 12, 16, 17, 11, 15, 9, 1)
"""Kinds of data that are spectra, the one that is wanted first; the others are infrared ones."""
_IMAGINARY, _REFERENCE = 2, 2
_PLAIN, _SERIES, _COMPACT = 0, 2, 4
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

    A file without one gives the best of what else it holds, and says in the meta what that is.

    ``meta`` has ``sample``, ``sample form``, ``operator``, ``instrument``, ``source``,
    ``experiment`` and ``date``; the time is known where the file says its zone.
    """

    name = "Bruker OPUS"

    def recognises(self, document: FileContent) -> bool:
        """Whether the file begins with an OPUS header."""
        return document.data.startswith(_MAGIC) and len(document.data) >= _HEADER

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every Raman block."""
        file = BinaryFile(document.data)
        blocks = directory(file)
        wanted = _wanted(blocks)
        general = _merged(file, [block for block in blocks if block.parameters > STATUS and block.channel != _REFERENCE])
        stated = {name: str(general[key]) for key, name in _TEXTS.items() if general.get(key)}
        known = HeaderFacts(laser_nm=_laser(general)).or_laser(document.laser_nm)
        pairs = _with_status(file, wanted, blocks)
        traces = (trace for block, status in pairs for trace in _traces(file, block, status, known))
        if wanted[0].data != _RAMAN:
            stated[OTHER_METHOD] = _DATA[wanted[0].data]
        return stacked(traces, origin, stated | {"format": self.name})


def _wanted(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks of the first kind that there is; raises :class:`FormatError` where there is none."""
    for kind in _KINDS:
        if wanted := [block for block in blocks if _is_spectrum(block, kind)]:
            return wanted
    raise FormatError(kind="no spectrum", got=f"{_held(blocks)}", expected="a Raman block", advice="Select the Raman file of the sample")


def _is_spectrum(block: Block, kind: int) -> bool:
    return (
        block.data == kind
        and block.parameters == 0
        and block.part != _IMAGINARY
        and block.channel != _REFERENCE
        and block.derivative == 0
        and not block.is_report
        and block.form in {_PLAIN, _SERIES, _COMPACT}
    )


def _held(blocks: Iterable[Block]) -> str:
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
    for block in sorted(wanted, key=lambda block: block.form == _COMPACT):
        fits = next((k for k, (code, status) in enumerate(there) if code == block.code | STATUS << 4 and _fits(status, block)), None)
        if fits is None and block.form == _COMPACT and found:
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


def _fits(status: Parameters, block: Block) -> bool:
    points = status.get("NPT")
    return isinstance(points, int) and 0 < 4 * points <= block.size


def _merged(file: BinaryFile, blocks: Iterable[Block]) -> Parameters:
    merged: Parameters = {}
    for block in blocks:
        merged |= parameters(file, block)
    return merged


def _traces(file: BinaryFile, block: Block, status: Parameters, known: HeaderFacts) -> Iterator[Trace]:
    """Give the spectra of a block their axis and their facts."""
    points = int(_real(status, "NPT", block))
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
    x = np.linspace(_real(status, "FXV", block), _real(status, "LXV", block), points)
    shift = to_shift(x, _AXES[unit], known.laser_nm) if block.data == _RAMAN else x
    scale = _real(status, "CSF", block) if "CSF" in status else 1.0
    date = f"{status.get('DAT', '')} {status.get('TIM', '')}".strip()
    own = {"date": date} if date else {}
    known = replace(known, taken_at=_taken_at(status))
    for counts in _counts(file, block, points, integers=status.get("DPF") == 2):  # noqa: PLR2004 - its code
        yield shift, counts * scale, own, known


def _counts(file: BinaryFile, block: Block, points: int, *, integers: bool) -> Iterator[NDArray[np.float64]]:
    """Give the counts of every spectrum in a block."""
    kind: Literal["i4", "f4"] = "i4" if integers else "f4"
    if block.form != _SERIES:
        at = block.at + block.size - 4 * points if block.form == _COMPACT else block.at
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


def _real(status: Parameters, name: str, block: Block) -> float:
    """Return a number of the status; raises :class:`FormatError` where it is none."""
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
