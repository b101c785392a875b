"""Which columns of a table are axes, which are counts, and which are left out and why."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AXES, AxisKind, ColumnName, Role, axis_kind, is_units, read_name, read_names
from raman_edge.formats.document import safe
from raman_edge.formats.header import LASER_NM
from raman_edge.formats.shift import is_pixels
from raman_edge.formats.spectra import LARGEST, MIN_POINTS
from raman_edge.formats.table import split_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.formats.table import NumberTable

_DATA_MARK = ">>>>>"
"""What Ocean Optics writes where the data begin, with words that are not names of columns."""
_POSITION_NAMES = frozenset({"x", "y", "z", "time"})
_LINES_ABOVE = 6
"""Lines above the table in which its names are looked for."""
_MEASURED = frozenset({Role.PROCESSED, Role.COUNTS, Role.RAW})
_INSTRUMENT = _MEASURED | {Role.DARK, Role.REFERENCE}
_SETTING_VALUE = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)?[ ]?(?:nm|ms|s|mw|%|°c|k)?", re.IGNORECASE)
"""A header's value, such as ``785 nm``: what a column is not called."""
_MONOTONIC_SHARE = 0.9
"""Share of steps that go the same way in a column that is an axis."""
_LEAST_STEP_RATIO = 0.2
"""The shortest step of an axis by the longest; a grating's steps differ by a third."""
_LASER_TOLERANCE = 0.5
"""cm⁻¹; by how much 1e7 / nm and a shift, both rounded to two decimals, may disagree on the laser."""
_PAIR = 2
_MOST_AXES = 8
"""Columns that are held against each other."""
_MAX_LEFT_OUT = 500
"""Characters of what is left out that are kept."""


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """The names of a table's columns, and the header lines above them."""

    names: tuple[ColumnName, ...]
    """One a column; of an empty text where the column has none."""
    given: bool
    """Whether the file names its columns."""
    header: list[str]
    """The lines above the names."""
    axis: AxisKind | None
    """What a line that could not be cut into names says the axis is."""
    places: tuple[int, ...] = ()
    """Columns that say where on the sample a row of a map was measured."""


@dataclass(frozen=True, slots=True)
class AxisColumns:
    """The axis columns of a table; with several of one kind, each belongs to the columns on its right."""

    columns: tuple[int, ...]
    """At least one."""
    kind: AxisKind | None
    """None where nothing says what the first column is."""
    others: tuple[int, ...] = ()
    """Further columns that are axes, of another kind."""
    laser_nm: float | None = None
    """The laser that follows from two axes of the table, nm; None is unknown."""


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


@dataclass(frozen=True, eq=False, slots=True)
class Counts:
    """The spectra of a table, and what is left out of it."""

    series: tuple[Series, ...]
    """At least one, in the order of the columns."""
    left_out: str
    """The columns that are not spectra, each with its quantity, as in ``'Dark' (dark)``; empty where there are none."""


def find_names(table: NumberTable) -> ColumnNames:
    """Find the names of the columns: in the line above the table, above a line of units, or a few lines further up."""
    columns, delimiter = table.dialect.columns, table.dialect.delimiter
    near = [k for k in range(len(table.above) - 1, max(-1, len(table.above) - _LINES_ABOVE), -1) if table.above[k].strip()]
    cut = [(place, split_names(table.above[place], columns, delimiter)) for place in near if not table.above[place].startswith(_DATA_MARK)]
    lines = [(place, names) for place, names in cut if names is not None and not _is_setting(names)]
    found = [_column_names(table, *_with_units(lines[k:])) for k in range(len(lines))]
    for named in found:
        if any(name.axis for name in named.names) and any(name.role in _MEASURED for name in named.names):
            return named
    if lines and lines[0][0] == near[0]:
        return found[0]
    return ColumnNames((read_name(""),) * columns, given=False, header=table.above, axis=axis_kind(table.above[near[0]]) if near else None)


