"""The table of numbers in a text: where it begins and ends, its dialect, its columns."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.dialect import Dialect, detect, numbers
from raman_edge.formats.document import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent

MAX_ROWS = 100_000
"""No detector has more pixels."""
MAX_MAP_ROWS = 2_500_000
"""Of a map as text, which has the axis again for every place: as many as a file of the largest size holds."""
MAX_COLUMNS = 4_096
"""More spectra than this in one file are an archive, not an exposure."""
MAX_CELLS = 4_000_000
"""What is parsed within about a second."""
MAX_MAP_CELLS = 10_000_000
MAX_LINE = 65_536
"""Characters; a longer line is not a row of a table."""
MANY_ROWS = 16
"""As many rows as a spectrum has at least: losing them in silence is losing a table."""
_PART_CHARACTERS = 1 << 22
"""Characters that are read at once of a map."""
_FEW_ROWS = 4
_MOST_MISFITS = 0.05
"""Rows, and share of them on top, that may have another number of cells: totals, a cut last line."""

# Possessive, so that no line takes more than one pass. A row has a digit, and else only signs,
# delimiters, and words for "no number".
_NO_NUMBER = r"(?i:nan|inf|n/a|#n/a|na|null|none)"
_ROW = re.compile(rf"(?:[-+.,;|eE \t]++|{_NO_NUMBER})*+[0-9](?:[-+0-9.,;|eE \t]++|{_NO_NUMBER})*+")
_ROWS = re.compile(r"(?:[-+.,;|eE \t]*+[0-9][-+0-9.,;|eE \t]*+\n)*+")
"""Rows without words, one after the other."""
_MOST_ABOVE, _MOST_BELOW = 1000, 8192
"""Lines above the table and characters below it up to which it is worth looking there for other rows."""
_DAMAGED = re.compile(r"[ \t]*+[-+]?[.,]?[0-9]")
_APOSTROPHE = re.compile("(?<=[0-9])['’](?=[0-9]{3}(?![0-9]))")
_BLANKS_BETWEEN = re.compile("[0-9] +[-+]?[0-9]")
_COMMAS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?=\.[0-9])")
_POINTS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:\.[0-9]{3})+(?=,[0-9])")
_BLANKS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?: [0-9]{3})+(?=[.,;|\t\n]|$)")
"""Numbers with separators of thousands."""
_GROUPED: dict[str | None, re.Pattern[str]] = {
    ",": re.compile(r"(?:^|[, ])[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9]"),
    None: re.compile(r"(?:^| )[1-9][0-9]{0,2}(?: [0-9]{3})+(?:[.,][0-9]+)?$"),
}
"""Such numbers in rows of equal delimiters, which have more cells by them."""
_COMMENTS = ("#", "%", "//", "!", "*")
_BETWEEN_QUOTES = re.compile(r'" *+[,;\t] *+"')


@dataclass(frozen=True, eq=False)
class NumberTable:
    """Rows of numbers, and the lines above them."""

    above: list[str]
    """The lines above the first row, without quotes."""
    values: NDArray[np.float64]
    """Row by row, (rows * columns,); NaN where a cell has no number, and in a row that did not fit."""
    first_row: list[str]
    """Its cells, with a decimal point."""
    dialect: Dialect
    first_line: int
    """Line number of the first row, from 1."""
    last_line: int

    def __post_init__(self) -> None:
        self.values.setflags(write=False)  # columns are views of it

    def column(self, index: int) -> NDArray[np.float64]:
        """Return one column, (rows,); NaN where the cell is empty or no number."""
        return self.values[index :: self.dialect.columns]

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.values.size // self.dialect.columns

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Put the table's lines before what is wrong with its columns."""
        try:
            yield
        except FormatError as error:
            first, last = self.first_line, self.last_line
            raise error.at(f"line {first}" if first == last else f"lines {first} to {last}") from error


def find_table(document: FileContent) -> NumberTable:
    """Find the table of a text: the largest block of rows of numbers.

    Parameters
    ----------
    document : FileContent
        A text file.

    Returns
    -------
    NumberTable
        Its cells, (rows, columns), with the lines above it.

    Raises
    ------
    FormatError
        There is none, or more than one.
    """
    if "'" in document.text or "’" in document.text:
        text = _APOSTROPHE.sub("", document.text)
        return even_table(text) or any_table(text.split("\n"))
    return even_table(document.text) or any_table(document.lines)


