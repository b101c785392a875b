"""Writes the forms of a JCAMP-DX table: the other half of what the reader undoes."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMS = ("AFFN", "PAC", "SQZ", "DIF", "DIFDUP", "SQZDUP")
LINE = 12
"""Values a line."""


def table(values: Sequence[int], form: str, first: float = 100.0, step: float = 2.0) -> str:
    """Write whole numbers in a form, on an axis from ``first`` in steps of ``step``."""
    lines, place = [], 0
    while place < len(values):
        part = values[place : place + LINE]
        begins = f"{first + step * place:g}"
        if form.startswith("DIF"):
            lines.append(begins + _squeezed(part[0]) + _repeated([_difference(b - a) for a, b in pairwise(part)], form))
            place += max(1, len(part) - 1)
            if len(part) == 1 or place == len(values) - 1:
                if place < len(values):
                    lines.append(f"{first + step * place:g}{_squeezed(values[place])}")
                break
        else:
            write = {"A": "{} ".format, "P": "{:+d}".format, "S": _squeezed}[form[0]]
            lines.append(begins + " " * (form == "AFFN") + _repeated([write(value) for value in part], form))
            place += LINE
    return "\n".join(lines) + "\n"


def file(values: Sequence[int], form: str, factor: float = 0.5, **records: str) -> str:
    """Write a whole file; ``records`` replace or add labelled records, empty ones leave one out."""
    header = {
        "TITLE": "made up for a test",
        "JCAMP-DX": "5.01",
        "DATA TYPE": "RAMAN SPECTRUM",
        "XUNITS": "1/CM",
        "YUNITS": "ARBITRARY UNITS",
        "FIRSTX": "100",
        "LASTX": f"{100 + 2 * (len(values) - 1)}",
        "XFACTOR": "1",
        "YFACTOR": f"{factor:g}",
        "NPOINTS": str(len(values)),
        "XYDATA": "(X++(Y..Y))",
    }
    own = {key.replace("_", " "): value for key, value in records.items()}
    tail = header.pop("XYDATA")
    lines = [f"##{key}={value}" for key, value in (header | own).items() if value]
    return "\n".join([*lines, f"##XYDATA={tail}", table(values, form) + "##END=\n"])


def _squeezed(value: int) -> str:
    return _lettered(value, "@ABCDEFGHI", "@abcdefghi")


def _difference(value: int) -> str:
    return _lettered(value, "%JKLMNOPQR", "%jklmnopqr")


def _lettered(value: int, plus: str, minus: str) -> str:
    digits = str(abs(value))
    return (minus if value < 0 else plus)[int(digits[0])] + digits[1:]


def _repeated(cells: list[str], form: str) -> str:
    """Join cells; equal ones become one and a count where the form has those."""
    if not form.endswith("DUP"):
        return "".join(cells)
    runs = [(cell, len(list(same))) for cell, same in groupby(cells)]
    return "".join(cell + ("" if count == 1 else " STUVWXYZs"[int(str(count)[0])] + str(count)[1:]) for cell, count in runs)
