"""Spectra in rows: the axis in one line, then a spectrum a line, behind its name, its place or its time.

Spreadsheets and data frames are kept so, OceanView writes several acquisitions so, LabSpec its maps and
series. The cells before the counts are the spectrum's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import Role, axis_kind, read_name
from raman_edge.formats.dialect import is_missing, is_number, numbers
from raman_edge.formats.document import CUT_SHORT, safe
from raman_edge.formats.header import facts, pairs
from raman_edge.formats.shift import is_pixels, to_shift
from raman_edge.formats.spectra import MIN_POINTS, spectrum, tidy
from raman_edge.formats.table import MAX_CELLS, MAX_COLUMNS, MAX_LINE, MAX_ROWS
from raman_edge.spectrum import LEFT_OUT, PIXELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

_MOST_ABOVE = 16_384
"""Characters in which the line of the axis is looked for."""
_MOST_TRIED_LINES = 3
"""Wide lines that may be it: names of the cells before the counts may stand above."""
_LEAST_AXIS_CHARACTERS = 2 * MIN_POINTS
"""Characters of a line that may be an axis."""
_MOST_LABELS = 32
"""Cells before the counts."""
_MAX_LABEL = 100
_LEAST_SPAN = 20.0
_LEFT_OUT = frozenset({Role.DARK, Role.SIGMA, Role.REFERENCE})


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the axis is, and how lines are cut."""

    top: int
    """Index of the axis's line."""
    delimiter: str
    decimal_comma: bool
    heads: int
    """Cells before the axis."""
    labels: int
    """Cells before the counts of every row."""
    points: int

    def cut(self, line: str) -> list[str]:
        """Cut a line into cells with a decimal point."""
        cells = line.rstrip("\n").split(self.delimiter)
        while len(cells) > self.labels + self.points and not cells[-1].strip():
            del cells[-1]
        return [cell.strip().strip('"') for cell in cells]

    def number(self, cells: Sequence[str]) -> NDArray[np.float64]:
        """Return the numbers of cells, NaN where there is none."""
        return numbers([cell.replace(",", ".") for cell in cells] if self.decimal_comma else list(cells))