def even_table(text: str) -> NumberTable | None:
    """Find the table of a text that has nothing but numbers in one block of equal rows; None where it is not that simple.

    Most files are; what is found is what :func:`any_table` finds, several times as fast.
    """
    if text.count("\n") > MAX_MAP_ROWS + _MOST_ABOVE or '"' in text:
        return None
    text = text if text.endswith("\n") else text + "\n"
    place = _only_block(text)
    if place is None:
        return None
    if text.count("\n", place.start, place.stop) > MAX_ROWS:
        return _map_table(text, place)
    block, above = ungrouped(text[place]), text[: place.start].split("\n")[:-1]
    rows = block.split("\n")[:-1]
    if not MANY_ROWS <= len(rows) <= MAX_ROWS or max(map(len, rows)) > MAX_LINE:
        return None
    dialect = detect(rows, len(above) + 1)
    first, second = dialect.cut(rows[:2])
    if len(rows) * dialect.columns > MAX_CELLS or dialect.columns > MAX_COLUMNS or _are_column_numbers(first, second):
        return None
    values = dialect.read_even(block, rows)
    return None if values is None else NumberTable(above, values, first, dialect, len(above) + 1, len(above) + len(rows))


def _map_table(text: str, place: slice) -> NumberTable | None:
    """Read the rows of a map, of which there are more than a spectrum may have, part by part; None where they are not equal."""
    above, total = text[: place.start].split("\n")[:-1], text.count("\n", place.start, place.stop)
    dialect: Dialect | None = None
    first: list[str] = []
    values = np.empty(0)
    start, filled = place.start, 0
    while start < place.stop:
        stop = text.rfind("\n", start, min(start + _PART_CHARACTERS, place.stop)) + 1
        if stop <= start:
            return None
        part = text[start:stop]
        rows = part.split("\n")[:-1]
        if dialect is None:
            dialect = detect(rows, len(above) + 1)
            if total * dialect.columns > MAX_MAP_CELLS:
                return None
            values, first = np.empty(total * dialect.columns), dialect.cut(rows[:1])[0]
        found = dialect.read_even(part, rows)
        if found is None:
            return None
        values[filled : filled + found.size] = found
        start, filled = stop, filled + found.size
    return None if dialect is None else NumberTable(above, values, first, dialect, len(above) + 1, len(above) + total)


def _only_block(text: str) -> slice | None:
    """Find the one block of rows without words; None where other rows stand above or below it."""
    place = 0
    for _ in range(_MOST_ABOVE):
        rows = _ROWS.match(text, place)
        stop = rows.end() if rows else place
        if stop > place:
            below = text[stop : stop + _MOST_BELOW + 1]
            return None if len(below) > _MOST_BELOW or any(map(_ROW.fullmatch, below.split("\n"))) else slice(place, stop)
        end = text.find("\n", place)
        if end < 0 or _ROW.fullmatch(text, place, end):
            return None
        place = end + 1
    return None


def any_table(lines: Sequence[str]) -> NumberTable:
    """Find the table of any text, line by line."""
    lines = [_unquoted(line) if '"' in line and len(line) <= MAX_LINE else line for line in lines]
    runs = _runs(lines)
    if not runs:
        raise _no_rows(lines)
    longest = max(runs, key=len)
    if sum(len(lines[k]) for k in longest) <= _PART_CHARACTERS:
        for k, line in zip(longest, ungrouped("\n".join([lines[k] for k in longest])).split("\n"), strict=True):
            lines[k] = line
    dialect = detect([lines[k] for k in longest], longest[0] + 1)
    _check_size(len(longest), dialect)
    table = _cut_rows(lines, longest, dialect)
    _refuse_second_table(lines, runs, longest, dialect)
    return table


def split_names(line: str, columns: int, delimiter: str | None) -> tuple[str, ...] | None:
    """Cut a line of column names as the rows are cut, or in another usual way that gives ``columns`` names."""
    line = line.strip(" ").lstrip("".join(_COMMENTS))
    for sign in dict.fromkeys((delimiter, "\t", ";", ",", "  ", None)):
        cells = [cell.strip(" \t#") for cell in line.split(sign)]
        named = [cell for cell in cells if cell]
        if len(cells) == columns and named:
            return tuple(cells)
        if len(named) == columns:
            return tuple(named)
    return None


