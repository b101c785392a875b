"""Wasatch Photonics ENLIGHTEN: a header of ``key,value`` lines, an empty line, then a table with names.

Columns are any of Pixel, Wavelength, Wavenumber (which is the Raman shift), Processed, Raw, Dark,
Reference; an export of several measurements repeats the last four and has its values in
the header above them. Format: ENLIGHTEN's own ColumnFileParser.py and ExportFileParser.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role
from raman_edge.formats.dialect import numbers
from raman_edge.formats.document import CUT_SHORT
from raman_edge.formats.header import facts, positive, refuse_cut
from raman_edge.formats.layout import ColumnNames, find_axes, find_counts, find_names
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import MIN_POINTS, spectrum, tidy
from raman_edge.formats.table import MAX_COLUMNS, NumberTable, find_table
from raman_edge.spectrum import LEFT_OUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.formats.header import HeaderFacts
    from raman_edge.spectrum import Origin, Spectrum

_EVEN = 0.0101
"""nm or cm⁻¹; an axis this near to even steps is a grid, rounded to two decimals. A detector's bends more within a hundred pixels."""
_FIRST = ("enlighten version", "wpspeccal version")


class Enlighten:
    """Reads ENLIGHTEN CSV: Processed where it is filled, else Raw minus Dark, else Raw, on the Wavenumber axis.

    The integration time is in milliseconds. The timestamp has no time zone, so it is no
    moment in time: ``taken_at`` stays None and ``meta["timestamp"]`` has the text.
    """

    name = "ENLIGHTEN CSV"

    def recognises(self, document: FileContent) -> bool:
        """Whether the first line names the program."""
        return document.head.lstrip(' \n"').lower().startswith(_FIRST)

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every measurement of the file."""
        table = find_table(document)
        named = find_names(table)
        with table.placed():
            return self._spectra(table, named, document, origin)

    def _spectra(self, table: NumberTable, named: ColumnNames, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        axes = find_axes(table, named)
        if len(axes.columns) > 1:
            raise FormatError(
                kind="several axes",
                got=f"the axes of {len(axes.columns)} spectrometers",
                expected="one",
                advice="Export the measurements of each one separately",
            )
        counts = find_counts(table, named, axes)
        axis = table.column(axes.columns[0])
        header = [line.split(table.dialect.delimiter or ",") for line in named.header]
        detector = all(_is_detector(table.column(k)) for k in (*axes.columns, *axes.others) if named.names[k].role is not Role.PIXEL)
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


class EnlightenRows:
    """Reads ENLIGHTEN's row-ordered CSV: the axes in rows, then a row for what each measurement is kept as.

    Every row has its header before its values, and one cell names its content: ``wavelengths``, ``wavenumbers``,
    ``processed``, ``raw``, ``dark`` or ``reference``. Rows of one line number are one measurement.
    """

    name = "ENLIGHTEN CSV in rows"

    def recognises(self, document: FileContent) -> bool:
        """Whether the first line names the program and its order of rows."""
        first = document.head[:500].partition("\n")[0].lower()
        return first.startswith("dash output") or ("enlighten version" in first and ",row," in first)

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every measurement."""
        lines = document.lines
        top = next((k for k, line in enumerate(lines) if line.lower().startswith("line number")), None)
        if top is None:
            raise FormatError(
                kind="missing line of names",
                expected="a line that begins with 'Line Number' above the rows",
                advice="Export the measurements again",
            )
        names = [name.strip().lower() for name in lines[top].split(",")]
        names = names[: next((k for k, name in enumerate(names) if name.isdecimal()), len(names))]
        rows = [_Row.cut(line, names, number) for number, line in enumerate(lines[top + 1 :], top + 2) if line.strip()]
        axes = {row.kind: row for row in rows if row.kind in _ROW_AXES}
        axis = next((axes[kind] for kind in _ROW_AXES if kind in axes), None)
        if axis is None:
            raise FormatError(
                kind="missing axis",
                got=f"no row of wavenumbers or wavelengths in {len(rows)} rows",
                expected="one",
                advice="Export the measurements with their axis",
            )
        lined: dict[str, dict[str, _Row]] = {}
        for row in rows:
            if row.kind not in _ROW_AXES:
                lined.setdefault(row.meta.get("line number", ""), {}).setdefault(row.kind, row)
        if not lined or len(lined) > MAX_COLUMNS:
            raise FormatError(
                kind="too many spectra", got=f"{len(lined)} measurements", expected=f"1 to {MAX_COLUMNS}", advice="Export fewer per file"
            )
        found = []
        for index, kinds in enumerate(lined.values()):
            label, counts, row = _best_row(kinds)
            known = _facts(row.meta).or_laser(document.laser_nm)
            if counts.size != axis.values.size:
                raise FormatError(
                    kind="wrong number of counts",
                    place=f"line {row.number}",
                    got=f"{counts.size} counts",
                    expected=f"{axis.values.size}, as the axis has",
                    advice=CUT_SHORT,
                )
            points = tidy(to_shift(axis.values, _ROW_AXES[axis.kind], known.laser_nm, document.axis), counts)
            left = ", ".join(f"{kind} ({kind})" for kind in kinds if kind in {"dark", "reference"} and kind not in label)
            meta = row.meta | {"format": self.name, "counts_from": label} | ({LEFT_OUT: left} if left else {})
            found.append(spectrum(points, origin, meta, known, index))
        return tuple(found)


