"""JCAMP-DX 4.24 and 5.01: labelled records, a table in one of several forms, blocks within blocks.

McDonald and Wilks (1988), Appl. Spectrosc. 42, 151; JCAMP-DX 5.01 (IUPAC 1999). The forms of the
numbers are in :mod:`raman_edge.formats.asdf`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AxisKind, Role, axis_kind, role
from raman_edge.formats.document import CUT_SHORT, safe
from raman_edge.formats.header import facts
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spectra import spectrum, tidy
from raman_edge.formats.table import MAX_COLUMNS
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from raman_edge.formats.asdf import OrdinateTable, Row
    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

_MARK = r"(?im)^##\s*(?:TITLE|JCAMP-?DX|DATA ?TYPE|XYDATA|XYPOINTS|XUNITS)\s*="
_LABEL_FILLING = str.maketrans("", "", " \t_/-")
"""What labels are compared without."""
_TABLES = frozenset({"XYDATA", "XYPOINTS", "PEAKTABLE", "PEAKASSIGNMENTS", "DATATABLE", "RADATA"})
_CURVES = ("XYDATA", "XYPOINTS")
_STEPPED, _PAIRED = "(X++(Y..Y)", "(XY..XY)"
_LONGDATE = r"(\d{4})/(\d\d)/(\d\d)\s+(\d\d:\d\d:\d\d)(?:[.,]\d+)?\s*([-+]\d\d):?(\d\d)"
_MICRO = ("micro", "µm", "μm")
_UNKNOWN_DATA_TYPES = frozenset({"", "SPECTRUM", "UNKNOWN", "OTHER", "UNDEFINED"})
"""Data types that name no technique."""
_NOT_COUNTS = ("ABSORB", "TRANSM", "REFLECT", "KUBELKA", "EMISSION", "LOG(1/R)")
_LEAST_LINES, _EVEN_TOLERANCE = 3, 0.2
"""Lines that show an uneven axis, and the largest change of the step from one to the next."""
_MAX_VALUE = 500
"""Characters that are kept of a value."""
_MAX_LABELS = 500
_DECIMAL_COMMA = re.compile(",(?=[0-9])")
_MONOTONIC_SHARE = 0.9
"""Share of the steps of an axis that go the same way."""
_SAMPLED_LINES = 64
"""Lines of a table that decide the meaning of its commas."""
_SHOWN = 60


@dataclass(eq=False)
class _JcampBlock:
    """The records from ``##TITLE=`` to ``##END=``."""

    line: int
    meta: dict[str, str] = field(default_factory=dict)
    """Values by label as written, in lower case."""
    values: dict[str, str] = field(default_factory=dict)
    """The same by label in capitals without what fills it."""
    tables: dict[str, list[Row]] = field(default_factory=dict)
    closed: bool = False

    def number(self, label: str) -> float | None:
        """Return a record's number; None where it is absent or none."""
        try:
            value = float(self.values.get(label, "").replace(",", "."))
        except ValueError:
            return None
        return value if np.isfinite(value) else None

    @property
    def kind(self) -> str:
        """What was measured, in capitals; empty if the block does not state it."""
        return self.values.get("DATATYPE", "").upper()