def _with_units(lines: list[tuple[int, tuple[str, ...]]]) -> tuple[int, tuple[str, ...]]:
    """Join a line of units with the names above it."""
    place, names = lines[0]
    if not is_units(names) or len(lines) == 1:
        return place, names
    place, upper = lines[1]
    return place, tuple(_name_with_unit(name, unit) for name, unit in zip(upper, names, strict=True))


def _name_with_unit(name: str, unit: str) -> str:
    return f"{name} {unit}".strip() if not unit or unit[0] in "([" else f"{name} ({unit})".strip()


def _column_names(table: NumberTable, place: int, texts: tuple[str, ...]) -> ColumnNames:
    names = read_names(texts)
    places = tuple(k for k, text in enumerate(texts) if text.lower() in _POSITION_NAMES)
    if not any(name.axis for name in names) or not any(name.role in _MEASURED for k, name in enumerate(names) if k not in places):
        places = ()
    return ColumnNames(names, given=True, header=table.above[:place], axis=None, places=places)


def find_axes(table: NumberTable, named: ColumnNames) -> AxisColumns:
    """Find the axis columns of a table: by their names, else by their values.

    Raises :class:`FormatError` where the first column is named and no axis, or where a column without a name
    is as good an axis as the first one.
    """
    candidates = {k: name.axis for k, name in enumerate(named.names) if name.axis and k not in named.places and _is_axis(table, named, k)}
    best = next((role for role in AXES if any(kind.role is role for kind in candidates.values())), None)
    if best is not None:
        chosen = tuple(k for k, kind in candidates.items() if kind.role is best)
        kind = candidates[chosen[0]]
        chosen = tuple(k for k in chosen if candidates[k] == kind)
        return AxisColumns(chosen, kind, tuple(k for k in candidates if k not in chosen))
    first = named.names[0]
    if first.role in {Role.OTHER, Role.SIGMA}:
        raise FormatError(
            kind="unsupported axis",
            got=f"{safe(first.text)} as first column",
            expected="a Raman shift (cm-1), a wavelength (nm) or a wavenumber",
        )
    return _axes_by_values(table, named)


def _is_axis(table: NumberTable, named: ColumnNames, column: int) -> bool:
    """Whether a column that is named like an axis is one: ``Channel 1`` and ``Night shift`` may be samples, whose counts go up and down."""
    if column == 0:
        return True
    name = named.names[column]
    if (not name.whole or name.sample) and not (name.axis and name.axis.unit):
        return _is_even_axis(table.column(column))
    values = table.column(column)
    steps = np.diff(values[np.isfinite(values)])
    return steps.size >= MIN_POINTS - 1 and max(float(np.mean(steps > 0)), float(np.mean(steps < 0))) >= _MONOTONIC_SHARE


def _axes_by_values(table: NumberTable, named: ColumnNames) -> AxisColumns:
    """Find the axes of a table whose names do not state them: alternating x and y, a wavelength beside its shift, or the first column."""
    first = AxisColumns((0,), named.axis)
    columns = [k for k in range(table.dialect.columns) if k not in named.places]
    if len(columns) <= _PAIR or (named.given and named.names[0].role is not Role.UNKNOWN) or not is_monotonic(table.column(columns[0])):
        return first
    running = [k for k in columns if is_monotonic(table.column(k))]
    if running == columns[::_PAIR] and len(columns) % _PAIR == 0 and not named.axis:
        return AxisColumns(tuple(running), None)
    if named.given:
        return first
    for shift in running[:_MOST_AXES]:
        for other in running[:_MOST_AXES]:
            if shift != other and (laser := _laser_from_axes(table.column(other), table.column(shift))):
                return AxisColumns((shift,), AxisKind(Role.SHIFT), tuple(k for k in running if k != shift), laser)
    if len(running) == _PAIR and running[0] == columns[0] and is_pixels(table.column(running[0]), None):
        return AxisColumns((running[1],), named.axis, (running[0],))
    if len(running) > 1 and named.axis is None:
        seen = " and ".join(f"column {k + 1} ({table.column(k)[0]:g} to {table.column(k)[-1]:g})" for k in running[:3])
        raise FormatError(
            kind="unknown columns",
            got=f"columns without names, of which {seen} look like axes",
            expected="one axis and its counts, or alternating columns of x and y",
            advice="Put a line with the column names above the table, such as 'Raman shift (cm-1)' and 'counts'",
        )
    return first