_ROW_AXES = {
    "wavenumbers": AxisKind(Role.SHIFT, 1.0, "cm-1"),
    "wavelengths": AxisKind(Role.WAVELENGTH, 1.0, "nm"),
    "pixels": AxisKind(Role.PIXEL),
}
_ROW_COUNTS = ("processed", "raw", "dark", "reference")


@dataclass(frozen=True, eq=False, slots=True)
class _Row:
    """One row of a row-ordered file."""

    kind: str
    meta: dict[str, str]
    """The cells before the values, by lower-case name."""
    values: NDArray[np.float64]
    number: int
    """Of its line, from 1."""

    @classmethod
    def cut(cls, line: str, names: list[str], number: int) -> _Row:
        """Cut a line; raises :class:`FormatError` where it has fewer values than it declares."""
        cells = [cell.strip() for cell in line.split(",")]
        meta = {name: cell for name, cell in zip(names, cells, strict=False) if name and cell}
        kind = next((cell.lower() for cell in cells[: len(names)] if cell.lower() in {*_ROW_AXES, *_ROW_COUNTS}), "processed")
        values = numbers(cells[len(names) :])
        declared = meta.get("pixel count", "")
        if declared.isdecimal() and values.size < int(declared[:9]):
            raise FormatError(
                kind="wrong number of values",
                place=f"line {number}",
                got=f"{values.size} values",
                expected=f"{declared[:9]}, its pixel count",
                advice=CUT_SHORT,
            )
        return cls(kind, meta, values, number)


def _best_row(kinds: dict[str, _Row]) -> tuple[str, NDArray[np.float64], _Row]:
    """Return the counts of a measurement: processed, else raw minus dark, else raw, else any other, with their name."""
    if "processed" not in kinds and {"raw", "dark"} <= {*kinds} and kinds["raw"].values.size == kinds["dark"].values.size:
        return "raw - dark", kinds["raw"].values - kinds["dark"].values, kinds["raw"]
    kind = next(kind for kind in (*_ROW_COUNTS, *kinds) if kind in kinds)
    return kind, kinds[kind].values, kinds[kind]


def _meta(header: list[list[str]], column: int | None) -> dict[str, str]:
    """Return the header by lower-case key: the value over ``column``, or all of the line where there is one measurement."""
    meta: dict[str, str] = {}
    for key, *values in header:
        value = values[column - 1] if column and len(values) >= column else ",".join(values)
        if value.strip(" ,"):
            meta.setdefault(key.strip().lower(), value.strip(" ,"))
    return meta


def _facts(meta: dict[str, str]) -> HeaderFacts:
    milliseconds = positive(meta.get("integration time", ""))
    return replace(facts(meta), exposure_s=None if milliseconds is None else milliseconds / 1000)


def _is_detector(axis: NDArray[np.float64]) -> bool:
    """Whether the rows are the detector's pixels, as ``Pixel Count`` counts them, and not an even grid rounded to two decimals."""
    axis = axis[np.isfinite(axis)]
    if axis.size < MIN_POINTS:
        return True
    even = np.linspace(axis[0], axis[-1], axis.size)
    return bool(np.abs(axis - even).max() > _EVEN)