def ungrouped(rows: str) -> str:
    """Return rows of numbers without separators of thousands: ``1,005.59``, ``1.005,59``, ``1 005,59`` become ``1005.59``, ``1005,59``.

    Only where something else parts the cells; in ``100,005.59`` a comma may be that. Whole numbers such as ``1,005`` are
    thousands where a column has them beside numbers below 1000 and no others.
    """
    first = rows[: rows.find("\n") if "\n" in rows else len(rows)]
    cells = next((sign for sign in "\t;|" if sign in first), " " if _BLANKS_BETWEEN.search(first) else None)
    if cells is None:
        return rows
    if "," in rows and "." in rows:
        if _may_group(rows, ",", "."):
            rows = _COMMAS.sub(lambda found: found[0].replace(",", ""), rows)
        if _may_group(rows, ".", ","):
            rows = _POINTS.sub(lambda found: found[0].replace(".", ""), rows)
    if cells != " " and " " in rows and _may_group(rows, " ", None):
        rows = _BLANKS.sub(lambda found: found[0].replace(" ", ""), rows)
    if len(rows) <= _PART_CHARACTERS:
        for mark in ",.":
            if mark in rows:
                rows = _without_marks(rows, None if cells == " " else cells, mark)
    return rows


def _may_group(rows: str, mark: str, decimal: str | None) -> bool:
    """Whether a mark stands anywhere between a digit and three more, with the decimal mark behind them: much faster than a pattern."""
    signs = np.frombuffer(rows.encode("ascii", "replace"), np.uint8)
    digits = (signs >= ord("0")) & (signs <= ord("9"))
    found = (signs[1:-4] == ord(mark)) & digits[:-5] & digits[2:-3] & digits[3:-2] & digits[4:-1]
    if decimal is not None:
        found &= signs[5:] == ord(decimal)
    return bool(found.any())


