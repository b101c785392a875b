"""Which column of a table is the axis and which ones are counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AXES, Role, axis_column, is_units, role, roles
from raman_edge.formats.table import split_names
from raman_edge.formats.text import safe
from raman_edge.formats.tidy import LARGEST, MIN_POINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.formats.table import Table

_MARK = ">>>>>"
"""What Ocean Optics writes where the data begin, with words that are no names of columns."""
_PLACES = frozenset({"x", "y", "z"})
_NEAR = 6
"""Lines above the table in which its names are looked for."""
_MEASURED = frozenset({Role.PROCESSED, Role.COUNTS, Role.RAW})
_VALUE = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)?[ ]?(?:nm|ms|s|mw|%|°c|k)?", re.IGNORECASE)
"""A header's value, such as ``785 nm``: what a column is not called."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a table's columns, and the header lines above them."""

    names: tuple[str, ...]
    """One a column; empty where the column has none."""
    roles: tuple[Role, ...]
    given: bool
    """Whether the file names its columns."""
    header: list[str]
    """The lines above the names."""
    axis: Role | None
    """What a line that could not be cut into names says the axis is."""
    places: tuple[int, ...] = ()
    """Columns that say where on the sample a row of a map was measured."""


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """One column, or difference of columns, that is a spectrum's counts."""

    label: str
    """The column's name; empty where it has none."""
    column: int
    """Index of the column."""
    values: NDArray[np.float64]
    """(rows,), NaN where the file has no number."""
    raw: bool
    """Whether these are the detector's own counts, which its saturation applies to."""


def find_names(table: Table) -> Names:
    """Find the names of the columns: in the line above the table, above a line of units, or a few lines further up."""
    columns, delimiter = table.dialect.columns, table.dialect.delimiter
    near = [k for k in range(len(table.above) - 1, max(-1, len(table.above) - _NEAR), -1) if table.above[k].strip()]
    cut = [(place, split_names(table.above[place], columns, delimiter)) for place in near if not table.above[place].startswith(_MARK)]
    lines = [(place, names) for place, names in cut if names is not None and not _is_setting(names)]
    found = [_named(table, *_with_units(lines[k:])) for k in range(len(lines))]
    for named in found:
        if axis_column(named.roles) is not None and _MEASURED & {*named.roles}:
            return named
    if lines and lines[0][0] == near[0]:
        return found[0]
    hint = role(table.above[near[0]]) if near else Role.UNKNOWN
    unknown = (Role.UNKNOWN,) * columns
    return Names(("",) * columns, unknown, given=False, header=table.above, axis=hint if hint in AXES else None)


def _with_units(lines: list[tuple[int, tuple[str, ...]]]) -> tuple[int, tuple[str, ...]]:
    """Join a line of units with the names above it."""
    place, names = lines[0]
    if not is_units(names) or len(lines) == 1:
        return place, names
    place, upper = lines[1]
    return place, tuple(f"{name} {unit}".strip() for name, unit in zip(upper, names, strict=True))


def _named(table: Table, place: int, names: tuple[str, ...]) -> Names:
    found = roles(names)
    places = tuple(k for k, name in enumerate(names) if name.lower() in _PLACES)
    if axis_column(found) is None or not any(one in _MEASURED for k, one in enumerate(found) if k not in places):
        places = ()
    found = tuple(Role.OTHER if k in places else one for k, one in enumerate(found))
    return Names(names, found, given=True, header=table.above[:place], axis=None, places=places)


def find_axes(named: Names) -> tuple[tuple[int, ...], Role | None]:
    """Return the indices of the axis columns, at least one, and their role; None where nothing says what the first column is.

    With several axes of one kind, each belongs to the columns on its right.
    """
    axis = axis_column(named.roles)
    if axis is not None:
        return tuple(k for k, found in enumerate(named.roles) if found is named.roles[axis]), named.roles[axis]
    if named.roles[0] is Role.OTHER:
        msg = f"the first column is {safe(named.names[0])}; expected a Raman shift (cm-1), a wavelength (nm) or a wavenumber"
        raise FormatError(msg)
    return (0,), named.axis


def find_counts(table: Table, named: Names, axes: tuple[int, ...]) -> tuple[Series, ...]:
    """Return the counts of every spectrum in the table.

    Processed columns where they are filled; else raw minus dark where there is one of each;
    else the columns that are counts by name; else, where nothing says so, every other column.
    """

    def series(index: int, *, raw: bool = False) -> Series:
        return Series(named.names[index], index, table.column(index), raw)

    def having(wanted: Role) -> list[int]:
        return [k for k, found in enumerate(named.roles) if found is wanted and k not in axes]

    processed = [found for found in map(series, having(Role.PROCESSED)) if _filled(found.values)]
    if processed:
        return tuple(processed)
    raw, dark = having(Role.RAW), having(Role.DARK)
    if len(raw) == len(dark) == 1:
        difference = table.column(raw[0]) - table.column(dark[0])
        if _filled(difference):
            return (Series(f"{named.names[raw[0]]} - {named.names[dark[0]]}", raw[0], difference, raw=False),)
    measured = having(Role.COUNTS) + raw
    found = [series(k, raw=True) for k in measured] or [series(k) for k in having(Role.UNKNOWN) if not named.given or named.names[k]]
    if not found:
        columns = ", ".join(safe(name) for k, name in enumerate(named.names) if k not in axes and name)[:200] or "none with numbers"
        msg = f"no column of counts beside the axis (columns: {columns}); expected one named counts, intensity, raw or processed"
        raise FormatError(msg)
    return tuple([one for one in found if np.isfinite(one.values).any()] or found[:1])


def _filled(values: NDArray[np.float64]) -> bool:
    """Whether a column holds enough numbers to be a spectrum."""
    return int((np.abs(values) < LARGEST).sum()) >= MIN_POINTS


def _is_setting(names: tuple[str, ...]) -> bool:
    """Whether a line is ``Tags`` or ``Laser wavelength  785 nm`` rather than the names of columns."""
    return sum(map(bool, names)) == 1 or names[0].endswith((":", "=")) or any(_VALUE.fullmatch(name) for name in names)