class SpectraInRows:
    """Reads a spectrum a line; ``meta["counts_from"]`` has the cells before the counts."""

    name = "spectra in rows"

    def recognises(self, document: FileContent) -> bool:
        """Whether a line of names and a rising row of numbers stands above lines that are as long."""
        return bool(document.head) and _layout(document.text) is not None

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every row."""
        layout = _layout(document.text)
        if layout is None:
            raise FormatError(kind="missing axis", expected="a row with the axis above rows of counts")
        lines = document.lines
        rows = [(k, line) for k, line in enumerate(lines[layout.top + 1 :], layout.top + 2) if line.strip(f" \t{layout.delimiter}")]
        # What stands below the rows, such as ">>>>>End", has fewer cells.
        while rows and rows[-1][1].count(layout.delimiter) <= layout.labels:
            rows.pop()
        if not 1 <= len(rows) <= MAX_COLUMNS or len(rows) * layout.points > MAX_CELLS:
            raise FormatError(
                kind="too many spectra",
                got=f"{len(rows)} rows of {layout.points} counts",
                expected=f"1 to {MAX_COLUMNS} rows and at most {MAX_CELLS} cells",
                advice="Export fewer per file",
            )
        heads = layout.cut(lines[layout.top])
        axis = layout.number(heads[layout.heads : layout.heads + layout.points])
        meta = pairs(lines[: layout.top]) | {"format": self.name}
        known = facts(meta, lines[: layout.top]).or_laser(document.laser_nm)
        kind = next((kind for head in heads[: layout.heads] if head and (kind := axis_kind(head))), None) or known.axis_of(axis)
        if document.pixels and is_pixels(axis, kind, document.axis):
            shift, meta = axis, meta | {PIXELS: f"{axis.size}"}
        else:
            shift = to_shift(axis, kind, known.laser_nm, document.axis, raman=known.tells_shifts(axis))
        cut = [_cells(layout, number, line) for number, line in rows]
        left = [k for k, cells in enumerate(cut) if _is_left_out(cells[: layout.labels])]
        if left and len(left) < len(cut):
            meta[LEFT_OUT] = ", ".join(_left_out_text(cut[k][: layout.labels]) for k in left)[:500]
            cut = [cells for k, cells in enumerate(cut) if k not in left]
        found = []
        for index, cells in enumerate(cut):
            label = ", ".join(cell for cell in cells[: layout.labels] if cell)[:_MAX_LABEL]
            own = meta | ({"counts_from": label} if label else {})
            found.append(spectrum(tidy(shift, layout.number(cells[layout.labels :])), origin, own, known, index))
        return tuple(found)


def _is_left_out(labels: Sequence[str]) -> bool:
    names = [read_name(label) for label in labels if label and not is_number(label)]
    return len(names) == 1 and names[0].role in _LEFT_OUT and names[0].whole and not names[0].weak and not names[0].sample


def _left_out_text(labels: Sequence[str]) -> str:
    name = next(read_name(label) for label in labels if label and not is_number(label))
    return f"{safe(name.text)} ({name.role.value})"


def _cells(layout: _Layout, number: int, line: str) -> list[str]:
    cells = layout.cut(line)
    if len(cells) != layout.labels + layout.points:
        raise FormatError(
            kind="wrong number of cells",
            place=f"line {number}",
            got=f"{len(cells)} cells",
            expected=f"{layout.labels + layout.points}, as the axis has",
            advice=CUT_SHORT,
        )
    return cells


def _layout(text: str) -> _Layout | None:
    """Find the axis: a line of many numbers behind a name or behind empty cells, above one of as many."""
    start = top = 0
    head = text[:_MOST_ABOVE].split("\n")
    if max(map(len, head)) <= _LEAST_AXIS_CHARACTERS:
        return None
    for line in head:
        if len(line) > _LEAST_AXIS_CHARACTERS and max(map(line.count, "\t;,")) >= MIN_POINTS - 1:
            break
        start, top = start + len(line) + 1, top + 1
    else:
        return None
    for _ in range(_MOST_TRIED_LINES):
        end = text.find("\n", start)
        line, following = text[start : end if end >= 0 else len(text)], _next_filled_line(text, end)
        if len(line) > MAX_LINE or following is None:
            return None
        for delimiter in "\t;,":
            if line.count(delimiter) >= MIN_POINTS - 1 and (layout := _layout_of_axis(line, following, delimiter, top)) is not None:
                return layout if not _has_columns(text, end, layout) else None
        start, top = end + 1, top + 1
    return None


def _next_filled_line(text: str, end: int) -> str | None:
    """Return the next line that is not empty; None where there is none."""
    while end >= 0:
        stop = text.find("\n", end + 1)
        line = text[end + 1 : stop if stop >= 0 else len(text)]
        if line.strip():
            return line
        end = stop
    return None


def _layout_of_axis(line: str, following: str, delimiter: str, top: int) -> _Layout | None:
    """Return the layout that a line and the one below it have, if the line is an axis; else None."""
    comma = delimiter != "," and "," in line and "." not in line
    heads = [cell.strip().strip('"') for cell in (line.replace(",", ".") if comma else line).split(delimiter)]
    while heads and not heads[-1]:
        del heads[-1]
    first = next((k for k, cell in enumerate(heads) if is_number(cell)), len(heads))
    points = len(heads) - first
    if points < MIN_POINTS or first > _MOST_LABELS or not all(map(is_number, heads[first:])):
        return None
    axis = numbers(heads[first:])
    steps = np.diff(axis)
    if not ((steps > 0).all() or (steps < 0).all()) or abs(axis[-1] - axis[0]) < _LEAST_SPAN or is_pixels(axis, None):
        return None
    below = [cell.strip().strip('"') for cell in (following.replace(",", ".") if comma else following).split(delimiter)]
    while len(below) > len(heads) and not below[-1]:
        del below[-1]
    labels = len(below) - points
    if not (first <= labels <= _MOST_LABELS and labels > 0) or (first == 0 and all(map(is_number, below))):
        return None  # a table of numbers, with or without a heading
    if not all(is_number(cell) or is_missing(cell) for cell in below[labels:]):
        return None
    return _Layout(top, delimiter, comma, first, labels, points)


def _has_columns(text: str, end: int, layout: _Layout) -> bool:
    """Whether the first cells of the rows are an axis, so that what looks like one above them are the names of columns."""
    if layout.labels != 1:
        return False
    column = []
    for line in text[end + 1 :].split("\n", MAX_ROWS):
        cell = line.partition(layout.delimiter)[0].strip().strip('"')
        if cell:
            column.append(cell.replace(",", ".") if layout.decimal_comma else cell)
    if len(column) < max(MIN_POINTS, layout.points) or not all(map(is_number, column[:-1])):
        return False  # a spectrum has more points than there are spectra, where the first cells are numbers such as times
    values = numbers(column[:-1])
    steps = np.diff(values)
    return bool(((steps > 0).all() or (steps < 0).all()) and not is_pixels(values, None))