def is_monotonic(values: NDArray[np.float64]) -> bool:
    """Whether a column rises or falls from every row to the next, as no counts do."""
    steps = np.diff(values[np.isfinite(values)])  # the shorter of two spectra side by side ends in empty cells
    return bool(steps.size >= MIN_POINTS - 1 and ((steps > 0).all() or (steps < 0).all()))


def _is_even_axis(values: NDArray[np.float64]) -> bool:
    """Whether a column runs one way in steps of much the same length, as a smooth slope of counts does not."""
    steps = np.abs(np.diff(values[np.isfinite(values)]))
    return is_monotonic(values) and bool(steps.min() >= _LEAST_STEP_RATIO * steps.max())


def _laser_from_axes(nm: NDArray[np.float64], shift: NDArray[np.float64]) -> float | None:
    """Return the laser (nm) with which the wavelengths in one column are the shifts in another; None where there is none."""
    if not (nm > LASER_NM[0]).all():
        return None
    laser = 1e7 / nm + shift
    rounding = 1e7 / float(nm.min()) ** 2 * 0.01
    if np.ptp(laser) > _LASER_TOLERANCE + rounding or not 1e7 / LASER_NM[1] <= float(laser.mean()) <= 1e7 / LASER_NM[0]:
        return None
    return round(1e7 / float(laser.mean()), 2)


def find_counts(table: NumberTable, named: ColumnNames, axes: AxisColumns) -> Counts:
    """Find the counts of every spectrum in the table, and what is left out.

    A column is a spectrum unless its whole name says that it is something else, and the table speaks of such
    things: processed columns where they are filled, else raw minus dark of the same sample, else raw, counts, and
    any column that is named after a sample.
    """
    taken = {*axes.columns, *axes.others, *named.places}
    others = [k for k in range(table.dialect.columns) if k not in taken and (not named.given or named.names[k].text)]
    filled = [k for k in others if np.isfinite(table.column(k)).any()]
    found = _column_roles({k: named.names[k] for k in filled})
    if not any(one in _MEASURED or one is Role.UNKNOWN for one in found.values()):
        found = {k: Role.UNKNOWN if _may_be_sample(named.names[k]) else one for k, one in found.items()}
    series, why = _select_series(table, named, found)
    if not series:
        columns = ", ".join(safe(named.names[k].text) for k in others)[:200] or "none with numbers"
        if not filled and others:
            return Counts((Series(named.names[others[0]].text, others[0], table.column(others[0]), raw=False),), "")
        raise FormatError(
            kind="missing counts",
            got=f"only the columns {columns} beside the axis",
            expected="one named counts, intensity, raw or processed",
        )
    left = ", ".join(f"{safe(named.names[k].text)} ({reason})" for k, reason in sorted(why.items()))
    return Counts(tuple(sorted(series, key=lambda one: one.column)), left[:_MAX_LEFT_OUT])