class Jcamp:
    """Reads the Raman spectra of a JCAMP-DX file.

    Blocks of a compound file that are not Raman spectra are named in ``meta["left_out"]``. A file without any Raman
    spectrum gives what curves it has, their axes as they are, and names them in the meta as the file does.
    A file that declares more points than it has, or that ends before ``##END=``, was cut short.
    """

    name = "JCAMP-DX"

    def recognises(self, document: FileContent) -> bool:
        """Whether the text begins with labelled records of the standard's own."""
        return document.head.startswith(("##", "$$")) and re.search(_MARK, document.head) is not None

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every Raman spectrum of the file."""
        blocks = _blocks(document.lines)
        for block in blocks:
            _refuse_cut(block, len(document.lines))
        filled = [block for block in blocks if block.tables or "NTUPLES" in block.values]
        curves = [block for block in filled if any(block.tables.get(name) for name in _CURVES)]
        if not curves:
            raise _no_curve(filled[0] if filled else None, len(blocks))
        chosen = [block for block in curves if _other_method(block) is None] or curves
        extra = {"format": self.name}
        if others := [_block_name(block) for block in filled if block not in chosen]:
            extra["left_out"] = ", ".join(others)[:_MAX_VALUE]
        return tuple(_spectrum(block, extra, document, origin, index) for index, block in enumerate(chosen))


def _blocks(lines: Sequence[str]) -> list[_JcampBlock]:
    """Part the records into blocks; one that is linked to others is open while they are read."""
    found: list[_JcampBlock] = []
    opened: list[_JcampBlock] = []
    label, rows = "", None
    for number, text in enumerate(lines, 1):
        line = text.partition("$$")[0].strip()
        if not line.startswith("##"):
            if rows is not None and line:
                rows.append((number, line))
            elif opened and line:
                _add(opened[-1], label, line)
            continue
        label, _, value = line[2:].partition("=")
        plain = label.translate(_LABEL_FILLING).upper()
        if plain == "END" and opened:
            opened.pop().closed = True
        elif plain and plain != "END":
            if not opened or (plain == "TITLE" and "TITLE" in opened[-1].values):
                opened.append(_JcampBlock(number))
                found.append(_counted(opened[-1], len(found)))
            _add(opened[-1], label, value.strip())
        rows = opened[-1].tables.setdefault(plain, []) if opened and plain in _TABLES else None
    return found


def _counted(block: _JcampBlock, before: int) -> _JcampBlock:
    if before >= MAX_COLUMNS:
        raise FormatError(
            kind="too many blocks",
            place=f"line {block.line}",
            got=f"more than {MAX_COLUMNS} blocks",
            expected=f"at most {MAX_COLUMNS}",
            advice="Export fewer spectra per file",
        )
    return block


def _add(block: _JcampBlock, label: str, value: str) -> None:
    """Keep a record, or one more line of it."""
    name, plain = label.strip().lstrip(".$").strip().lower()[:_SHOWN], label.translate(_LABEL_FILLING).upper()[:_SHOWN]
    if name and (plain in block.values or len(block.values) < _MAX_LABELS):
        block.meta[name] = f"{block.meta.get(name, '')} {value}".strip()[:_MAX_VALUE]
        block.values[plain] = f"{block.values.get(plain, '')} {value}".strip()[:_MAX_VALUE]


def _refuse_cut(block: _JcampBlock, lines: int) -> None:
    """Refuse a block that does not end, unless it gives the number of its points: then those are counted."""
    if not block.closed and (block.number("NPOINTS") is None or not block.tables):
        raise FormatError(
            kind="missing ##END=",
            place=f"line {lines}",
            got="the end of the file",
            expected=f"##END= of the block of line {block.line}",
            advice=CUT_SHORT,
        )


def _other_method(block: _JcampBlock) -> str | None:
    """Return the technique that a block names; None for a Raman spectrum."""
    units, axis = (block.values.get(name, "").upper() for name in ("YUNITS", "XUNITS"))
    if "RAMAN" in block.kind or "RAMAN" in units:
        return None
    if block.kind not in _UNKNOWN_DATA_TYPES:
        return f"{safe(block.kind, _SHOWN)} (##DATA TYPE=)"
    if any(word in units for word in _NOT_COUNTS):
        return f"{safe(units, _SHOWN)} (##YUNITS=)"
    if axis and role(axis) in {Role.UNKNOWN, Role.OTHER, Role.COUNTS} and not any(word in axis.lower() for word in _MICRO):
        return f"{safe(units, _SHOWN)} over {safe(axis, _SHOWN)}"
    return None


def _no_curve(block: _JcampBlock | None, blocks: int) -> FormatError:
    place, got = (
        ("", f"{blocks} blocks without a table") if block is None else (f"line {block.line}", f"##{next(iter(block.tables), 'NTUPLES')}=")
    )
    return FormatError(kind="no curve", place=place, got=got, expected="##XYDATA= or ##XYPOINTS=", advice="Export the spectrum itself")


def _block_name(block: _JcampBlock) -> str:
    return (block.kind or "a block without a data type") + (" (peaks)" if "PEAKTABLE" in block.tables else "")


def _spectrum(block: _JcampBlock, extra: dict[str, str], document: FileContent, origin: Origin, index: int) -> Spectrum:
    meta = {key: value for key, value in block.meta.items() if value} | extra
    if found := re.search(_LONGDATE, meta.get("longdate", "")):
        meta["longdate"] = "{}-{}-{}T{}{}:{}".format(*found.groups())
    known = facts(meta).or_laser(document.laser_nm)
    label = next(name for name in _CURVES if block.tables.get(name))
    x, y = _curve(block, label)
    try:
        if other := _other_method(block):
            points, meta[OTHER_METHOD] = tidy(x, y), other
        else:
            points = tidy(to_shift(x, _kind(block), known.laser_nm, document.axis, raman=True), y)
    except FormatError as error:
        raise error.at(f"line {block.line}") from error
    return spectrum(points, origin, meta, known, index)


def _kind(block: _JcampBlock) -> AxisKind | None:
    """Return the kind of the axis from its units; None if the block does not state them."""
    units = block.values.get("XUNITS", "")
    if any(word in units.lower() for word in _MICRO):
        return AxisKind(Role.WAVELENGTH, 1e3, "µm")
    found = axis_kind(units) if units else None
    if found is None and role(units) in {Role.OTHER, Role.COUNTS}:
        raise FormatError(
            kind="unsupported axis unit",
            place="##XUNITS=",
            got=f"{safe(units, _SHOWN)}",
            expected="1/CM or NANOMETERS",
            advice="Export the spectrum over the Raman shift",
        )
    return found


def _curve(block: _JcampBlock, label: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the abscissas and ordinates of a table, with their factors."""
    from raman_edge.formats.asdf import ordinates, pairs  # noqa: PLC0415 - its expressions take longer to compile than most files to read

    rows, form = block.tables[label], block.values.get(label, "").replace(" ", "").upper()
    x_factor, y_factor = (block.number(name) or 1.0 for name in ("XFACTOR", "YFACTOR"))
    if not form.startswith((_STEPPED, _PAIRED)):
        raise FormatError(
            kind="unsupported table form",
            place=f"line {rows[0][0] - 1}: ##{label}=",
            got=f"{safe(form, _SHOWN)}",
            expected=f"{_STEPPED}) or {_PAIRED}",
        )

    def read(rows: list[Row]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if form.startswith(_STEPPED):
            found = ordinates(rows)
            _refuse_other_number(block, len(found.values), rows[-1][0])
            return _axis(block, found, x_factor), np.array(found.values) * y_factor
        x, y = pairs(rows)
        _refuse_other_number(block, len(x), rows[-1][0])
        if block.number("NPOINTS") is None and any("," in line for _, line in rows):
            _refuse_up_and_down(np.diff(x), rows[0][0])
        return np.array(x) * x_factor, np.array(y) * y_factor

    first, *others = _readings(block, rows, stepped=form.startswith(_STEPPED))
    try:
        return read(first)
    except FormatError:
        for other in others:
            with suppress(FormatError):
                return read(other)
        raise


def _readings(block: _JcampBlock, rows: list[Row], *, stepped: bool) -> list[list[Row]]:
    """Return the rows as their commas may be meant, the surest first: as decimal marks, or as they stand between numbers.

    A comma before a blank always separates two numbers.
    """
    if not any("," in line for _, line in rows):
        return [rows]
    decimal = [(number, _DECIMAL_COMMA.sub(".", line)) for number, line in rows]
    header = any(
        "," in block.values.get(name, "") for name in ("FIRSTX", "LASTX", "DELTAX", "XFACTOR", "YFACTOR", "FIRSTY", "MAXX", "MAXY")
    )
    tokens = [token for _, line in rows[:_SAMPLED_LINES] for token in re.split(r"[ \t;+]+|,(?=[ \t])", line) if token]
    single = all(token.count(",") <= 1 for token in tokens) and any(" " in line or "\t" in line for _, line in rows[:_SAMPLED_LINES])
    return [decimal, rows] if header or (stepped and single) else [rows, decimal]


def _refuse_up_and_down(steps: NDArray[np.float64], line: int) -> None:
    """Refuse abscissas that do not run one way, as those do that are torn from their decimals."""
    if steps.size and max(float(np.mean(steps > 0)), float(np.mean(steps < 0))) < _MONOTONIC_SHARE:
        raise FormatError(
            kind="axis not monotonic",
            place=f"line {line}",
            got="abscissas that go up and down",
            expected="one direction",
            advice="If the numbers have decimal commas, which JCAMP-DX does not have, export with decimal points",
        )


def _refuse_other_number(block: _JcampBlock, points: int, line: int) -> None:
    """Refuse a table with another number of points than its block declares."""
    declared = block.number("NPOINTS")
    if declared is not None and points < declared:
        raise FormatError(
            kind="wrong number of points",
            place=f"line {line}",
            got=f"{points} points",
            expected=f"{declared:g}, as ##NPOINTS= declares",
            advice=CUT_SHORT,
        )
    if declared is not None and points > declared:
        raise FormatError(
            kind="wrong number of points",
            place=f"line {line}",
            got=f"{points} points",
            expected=f"{declared:g}, as ##NPOINTS= declares",
            advice="If the numbers have decimal commas, which JCAMP-DX does not have, export with decimal points",
        )


def _axis(block: _JcampBlock, found: OrdinateTable, factor: float) -> NDArray[np.float64]:
    """Return the abscissas that the header gives, where every line begins with the one that its place has.

    Raises :class:`FormatError` with the first line that does not.
    """
    if not found.values:
        raise FormatError(kind="empty table", place=f"line {block.line}: ##XYDATA=", expected="lines of an X and its Ys")
    wrong: tuple[int, float, float] | None = None
    for x in _axes(block, found, factor):
        missed = _missing_points(x, found, factor)
        if missed is None:
            return x
        wrong = wrong or missed
    uneven = _uneven_step(block, found, factor) if block.number("NPOINTS") == len(found.values) else None
    if uneven is not None:
        return uneven
    if wrong is None:
        raise FormatError(
            kind="missing ##LASTX= or ##DELTAX=",
            place=f"line {block.line}",
            expected="the distance of the points",
            advice="Export the spectrum again",
        )
    raise FormatError(
        kind="wrong abscissa",
        place=f"line {wrong[0]}",
        got=f"X = {wrong[1]:g}",
        expected=f"{wrong[2]:g} from the header",
        advice="A line is missing or damaged: copy the file again",
    )


def _missing_points(x: NDArray[np.float64], found: OrdinateTable, factor: float) -> tuple[int, float, float] | None:
    """Return the first line that begins elsewhere than its place on the axis: its number, and both abscissas."""
    room = 1.01 * max(abs(float(x[-1] - x[0])) / max(1, x.size - 1), abs(factor))
    for index, begins, line in found.checks:
        expected = float(x[min(index, x.size - 1)])
        if not abs(begins * factor - expected) <= room:
            return line, begins * factor, expected
    return None


def _uneven_step(block: _JcampBlock, found: OrdinateTable, factor: float) -> NDArray[np.float64] | None:
    """Return the axis that the lines and ``##LASTX=`` give, where it bends smoothly; None where a line stands out.

    Dispersive instruments have no even axis, and some software writes it in a form that is made for one.
    """
    beyond, last = len(found.values) - 1, block.number("LASTX")
    known = {float(index): begins * factor for index, begins, _ in found.checks}
    if last is not None:
        known.setdefault(float(beyond), last)
    places, x = np.array(list(known)), np.array(list(known.values()))
    steps = np.diff(x) / np.diff(places)
    if places[-1] < beyond or steps.size < _LEAST_LINES or not (np.abs(steps[1:] / steps[:-1] - 1) < _EVEN_TOLERANCE).all():
        return None
    between: NDArray[np.float64] = np.interp(np.arange(len(found.values)), places, x)
    return between


def _axes(block: _JcampBlock, found: OrdinateTable, factor: float) -> Iterator[NDArray[np.float64]]:
    """Give the axes that the header may mean, the surest first."""
    first, last, delta = (block.number(name) for name in ("FIRSTX", "LASTX", "DELTAX"))
    points = np.arange(len(found.values), dtype=np.float64)
    start = found.checks[0][1] * factor if first is None else first
    if last is not None:
        yield np.linspace(start, last, points.size)
    if delta:
        yield start + delta * points
        yield start - delta * points
    if last is None and not delta and found.checks[-1][0] > 0:
        index, begins, _ = found.checks[-1]
        yield start + (begins * factor - start) / index * points