def _without_marks(rows: str, cells: str | None, mark: str) -> str:
    """Take the separators of thousands out of columns of whole numbers."""
    lines = rows.split("\n")
    grouped = re.compile(rf"[ ]*[-+]?[1-9][0-9]{{0,2}}(?:[{mark}][0-9]{{3}})+[ ]*")
    small = re.compile("[ ]*[-+]?[0-9]{1,3}[ ]*")
    few = [line.split(cells) for line in lines[:: max(1, len(lines) // _FEW_ROWS)] if line]
    may_be = [
        k
        for k in range(1, min(map(len, few), default=0))
        if all(grouped.fullmatch(cell) or small.fullmatch(cell) for cell in (row[k] for row in few))
    ]
    if not may_be:
        return rows
    cut = [line.split(cells) for line in lines]
    columns = []
    for k in may_be:
        column = [row[k] for row in cut if len(row) > k]
        if all(grouped.fullmatch(cell) or small.fullmatch(cell) for cell in column) and 0 < sum(mark in cell for cell in column) < len(
            column
        ):
            columns.append(k)
    for row in cut:
        for k in columns:
            if k < len(row):
                row[k] = row[k].replace(mark, "")
    return "\n".join((cells or " ").join(row) for row in cut) if columns else rows


def _unquoted(line: str) -> str:
    """Turn ``"400,5","12,3"`` into two cells parted by a tab."""
    return _BETWEEN_QUOTES.sub("\t", line).replace('"', "")


def _is_gap(line: str) -> bool:
    """Whether a line may stand between two rows: nothing, a comment, or a row with a word in it."""
    return not line or line.isspace() or line.startswith(_COMMENTS) or _DAMAGED.match(line) is not None


def _runs(lines: Sequence[str]) -> list[list[int]]:
    """Group the indices of the rows into unbroken tables; damaged rows between two rows belong to them."""
    is_row = _ROW.fullmatch
    rows = [k for k, line in enumerate(lines) if len(line) <= MAX_LINE and is_row(line)]
    runs: list[list[int]] = []
    start = 0
    for stop in [k for k in range(1, len(rows)) if rows[k] != rows[k - 1] + 1] + [len(rows)] if rows else []:
        after = runs[-1][-1] + 1 if runs else 0
        gap = range(after, rows[start])
        if runs and len(gap) < MANY_ROWS and all(_is_gap(lines[k]) for k in gap):
            runs[-1] += [k for k in gap if _DAMAGED.match(lines[k])] + rows[start:stop]
        else:
            runs.append(rows[start:stop])
        start = stop
    return runs


def _no_rows(lines: Sequence[str]) -> FormatError:
    longest = max(map(len, lines))
    if longest > MAX_LINE:
        advice = "Put one Raman shift and its counts on a line"
        return FormatError(kind="line too long", got=f"{longest} characters", expected=f"at most {MAX_LINE}", advice=advice)
    first = next((line.strip() for line in lines if line.strip()), "")
    return FormatError(
        kind="no row of numbers",
        got=f"{len(lines)} lines of text, the first of which begins with {safe(first[:60], 30)}",
        expected="a table of the Raman shift (cm-1) and the counts",
        advice="Export the spectrum as text or CSV",
    )


def _check_size(rows: int, dialect: Dialect) -> None:
    if rows > MAX_ROWS or dialect.columns > MAX_COLUMNS or rows * dialect.columns > MAX_CELLS:
        raise FormatError(
            kind="table too large",
            got=f"{rows} rows and {dialect.columns} columns",
            expected=f"at most {MAX_ROWS} rows, {MAX_COLUMNS} columns and {MAX_CELLS} cells",
            advice="Export fewer spectra per file",
        )


def _cut_rows(lines: Sequence[str], run: list[int], dialect: Dialect) -> NumberTable:
    """Cut the rows into cells; rows of another length are left out at the ends and empty inside."""
    cut = dialect.cut([lines[k] for k in run])
    misfits = [k for k, cells in enumerate(cut) if len(cells) != dialect.columns]
    _refuse_grouped(lines, run, cut, dialect)
    if len(misfits) > _MOST_MISFITS * len(cut) + _FEW_ROWS:
        odd = run[misfits[0]]
        raise FormatError(
            kind="unequal rows",
            place=f"line {odd + 1}",
            got=f"{safe(lines[odd])}, like {len(misfits)} of {len(cut)} rows",
            expected=f"{dialect.columns} cells ({dialect.name})",
            advice="Export one table with tabs between the columns",
        )
    odd_ones = set(misfits)
    fitting = [k for k in range(len(cut)) if k not in odd_ones]
    if len(fitting) > 1 and _are_column_numbers(cut[fitting[0]], cut[fitting[1]]):
        del fitting[0]
    start, stop = fitting[0], fitting[-1] + 1
    for k in misfits:
        cut[k] = [""] * dialect.columns
    cells = [cell for row in cut[start:stop] for cell in row]
    return NumberTable(list(lines[: run[start]]), numbers(cells), cut[start], dialect, run[start] + 1, run[stop - 1] + 1)


def _refuse_grouped(lines: Sequence[str], run: list[int], cut: list[list[str]], dialect: Dialect) -> None:
    """Refuse rows that have more cells than others by the separators of thousands in them, and by nothing else."""
    pattern, least = _GROUPED.get(dialect.delimiter), min(map(len, cut))
    longer = [k for k, cells in zip(run, cut, strict=True) if len(cells) > least]
    if pattern is None or not longer or len(cut) - len(longer) < _FEW_ROWS or not all(pattern.search(lines[k]) for k in longer):
        return
    raise FormatError(
        kind="separators of thousands",
        place=f"line {longer[0] + 1}",
        got=f"{safe(lines[longer[0]])}, where they also separate cells ({dialect.name})",
        expected="numbers without them",
        advice="Export the table without separators of thousands, or with tabs",
    )


def _are_column_numbers(first: list[str], second: list[str]) -> bool:
    """Whether the first row is ``0,1,2``: pandas writes the columns' numbers where they have no names."""
    return second[0].strip() != "1" and [cell.strip() for cell in first] == [str(k) for k in range(len(first))]


def _refuse_second_table(lines: Sequence[str], runs: list[list[int]], longest: list[int], dialect: Dialect) -> None:
    """Refuse a text in which as many rows as a spectrum has would be lost beside the longest table."""
    others = [run for run in runs if run is not longest and len(dialect.cut([lines[run[len(run) // 2]]])[0]) == dialect.columns]
    lost = sum(map(len, others))
    if lost < MANY_ROWS:
        return
    later = next((run for run in others if run[0] > longest[-1]), longest)
    raise FormatError(
        kind="several tables",
        place=f"line {later[0]}",
        got=f"{safe(lines[later[0] - 1])} between lines {longest[0] + 1} to {longest[-1] + 1} and {lost} rows of the same kind",
        expected="one table",
        advice="Export one spectrum per file",
    )
