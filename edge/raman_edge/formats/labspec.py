"""Horiba LabSpec: XML, and the text of a map, a profile or a series.

XML is a tree of ``LSX`` elements that hex numbers name, and a matrix with a spectrum a row. There is no published description:
the numbers are known from files that LabSpec 5 and 6 write. A setting is an element with a name and a value, an axis one with a
type, a unit and its points.

Text has ``#Key=<tab>value`` lines, then the axis in one row, then a spectrum a row. The first row begins with as many empty cells
as every other row has places before its counts: X and Y of a map, one of a profile, the time of a series. LabSpec's text of one
spectrum is an ordinary table and needs no separate reader.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role, axis_kind
from raman_edge.formats.dialect import numbers
from raman_edge.formats.document import CUT_SHORT, parse_xml, safe
from raman_edge.formats.header import facts, pairs
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import MIN_POINTS, spectrum, tidy
from raman_edge.formats.table import MAX_CELLS, MAX_COLUMNS, MAX_ROWS

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

    import numpy as np
    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

_NAME, _VALUE, _EXACT = "0x6D6D616E", "0x7D6C61DB", "0x8736F70"
_TYPE, _UNIT, _POINTS = "0x6D707974", "0x7C696E75", "0x7D6CD4DB"
_TITLE = "0x6C7469D9"
_SPECTRAL = "Spectr"
_EXACT_FOR = "laser"
"""Settings whose exact value is kept: their plain one is ``785`` where the laser is 784.5."""
_MAX_VALUE = 500
_SHOWN = 40


class LabspecXml:
    """Reads LabSpec XML: every row of the matrix on the spectral axis, with the settings as ``meta``.

    Declarations (``<!DOCTYPE``, ``<!ENTITY``) are refused before the text is parsed: LabSpec
    writes none, and an entity may stand for more text than fits into the memory.
    """

    name = "LabSpec XML"

    def recognises(self, document: FileContent) -> bool:
        """Whether the document element is LabSpec's."""
        return document.head.startswith("<") and ("<LSX_Data" in document.head or "<LSX_Tree" in document.head)

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every spectrum of the matrix."""
        root = parse_xml(document.text)
        meta = _settings(root) | {"format": self.name}
        known = facts(meta).or_laser(document.laser_nm)
        values, unit = _axis(root)
        shift = to_shift(values, _kind(unit), known.laser_nm, document.axis)
        return tuple(spectrum(tidy(shift, counts), origin, meta, known, index) for index, counts in enumerate(_rows(root, values.size)))


def _text(element: ET.Element, wanted: str) -> str:
    """Return the text of a child by its number; empty where there is none."""
    return next(((child.text or "").strip() for child in element if child.get("ID") == wanted), "")


def _settings(root: ET.Element) -> dict[str, str]:
    """Return every element with a name and a value, by name in lower case."""
    meta: dict[str, str] = {}
    for element in root.iter("LSX"):
        name = _text(element, _NAME).lower()
        value = (_text(element, _EXACT) if _EXACT_FOR in name else "") or _text(element, _VALUE)
        if name and value:
            meta.setdefault(name[:_MAX_VALUE], value[:_MAX_VALUE])
        if element.get("ID") == _TITLE and (title := (element.text or "").strip()):
            meta.setdefault("title", title[:_MAX_VALUE])
    return meta


def _axis(root: ET.Element) -> tuple[NDArray[np.float64], str]:
    """Return the points of the spectral axis and their unit."""
    for element in root.iter("LSX"):
        if _text(element, _TYPE) == _SPECTRAL and (points := _text(element, _POINTS)):
            return _values(points), _text(element, _UNIT)
    raise FormatError(
        kind="missing axis", expected="a spectral axis in Raman shift (1/cm)", advice="Export the spectrum, not an image or a profile"
    )


def _kind(unit: str) -> AxisKind | None:
    if not unit:
        return None
    found = axis_kind(unit)
    if found is None:
        raise FormatError(
            kind="unsupported axis unit", got=f"{safe(unit)}", expected="1/cm or nm", advice="Set the unit in LabSpec and export again"
        )
    return found


def _values(text: str, most: int = MAX_ROWS) -> NDArray[np.float64]:
    """Return the numbers of a text, and no more than one beyond ``most`` of them."""
    cells = text.split(maxsplit=most + 1)[: most + 1]
    return numbers([cell.replace(",", ".") for cell in cells] if "," in text else cells)


def _rows(root: ET.Element, points: int) -> list[NDArray[np.float64]]:
    """Return the matrix's rows, each as long as the axis."""
    rows = [row.text or "" for row in root.iter("LSX_Row")]
    if not rows or len(rows) > MAX_COLUMNS:
        raise FormatError(
            kind="wrong number of spectra",
            got=f"{len(rows)} spectra",
            expected=f"1 to {MAX_COLUMNS}",
            advice="Export a spectrum, or fewer per file",
        )
    found = [_values(row, points) for row in rows]
    for number, counts in enumerate(found, 1):
        if counts.size != points:
            got = f"{points + 1} counts or more" if counts.size > points else f"{counts.size} counts"
            raise FormatError(
                kind="wrong number of counts",
                place=f"spectrum {number} of {len(found)}",
                got=f"{got}",
                expected=f"{points} points, as the axis has",
                advice="The file is damaged or cut short: copy it again",
            )
    return found


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
        values = numbers(points)
        kind = known.axis_of(values) or AxisKind(Role.WAVENUMBER, assumed=not known.tells_shifts(values))
        shift = to_shift(values, kind, known.laser_nm, document.axis)
        found = []
        for index, (number, line) in enumerate(rows):
            cells = _cells(line.rstrip("\t") if line.count("\t") >= places + len(points) else line, decimal_comma=decimal_comma)
            if len(cells) != places + len(points):
                raise FormatError(
                    kind="wrong number of cells",
                    place=f"line {number}",
                    got=f"{len(cells)} cells",
                    expected=f"{places + len(points)}, as the first row has",
                    advice=CUT_SHORT,
                )
            own = meta | {"place": ", ".join(cell.strip() for cell in cells[:places])[:100]}
            found.append(spectrum(tidy(shift, numbers(cells[places:])), origin, own, known, index))
        return tuple(found)


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
