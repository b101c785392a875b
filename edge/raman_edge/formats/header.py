"""The lines above a table: everything as text, and laser, exposure, axis and time as values."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import AXES, AxisKind, Role, axis_kind, header_unit
from raman_edge.formats.document import CUT_SHORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

Found = TypeVar("Found")
_MAX_LINES = 500
"""Header lines that are kept."""
_MAX_KEY = 80
_MAX_VALUE = 500
"""Characters that are kept of a value."""
_PAIR = re.compile(r"[=:\t;,]")
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LETTERS = re.compile(r"[^\W\d_]+")
LASER_NM = (150.0, 2000.0)
"""Wavelengths of lasers that Raman instruments have, with room."""
FROM_FILE, FROM_OPTION = "file", "option"
_SECONDS = {
    **dict.fromkeys(("usec", "us", "µs", "μs", "microsec", "microseconds", "мкс", "微秒"), 1e-6),
    **dict.fromkeys(("ms", "msec", "millisec", "milliseconds", "мс", "毫秒", "ミリ秒"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sek", "seg", "с", "сек", "秒"), 1.0),
}
_NO_LASER_WAVELENGTH = ("power", "current", "temp", "enable", "level", "mode", "serial", "status", "leistung", "strom")
_LASER = ("laser", "excit", "anregung", "激光", "レーザー", "лазер")
_WAVELENGTH_WORDS = ("wave", "wellenl", "longueur d", "longitud de", "lunghezza d", "comprimento de", "длина волны", "波长", "波長", "nm")
_NM = re.compile(r"(?<![0-9.,])([0-9]{3,4}(?:[.,][0-9]+)?) ?nm(?![a-z])", re.IGNORECASE)
"""As in ``532nm_Edge``."""
_EXPOSED = ("integ", "intig", "exposure", "expos", "esposiz", "belicht", "интегр", "экспоз", "выдержк")
"""How words for the exposure begin; "intigration" is how BWSpec spells it."""
_EXPOSED_ANYWHERE = ("积分时间", "積分時間", "曝光时间", "露光時間")
_AXIS = ("axis", "achse", "xunit", "x unit", "轴", "軸")
_AXIS_WORDS = frozenset({"axe", "eje", "asse", "eixo", "ось"})
_RANGES = (
    "range",
    "bereich",
    "plage",
    "gamme",
    "rango",
    "intervallo",
    "intervalo",
    "limits",
    "abscissa",
    "datakind",
    "unit",
    "einheit",
    "zakres",
)
_RANGE_END_WORDS = frozenset({"from", "to", "start", "stop", "end", "first", "last", "begin", "min", "max", "von", "bis", "spectro"})
"""Keys with one of these and a unit state the unit of the axis: LabSpec's ``#Range (nm)=``."""
_OTHER_QUANTITIES = (
    *(
        "laser",
        "excit",
        "anregung",
        "step",
        "slit",
        "resol",
        "res.",
        "cent",
        "blaze",
        "grating",
        "filter",
        "hole",
        "power",
        "time",
        "integ",
    ),
    *("temp", "gain", "stage", "scan", "map", "size", "sizex", "image", "date", "dynamic", "voltage", "data unit", "dataunit"),
)
_UNIT_BEHIND = re.compile(r"[0-9.,]\s*((?:1\s*/\s*|rel\.?\s*)?[^\W\d_]{1,9}(?:\^?[-\u2212\u207b][1\u00b9])?)\s*$")
_POSITIVE = re.compile(r"[0-9]+(?:[.,][0-9]+)?")
_INSIDE = re.compile(r"[(\[]([^()\[\]]+)[)\]]")
_SHORT_LINE = 16
_RANGE_MARGIN = 0.1
"""Share of a range in the header by which the axis may go beyond it."""
_RAMAN = re.compile(r"raman|cm ?\^?\(?[-\u2212\u207b][1\u00b9]|1 ?/ ?cm", re.IGNORECASE)
_POINTS = (
    *("number of pixels", "number of points", "pixel num", "pixel count", "pixels", "data points", "npoints", "sizegraph"),
    *("anzahl der pixel", "anzahl pixel", "anzahl der punkte", "anzahl punkte", "nombre de pixels", "nombre de points"),
    *("numero de pixel", "numero de punt", "numero di pixel", "numero di punt"),
)
"""How keys for the number of rows begin."""
_POINTS_ANYWHERE = ("像素数", "画素数", "число пикселеи", "число точек")
_ACCENTS = re.compile("[\u0300-\u036f]")
_FACT_WORDS = (
    *(*_LASER, "wl", *_EXPOSED, *_EXPOSED_ANYWHERE, "acq", "unit", "saturation", "time", "date", *_AXIS, *_AXIS_WORDS),
    *_RANGES,
    *_RANGE_END_WORDS,
    *("pixel", "point", "punkt", "punt", "sizegraph", "all data save", *_POINTS_ANYWHERE),
)
"""Keys without any of these state no fact; headers have a hundred of them."""
_HAS_FACT_WORD = re.compile("|".join(map(re.escape, _FACT_WORDS)))
_MOST_POINTS = 1e6
_OCEAN = ("SpectraSuite", "OOIBase", ">>>>>")
"""Programs of Ocean Optics, in any language, write wavelengths unless their header says otherwise."""


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What a header says that changes how its table is read."""

    laser_nm: float | None = None
    """Excitation, nm; None is unknown."""
    laser_from: str = FROM_FILE
    """Source of the laser wavelength: the file or the option."""
    exposure_s: float | None = None
    """Exposure, s; None is unknown."""
    saturation: float | None = None
    """Counts at which the detector saturates; None is unknown."""
    taken_at: datetime | None = None
    """None is unknown, and so is a time without a time zone: it stays in the meta as text."""
    points: int | None = None
    """Rows that the table has by its own account; None is unknown."""
    axis: AxisKind | None = None
    """What the header says the first column is."""
    axis_range: tuple[float, float] | None = None
    """Where the axis runs from and to by the header, in the unit of :attr:`axis`; None is unknown."""
    raman: bool = False
    """Whether the header speaks of Raman spectra or of cm⁻¹."""

    def tells_shifts(self, values: NDArray[np.float64]) -> bool:
        """Whether the header speaks for Raman shifts on an axis: by a word, or by a laser whose wavelength lies above all of them."""
        beyond = self.laser_nm is not None and self.laser_from == FROM_FILE and bool(np.nanmax(values, initial=0.0) < self.laser_nm)
        return self.raman or beyond

    def axis_of(self, values: NDArray[np.float64]) -> AxisKind | None:
        """Return what the header says of an axis with these values; None where they lie outside of the range that it gives."""
        if self.axis is None or self.axis_range is None:
            return self.axis
        low, high = self.axis_range
        room = _RANGE_MARGIN * (high - low)
        known = values[values == values]  # noqa: PLR0124 - without NaN
        return self.axis if known.size and known.min() >= low - room and known.max() <= high + room else None

    def or_laser(self, laser_nm: float | None, laser_from: str = FROM_OPTION) -> HeaderFacts:
        """Return these facts with ``laser_nm`` (nm) where the file names no laser: what the file says takes precedence."""
        if self.laser_nm is not None or laser_nm is None:
            return self
        return replace(self, laser_nm=laser_nm, laser_from=laser_from)


def pairs(lines: Iterable[str]) -> dict[str, str]:
    """Return ``key: value``, ``key=value``, ``key<tab>value`` … lines as text, keys in lower case; the first of a key stays."""
    meta: dict[str, str] = {}
    for line in list(lines)[:_MAX_LINES]:
        key, value = _pair(line[: _MAX_KEY + _MAX_VALUE])
        if key and value:
            meta.setdefault(key[:_MAX_KEY].lower(), value[:_MAX_VALUE])
    return meta


def facts(meta: Mapping[str, str], above: Iterable[str] = ()) -> HeaderFacts:
    """Read laser, exposure, axis and time out of a header.

    Parameters
    ----------
    meta : mapping
        Keys in lower case and their texts, as :func:`pairs` returns them.
    above : iterable of str
        Lines above the table that are no pairs.

    Returns
    -------
    HeaderFacts
        Wavelength of the laser in nm, exposure in s, range of the axis; None is unknown.
    """
    folded = ((_folded(key), value) for key, value in meta.items())
    meta = {key: value for key, value in folded if _HAS_FACT_WORD.search(key)}
    above = list(above)[:_MAX_LINES]
    axis, limits = _first(meta, _axis), None
    if axis is None and (found := _first(meta, _axis_range)):
        axis, limits = found
    if axis is None:
        axis = _unit_on_its_own_line(above)
    if axis is None and any(line.startswith(_OCEAN) for line in above):
        axis = AxisKind(Role.WAVELENGTH)
    return HeaderFacts(
        laser_nm=_first(meta, _laser),
        exposure_s=_first(meta, lambda key, value: _exposure(key, value, meta)),
        saturation=_first(meta, lambda key, value: positive(value) if "saturation" in key else None),
        taken_at=_first(meta, _taken_at),
        points=None if meta.get("all data save") == "0" else _first(meta, _declared),
        axis=axis,
        axis_range=limits,
        raman=any(_RAMAN.search(line[: _MAX_KEY + _MAX_VALUE]) for line in above),
    )


def refuse_cut(known: HeaderFacts, rows: int) -> None:
    """Refuse a table with fewer rows than its header declares."""
    if known.points is not None and rows < known.points:
        raise FormatError(
            kind="wrong number of rows", got=f"{rows} rows", expected=f"{known.points}, as the header declares", advice=CUT_SHORT
        )


def positive(text: str) -> float | None:
    """Return the first number in a text, decimal comma or point, where it is above 0 and finite."""
    found = _NUMBER.search(text)
    value = float(found[0].replace(",", ".")) if found else 0.0
    return value if 0 < value < math.inf else None


def _pair(line: str) -> tuple[str, str]:
    line = line.strip().lstrip("#%!*/ ")
    if not line.isascii():
        line = line.replace("：", ":")
    found = _PAIR.search(line)
    if found is None:
        return "", ""
    return line[: found.start()].strip(), line[found.end() :].strip(" \t;,")


def _first(meta: Mapping[str, str], find: Callable[[str, str], Found | None]) -> Found | None:
    """Return what ``find`` makes of the first pair that means something to it."""
    return next((found for key, value in meta.items() if (found := find(key, value)) is not None), None)


def _folded(key: str) -> str:
    """Fold case, the accents of letters, and underscores: ``Láser_Wavelength`` is found under ``laser``."""
    if key.isascii():
        return key.lower().replace("_", " ")
    apart = unicodedata.normalize("NFKD", key.casefold().replace("_", " "))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))


def _laser(key: str, value: str) -> float | None:
    words = _LETTERS.findall(key)
    if any(word in key for word in _NO_LASER_WAVELENGTH) or not (any(word in key for word in _LASER) or words == ["wl"]):
        return None
    named = _NM.search(value)
    says_so = named or any(word in key for word in _WAVELENGTH_WORDS) or (len(words) == 1 and _NUMBER.fullmatch(value))
    nm = positive(named[1] if named else value)
    return nm if says_so and nm is not None and LASER_NM[0] <= nm <= LASER_NM[1] else None


def _declared(key: str, value: str) -> int | None:
    if (
        not (key.startswith(_POINTS) or any(word in key for word in _POINTS_ANYWHERE))
        or not value.isdecimal()
        or not 0 < int(value[:9]) <= _MOST_POINTS
    ):
        return None
    return int(value[:9])


def _exposure(key: str, value: str, meta: Mapping[str, str]) -> float | None:
    words = _LETTERS.findall(key)
    begins = any(word.startswith(_EXPOSED) for word in words)
    known = begins or {"acq", "time"} <= {*words} or any(word in key for word in _EXPOSED_ANYWHERE)
    duration = positive(value)
    if not known or "unit" in words or duration is None:
        return None
    elsewhere = _first(meta, lambda other, text: text.lower() if "integ" in other and "unit" in other else None)
    for word in (*words, *_LETTERS.findall(value.lower()), elsewhere or ""):
        if word in _SECONDS:
            return duration * _SECONDS[word]
    return None


def _taken_at(key: str, value: str) -> datetime | None:
    if not any(word in key for word in ("time", "date", "acquired")):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _axis(key: str, value: str) -> AxisKind | None:
    if key.startswith("y") or not (any(word in key for word in _AXIS) or _AXIS_WORDS & {*_LETTERS.findall(key)}):
        return None
    found = axis_kind(value)
    return found if found is not None and found.role in AXES else None


def _axis_range(key: str, value: str) -> tuple[AxisKind, tuple[float, float] | None] | None:
    """Return the unit of the axis that a key such as ``range (nm)`` states, and the range after it."""
    words = {*_LETTERS.findall(key)}
    if (
        key.startswith("y")
        or any(word in key for word in _OTHER_QUANTITIES)
        or not (any(word in key for word in _RANGES) or words & _RANGE_END_WORDS)
    ):
        return None
    behind = _UNIT_BEHIND.search(value)
    unit = _bracketed_unit(key) or header_unit(value) or (header_unit(behind[1]) if behind else None)
    if unit is None:
        return None
    ends = [float(number.replace(",", ".")) for number in _POSITIVE.findall(value[:_MAX_KEY])][:2]
    limits = (min(ends), max(ends)) if len(ends) == 2 and ends[0] != ends[1] else None  # noqa: PLR2004 - from and to
    # Lengths in µm may belong to the stage: only one that is the range of the axis counts.
    return (unit, limits) if limits or unit.unit in {"nm", "cm-1"} else None


def _bracketed_unit(key: str) -> AxisKind | None:
    inside = _INSIDE.search(key)
    return header_unit(inside[1]) if inside else None


def _unit_on_its_own_line(above: Iterable[str]) -> AxisKind | None:
    """Return the unit that stands alone on a line of the header; None where there is none, or more than one."""
    short = [line for line in above if 0 < len(line) < _SHORT_LINE and not any(letter.isdigit() for letter in line[1:-2])]
    units = [header_unit(part) for line in short for part in (line, *line.split()[1:])]
    found = {unit for unit in units if unit is not None and unit.role is not Role.PIXEL}
    return found.pop() if len(found) == 1 else None