def _column_roles(names: dict[int, ColumnName]) -> dict[int, Role]:
    """Return the meaning of each column, from its name and from the names of the others."""
    speaks = any(name.whole and not name.weak and name.role in _INSTRUMENT for name in names.values()) or (
        all(name.whole for name in names.values()) and any(name.role in _MEASURED for name in names.values())
    )
    samples = {name.sample for name in names.values() if name.role is Role.UNKNOWN or not name.whole} - {()}
    measured = {name.sample for name in names.values() if name.role is not Role.SIGMA}
    kinds: dict[tuple[str, ...], set[Role]] = {}
    for name in names.values():
        kinds.setdefault(name.sample, set()).add(name.role)
    found = {}
    for k, name in names.items():
        one = name.role
        condition = one is Role.SIGMA or (one is Role.OTHER and name.weak and not name.has_unit)
        if one in AXES:
            one = Role.UNKNOWN
        elif not name.whole:
            same = kinds[name.sample]
            paired = {Role.RAW, Role.DARK} <= same or (one is Role.DARK and Role.COUNTS in same)
            deviates = one is Role.SIGMA and name.sample in measured
            one = one if one in {Role.COUNTS, Role.PROCESSED} or paired or deviates else Role.UNKNOWN
        elif (name.weak and not speaks and not name.has_unit) or (condition and name.sample):
            one = Role.UNKNOWN
        found[k] = one
    if samples and Role.PROCESSED in found.values():  # "net" and "corrected" beside samples are samples as well
        found = {k: Role.UNKNOWN if one is Role.PROCESSED and names[k].weak else one for k, one in found.items()}
    return found


def _may_be_sample(name: ColumnName) -> bool:
    """Whether a column may hold the counts of a sample where no better column exists."""
    return name.role is Role.REFERENCE or (name.weak and not name.has_unit)


def _select_series(table: NumberTable, named: ColumnNames, found: dict[int, Role]) -> tuple[list[Series], dict[int, str]]:
    """Return the spectra among the columns, and the reason why each other column is not one."""

    def having(wanted: Role) -> list[int]:
        return [k for k, one in found.items() if one is wanted]

    why = {k: one.value for k, one in found.items() if one not in _MEASURED and one is not Role.UNKNOWN}
    series = [Series(named.names[k].text, k, table.column(k), raw=False) for k in having(Role.UNKNOWN)]
    processed = [k for k in having(Role.PROCESSED) if _filled(table.column(k))]
    if processed:
        why |= {k: f"{found[k].value}, of which there are processed ones" for k in having(Role.COUNTS) + having(Role.RAW)}
        return series + [Series(named.names[k].text, k, table.column(k), raw=False) for k in processed], why
    darks = _darks(named, having(Role.RAW), having(Role.DARK))
    for k in having(Role.RAW) + having(Role.COUNTS):
        dark = darks.get(k)
        difference = None if dark is None else table.column(k) - table.column(dark)
        if dark is not None and difference is not None and _filled(difference):
            why.pop(dark, None)
            series.append(Series(f"{named.names[k].text} - {named.names[dark].text}", k, difference, raw=False))
        else:
            series.append(Series(named.names[k].text, k, table.column(k), raw=True))
    return series, why


def _darks(named: ColumnNames, raws: list[int], darks: list[int]) -> dict[int, int]:
    """Return the dark of each raw column: that of the same sample, or the only dark of the only raw column."""
    if len(raws) == len(darks) == 1:
        raw, dark = named.names[raws[0]], named.names[darks[0]]
        if raw.sample == dark.sample or (raw.whole and dark.whole and not (raw.sample and dark.sample)):
            return {raws[0]: darks[0]}
    samples = Counter(named.names[k].sample for k in (*raws, *darks))
    of_sample = {named.names[k].sample: k for k in darks}
    return {
        k: of_sample[named.names[k].sample] for k in raws if samples[named.names[k].sample] == _PAIR and named.names[k].sample in of_sample
    }


def _filled(values: NDArray[np.float64]) -> bool:
    """Whether a column holds enough numbers to be a spectrum."""
    return int((np.abs(values) < LARGEST).sum()) >= MIN_POINTS


def _is_setting(names: tuple[str, ...]) -> bool:
    """Whether a line is ``Tags`` or ``Laser wavelength  785 nm`` rather than the names of columns."""
    return sum(map(bool, names)) == 1 or names[0].endswith((":", "=")) or any(_SETTING_VALUE.fullmatch(name) for name in names)
