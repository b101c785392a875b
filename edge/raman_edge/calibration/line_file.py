"""A user-defined standard: a text file with its lines, one per row.

::

    # whatever stands behind a hash is not read
    title = Krypton lamp
    unit = nm air
    source = NIST ASD, 2024
    557.0289   0.3
    587.0915   1.0

``unit`` is ``nm air``, ``nm vacuum`` or ``cm-1`` (Raman shift) and stands before the first line; ``nm`` alone is ``nm air``, as tables
above 200 nm are. A row is a position and, where it is known, the height against the highest line, which distinguishes strong lines from
weak ones; either all rows have one or none. ``title`` and ``source`` may be left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.calibration.standards import Standard

MAX_BYTES = 1 << 18
MOST_LINES = 500
UNITS = {"nm": "air", "nm air": "air", "nm vacuum": "vacuum", "cm-1": "shift", "cm⁻¹": "shift", "1/cm": "shift", "cm^-1": "shift"}
"""What a file may say, in any case, and what it means."""
RANGES = {"air": (200.0, 3000.0), "vacuum": (200.0, 3000.0), "shift": (10.0, 4500.0)}
"""Between what positions lie, by unit: nm, nm, cm⁻¹."""
KEYS = ("title", "unit", "source")
_KEY = re.compile(r"([A-Za-z]+)\s*[=:]\s*(.*)")
_SPLIT = re.compile(r"[\s;]+")


def read(path: Path) -> Standard:
    """Read a line file; raises :class:`ConfigError` with the number of the line that is wrong."""
    from raman_edge.calibration.standards import Standard  # noqa: PLC0415 - it reads these files

    stated, rows = _parsed(path)
    unit = UNITS[stated["unit"]]
    rows.sort()
    positions, heights = [row[0] for row in rows], [row[1] for row in rows if row[1] is not None]
    if len(heights) not in {0, len(rows)}:
        raise ConfigError(
            kind="incomplete heights",
            place=f"{str(path)!r}",
            got=f"a height for {len(heights)} of {len(rows)} lines",
            expected="all or none",
        )
    highest = max(heights, default=1.0)
    medium: Literal["air", "vacuum"] = "vacuum" if unit == "vacuum" else "air"
    return Standard(
        name=path.stem,
        title=stated.get("title") or path.stem,
        lines=tuple(positions),
        source=stated.get("source") or str(path),
        lamp=unit != "shift",
        heights=tuple(round(height / highest, 4) for height in heights),
        medium=medium,
    )


def _parsed(path: Path) -> tuple[dict[str, str], list[tuple[float, float | None]]]:
    """Return what the keys say, and positions with heights, in the order of the file."""
    stated: dict[str, str] = {}
    rows: list[tuple[float, float | None]] = []
    for number, text in enumerate(_text(path).splitlines(), 1):
        line = text.split("#", 1)[0].strip()
        if not line:
            continue
        where = f"{str(path)!r}, line {number}"
        if found := _KEY.fullmatch(line):
            _say(stated, found[1].lower(), found[2].strip(), where)
        elif "unit" not in stated:
            raise ConfigError(
                kind="missing unit", place=where, expected="a line above, such as: unit = nm air, unit = nm vacuum or unit = cm-1"
            )
        else:
            rows.append(_row(line, UNITS[stated["unit"]], where))
            if any(rows[-1][0] == other for other, _ in rows[:-1]):
                raise ConfigError(kind="repeated line", place=where, got=f"{rows[-1][0]:g} twice", expected="each line once")
    if not 1 <= len(rows) <= MOST_LINES:
        raise ConfigError(
            kind="wrong number of lines",
            place=f"{str(path)!r}",
            got=f"{len(rows)}",
            expected=f"1 to {MOST_LINES}, one per row, such as: 546.0750 1.0",
        )
    return stated, rows


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(kind="cannot read the line file", place=f"{str(path)!r}", got=f"{error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(
            kind="line file too large",
            place=f"{str(path)!r}",
            got=f"more than {MAX_BYTES // 1024} KiB",
            expected="a few hundred rows of text",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            kind="not UTF-8 text", place=f"{str(path)!r}, line {data[: error.start].count(10) + 1}", expected="a text file of lines"
        ) from error


def _say(stated: dict[str, str], key: str, value: str, where: str) -> None:
    """Take one key."""
    if key not in KEYS:
        raise ConfigError(kind="unknown key", place=where, got=repr(key), expected=f"one of {', '.join(KEYS)}")
    if key in stated:
        raise ConfigError(kind="repeated key", place=where, got=f"{key!r} twice", expected="it once")
    if key == "unit":
        value = " ".join(value.lower().replace("(", " ").replace(")", " ").replace(",", " ").split())
        if value not in UNITS:
            raise ConfigError(kind="unknown unit", place=where, got=repr(value), expected="nm air, nm vacuum or cm-1")
    elif not value.isprintable():
        raise ConfigError(kind="unprintable characters", place=where, got=f"{key!r} = {value!a}", expected="printable text")
    stated[key] = value


def _row(line: str, unit: str, where: str) -> tuple[float, float | None]:
    """Read a position and perhaps a height."""
    low, high = RANGES[unit]
    what = "a Raman shift in cm⁻¹" if unit == "shift" else "a wavelength in nm"
    parts = _SPLIT.split(line.strip("; "))
    values = [_number(part) for part in parts]
    expected = f"{what}, {low:g} to {high:g}, and optionally a height above 0 after a space, such as: 546.0750 1.0"
    if not 1 <= len(parts) <= 2 or not all(np.isfinite(values)):  # noqa: PLR2004 - position and height
        raise ConfigError(kind="not a line of a standard", place=where, got=repr(line[:60]), expected=expected)
    if not low <= values[0] <= high or any(height <= 0 for height in values[1:]):
        raise ConfigError(kind="line out of range", place=where, got=repr(" ".join(parts)), expected=expected)
    return values[0], values[1] if len(values) > 1 else None


def _number(text: str) -> float:
    """Read a number with a decimal point or comma; NaN where it is none."""
    try:
        return float(text if text.count(",") != 1 or "." in text else text.replace(",", "."))
    except ValueError:
        return float("nan")
