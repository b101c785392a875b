"""Thermo OMNIC: a spectrum (.spa) or a group of them (.spg), Raman or infrared.

A directory of 16 bytes an entry, from byte 304: the kind of a block, its place and its size. A spectrum
is a header (points, units, first and last x), its counts as 32-bit floats and texts. Little-endian. The
format is not published; kinds, fields and units as spectrochempy-omnic (LCS Caen) and spa2txt (I. Krylov)
have them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import Role
from raman_edge.formats.document import CUT_SHORT, BinaryFile
from raman_edge.formats.header import LASER_NM, HeaderFacts, facts, pairs
from raman_edge.formats.spectra import LARGEST, LEAST_POINTS, Trace, axis, check_points, check_spectra, stacked
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

_DIRECTORY, _ENTRY, _BLOCK_COUNT_AT = 304, 16, 294
_MOST_ENTRIES = 65_535
_HEAD, _DATA, _COMMENT, _HISTORY, _TITLE = 2, 3, 4, 27, 107
"""Kinds of blocks that are read."""
_HEADER = 96
"""Bytes of a spectrum's header that are looked at."""
_MOST_TEXT = 16_384
"""Bytes of one text that are looked at."""
_MOST_HISTORY = 4 * 1024 * 1024
"""Bytes of all histories of a group that are looked at; each has a few hundred."""
_X_UNITS = {1: "wavenumber (cm-1)", 2: "data points", 3: "wavelength (nm)", 4: "wavelength (um)", 32: "Raman shift (cm-1)"}
"""Units of the axis, by code."""
_AXES = {1: (Role.WAVENUMBER, 1.0), 3: (Role.WAVELENGTH, 1.0), 4: (Role.WAVELENGTH, 1e3), 32: (Role.SHIFT, 1.0)}
"""The units that can be a Raman axis: what it is then, and the factor to nm or cm⁻¹."""
_SHIFT, _RAMAN = 32, 31
_QUANTITIES = {
    11: "reflectance (%)",
    12: "log(1/R)",
    15: "single beam",
    16: "transmittance (%)",
    17: "absorbance",
    20: "Kubelka-Munk",
    21: "reflectance",
    22: "detector signal (V)",
    26: "photoacoustic",
    _RAMAN: "Raman intensity",
}
"""Quantities, by code."""
_INFRARED = frozenset({11, 12, 16, 17, 20, 21, 22, 26})
"""Quantities that a Raman spectrum cannot have, on any axis."""
_EPOCH = datetime(1899, 12, 31, tzinfo=UTC)
"""Of the times, which count seconds."""
_YEARS = range(1990, 2100)
_LASER = re.compile(r"raman[^\n]{0,40}?(?:laser|excitation)[^\n]{0,40}?([0-9]+(?:\.[0-9]+)?)\s*(cm-1|nm)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _OmnicBlock:
    kind: int
    at: int
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class _Head:
    """The header of a spectrum."""

    points: int
    x: int
    y: int
    """Codes of the axis and of the quantity."""
    first: float
    last: float
    scans: int

    @property
    def raman(self) -> bool:
        """Whether its codes are those of a Raman spectrum."""
        return self.y == _RAMAN or (self.x == _SHIFT and self.y not in _INFRARED)


def read(document: FileContent, origin: Origin, name: str) -> tuple[Spectrum, ...]:
    """Read every spectrum of the file; interferograms and backgrounds beside them are left.

    A spectrum that is not a Raman spectrum by its codes keeps its axis and has ``other_method`` in the meta.
    ``meta`` has ``title``, ``comment``, ``counts in``, ``scans`` and the ``key: value`` lines of
    the history.
    """
    file = BinaryFile(document.data)
    blocks = _directory(file)
    found = {kind: [block for block in blocks if block.kind == kind] for kind in (_HEAD, _DATA, _COMMENT, _HISTORY, _TITLE)}
    heads = [_head(file, block) for block in found[_HEAD]]
    if not heads or len(found[_DATA]) < len(heads):
        raise FormatError(
            kind="wrong number of spectra",
            place=f"byte {_DIRECTORY}",
            got=f"{len(heads)} headers and the counts of {len(found[_DATA])} spectra",
            expected="as many of both",
            advice=CUT_SHORT,
        )
    raman = [index for index, head in enumerate(heads) if head.raman]
    wanted = raman or list(range(len(heads)))
    total = sum(heads[index].points for index in wanted)
    check_spectra(len(wanted), total)
    if 4 * total > file.size:
        raise FormatError(
            kind="overlapping spectra",
            place=f"byte {_DIRECTORY}",
            got=f"{total} points in {file.size} bytes",
            expected="every spectrum in its own bytes",
            advice="Save it again",
        )
    meta = {"format": name, "title": file.text(30, 256)}
    if comments := [text for block in found[_COMMENT][:8] if (text := _text(file, block))]:
        meta["comment"] = " ".join(" ".join(comments).split())[:500]
    if not raman:
        head = heads[wanted[0]]
        meta[OTHER_METHOD] = f"{_QUANTITIES.get(head.y, f'quantity {head.y}')} over {_X_UNITS.get(head.x, f'unit {head.x}')}"
    elif len(raman) < len(heads):
        meta["left_out"] = f"{len(heads) - len(raman)} of {len(heads)} spectra of another method"
    return stacked(_traces(file, heads, found, wanted, document), origin, {key: value for key, value in meta.items() if value})


def _directory(file: BinaryFile) -> list[_OmnicBlock]:
    """Return the blocks of the file; raises :class:`FormatError` where one is not all there."""
    count = file.integer("H", _BLOCK_COUNT_AT, "number of blocks") or _MOST_ENTRIES
    blocks = []
    for at in range(_DIRECTORY, _DIRECTORY + count * _ENTRY, _ENTRY):
        kind = file.integer("B", at, "directory")
        if kind in {0, 1}:
            break
        block = _OmnicBlock(kind, file.integer("I", at + 2, "directory"), file.integer("I", at + 6, "directory"))
        file.need(block.at, block.size, f"block of kind {kind}")
        blocks.append(block)
    return blocks


def _head(file: BinaryFile, block: _OmnicBlock) -> _Head:
    file.need(block.at, _HEADER, "header of a spectrum")
    head = _Head(
        points=file.integer("I", block.at + 4, "points"),
        x=file.integer("B", block.at + 8, "unit of the axis"),
        y=file.integer("B", block.at + 12, "quantity"),
        first=file.real("f", block.at + 16, "first x"),
        last=file.real("f", block.at + 20, "last x"),
        scans=file.integer("I", block.at + 36, "scans"),
    )
    check_points(head.points, LEAST_POINTS)
    if not abs(head.first) < LARGEST or not abs(head.last) < LARGEST:
        raise FormatError(
            kind="damaged axis",
            place=f"byte {block.at + 16}",
            got=f"{head.first:g} to {head.last:g}",
            expected="numbers",
            advice="The header is damaged: save the file again",
        )
    return head


def _traces(
    file: BinaryFile, heads: Sequence[_Head], found: Mapping[int, Sequence[_OmnicBlock]], wanted: Sequence[int], document: FileContent
) -> Iterator[Trace]:
    """Give every spectrum its axis and the facts from its texts."""
    left = _MOST_HISTORY
    for index in wanted:
        head, data = heads[index], found[_DATA][index]
        if data.size < 4 * head.points:
            raise FormatError(
                kind="wrong number of counts",
                place=f"byte {data.at}",
                got=f"{data.size} bytes",
                expected=f"{4 * head.points} of {head.points} points",
                advice=CUT_SHORT,
            )
        history = _text(file, found[_HISTORY][index]) if len(found[_HISTORY]) == len(heads) and left > 0 else ""
        left -= len(history)
        own = pairs(history.splitlines()) | {"counts in": _QUANTITIES.get(head.y, f"quantity {head.y}")}
        own |= {"scans": str(head.scans)} if head.scans else {}
        stated = replace(facts(own), saturation=None)
        known = replace(
            stated, laser_nm=stated.laser_nm or _laser(history), taken_at=stated.taken_at or _moment(file, found[_TITLE], index, own)
        )
        known = known.or_laser(document.laser_nm)
        x = np.linspace(head.first, head.last, head.points)
        yield _shift(x, head, known, document) if head.raman else x, file.array("f4", data.at, head.points, "counts"), own, known


def _shift(x: NDArray[np.float64], head: _Head, known: HeaderFacts, document: FileContent) -> NDArray[np.float64]:
    """Return the Raman shift, cm⁻¹."""
    if head.x not in _AXES:
        raise FormatError(
            kind="unsupported axis unit",
            got=f"{_X_UNITS.get(head.x, f'unit {head.x}')}",
            expected="Raman shift, wavenumber or wavelength",
            advice="Save it with one of them from OMNIC",
        )
    kind, factor = _AXES[head.x]
    return axis(x * factor, kind, known, document)[0]


def _text(file: BinaryFile, block: _OmnicBlock) -> str:
    """Return the text of a block, without the zeros in it."""
    raw = file.data[block.at : block.at + min(block.size, _MOST_TEXT)].replace(b"\r", b"\n").rstrip(b"\0")
    return raw.replace(b"\0", b" ").decode("cp1252", "replace").strip()


def _laser(history: str) -> float | None:
    """Return the laser of the Raman module, nm; the interferometer has another one, which the history names as well."""
    found = _LASER.search(history)
    value = float(found[1]) if found else math.nan
    nm = value if found and found[2] == "nm" else 1e7 / value if value else math.nan
    return nm if LASER_NM[0] <= nm <= LASER_NM[1] else None


def _moment(file: BinaryFile, titles: Sequence[_OmnicBlock], index: int, own: dict[str, str]) -> datetime | None:
    """Return when a spectrum was taken: a group has it behind the title of each, a single one in the file's header."""
    if index < len(titles):
        own["title"] = file.text(titles[index].at, 256)
        at = titles[index].at + 256
    else:
        at = 296
    if at + 4 > file.size:
        return None
    found = _EPOCH + timedelta(seconds=file.integer("I", at, "time"))
    return found if found.year in _YEARS else None
