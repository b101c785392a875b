"""Wasatch Photonics ENLIGHTEN: a header of ``key,value`` lines, an empty line, then a table with names.

Columns are any of Pixel, Wavelength, Wavenumber (which is the Raman shift), Processed, Raw, Dark,
Reference; an export of several measurements repeats the last four and has its values in
the header above them. Format: ENLIGHTEN's own ColumnFileParser.py and ExportFileParser.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.header import facts, positive, refuse_cut
from raman_edge.formats.layout import Names, find_axes, find_counts, find_names
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import spectrum
from raman_edge.formats.table import Table, find_table
from raman_edge.formats.tidy import tidy
from raman_edge.spectrum import LEFT_OUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.formats.document import Document
    from raman_edge.formats.header import Facts
    from raman_edge.spectrum import Origin, Spectrum

_EVEN = 0.02
"""cm⁻¹; steps that differ by less are a grid's, rounded to two decimals. A detector's differ by ten times that."""
_FIRST = ("enlighten version", "wpspeccal version")


class Enlighten:
    """Reads ENLIGHTEN CSV: Processed where it is filled, else Raw minus Dark, else Raw, on the Wavenumber axis.

    The integration time is in milliseconds. The timestamp has no time zone, so it is no
    moment in time: ``taken_at`` stays None and ``meta["timestamp"]`` has the text.
    """

    name = "ENLIGHTEN CSV"

    def recognises(self, document: Document) -> bool:
        """Whether the first line names the program."""
        return document.head.lstrip(' \n"').lower().startswith(_FIRST)

    def read(self, document: Document, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every measurement of the file."""
        table = find_table(document)
        named = find_names(table)
        with table.placed():
            return self._spectra(table, named, document, origin)

    def _spectra(self, table: Table, named: Names, document: Document, origin: Origin) -> tuple[Spectrum, ...]:
        axes = find_axes(table, named)
        if len(axes.columns) > 1:
            msg = f"the export has the axes of {len(axes.columns)} spectrometers; expected one: export each one's measurements by itself"
            raise FormatError(msg)
        counts = find_counts(table, named, axes)
        axis = table.column(axes.columns[0])
        header = [line.split(table.dialect.delimiter or ",") for line in named.header]
        detector = _is_detector(axis)
        found = []
        for index, series in enumerate(counts.series):
            meta = _meta(header, series.column if len(counts.series) > 1 else None)
            known = _facts(meta).or_laser(document.laser_nm)
            if detector:
                refuse_cut(known, table.size)
            points = tidy(to_shift(axis, axes.kind, known.laser_nm, document.axis), series.values)
            meta |= {"format": self.name, "counts_from": series.label}
            if counts.left_out:
                meta[LEFT_OUT] = counts.left_out
            found.append(spectrum(points, origin, meta, known, index))
        return tuple(found)


def _meta(header: list[list[str]], column: int | None) -> dict[str, str]:
    """Return the header by lower-case key: the value over ``column``, or all of the line where there is one measurement."""
    meta: dict[str, str] = {}
    for key, *values in header:
        value = values[column - 1] if column is not None and len(values) >= column else ",".join(values)
        if value.strip(" ,"):
            meta.setdefault(key.strip().lower(), value.strip(" ,"))
    return meta


def _facts(meta: dict[str, str]) -> Facts:
    milliseconds = positive(meta.get("integration time", ""))
    return replace(facts(meta), exposure_s=None if milliseconds is None else milliseconds / 1000)


def _is_detector(axis: NDArray[np.float64]) -> bool:
    """Whether the rows are the detector's pixels, as ``Pixel Count`` counts them, and not an even grid."""
    steps = np.diff(axis)
    return bool(np.ptp(steps) > _EVEN) if steps.size else True
