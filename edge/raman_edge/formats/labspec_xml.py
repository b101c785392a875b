"""Horiba LabSpec XML: a tree of ``LSX`` elements that hex numbers name, and a matrix with a spectrum a row.

There is no published description. What the numbers stand for is read off files that LabSpec 5 and 6
write: a setting is an element with a name and a value, an axis one with a type, a unit and its points.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.cells import numbers
from raman_edge.formats.columns import axis_kind
from raman_edge.formats.header import facts
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import spectrum
from raman_edge.formats.table import MAX_COLUMNS, MAX_ROWS
from raman_edge.formats.text import safe
from raman_edge.formats.tidy import tidy

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

    import numpy as np
    from numpy.typing import NDArray

    from raman_edge.formats.columns import AxisKind
    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

_NAME, _VALUE, _EXACT = "0x6D6D616E", "0x7D6C61DB", "0x8736F70"
_TYPE, _UNIT, _POINTS = "0x6D707974", "0x7C696E75", "0x7D6CD4DB"
_TITLE = "0x6C7469D9"
_SPECTRAL = "Spectr"
_EXACT_FOR = "laser"
"""Settings whose exact value is kept: their plain one is ``785`` where the laser is 784.5."""
_MOST_TAGS = 100_000
"""A file has a few hundred, and two a spectrum; a tree of them all is built in memory."""
_DECLARATION = re.compile(r"<!(?!--|\[CDATA\[)")
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
        root = _parsed(document.text)
        meta = _settings(root) | {"format": self.name}
        known = facts(meta).or_laser(document.laser_nm)
        values, unit = _axis(root)
        shift = to_shift(values, _kind(unit), known.laser_nm, document.axis)
        return tuple(spectrum(tidy(shift, counts), origin, meta, known, index) for index, counts in enumerate(_rows(root, values.size)))


def _parsed(text: str) -> ET.Element:
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - few files are XML, and every start would pay

    if found := _DECLARATION.search(text):
        raise FormatError(
            kind="unsupported XML declaration",
            place=f"line {text.count(chr(10), 0, found.start()) + 1}",
            got=f"{safe(text[found.start() :], 20)}",
            expected="none, as LabSpec writes",
        )
    tags = text.count("<")
    if tags > _MOST_TAGS:
        raise FormatError(
            kind="too many tags", got=f"{tags} tags", expected=f"at most {_MOST_TAGS}", advice="Export fewer spectra per file"
        )
    try:
        return ET.fromstring(text)  # noqa: S314 - without declarations there is nothing to expand or to fetch
    except (ET.ParseError, ValueError) as error:
        raise FormatError(
            kind="broken XML", cause=f"{safe(str(error))}", advice="The file is cut short, still being written or damaged: copy it again"
        ) from error


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
