"""Standards: materials and lamps whose lines are known, and where the numbers are from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge.atomic_write import system_path
from raman_edge.bounded_read import bounded
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ASTM = "ASTM E1840, as published with an open library; not compared with the standard's own text"
NEON = (
    "Ne I, wavelengths in standard air and intensities: E. B. Saloman and C. J. Sansonetti, J. Phys. Chem. Ref. Data 33 (2004) 1113, "
    "as in the NIST Atomic Spectra Database"
)
ARGON = (
    "Ar I, wavelengths in standard air: G. Norlén, Phys. Scr. 8 (1973) 249; intensities: NIST Handbook of Basic Atomic Spectroscopic "
    "Data; both as in the NIST Atomic Spectra Database"
)
MERCURY = (
    "Hg I of a pencil lamp with natural mercury, wavelengths in standard air: C. J. Sansonetti, M. L. Salit and J. Reader, "
    "Appl. Opt. 35 (1996) 74; 1013.976 nm: NIST Handbook of Basic Atomic Spectroscopic Data"
)


@dataclass(frozen=True, slots=True)
class Standard:
    """One material or lamp, and its lines."""

    name: str
    """As the command line has it."""
    title: str
    lines: tuple[float, ...]
    """Raman shifts, cm⁻¹, increasing; of a lamp wavelengths, nm, in ``medium``."""
    source: str
    lamp: bool = False
    """Whether the lines are wavelengths, whatever the laser does."""
    heights: tuple[float, ...] = ()
    """Of the lines against the highest, 0..1, about as spectrometers with lasers of 532 to 785 nm see them; empty where unknown."""
    others: tuple[float, ...] = ()
    """Further lines of the same material, in the unit of ``lines``, too uncertain to fit: a spectrum may have them."""

    medium: Literal["air", "vacuum"] = "air"
    """What a lamp's wavelengths are measured in: standard air, as tables above 200 nm have them, or vacuum."""

    def truth(self) -> NDArray[np.float64]:
        """Return the lines: Raman shifts, cm⁻¹, or a lamp's wavelengths in vacuum, nm."""
        lines = np.array(self.lines)
        return vacuum(lines) if self.lamp and self.medium == "air" else lines

    def wavelengths(self, laser_nm: float) -> NDArray[np.float64]:
        """Return the wavelengths of the lines in vacuum, nm, with a laser of ``laser_nm`` (nm, vacuum)."""
        return self.truth() if self.lamp else 1e7 / (1e7 / laser_nm - self.truth())

    def uncertain(self, laser_nm: float) -> NDArray[np.float64]:
        """Return the Raman shifts of :attr:`others`, cm⁻¹, with a laser of ``laser_nm`` (nm, vacuum)."""
        others = np.array(self.others)
        return 1e7 / laser_nm - 1e7 / vacuum(others) if self.lamp and others.size else others


