"""RRUFF text files: a header of ``##KEY=value`` lines, then ``shift, counts`` rows, then ``##END=``.

Lafuente, Downs, Yang, Stone (2015), "The power of databases: the RRUFF project". Lines of the
header end in LF and those of the table in CRLF; header texts are UTF-8 or older encodings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role
from raman_edge.formats.dialect import are_even, numbers, read_plain
from raman_edge.formats.document import CUT_SHORT
from raman_edge.formats.header import HeaderFacts, positive
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import spectrum, tidy
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

_LABEL = re.compile(r"^##([A-Z][A-Z /-]*)=", re.MULTILINE)
_OURS = frozenset({"NAMES", "RRUFFID"})
_JCAMP = frozenset({"TITLE", "JCAMP-DX", "XYDATA", "XUNITS", "DATA TYPE"})
"""Labels of JCAMP-DX, which RRUFF's header is modelled on."""
_OTHER_METHODS = {"Infrared": "an infrared spectrum", "Powder": "an X-ray powder diffraction pattern"}
"""They look the same inside; only the file's name distinguishes them."""
_ROW = tuple("0123456789+-.")
_MAX_VALUE = 4_000
"""Characters that are kept of a header's value."""
_METHOD_PART, _LASER_PART = 2, 3
"""Places of the method and the laser (nm) in ``name__id__Raman__532__0__unoriented__Raman_Data_Processed__123.txt``."""


class Rruff:
    """Reads RRUFF text; the header takes precedence over the file name.

    ``meta`` has the header's keys in lower case (``names``, ``rruffid``, ``ideal chemistry`` …)
    and, where the file still has its RRUFF name, ``laser_nm`` and ``processing`` (``raw`` or
    ``processed``).
    """

    name = "RRUFF text"

    def recognises(self, document: FileContent) -> bool:
        """Whether the labels are RRUFF's and not JCAMP-DX's."""
        if "##" not in document.head:
            return False
        labels = set(_LABEL.findall(document.head))
        return bool(labels & _OURS) and not labels & _JCAMP

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read the one spectrum of the file."""
        lines = document.lines
        last = f"\n{document.text}".find("\n##END")
        if last < 0:
            raise FormatError(kind="missing ##END=", place=f"line {len(lines)}", advice=CUT_SHORT)
        end = document.text.count("\n", 0, last)
        label = document.text.count("\n", 0, document.text.rfind("\n##", 0, last) + 1)
        start = next((k for k in range(label + 1, end) if lines[k].lstrip().startswith(_ROW)), end)
        shift, counts = _columns(lines[start:end])
        meta = _from_file_name(origin.path) | _header(lines[:start]) | {"format": self.name}
        points = tidy(shift if OTHER_METHOD in meta else to_shift(shift, AxisKind(Role.SHIFT), None), counts)
        known = HeaderFacts(laser_nm=positive(meta.get("laser_nm", ""))).or_laser(document.laser_nm)
        return (spectrum(points, origin, meta, known),)


def _columns(rows: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what stands before and after the first comma of every row."""
    text = "\n".join(rows)
    if are_even(text, ",", len(rows), 2):
        both = read_plain(text.replace("\n", ","), 2 * len(rows))
        both = numbers(text.replace("\n", ",").split(",")) if both is None else both
        return both[::2], both[1::2]
    cut = [row.partition(",") for row in rows if row and not row.isspace()]
    return numbers([row[0] for row in cut]), numbers([row[2] for row in cut])


def _header(lines: Sequence[str]) -> dict[str, str]:
    """Return the header by lower-case key; a line without a key continues the value above it."""
    meta: dict[str, str] = {}
    key = ""
    for line in lines:
        if line.startswith("##"):
            key, _, value = line[2:].partition("=")
            key = key.strip().lower()
            meta[key] = value.strip()[:_MAX_VALUE]
        elif key and line.strip() and len(meta[key]) < _MAX_VALUE:
            meta[key] += " " + line.strip()[:_MAX_VALUE]
    return meta


def _from_file_name(path: str) -> dict[str, str]:
    parts = path.replace("\\", "/").rpartition("/")[2].split("__")
    stated: dict[str, str] = {}
    if len(parts) > _METHOD_PART and parts[_METHOD_PART] in _OTHER_METHODS:
        stated[OTHER_METHOD] = f"{_OTHER_METHODS[parts[_METHOD_PART]]}, by its name"
    if len(parts) > _LASER_PART and parts[_LASER_PART].isdecimal():
        stated["laser_nm"] = parts[_LASER_PART]
    for part, processing in (("Raman_Data_RAW", "raw"), ("Raman_Data_Processed", "processed")):
        if part in parts:
            stated["processing"] = processing
    return stated
