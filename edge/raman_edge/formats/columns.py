"""What the columns of a table hold, from their names in the languages that instruments speak.

A name has a head and may have a unit: ``Wavelength (cm-1)``, ``λ / nm``, ``raman_shift_cm1``. Where both
say what an axis is and disagree, the unit decides. A word of the head decides alone only where every
other word of the name is known too: ``Dark #1`` is a dark, ``Vein 2 dark`` is a sample.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
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
    SIGMA = "error or deviation"
    OTHER = "not counts"
    """Named, and neither an axis nor counts: a transmission, a time, a fit."""
    UNKNOWN = "unknown"


AXES = (Role.SHIFT, Role.WAVENUMBER, Role.WAVELENGTH, Role.PIXEL)
"""The columns that can be an axis, the best first."""


@dataclass(frozen=True, slots=True)
class AxisKind:
    """What an axis holds, and in which unit."""

    role: Role
    """One of :data:`AXES`."""
    factor: float = 1.0
    """To nm or to cm⁻¹."""
    unit: str = ""
    """As messages call it; empty where the file names none."""
    doubt: str = ""
    """A contradiction, such as ``a Raman shift in nm``, that only the user can resolve; empty for none."""
    assumed: bool = False
    """Whether only a program's habit decides, and no unit: a value that looks like a wavelength then needs an option."""