def vacuum(air_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return wavelengths in vacuum of such in standard air, nm (Ciddor, Appl. Opt. 35 (1996) 1566, eq. 1)."""
    squared = (1e3 / air_nm) ** 2  # µm⁻²; that of air instead of vacuum changes the index by 1e-9
    result: NDArray[np.float64] = air_nm * (1 + 0.05792105 / (238.0185 - squared) + 0.00167917 / (57.362 - squared))
    return result


def find(name: str) -> Standard:
    """Return the standard of that name, else the one in a file of that name (:func:`read_file`).

    Raises :class:`ConfigError` with the names there are.
    """
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    for standard in STANDARDS:
        if standard.name == ALIASES.get(wanted, wanted):
            return standard
    if name and Path(system_path(name)).is_file():
        return read_file(Path(name))
    names = ", ".join(one.name for one in STANDARDS)
    raise ConfigError(kind="unknown standard", got=f"{name!r}", expected=f"one of {names}, or a file of lines")


ALIASES = {
    "paracetamol": "4-acetamidophenol",
    "acetaminophen": "4-acetamidophenol",
    "si": "silicon",
    "ne": "neon",
    "ps": "polystyrene",
    "ar": "argon",
    "hg-ar": "mercury-argon",
    "hgar": "mercury-argon",
    "argon-mercury": "mercury-argon",
}
_ARGON = (
    # nm in air, height: NIST's intensity / 35 000, its strongest
    *((667.7282, 0.005), (675.2834, 0.005), (687.1289, 0.005), (696.5431, 0.3), (703.0251, 0.005), (706.7218, 0.3), (714.7042, 0.03)),
    *((727.2936, 0.06), (735.3293, 0.005), (737.2118, 0.006), (738.3980, 0.3), (750.3869, 0.6), (751.4652, 0.4), (763.5106, 0.7)),
    *((772.3761, 0.4), (772.4207, 0.3), (794.8176, 0.6), (800.6157, 0.6), (801.4786, 0.7), (810.3693, 0.6), (811.5311, 1.0)),
    *((826.4522, 0.3), (840.8210, 0.4), (842.4648, 0.6), (852.1442, 0.4), (866.7944, 0.13), (912.2967, 1.0), (919.4638, 0.016)),
    *((922.4499, 0.4), (929.1531, 0.011), (935.4220, 0.05), (965.7786, 0.7), (978.4503, 0.13), (1047.0054, 0.05)),
)
_MERCURY = ((404.6565, 0.5), (407.7837, 0.03), (435.8335, 1.0), (546.0750, 1.0), (576.9610, 0.3), (579.0670, 0.3))
"""Likewise of the visible lines, heights about as pencil lamps have them."""
STANDARDS = (
    Standard(
        "polystyrene",
        "polystyrene",
        (620.9, 795.8, 1001.4, 1031.8, 1155.3, 1450.5, 1583.1, 1602.3, 2852.4, 2904.5, 3054.3),
        ASTM,
        heights=(0.15, 0.1, 1.0, 0.25, 0.07, 0.07, 0.07, 0.3, 0.06, 0.2, 0.5),
        others=(407.0, 1192.0, 1329.0, 2978.0, 3003.0),
    ),
    Standard(
        "4-acetamidophenol",
        "4-acetamidophenol (paracetamol)",
        (
            *(213.3, 329.2, 390.9, 465.1, 504.0, 651.6, 710.8, 797.2, 834.5, 857.9, 968.7, 1105.5, 1168.5, 1236.8, 1278.5, 1323.9),
            *(1371.5, 1515.1, 1561.6, 1648.4, 2931.1, 3064.6, 3102.4, 3326.6),
        ),
        ASTM,
        heights=(
            *(0.3, 0.2, 0.3, 0.15, 0.12, 0.45, 0.12, 0.5, 0.1, 1.0, 0.2, 0.12, 0.6, 0.8, 0.4, 0.9),
            *(0.4, 0.1, 0.35, 0.6, 0.3, 0.3, 0.1, 0.1),
        ),
        others=(152.0, 603.0, 628.0, 1017.0, 1257.0, 1444.0, 1614.0, 2990.0, 3035.0),
    ),
    Standard(
        "cyclohexane",
        "cyclohexane",
        (384.1, 426.3, 801.3, 1028.3, 1157.6, 1266.4, 1444.4, 2664.4, 2852.9, 2923.8, 2938.3),
        ASTM,
        heights=(0.05, 0.04, 1.0, 0.25, 0.07, 0.2, 0.2, 0.06, 0.6, 0.4, 0.5),
        others=(1347.0, 2632.0, 2700.0, 2887.0),
    ),
    Standard(
        "naphthalene",
        "naphthalene",
        (513.8, 763.8, 1021.6, 1147.2, 1382.2, 1464.5, 1576.6, 3056.4),
        ASTM,
        heights=(0.4, 0.5, 0.3, 0.1, 1.0, 0.25, 0.25, 0.3),
        others=(74.0, 109.0, 125.0, 391.0, 725.0, 1170.0, 1243.0, 1629.0, 3004.0),
    ),
    Standard("sulfur", "sulfur", (85.1, 153.8, 219.1, 473.2), ASTM, heights=(0.3, 0.8, 1.0, 0.6), others=(51.0, 187.0, 246.0, 437.0)),
    Standard(
        "benzonitrile",
        "benzonitrile",
        (460.9, 548.5, 751.3, 767.1, 1000.7, 1026.6, 1177.9, 1192.6, 1598.9, 2229.4, 3072.3),
        ASTM,
        heights=(0.2, 0.12, 0.08, 0.12, 1.0, 0.2, 0.2, 0.3, 0.4, 0.8, 0.3),
        others=(165.0, 320.0, 381.0, 626.0),
    ),
    Standard(
        "toluene-acetonitrile",
        "toluene and acetonitrile, 1:1",
        (378.5, 521.7, 786.5, 919.0, 1003.6, 1030.6, 1211.4, 1605.1, 2253.7, 2292.6, 2940.8, 3057.1),
        ASTM,
        heights=(0.2, 0.17, 0.6, 0.4, 1.0, 0.26, 0.2, 0.1, 0.5, 0.06, 0.5, 0.3),
        others=(217.0, 345.0, 622.0, 1157.0, 1178.0, 1376.0, 1585.0, 2921.0),
    ),
    Standard(
        "acetonitrile",
        "acetonitrile",
        (378.5, 919.0, 2253.7, 2292.6, 2940.8),
        f"its lines in the mixture with toluene: {ASTM}",
        heights=(0.45, 0.9, 1.0, 0.08, 0.8),
        others=(1375.0, 1440.0, 2732.0, 2888.0, 3000.0),
    ),
    Standard("silicon", "silicon, crystalline", (520.45,), "520.45 ± 0.3 cm⁻¹, the span of published values", others=(302.0, 940.0, 970.0)),
    Standard(
        "neon",
        "neon lamp",
        (
            *(533.0778, 534.1094, 540.0562, 585.2488, 588.1895, 594.4834, 597.5534, 602.9997, 607.4338, 609.6163, 612.8450),
            *(614.3063, 616.3594, 618.2146, 621.7281, 626.6495, 630.4789, 633.4428, 638.2992, 640.2248, 650.6528, 653.2882),
            *(659.8953, 667.8276, 671.7043, 692.9467, 702.4050, 703.2413, 705.9107, 717.3938, 724.5167, 743.8898, 747.2439),
            *(748.8871, 753.5774, 754.4044, 772.4623, 783.9053, 792.7118, 793.6996, 794.3181, 808.2458, 811.8549, 812.8911),
            *(813.6405, 825.9379, 826.6077, 830.0326, 836.5747, 837.7608, 841.7161, 841.8427, 846.3357, 849.5360, 854.4696),
            *(857.1352, 859.1258, 863.4647, 865.4383, 865.5522, 867.9493, 868.1921, 870.4112, 877.1656, 878.0623, 878.3753),
            *(885.3867, 886.5306, 886.5755, 891.9501, 914.8672, 920.1759, 930.0853, 942.5379, 948.6682, 953.4163),
        ),
        NEON,
        lamp=True,
        heights=(
            *(0.03, 0.05, 0.1, 1, 0.5, 0.25, 0.3, 0.5, 0.5, 0.15, 0.05, 0.5, 0.5, 0.075, 0.5, 0.5, 0.05, 0.5, 0.5, 1, 0.75, 0.05),
            *(0.5, 0.25, 0.035, 1, 0.3, 0.8, 0.1, 0.8, 0.8, 0.6, 0.03, 0.3, 0.3, 0.13, 0.005, 0.005, 0.005, 0.013, 0.08, 0.06, 0.04),
            *(0.012, 0.17, 0.03, 0.07, 0.3, 0.05, 0.8, 0.03, 0.25, 0.04, 0.7, 0.015, 0.03, 0.4, 0.35, 0.6, 0.08, 0.13, 0.15, 0.03),
            *(0.1, 0.6, 0.4, 0.3, 0.02, 0.15, 0.06, 0.12, 0.09, 0.08, 0.05, 0.05, 0.06),
        ),
        others=(
            *(576.4419, 582.0156, 587.2828, 596.5471, 597.4627, 665.2093, 705.1292, 826.7116, 848.4444, 864.7041, 883.0907, 898.8556),
            *(922.0060, 932.6507),
        ),
    ),
    Standard(
        "argon",
        "argon lamp",
        tuple(line for line, _ in _ARGON),
        ARGON,
        lamp=True,
        heights=tuple(height for _, height in _ARGON),
    ),
    Standard(
        "mercury-argon",
        "mercury-argon lamp",
        tuple(line for line, _ in (*_MERCURY, *_ARGON)),
        f"{MERCURY}; {ARGON}",
        lamp=True,
        heights=tuple(height for _, height in (*_MERCURY, *_ARGON)),
        others=(1013.976,),
    ),
)


# A user-defined standard

MAX_BYTES = 1 << 18
MOST_LINES = 500
UNITS = {"nm": "air", "nm air": "air", "nm vacuum": "vacuum", "cm-1": "shift", "cm⁻¹": "shift", "1/cm": "shift", "cm^-1": "shift"}
"""Words of a file, in any case, and their meaning."""
RANGES = {"air": (200.0, 3000.0), "vacuum": (200.0, 3000.0), "shift": (10.0, 4500.0)}
"""Between what positions lie, by unit: nm, nm, cm⁻¹."""
KEYS = ("title", "unit", "source")
_KEY = re.compile(r"([A-Za-z]+)\s*[=:]\s*(.*)")
_SPLIT = re.compile(r"[\s;]+")


def read_file(path: Path) -> Standard:
    """Read a user-defined standard: a text file with its lines, one per row.

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

    Raises :class:`ConfigError` with the number of the line that is wrong.
    """
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
    """Return the values of the keys, and positions with heights, in the order of the file."""
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
    data = bounded(path, MAX_BYTES, ConfigError, place=f"line file {str(path)!r}", advice="Give a few hundred rows of text")
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
