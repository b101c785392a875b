"""What the lines above a table say: everything as text, and of it the laser, the exposure, the axis, the time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from raman_edge.formats.columns import AXES, Role, role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    **dict.fromkeys(("usec", "us", "µs", "μs", "microsec", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "msec", "millisec", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
}
_NO_LASER_WAVELENGTH = ("power", "current", "temp", "enable", "level", "mode", "serial", "status")
_SPECTRASUITE = "SpectraSuite Data File"
"""First line of a format that never names its axis; the program writes wavelengths unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a header says that changes how its table is read."""

    laser_nm: float | None = None
    """Excitation, nm; None is unknown."""
    laser_from: str = FROM_FILE
    """Who says what the laser is: the file, or whoever had it read."""
    exposure_s: float | None = None
    """Exposure, s; None is unknown."""
    saturation: float | None = None
    """Counts at which the detector saturates; None is unknown."""
    taken_at: datetime | None = None
    """None is unknown, and so is a time without a time zone: it stays in the meta as text."""
    axis: Role | None = None
    """What the header says the first column is."""

    def or_laser(self, laser_nm: float | None) -> Facts:
        """Return these facts with ``laser_nm`` (nm) where the file names no laser: what a file says itself wins."""
        if self.laser_nm is not None or laser_nm is None:
            return self
        return replace(self, laser_nm=laser_nm, laser_from=FROM_OPTION)


def pairs(lines: Iterable[str]) -> dict[str, str]:
    """Return ``key: value``, ``key=value``, ``key<tab>value`` … lines as text, keys in lower case; the first of a key stays."""
    meta: dict[str, str] = {}
    for line in list(lines)[:_MAX_LINES]:
        key, value = _pair(line[: _MAX_KEY + _MAX_VALUE])
        if key and value:
            meta.setdefault(key[:_MAX_KEY].lower(), value[:_MAX_VALUE])
    return meta


def facts(meta: Mapping[str, str], first_line: str = "") -> Facts:
    """Read the facts out of a header's pairs."""
    axis = _first(meta, _axis)
    if axis is None and first_line.startswith(_SPECTRASUITE):
        axis = Role.WAVELENGTH
    return Facts(
        laser_nm=_first(meta, _laser),
        exposure_s=_first(meta, lambda key, value: _exposure(key, value, meta)),
        saturation=_first(meta, lambda key, value: positive(value) if "saturation" in key else None),
        taken_at=_first(meta, _taken_at),
        axis=axis,
    )


def positive(text: str) -> float | None:
    """Return the first number in a text, decimal comma or point, where it is above 0 and finite."""
    found = _NUMBER.search(text)
    value = float(found[0].replace(",", ".")) if found else 0.0
    return value if 0 < value < math.inf else None


def _pair(line: str) -> tuple[str, str]:
    line = line.strip().lstrip("#%!*/ ")
    found = _PAIR.search(line)
    if found is None:
        return "", ""
    return line[: found.start()].strip(), line[found.end() :].strip(" \t;,")


def _first(meta: Mapping[str, str], find: Callable[[str, str], Found | None]) -> Found | None:
    """Return what ``find`` makes of the first pair that means something to it."""
    return next((found for key, value in meta.items() if (found := find(key, value)) is not None), None)


def _laser(key: str, value: str) -> float | None:
    words = _LETTERS.findall(key)
    if any(word in key for word in _NO_LASER_WAVELENGTH) or not ("laser" in key or "excit" in key or words == ["wl"]):
        return None
    says_so = "wave" in key or "nm" in words or value.lower().endswith("nm") or len(words) == 1
    nm = positive(value)
    return nm if says_so and nm is not None and LASER_NM[0] <= nm <= LASER_NM[1] else None


def _exposure(key: str, value: str, meta: Mapping[str, str]) -> float | None:
    words = _LETTERS.findall(key)
    # "intigration" is how BWSpec spells it.
    known = any(word.startswith(("integ", "intig", "exposure")) for word in words) or {"acq", "time"} <= {*words}
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


def _axis(key: str, value: str) -> Role | None:
    if key.startswith("y") or not any(word in key for word in ("axis", "xunit", "x unit")):
        return None
    found = role(value)
    return found if found in AXES else None