CM_PER_EV = 8065.543937
"""cm⁻¹ of one eV (CODATA 2018)."""
_AXIS_UNITS: dict[str, AxisKind] = {
    "cm-1": AxisKind(Role.WAVENUMBER, 1.0, "cm-1"),
    "rel. cm-1": AxisKind(Role.SHIFT, 1.0, "cm-1"),
    "nm": AxisKind(Role.WAVELENGTH, 1.0, "nm"),
    "um": AxisKind(Role.WAVELENGTH, 1e3, "µm"),
    "angstrom": AxisKind(Role.WAVELENGTH, 0.1, "Å"),
    "ev": AxisKind(Role.WAVENUMBER, CM_PER_EV, "eV"),
    "mev": AxisKind(Role.WAVENUMBER, CM_PER_EV / 1e3, "meV"),
    "px": AxisKind(Role.PIXEL, 1.0, "pixels"),
}
_SPELT = {
    **dict.fromkeys(("cm-1", "1/cm", "/cm", "cm1", "percm", "invcm", "inversecm", "reciprocalcm", "kayser", "см-1", "1/см"), "cm-1"),
    **dict.fromkeys(("rel.cm-1", "rel.1/cm", "relcm-1", "rel1/cm", "deltacm-1", "δcm-1"), "rel. cm-1"),
    **dict.fromkeys(
        ("nm", "nanometer", "nanometers", "nanometre", "nanometres", "nanometro", "nanometri", "nanometros", "нм", "нанометр"), "nm"
    ),
    **dict.fromkeys(("纳米", "奈米", "ナノメートル"), "nm"),
    **dict.fromkeys(("um", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres", "mikrometer"), "um"),
    **dict.fromkeys(("мкм", "微米"), "um"),
    **dict.fromkeys(("å", "angstrom", "angstroms", "ångström", "aa"), "angstrom"),
    **dict.fromkeys(("ev", "electronvolt", "electronvolts", "эв"), "ev"),
    **dict.fromkeys(("mev", "мэв"), "mev"),
    **dict.fromkeys(("px", "pix", "pixel", "pixels"), "px"),
}
_CM = re.compile(r"(rel\.?)?cm[-^*⁻?\ufffdâ»âÂ]{1,4}1")
"""cm⁻¹ as it is left when an encoding is taken for another: ``cm�1``."""
_TEX = re.compile(r"cm ?(?:\$?\^?\{ ?- ?1 ?\}\$?|\^?\( ?- ?1 ?\)|\*\* ?\(?-1\)?|\$?\^ ?-1\$?|\$\^\{?-1\}?\$)")
"""cm⁻¹ in the spellings of TeX and Python."""
_DENSITY = re.compile(
    r"\b(?:[mµμu]?w|[mµμu]?j|counts?|cts|cnt|cps|photons?|a\. ?u\.?|au|adu|electrons?|e-|lx|lm|lumen|lux)[ ·.*]*(?:/|(?:c?m|nm|s)\^?-[0-9])"
)
"""Units per area, time or wavelength are not units of an axis: ``mW/cm²``, ``µW/cm²/nm``, ``counts/nm``."""
_POWER = re.compile(r"(?<![a-z])[mµμu]?w ?(?:/|[ ·.*](?:c?m|nm)\^?-[0-9])")
"""A power per area or wavelength is not counts."""
_OTHER_UNITS = frozenset(
    {"thz", "ghz", "mhz", "hz", "khz", "1/m", "m-1", "kev", "j", "kj/mol", "kcal/mol", "mm", "m", "pm", "1/nm", "1/um"}
)
"""Units that an axis may have and that are not converted."""

# The first row with a word in the name wins: "dark subtracted" is not a dark, "Raman intensity" no shift.
# Latin words of up to four letters must stand alone.
_QUANTITIES = ("irradiance", "radiance", "transm", "absor", "extinction", "reflect", "remission", "%t", "%r", "emissivity", "kubelka")
_SIGMAS = ("error", "stdev", "std", "stddev", "sigma", "uncert", "deviation", "variance", "rsd", "sem", "standardabweichung", "fehler")
_CONDITIONS = (
    *(
        "laser",
        "excitation",
        "anregung",
        "temperature",
        "temperatur",
        "voltage",
        "time",
        "zeit",
        "temps",
        "tiempo",
        "tempo",
        "date",
        "datum",
    ),
    *("theta", "mass", "m/z", "energy", "energie", "id", "year", "jahr", "month", "monat", "day", "tag", "power", "leistung", "current"),
    *("humidity", "exposure", "integration", "frequency", "frequenz"),
)
"""Also what a series of samples is named by: ``Day 1``, ``Laser spot A``, ``Mass 12 mg``."""
_WORDS: tuple[tuple[Role, tuple[str, ...]], ...] = (
    (Role.PROCESSED, ("dark subtr", "dark corr", "background subtr", "background corr", "baseline subtr", "baseline corr", "processed")),
    (Role.PROCESSED, ("corrected", "korrigiert", "corrig", "corret", "net", "bereinigt", "verarbeitet")),
    (Role.SHIFT, ("shift", "rel. cm", "rel cm", "rel. 1/cm", "relative wavenumber", "verschiebung", "verschuiving", "déplacement")),
    (Role.SHIFT, ("décalage", "desplazamiento", "spostamento", "deslocamento", "przesuni", "сдвиг", "位移", "シフト")),
    (Role.OTHER, ("laser", "excitation", "anregung")),
    (Role.OTHER, _QUANTITIES),
    (Role.SIGMA, _SIGMAS),
    (Role.OTHER, _CONDITIONS),
    (Role.WAVELENGTH, ("wavelength", "wave length", "wellenlänge", "wellenlaenge", "longueur", "longitud", "lunghezz", "wavelen")),
    (Role.WAVELENGTH, ("comprimento", "golflengte", "długość fali", "длина волны", "波长", "波長", "lambda", "λ", "nanomet", "w.length")),
    (
        Role.WAVELENGTH,
        ("wl", "wvl", "wlen", "wvlen", "w length", "wlength", "våglängd", "bølgelængde", "hullámhossz", "vlnová délka", "파장"),
    ),
    (Role.WAVENUMBER, ("wavenumber", "wave number", "wavenum", "wellenzahl", "nombre d", "número de onda", "numero de onda", "numero d")),
    (Role.WAVENUMBER, ("golfgetal", "liczba falowa", "волновое число", "波数", "波數", "파수", "vlnočet", "vågtal", "wn")),
    (Role.PIXEL, ("pixel", "channel", "kanal", "canal", "index", "px", "nr", "no", "пиксел", "像素", "画素")),
    (Role.OTHER, ("baseline", "fit", "fitted")),
    (
        Role.DARK,
        ("dark", "background", "dunkel", "untergrund", "hintergrund", "bkg", "bkgd", "bg", "obscurité", "oscuro", "темн", "背景", "暗"),
    ),
    (Role.REFERENCE, ("reference", "referenz", "référence", "referencia", "riferimento", "white", "ref", "参照", "参考")),
    (Role.RAW, ("raw", "roh", "rohdaten", "brut", "crudo", "grezz", "原始")),
    (Role.COUNTS, ("intens", "count", "cnt", "cts", "cps", "a.u.", "arb", "signal", "spectrum", "zähl", "интенс", "強度", "强度", "계수")),
    (Role.WAVENUMBER, ("cm-1", "cm^-1", "cm -1", "cm^(-1)", "1/cm")),
    (Role.WAVELENGTH, ("nm",)),
)
_EXACT = {"wave": Role.WAVENUMBER, "#": Role.PIXEL, "y": Role.COUNTS, "raman": Role.COUNTS}
_JAZ = {"w": Role.WAVELENGTH, "d": Role.DARK, "r": Role.REFERENCE, "s": Role.RAW, "p": Role.OTHER}
"""Ocean Optics' Jaz: wavelength, dark, reference, sample, and what was made of the three."""
_LETTERS = re.compile(r"[^\W\d_]+")
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_SHORT = 4
_BRACKETED = re.compile(r"[(\[{]([^()\[\]{}]*(?:\([^()]*\)[^()\[\]{}]*)?)[)\]}]")
_TAIL = re.compile(
    r"(.*[^0-9\s,/.:])(?:[\s,:]+|[\s.,]*/\s*|\.)((?:rel\.?\s*)?(?:1\s*/\s*cm|/\s*cm|cm\W{0,4}1\W{0,2})|nm|µm|μm|um|å|angstroms?|m?ev)"
)
"""A name and the unit behind it, without brackets: ``λ / nm``, ``wavelength_nm``, ``Wellenzahl 1/cm``."""
_SIGNS = re.compile(r"\ba\. ?u\.|%[tr]{1,2}\b|\b[dl]['’ ](?=\w)|\bm/z\b|\bw\.(?=length)|/ ?s\b")
_ACCENTS = re.compile("[\u0300-\u036f]")
_IDEOGRAMS = re.compile("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_IDEOGRAPHIC = re.compile(
    "暗|背景|参照|参考|原始|強度|强度|计数|計数|信号|光谱|光譜|スペクトル|データ|数据|數據|拉曼|ラマン|位移|シフト|波長|波长|波数|波數|像素|画素|계수|파장|파수"
)
_COUNTED = frozenset({Role.COUNTS, Role.PROCESSED, Role.RAW, Role.DARK, Role.REFERENCE, Role.SIGMA})
_DELTA = re.compile(r"\bdelta\b|δ|∆")
_ENERGIES = ("energ", "frequ")
_ENGLISH_UNITS = ("counts", "cts", "cnt", "cps", "a.u.", "a. u.", "arb. u.", "arb. units", "au", "ccd cts", "adu", "%")
_MOST = 200
"""Characters of a name that are looked at."""

# Words without meaning beside a word of a role, and the words of the roles in all their forms.
_FILLERS_TEXT = """
spectrum spectra spektrum spektren spectre spectres espectro espectros spettro spettri widmo спектр data daten donnees datos dati
dados данные value values wert werte valeur valor valore measurement messung mesure medida misura scan ccd detector detektor
sensor average averaged mean mittelwert mittel of the de du des der die das del di da do in per light spectral spektral column
raman stokes axis achse axe eje asse eixo number nummer num nombre numero units unit arbitrary arb au rel relative electrical
"""
_FILLERS = frozenset(_FILLERS_TEXT.split())
_KNOWN_TEXT = """
shift shifts wavenumber wavenumbers wave length wavelength wavelengths wellenzahl wellenzahlen wellenlange wellenlaenge longueur
longitud onde onda ondas lunghezza lunghezze comprimento comprimentos golflengte golfgetal lambda λ nanometer nanometers wl wvl
wlen wvlen wlength wn wavenum wavelen pixel pixels channel kanal canal index px pix nr no dark background backgrounds dunkel
untergrund hintergrund bkg bkgd bg obscurite oscuro white reference references referenz referencia riferimento ref raw roh
rohdaten brut brute crudo grezzo processed corrected korrigiert corrigee corrige corretto corregido net bereinigt subtracted
subtraction subtr corr baseline fit fitted fitting intensity intensities intensitat intensitaten intensite intensidad intensita
intensidade count counts cnt cts cps signal error err errors stdev std stddev sigma deviation standard uncertainty variance rsd
sem sd standardabweichung fehler irradiance radiance transmission transmittance absorption absorbance extinction reflectance
reflection reflectivity remission emissivity kubelka munk laser excitation anregung temperature temperatur voltage time zeit temps
tiempo tempo date datum theta mass energy energie id year jahr month monat day tag power leistung current humidity exposure
integration frequency frequenz photon verschiebung verschuiving deplacement decalage desplazamiento spostamento deslocamento
przesuniecie dunkelspektrum dunkelstrom referenzspektrum rohspektrum vaglangd hullamhossz
"""
_KNOWN = frozenset(_KNOWN_TEXT.split())
_WEAK_TEXT = """
white net no nr index channel kanal canal laser excitation anregung temperature temperatur voltage time zeit temps tiempo tempo
date datum theta mass id year jahr month monat day tag power leistung current humidity exposure integration frequency frequenz
energy energie fit fitted ref references brut brute crudo raw roh bg
"""
_WEAK = frozenset(_WEAK_TEXT.split())
"""Words that are as good a name of a sample, where the table does not speak of anything else."""
_PAIRED = frozenset(
    {
        frozenset({Role.DARK, Role.PROCESSED}),
        frozenset({Role.OTHER, Role.PROCESSED}),
        frozenset({Role.SHIFT, Role.WAVENUMBER}),
        frozenset({Role.OTHER, Role.WAVELENGTH}),
        frozenset({Role.PIXEL, Role.WAVELENGTH}),
        frozenset({Role.DARK, Role.REFERENCE}),
        frozenset({Role.OTHER, Role.SIGMA}),
    }
)
"""Roles that may stand in one name: ``laser wavelength``, ``dark corrected``."""


@dataclass(frozen=True, slots=True)
class ColumnName:
    """The meaning of the name of a column."""

    text: str
    """As the file has it."""
    role: Role
    """The quantity that its words name, without regard to other words."""
    axis: AxisKind | None
    """What the axis is that the name may be of; None where it is of none."""
    whole: bool
    """Whether nothing but known words stands in it, so that no sample can be meant."""
    weak: bool
    """Whether its words are as good a name of a sample."""
    sample: tuple[str, ...]
    """The words and numbers beside those of the role: what was measured."""

    @property
    def has_unit(self) -> bool:
        """Whether a unit in brackets makes it a quantity."""
        return _BRACKETED.search(self.text) is not None


@lru_cache(maxsize=256)
def role(name: str) -> Role:
    """Return the meaning of a name or a unit from any word in it; a unit has priority over the words before it."""
    plain = _plain(name)
    if plain in _EXACT:
        return _EXACT[plain]
    if _POWER.search(_folded(name)):
        return Role.OTHER
    axis = _axis(name, _role(plain))
    if axis is not None:
        return Role.UNKNOWN if axis.doubt else axis.role
    found = _role(plain)
    return Role.OTHER if found in AXES else found


def axis_kind(name: str) -> AxisKind | None:
    """Return the axis that a name or a unit means, with its unit; None if it means none."""
    return read_name(name).axis


@lru_cache(maxsize=1024)
def read_name(text: str) -> ColumnName:
    """Read the name of a column."""
    plain = _plain(text)
    found = role(text)
    axis = _axis(text, _role(plain)) if plain not in _EXACT else _exact_axis(plain)
    head, _ = _parts(text)
    words = _words(head)
    numbers = tuple(re.findall(r"(?<!#)(?<![0-9.#])[0-9]+(?:[.,][0-9]+)?", _plain(head)))
    kinds = {_role(word) for word in words} - {Role.UNKNOWN, Role.COUNTS}
    clash = len(kinds) > 1 and not any(kinds <= pair for pair in _PAIRED)
    stranger = tuple(word for word in words if not _is_known(word))
    if found is Role.UNKNOWN or clash:
        stranger = words
    if words in {("x",), ("y",)}:
        stranger = ()
    return ColumnName(text, found, axis, whole=not stranger, weak=bool(_WEAK & {*words}), sample=(*stranger, *numbers))


def read_names(names: tuple[str, ...]) -> tuple[ColumnName, ...]:
    """Read the names of a table's columns; letters mean something only where all of them stand together."""
    letters = tuple(name.lower() for name in names)
    if {*letters} == {*_JAZ}:
        kind = {"w": AxisKind(Role.WAVELENGTH, 1.0, "nm")}
        return tuple(ColumnName(name, _JAZ[name.lower()], kind.get(name.lower()), whole=True, weak=False, sample=()) for name in names)
    return tuple(read_name(name) for name in names)


def is_units(names: tuple[str, ...]) -> bool:
    """Whether a row of names holds units only, so that the names are in the row above."""
    plain = [" ".join(name.split()) for name in names if name.strip()]
    if not plain:
        return False
    bracketed = all(name[0] in "([" and name[-1] in ")]" for name in plain)
    return bracketed or all(_canonical(name) in _AXIS_UNITS or _plain(name).strip("()[]") in _ENGLISH_UNITS for name in plain)


def header_unit(line: str) -> AxisKind | None:
    """Return the axis that a line of a header names by a unit alone, as ``NM`` or ``[cm-1]``."""
    return _AXIS_UNITS.get(_canonical(line.strip().strip("#;,\t ").strip("()[]{}")) or "")


def _role(plain: str) -> Role:
    """Return the role of a folded text from the first known word in it."""
    if not plain or (plain[0].isdigit() and not plain.startswith("1/cm")):
        return Role.UNKNOWN
    letters = frozenset(_LETTERS.findall(plain))
    for found, words in _WORDS:
        if any(word in letters if word.isalpha() and len(word) <= _SHORT and word.isascii() else word in plain for word in words):
            return found
    return Role.UNKNOWN


def _exact_axis(plain: str) -> AxisKind | None:
    found = _EXACT[plain]
    return AxisKind(found, assumed=True) if found in AXES else None


def _axis(name: str, found: Role) -> AxisKind | None:
    """Return the axis a name is of: its unit decides, else its words."""
    if _plain(name)[:1].isdigit() and not _plain(name).startswith("1/cm"):
        return None
    head, unit = _parts(name)
    if unit is None:
        return None
    if not unit:
        if found is Role.SHIFT and "nm" in _LETTERS.findall(head):
            return AxisKind(Role.WAVELENGTH, 1.0, "nm", doubt="a Raman shift in nm")
        return AxisKind(found) if found in AXES else None
    before = _role(_plain(head))
    if before in _COUNTED or (before is Role.OTHER and not any(word in head for word in _ENERGIES)):
        return None
    return _by_unit(_AXIS_UNITS[unit], head, before)


def _by_unit(kind: AxisKind, head: str, before: Role) -> AxisKind:
    """Return the axis that a unit and the words before it mean: the unit decides."""
    if kind.role is Role.WAVELENGTH and (before is Role.SHIFT or _DELTA.search(head)):
        return AxisKind(kind.role, kind.factor, kind.unit, doubt=f"a Raman shift in {kind.unit}")
    if kind.role is Role.WAVENUMBER and (before is Role.SHIFT or _plain(head) == "raman"):
        return AxisKind(Role.SHIFT, kind.factor, kind.unit)
    return kind


def _parts(name: str) -> tuple[str, str | None]:
    """Return a name's words and the unit behind them: empty without a unit, None for a unit that an axis cannot have, such as mW/cm²."""
    folded = _folded(name)
    head = _BRACKETED.sub(" ", folded).strip()
    for inside in reversed(_BRACKETED.findall(folded)):
        if unit := _canonical(inside):
            return head, unit
        if _DENSITY.search(inside) or inside.replace(" ", "") in _OTHER_UNITS:
            return head, None
    if unit := _canonical(head):
        return "", unit
    if _DENSITY.search(head):
        return head, None
    found = _TAIL.fullmatch(head)
    unit = _canonical(found[2]) if found else None
    return (found[1], unit) if found and unit else (head, "")


def _canonical(text: str) -> str | None:
    """Return the unit that a text spells; None where it spells none."""
    plain = _folded(text).replace(" ", "").strip(".").replace("\u00b7", "")
    if found := _SPELT.get(plain):
        return found
    if cm := _CM.fullmatch(plain):
        return "rel. cm-1" if cm[1] else "cm-1"
    return None


def _is_known(word: str) -> bool:
    """Whether a word is one of a role's or says nothing, or is put together of such: ``dunkelspektrum``, ``ramanshift``."""
    if word in _KNOWN or word in _FILLERS:
        return True
    if word.isascii():
        return any(
            (word[:k] in _KNOWN or word[:k] in _FILLERS) and (word[k:] in _KNOWN or word[k:] in _FILLERS) for k in range(2, len(word) - 1)
        )
    if _IDEOGRAMS.search(word):  # words are not parted by blanks
        return not _IDEOGRAPHIC.sub("", word)
    return any(word.startswith(stem) for _, stems in _WORDS for stem in stems if len(stem) >= _SHORT and not stem.isascii())


def _folded(name: str) -> str:
    """Fold case, superscripts, dashes, and the ways to write cm⁻¹."""
    folded = unicodedata.normalize("NFKC", name[:_MOST]).casefold()
    return _TEX.sub("cm-1", folded.replace("\u2212", "-").replace("\u2013", "-").replace("_", " ").strip())


def _plain(name: str) -> str:
    """Fold a name and part its words by blanks: ``Raman_Shift (cm⁻¹)`` becomes ``raman shift (cm-1)``."""
    return " ".join(_HYPHEN.sub(" ", _folded(name)).split())


def _words(head: str) -> tuple[str, ...]:
    """Return the words of a name without accents and without what stands for a word: ``a.u.``, ``%T``, ``d'``."""
    plain = _SIGNS.sub(" ", _plain(head))
    apart = unicodedata.normalize("NFKD", plain)
    return tuple(_LETTERS.findall(unicodedata.normalize("NFC", _ACCENTS.sub("", apart))))
