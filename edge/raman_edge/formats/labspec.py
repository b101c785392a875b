"""Horiba LabSpec text of a map, a profile or a series: the axis in the first row, then a spectrum a row.

``#Key=<tab>value`` lines stand above. The first row begins with as many empty cells as every other row
has places before its counts: X and Y of a map, one of a profile, the time of a series. LabSpec's text
of one spectrum is an ordinary table and needs no separate reader.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.binary import CUT_SHORT
from raman_edge.formats.cells import numbers
from raman_edge.formats.columns import AxisKind, Role
from raman_edge.formats.header import facts, pairs
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import spectrum
from raman_edge.formats.table import MAX_CELLS, MAX_COLUMNS
from raman_edge.formats.tidy import MIN_POINTS, tidy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.formats.header import HeaderFacts
    from raman_edge.formats.shift import AxisOption
    from raman_edge.spectrum import Origin, Spectrum

_FIRST_ROW = re.compile(rf"(?:[ ]*#[^\n]*\n|[ \t]*\n)*+(\t{{1,4}})(?:[-+]?[0-9][-+.,eE0-9]*\t){{{MIN_POINTS - 1}}}")


class LabspecMap:
    """Reads LabSpec's rows of spectra; ``meta["place"]`` has the cells before the counts, as text."""

    name = "LabSpec map"

    def recognises(self, document: FileContent) -> bool:
        """Whether the first row is an axis that begins with empty cells."""
        return bool(document.head) and _FIRST_ROW.match(document.text) is not None

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every row."""
        lines = document.lines
        top = next((k for k, line in enumerate(lines) if line.startswith("\t") and not line.isspace()), len(lines) - 1)
        axis = lines[top].strip(" ")
        decimal_comma = "," in axis and "." not in axis
        places = len(axis) - len(axis.lstrip("\t"))
        rows = [(number, line) for number, line in enumerate(lines[top + 1 :], top + 2) if line and not line.isspace()]
        points = _cells(axis.rstrip("\t"), decimal_comma=decimal_comma)[places:]
        _refuse_sizes(len(rows), len(points))
        meta = pairs(lines[:top]) | {"format": self.name}
        known = facts(meta, lines[:top]).or_laser(document.laser_nm)
        shift = _shift(numbers(points), known, document.axis)
        found = []
        for index, (number, line) in enumerate(rows):
            cells = _cells(line.rstrip("\t") if line.count("\t") >= places + len(points) else line, decimal_comma=decimal_comma)
            if len(cells) != places + len(points):
                _refuse_row(number, len(cells), places + len(points))
            own = meta | {"place": ", ".join(cell.strip() for cell in cells[:places])[:100]}
            found.append(spectrum(tidy(shift, numbers(cells[places:])), origin, own, known, index))
        return tuple(found)


def _shift(values: NDArray[np.float64], known: HeaderFacts, option: AxisOption | None) -> NDArray[np.float64]:
    kind = known.axis_of(values) or AxisKind(Role.WAVENUMBER, assumed=not known.tells_shifts(values))
    return to_shift(values, kind, known.laser_nm, option)


def _cells(line: str, *, decimal_comma: bool) -> list[str]:
    return (line.replace(",", ".") if decimal_comma else line).split("\t")


def _refuse_sizes(rows: int, points: int) -> None:
    if not 1 <= rows <= MAX_COLUMNS or rows * points > MAX_CELLS:
        raise FormatError(
            kind="too many spectra",
            got=f"{rows} rows of {points} counts",
            expected=f"1 to {MAX_COLUMNS} rows and at most {MAX_CELLS} cells",
            advice="Export fewer spectra per file",
        )


def _refuse_row(number: int, got: int, expected: int) -> None:
    raise FormatError(
        kind="wrong number of cells",
        place=f"line {number}",
        got=f"{got} cells",
        expected=f"{expected}, as the first row has",
        advice=CUT_SHORT,
    )
