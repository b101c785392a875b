"""WITec TrueMatch ASCII: of every particle a header, what is known of the particle, and a table.

Sections in brackets: ``[SpectrumHeader]`` with the laser and the unit of the axis, ``[SampleMetaData]``,
``[SpectrumData]`` with two columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.columns import axis_kind
from raman_edge.formats.dialect import numbers
from raman_edge.formats.document import CUT_SHORT, safe
from raman_edge.formats.header import facts, pairs
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import spectrum, tidy
from raman_edge.formats.table import MAX_COLUMNS, MAX_ROWS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

_MARK = "[witec_truematch"
_HEADER, _DATA = "[spectrumheader]", "[spectrumdata]"


class TrueMatch:
    """Reads a spectrum a particle; ``meta`` has its title and what was measured of it, such as its length."""

    name = "WITec TrueMatch"

    def recognises(self, document: FileContent) -> bool:
        """Whether the text begins with the format's name."""
        return document.head[: len(_MARK)].lower() == _MARK

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every particle."""
        lines = document.lines
        starts = [k for k, line in enumerate(lines) if line.strip().lower() == _HEADER]
        if not 1 <= len(starts) <= MAX_COLUMNS:
            raise FormatError(
                kind="wrong number of spectra", got=f"{len(starts)} spectra", expected=f"1 to {MAX_COLUMNS}", advice="Export the file again"
            )
        ends = [*starts[1:], len(lines)]
        return tuple(_particle(document, origin, start, end, index) for index, (start, end) in enumerate(zip(starts, ends, strict=True)))


def _particle(document: FileContent, origin: Origin, start: int, end: int, index: int) -> Spectrum:
    """Read the lines of one particle."""
    lines = document.lines[start:end]
    data = next((k for k, line in enumerate(lines) if line.strip().lower() == _DATA), None)
    if data is None:
        raise FormatError(kind="missing [SpectrumData]", place=f"line {start + 1}", got="a particle without it", advice=CUT_SHORT)
    meta = pairs(lines[:data]) | {"format": TrueMatch.name}
    known = facts(meta).or_laser(document.laser_nm)
    x, y = _columns([line for line in lines[data + 1 :] if line.strip()], start + data + 2)
    declared = meta.get("spectrumsize", "")
    if declared.isdecimal() and x.size < int(declared[:9]):
        raise FormatError(
            kind="wrong number of points",
            place=f"line {end}",
            got=f"{x.size} points",
            expected=f"{declared[:9]}, as the spectrum of line {start + 1} declares",
            advice=CUT_SHORT,
        )
    unit = meta.get("xdatakind", "")
    kind = axis_kind(unit) if unit else None
    if unit and kind is None:
        raise FormatError(
            kind="unsupported axis unit",
            place=f"line {start + 1}",
            got=f"{safe(unit)}",
            expected="nm or 1/cm",
            advice="Set the unit in the WITec software and export again",
        )
    try:
        points = tidy(to_shift(x, kind, known.laser_nm, document.axis), y)
    except FormatError as error:
        raise error.at(f"line {start + 1}") from error
    named = {"counts_from": meta["title"]} if "title" in meta else {}
    return spectrum(points, origin, meta | named, known, index)


def _columns(rows: list[str], first: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both columns of a table; raises :class:`FormatError` with the line that has not two cells."""
    if len(rows) > MAX_ROWS:
        raise FormatError(
            kind="too many rows",
            place=f"line {first}",
            got=f"{len(rows)} rows",
            expected=f"at most {MAX_ROWS}: no detector has more pixels",
        )
    cut = [row.split() for row in rows]
    odd = next((k for k, cells in enumerate(cut) if len(cells) != 2), None)  # noqa: PLR2004 - x and y
    if odd is not None:
        raise FormatError(
            kind="wrong number of cells",
            place=f"line {first + odd}",
            got=f"{len(cut[odd])} in {safe(rows[odd])}",
            expected="2, the axis and the counts",
            advice=CUT_SHORT,
        )
    cells = [cell.replace(",", ".") for row in cut for cell in row]
    values = numbers(cells)
    return values[::2], values[1::2]
