"""The numbers of a JCAMP-DX table: AFFN, PAC, SQZ, DIF and DUP forms, distinguished by their characters.

McDonald and Wilks (1988), "JCAMP-DX: A Standard Form for Exchange of Infrared Spectra in Computer
Readable Form", Appl. Spectrosc. 42, 151, sections 4 and 5: a letter is a sign and a first digit at
once, of a value (SQZ), of a difference to the value before (DIF), or of how often a value stands (DUP).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.document import safe
from raman_edge.formats.table import MAX_LINE, MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row = tuple[int, str]
"""A line's number, from 1, and its text."""

_SQZ = {"@": "0", **{chr(64 + k): str(k) for k in range(1, 10)}, **{chr(96 + k): f"-{k}" for k in range(1, 10)}}
_DIF = {"%": "0", **{chr(73 + k): str(k) for k in range(1, 10)}, **{chr(105 + k): f"-{k}" for k in range(1, 10)}}
_DUP = {**{chr(82 + k): str(k) for k in range(1, 9)}, "s": "9"}
_PLAIN = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_AFFN = re.compile(rf"{_PLAIN}(?:[Ee][-+]?[0-9]+)?|\?")
_ASDF = re.compile(rf"{_PLAIN}|[@A-Ia-i%J-Rj-r][0-9]*\.?[0-9]*|[S-Zs][0-9]{{0,9}}|\?")
_ONLY_IN_ASDF = re.compile(r"[@%A-DF-Za-df-s]|[Ee][0-9.]*[Ee]")
"""A single E or e may be an exponent; a number has no second one."""
_BLANKS = re.compile(r"[-+.0-9 \t,;]+")
_SEPARATORS = " \t,;"
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class OrdinateTable:
    """The values of a table in the form (X++(Y..Y)), before its factor."""

    values: list[float]
    """NaN where the file says ``?``."""
    checks: list[tuple[int, float, int]]
    """Of every line: the index of its first value, the abscissa it begins with, its number."""


def ordinates(rows: Sequence[Row]) -> OrdinateTable:
    """Read a table of the form (X++(Y..Y)).

    Parameters
    ----------
    rows : sequence of (int, str)
        Number, from 1, and text of each line.

    Returns
    -------
    OrdinateTable
        Ordinates before the factor, and the abscissa that each line begins with.

    Raises
    ------
    FormatError
        Not a number, or a check value that differs from the value it repeats (section 5.8); the place is the line.
    """
    tokens = _ASDF if any(_ONLY_IN_ASDF.search(line) for _, line in rows) else _AFFN
    values: list[float] = []
    checks: list[tuple[int, float, int]] = []
    differences = False
    for number, line in rows:
        _refuse_long(line, number)
        plain = _plain(line)
        cells = [] if plain else _cut(tokens, number, line)
        if not plain and not cells:
            continue
        (begins,), _ = (plain[:1], False) if plain else _expanded(cells[:1], MAX_ROWS, number)
        found, ends_in_difference = (plain[1:], False) if plain else _expanded(cells[1:], MAX_ROWS - len(values), number)
        _refuse_more(len(values) + len(found), number)
        index = len(values)
        if differences and found:
            _check(values[-1], found.pop(0), number)
            index -= 1
        checks.append((index, begins, number))
        values += found
        differences = ends_in_difference
    return OrdinateTable(values, checks)


def pairs(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    """Read a table of the form (XY..XY).

    Parameters
    ----------
    rows : sequence of (int, str)
        Number, from 1, and text of each line.

    Returns
    -------
    tuple of list of float
        Abscissas and ordinates, of equal length, before the factors; NaN where the file has ``?``.

    Raises
    ------
    FormatError
        Not a number, or an odd count of numbers; the place is the line.
    """
    cells: list[float] = []
    for number, line in rows:
        _refuse_long(line, number)
        found = _plain(line) or [_number(cell) for cell in _cut(_AFFN, number, line)]
        if len(found) % 2:
            raise FormatError(
                kind="odd number of values",
                place=f"line {number}",
                got=f"{len(found)} numbers in {safe(line.strip(), _SHOWN)}",
                expected="pairs of X and Y",
            )
        cells += found
        _refuse_more(len(cells) // 2, number)
    return cells[::2], cells[1::2]


def _plain(line: str) -> list[float] | None:
    """Return the numbers of a line that has nothing but numbers and blanks, several times as fast as token by token."""
    if not _BLANKS.fullmatch(line):
        return None
    try:
        return list(map(float, line.replace(",", " ").replace(";", " ").split()))
    except ValueError:
        return None  # PAC


def _cut(tokens: re.Pattern[str], number: int, line: str) -> list[str]:
    """Cut a line into tokens; anything else is an error."""
    rest = tokens.sub("", line).strip(_SEPARATORS)
    if rest:
        raise FormatError(
            kind="not a number",
            place=f"line {number}",
            got=f"{safe(rest, 10)} in {safe(line.strip(), _SHOWN)}",
            expected="a number in a form of JCAMP-DX",
            advice="Export it again",
        )
    return tokens.findall(line)


def _expanded(cells: Iterable[str], room: int, number: int) -> tuple[list[float], bool]:
    """Return the values of a line, and whether the last one is a difference, which the next line repeats as a check."""
    values: list[float] = []
    step: float | None = None
    for cell in cells:
        sign = cell[0]
        if (sign in _DUP or sign in _DIF) and not values:
            raise FormatError(
                kind="missing value",
                place=f"line {number}",
                got=f"{safe(cell)}, which repeats or changes a value",
                expected="a value",
                advice="The line may be damaged: export it again",
            )
        if sign in _DUP:
            times = int(_DUP[sign] + cell[1:]) - 1
            _refuse_more(len(values) + times - room + MAX_ROWS, number)
            values += [values[-1] + (step or 0.0) * k for k in range(1, times + 1)]
        elif sign in _DIF:
            step = float(_DIF[sign] + cell[1:])
            values.append(values[-1] + step)
        else:
            step = None
            values.append(_number(cell))
    return values, step is not None


def _number(cell: str) -> float:
    if cell == "?":
        return math.nan
    sign = _SQZ.get(cell[0])
    return float(cell if sign is None else sign + cell[1:])


def _check(last: float, repeated: float, number: int) -> None:
    """Differences add up line by line: a wrong one shows in the next line's first value."""
    if not math.isclose(last, repeated, rel_tol=1e-9, abs_tol=1e-6):
        raise FormatError(
            kind="wrong check value",
            place=f"line {number}",
            got=f"{repeated:g} at the beginning",
            expected=f"{last:g}, the last value of the line before",
            advice="The file is damaged: copy it again",
        )


def _refuse_long(line: str, number: int) -> None:
    if len(line) > MAX_LINE:
        raise FormatError(
            kind="line too long", place=f"line {number}", got=f"{len(line)} characters", expected=f"at most {MAX_LINE}, in the standard 80"
        )


def _refuse_more(points: int, number: int) -> None:
    if points > MAX_ROWS:
        raise FormatError(
            kind="too many points",
            place=f"line {number}",
            got=f"{points} points so far",
            expected=f"at most {MAX_ROWS}",
            advice="No detector has more",
        )
