"""Tables as people have them: any delimiter, decimal mark, header or none; the reader of last resort."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role
from raman_edge.formats.document import CUT_SHORT, safe
from raman_edge.formats.header import FROM_FILE, facts, pairs, refuse_cut
from raman_edge.formats.layout import ColumnNames, Series, find_axes, find_counts, find_names, is_monotonic
from raman_edge.formats.magic import markup_kind
from raman_edge.formats.shift import is_pixels, to_shift
from raman_edge.formats.spectra import MAX_SPECTRA, MIN_POINTS, spectrum, tidy
from raman_edge.formats.table import MAX_ROWS, NumberTable, find_table
from raman_edge.spectrum import LEFT_OUT, PIXELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.formats.header import HeaderFacts
    from raman_edge.formats.shift import AxisOption
    from raman_edge.spectrum import Origin, Spectrum


_LONG_ROWS = 10
"""A table with this many times as many columns as rows has its spectra in rows."""


class DelimitedText:
    """Reads a table of numbers in text: dialect from the numbers, columns from the names above them.

    Without names, the first column is the axis if it looks like a Raman shift. Several
    columns of counts, or the same axis several times below one another, are several spectra.
    """

    name = "delimited text"

    def recognises(self, document: FileContent) -> bool:
        """Whether the file is text that does not begin like another kind of file."""
        return bool(document.head) and markup_kind(document.head) is None

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every spectrum of the table."""
        table = find_table(document)
        named = find_names(table)
        _refuse_ambiguous(table, named)
        if table.dialect.columns >= MIN_POINTS and not any(name.axis for name in named.names):
            _refuse_sideways(table, facts(pairs(named.header)).points)
        with table.placed():
            return self._spectra(table, named, document, origin)

    def _spectra(self, table: NumberTable, named: ColumnNames, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        meta = pairs(named.header)
        known = facts(meta, table.above)
        refuse_cut(known, table.size)
        axes = find_axes(table, named)
        known = known.or_laser(axes.laser_nm, FROM_FILE).or_laser(document.laser_nm)
        first = table.column(axes.columns[0])
        kind = known.axis_of(first) if axes.kind is None or axes.kind.assumed else None
        kind = kind or axes.kind
        if document.pixels and is_pixels(first, kind, document.axis):
            shifts = {axis: table.column(axis) for axis in axes.columns}
            meta[PIXELS] = f"{table.size}"
        else:
            shifts = _shifts({axis: table.column(axis) for axis in axes.columns}, kind, known, document.axis)
        meta["format"] = f"{self.name} ({table.dialect.name})"
        counts = find_counts(table, named, axes)
        if counts.left_out:
            meta[LEFT_OUT] = counts.left_out
        found = []
        for index, (shift, series, part) in enumerate(_parts(shifts, counts.series)):
            points = tidy(shift[part], series.values[part])
            own = meta | {"counts_from": series.label} if series.label else dict(meta)
            if named.places:
                own["place"] = ", ".join(f"{table.column(place)[part.start]:g}" for place in named.places)
            about = known if series.raw else replace(known, saturation=None)
            found.append(spectrum(points, origin, own, about, index))
        return tuple(found)


def _shifts(
    columns: dict[int, NDArray[np.float64]], kind: AxisKind | None, known: HeaderFacts, option: AxisOption | None
) -> dict[int, NDArray[np.float64]]:
    """Return the Raman shifts of every axis; axes without names are of the same kind as the first that can be identified."""
    try:
        return {k: to_shift(axis, kind, known.laser_nm, option, raman=known.tells_shifts(axis)) for k, axis in columns.items()}
    except FormatError:
        if kind is not None or option is not None:
            raise
        for axis in columns.values():
            with suppress(FormatError):
                to_shift(axis, None, known.laser_nm, raman=known.tells_shifts(axis))
                return {k: to_shift(other, AxisKind(Role.SHIFT), known.laser_nm) for k, other in columns.items()}
        raise


def _refuse_ambiguous(table: NumberTable, named: ColumnNames) -> None:
    """Refuse ``1,5,2,7``, which may be four columns, or 1.5 and 2.7 with decimal commas, unless names above it decide."""
    if not table.dialect.ambiguous or named.given:
        return
    row = ",".join(table.first_row)
    raise FormatError(
        kind="ambiguous comma",
        place=f"line {table.first_line}",
        got=f"{safe(row)}, whose comma may separate columns or be the decimal mark",
        expected="one meaning",
        advice="Export with semicolons or tabs between the columns, or with column names above them",
    )


def _refuse_sideways(table: NumberTable, declared: int | None) -> None:
    """Refuse a table of long rows without an axis in its first column, which has a spectrum a row instead of a column."""
    columns = table.dialect.columns
    long = declared == columns > table.size or (table.size >= MIN_POINTS and columns > _LONG_ROWS * table.size)
    if long and not is_monotonic(table.column(0)):
        raise FormatError(
            kind="spectra in rows without an axis",
            place=f"line {table.first_line}",
            got=f"{table.size} rows of {columns} numbers",
            expected="a row of Raman shifts above them, with a name in front of each row",
            advice="Export with the axis, or one column per spectrum",
        )
    if table.size < MIN_POINTS <= columns:
        raise FormatError(
            kind="too few rows",
            place=f"line {table.first_line}",
            got=f"{table.size} rows of {table.dialect.columns} numbers",
            expected=f"at least {MIN_POINTS} rows, each of a Raman shift and its counts",
            advice="Transpose the table and export it again",
        )


def _parts(shifts: dict[int, NDArray[np.float64]], counts: tuple[Series, ...]) -> Iterator[tuple[NDArray[np.float64], Series, slice]]:
    """Pair every column of counts with the axis on its left, and with every repetition of the whole axis."""
    first, *_ = shifts
    length = _cycle(shifts[first]) if len(shifts) == 1 else shifts[first].size
    spectra = shifts[first].size // length * len(counts)
    if spectra > MAX_SPECTRA or length > MAX_ROWS:
        raise FormatError(
            kind="too many spectra",
            got=f"{spectra} spectra of {length} rows",
            expected=f"at most {MAX_SPECTRA} spectra and {MAX_ROWS} rows each",
            advice="Export fewer per file",
        )
    for start in range(0, shifts[first].size, length):
        for series in counts:
            axis = max((k for k in shifts if k < series.column), default=first)
            yield shifts[axis], series, slice(start, start + length)


def _cycle(shift: NDArray[np.float64]) -> int:
    """Return after how many rows the axis begins again (a map, a series); all of them where it does not."""
    again = np.flatnonzero(shift[MIN_POINTS:] == shift[0])
    if again.size == 0:
        return int(shift.size)
    length = MIN_POINTS + int(again[0])
    if shift.size < length + MIN_POINTS or (shift[length:] != np.resize(shift[:length], shift.size - length)).any():
        return int(shift.size)
    if shift.size % length:
        raise FormatError(
            kind="incomplete spectrum",
            got=f"the same axis of {length} rows repeatedly, the last time {shift.size % length} of them",
            advice=CUT_SHORT,
        )
    return length
