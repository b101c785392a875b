"""How a table is written: which character separates the cells, which one is the decimal mark, and which cells are numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.document import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MISSING = frozenset({"", "-", "--", "na", "n/a", "#n/a", "nan", "null", "none", "inf", "+inf", "-inf"})
_JSON_NUMBERS = msgspec.json.Decoder(list[float])


def is_missing(cell: str) -> bool:
    """Whether a cell stands for "no number here"."""
    return cell.strip().lower() in _MISSING


def is_number(cell: str) -> bool:
    """Whether a cell is a number with a decimal point; infinity counts, NaN does not."""
    return not math.isnan(_number_or_nan(cell))


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether every cell is a number, or NaN, in one go."""
    try:
        list(map(float, cells))
    except ValueError:
        return False
    return not any("_" in cell for cell in cells)  # Python reads 1_000


def read_plain(text: str, count: int) -> NDArray[np.float64] | None:
    """Return the numbers in ``text``, parted by commas, (count,); None where they are not so many, or one is not written as in JSON.

    A reader of JSON takes a third of the time of :func:`float` and gives the same numbers, but for the sign of ``-0``.
    """
    try:
        found = _JSON_NUMBERS.decode(f"[{text}]")
    except (msgspec.DecodeError, UnicodeEncodeError):  # half a surrogate pair stands for a byte that is not text
        return None
    return np.fromiter(found, np.float64, count) if len(found) == count else None


def are_even(text: str, delimiter: str, rows: int, columns: int) -> bool:
    """Whether each of the ``rows`` lines of ``text`` has ``columns`` cells; the delimiter is an ASCII character."""
    signs = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    signs = signs[(signs == ord(delimiter)) | (signs == ord("\n"))]
    return signs.size == rows * columns - 1 and bool((np.append(signs, 0).reshape(rows, columns)[:, :-1] == ord(delimiter)).all())


def numbers(cells: Sequence[str]) -> NDArray[np.float64]:
    """Return the cells' numbers, (n,); NaN where there is none."""
    if (found := read_plain(",".join(cells), len(cells))) is not None:
        return found
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        pass
    try:
        return np.array([math.nan if not cell or cell.isspace() else float(cell) for cell in cells], dtype=np.float64)
    except ValueError:
        return np.array([_number_or_nan(cell) for cell in cells], dtype=np.float64)


def _number_or_nan(cell: str) -> float:
    try:
        return float(cell) if "_" not in cell else math.nan  # Python reads 1_000
    except ValueError:
        return math.nan


_SAMPLE = 64
"""Rows that are looked at, spread over the table."""
_NAMES = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas", None: "spaces"}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FRACTION = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table's lines are cut into numbers."""

    delimiter: str | None
    """None is any white space."""
    decimal: str
    """``.`` or ``,``."""
    columns: int
    """Cells a row."""
    ambiguous: bool = False
    """Whether ``1,5,2,7`` may as well be the two numbers 1.5 and 2.7."""

    @property
    def name(self) -> str:
        """As in "semicolons, decimal comma"."""
        return f"{_NAMES[self.delimiter]}, decimal {'comma' if self.decimal == ',' else 'point'}"

    def cut(self, rows: Sequence[str]) -> list[list[str]]:
        """Cut rows into cells with a decimal point.

        A delimiter at the end of a row makes no cell; what lies beyond the last column
        stays together in one more cell, so that the length of a row shows whether it fits.
        """
        if self.decimal == ",":
            rows = [row.replace(",", ".") for row in rows]
        delimiter, columns = self.delimiter, self.columns
        cut = [row.split(delimiter, columns) for row in rows]
        for cells in cut:
            if len(cells) > columns and not cells[-1].strip(" \t;,|"):
                del cells[-1]
        return cut

    def read_even(self, block: str, rows: Sequence[str]) -> NDArray[np.float64] | None:
        """Return the numbers in ``rows``, which are the lines of ``block``, all at once and row by row.

        NaN where a cell has none; None where a row has more or fewer cells than the others.
        """
        delimiter, columns = self.delimiter, self.columns
        if self.decimal == ",":
            block = block.replace(",", ".")
        if delimiter is None:
            cells = block.split()
            return numbers(cells) if len(cells) == columns * len(rows) and all(len(row.split()) == columns for row in rows) else None
        if not are_even(block[:-1], delimiter, len(rows), columns):
            return None
        text = block[:-1].replace("\n", delimiter)
        found = read_plain(text.replace(delimiter, ","), len(rows) * columns)
        return numbers(text.split(delimiter)) if found is None else found


def detect(rows: Sequence[str], first_line: int) -> Dialect:
    """Detect delimiter and decimal sign of a table.

    Parameters
    ----------
    rows : sequence of str
        Its lines.
    first_line : int
        Number of the first of them in the file, from 1, for messages.

    Returns
    -------
    Dialect

    Raises
    ------
    FormatError
        The rows are one column, or cannot be cut into numbers.
    """
    sample = rows[:: max(1, len(rows) // _SAMPLE)]
    text = "\n".join(rows)
    single = False
    for delimiter, decimal in _candidates(text):
        cut = [(row.replace(",", ".") if decimal == "," else row).split(delimiter) for row in sample]
        if not _mostly_numbers(cut):
            continue
        columns = _usual_length(cut)
        filled = sum(any(cells[k].strip() for cells in cut if k < len(cells)) for k in range(columns))
        if filled > 1:
            return Dialect(delimiter, decimal, columns, delimiter == "," and _may_be_decimal_commas(cut))
        single = True
    if single:
        raise FormatError(
            kind="one column",
            place=f"line {first_line}",
            got="one column of numbers",
            expected="two or more, the Raman shift (cm-1) and the counts",
        )
    raise FormatError(
        kind="not a table",
        place=f"line {first_line}",
        got=f"{safe(rows[0])}",
        expected="cells separated by tabs, semicolons, commas or spaces, with one decimal mark",
        advice="Export the table again with tabs",
    )


def _candidates(text: str) -> list[tuple[str | None, str]]:
    """Delimiters and decimal marks worth a try, the surest first."""
    marks = [mark for mark in (",", ".") if mark in text] or ["."]
    found: list[tuple[str | None, str]] = [(sign, mark) for sign in ";\t|" if sign in text for mark in marks]
    if "," in text:
        found.append((",", "."))
    return [*found, *((None, mark) for mark in marks)]


def _mostly_numbers(cut: list[list[str]]) -> bool:
    """Whether nearly all cells are numbers or empty, and nothing else; a damaged row may stand among them."""
    if are_numbers([cell for cells in cut for cell in cells]):
        return True
    good = sum(all(is_number(cell) or is_missing(cell) for cell in cells) for cells in cut)
    return good >= 0.9 * len(cut)


def _usual_length(cut: list[list[str]]) -> int:
    lengths = [len(cells) for cells in cut]
    return max(set(lengths), key=lengths.count)


def _may_be_decimal_commas(cut: list[list[str]]) -> bool:
    """Whether commas may be decimal marks too: whole numbers only, in pairs or with a fraction such as 05."""
    cells = [[cell.strip() for cell in row] for row in cut]
    if not all(_INTEGER.fullmatch(cell) for row in cells for cell in row):
        return False
    pairs = all(len(row) % 2 == 0 and len(row) > 2 and all(map(_FRACTION.fullmatch, row[1::2])) for row in cells)  # noqa: PLR2004 - two cells are an axis and its counts
    return pairs or any(len(cell) > 1 and cell[0] == "0" for row in cells for cell in row[1:])
