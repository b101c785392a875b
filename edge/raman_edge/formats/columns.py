"""What the columns of a table hold, told from their names in the languages that instruments speak."""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache


class Role(Enum):
    """What a column holds."""

    SHIFT = "Raman shift"
    WAVENUMBER = "wavenumber"
    """cm⁻¹; software means the Raman shift by it, or 1e7 / wavelength."""
    WAVELENGTH = "wavelength"
    PIXEL = "pixel"
    PROCESSED = "processed counts"
    COUNTS = "counts"
    RAW = "raw counts"
    DARK = "dark"
    REFERENCE = "reference"
    OTHER = "something else"
    """Named, and neither an axis nor counts: a transmission, a time, an error."""
    UNKNOWN = "unknown"


AXES = (Role.SHIFT, Role.WAVENUMBER, Role.WAVELENGTH, Role.PIXEL)
"""The columns that can be an axis, the best first."""

# The first row with a word in the name wins: "dark subtracted" is not a dark, "Raman intensity" no shift.
# Latin words of up to four letters must stand alone.
_WORDS: tuple[tuple[Role, tuple[str, ...]], ...] = (
    (Role.OTHER, ("laser", "excitation", "irradiance", "transm", "absor", "extinction", "reflect", "%t", "%r", "emissivity")),
    (Role.OTHER, ("error", "stdev", "std", "sigma", "uncert", "temperature", "voltage", "time", "zeit", "date")),
    (Role.OTHER, ("theta", "mass", "m/z", "energy", "id", "year", "jahr", "month", "day")),
    (Role.PROCESSED, ("dark subtr", "dark corr", "background subtr", "background corr", "baseline subtr", "baseline corr", "processed")),
    (Role.PROCESSED, ("corrected", "korrigiert", "corrig", "corret", "net")),
    (Role.SHIFT, ("shift", "rel. cm", "rel cm", "rel. 1/cm", "relative wavenumber", "verschiebung", "verschuiving", "déplacement")),
    (Role.SHIFT, ("décalage", "desplazamiento", "spostamento", "deslocamento", "przesuni", "сдвиг", "位移", "シフト")),
    (Role.WAVELENGTH, ("wavelength", "wave length", "wellenlänge", "wellenlaenge", "longueur", "longitud", "lunghezz")),
    (Role.WAVELENGTH, ("comprimento", "golflengte", "długość fali", "длина волны", "波长", "波長", "lambda", "λ", "nanomet")),
    (Role.WAVENUMBER, ("wavenumber", "wave number", "wellenzahl", "nombre d", "número de onda", "numero de onda", "numero d")),
    (Role.WAVENUMBER, ("golfgetal", "liczba falowa", "волновое число", "波数", "波數")),
    (Role.PIXEL, ("pixel", "channel", "kanal", "index", "px", "nr", "no")),
    (Role.OTHER, ("baseline", "fit", "fitted")),
    (Role.DARK, ("dark", "background", "dunkel", "untergrund", "bkg", "bg")),
    (Role.REFERENCE, ("reference", "referenz", "white", "ref")),
    (Role.RAW, ("raw", "roh", "rohdaten", "brut")),
    (Role.COUNTS, ("intens", "count", "cnt", "cts", "cps", "a.u.", "arb", "signal", "spectrum", "zähl", "интенс", "強度", "强度")),
    (Role.WAVENUMBER, ("cm-1", "cm^-1", "cm -1", "cm^(-1)", "1/cm", "/cm")),
    (Role.WAVELENGTH, ("nm",)),
)
_EXACT = {"wave": Role.WAVENUMBER, "#": Role.PIXEL, "y": Role.COUNTS, "raman": Role.COUNTS}
_JAZ = {"w": Role.WAVELENGTH, "d": Role.DARK, "r": Role.REFERENCE, "s": Role.RAW, "p": Role.OTHER}
"""Ocean Optics' Jaz: wavelength, dark, reference, sample, and what was made of the three."""
_LETTERS = re.compile(r"[^\W\d_]+")
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_UNITS = frozenset(
    {"cm-1", "cm^-1", "1/cm", "rel. 1/cm", "nm", "px", "a.u.", "a. u.", "arb. u.", "arb. units", "counts", "cts", "cnt", "cps", "ccd cts"}
)
_SHORT = 4


@lru_cache(maxsize=256)
def role(name: str) -> Role:
    """Tell a column's role from its name."""
    plain = _plain(name)
    if not plain or (plain[0].isdigit() and not plain.startswith("1/cm")):
        return Role.UNKNOWN
    if plain in _EXACT:
        return _EXACT[plain]
    letters = frozenset(_LETTERS.findall(plain))
    for found, words in _WORDS:
        if any(word in letters if word.isalpha() and len(word) <= _SHORT and word.isascii() else word in plain for word in words):
            return found
    return Role.UNKNOWN


def roles(names: tuple[str, ...]) -> tuple[Role, ...]:
    """Tell the roles of a table's columns; letters mean something only where all of them stand together."""
    letters = tuple(name.lower() for name in names)
    if {*letters} == {*_JAZ}:
        return tuple(_JAZ[letter] for letter in letters)
    return tuple(role(name) for name in names)


def is_units(names: tuple[str, ...]) -> bool:
    """Whether a row of names holds units only, so that the names are in the row above."""
    plain = [_plain(name).strip("()[]") for name in names if name]
    return bool(plain) and all(name in _UNITS for name in plain)


def axis_column(roles: tuple[Role, ...]) -> int | None:
    """Return the index of the best axis among the columns; None where no name is an axis's."""
    return next((roles.index(wanted) for wanted in AXES if wanted in roles), None)


def _plain(name: str) -> str:
    """Fold case, superscripts, dashes and underscores: ``Raman_Shift (cm⁻¹)`` becomes ``raman shift (cm-1)``."""
    folded = unicodedata.normalize("NFKC", name[:200]).casefold()
    folded = folded.replace("\u2212", "-").replace("\u2013", "-").replace("_", " ")
    return " ".join(_HYPHEN.sub(" ", folded).split())
