"""Standards: materials and lamps whose lines are known, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ASTM = "ASTM E1840, as published with an open library; not compared with the standard's own text"
NIST = "NIST Handbook of Basic Atomic Spectroscopic Data, Ne I, in air"


@dataclass(frozen=True, slots=True)
class Standard:
    """One material or lamp, and its lines."""

    name: str
    """As the command line has it."""
    title: str
    lines: tuple[float, ...]
    """Raman shifts, cm⁻¹, increasing; of a lamp wavelengths in air, nm."""
    source: str
    lamp: bool = False
    """Whether the lines are wavelengths, whatever the laser does."""

    def truth(self) -> NDArray[np.float64]:
        """Return the lines: Raman shifts, cm⁻¹, or a lamp's wavelengths in vacuum, nm."""
        lines = np.array(self.lines)
        return vacuum(lines) if self.lamp else lines

    def wavelengths(self, laser_nm: float) -> NDArray[np.float64]:
        """Return the wavelengths of the lines in vacuum, nm, with a laser of ``laser_nm`` (nm, vacuum)."""
        return self.truth() if self.lamp else 1e7 / (1e7 / laser_nm - self.truth())


def vacuum(air_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return wavelengths in vacuum of such in standard air, nm (Ciddor, Appl. Opt. 35 (1996) 1566, eq. 1)."""
    squared = (1e3 / air_nm) ** 2  # µm⁻²; that of air instead of vacuum changes the index by 1e-9
    result: NDArray[np.float64] = air_nm * (1 + 0.05792105 / (238.0185 - squared) + 0.00167917 / (57.362 - squared))
    return result


def find(name: str) -> Standard:
    """Return the standard of that name; raises :class:`ConfigError` with the names there are."""
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    for standard in STANDARDS:
        if standard.name == ALIASES.get(wanted, wanted):
            return standard
    msg = f"no standard is called {name!r}; expected one of {', '.join(one.name for one in STANDARDS)}"
    raise ConfigError(msg)


ALIASES = {"paracetamol": "4-acetamidophenol", "acetaminophen": "4-acetamidophenol", "si": "silicon", "ne": "neon", "ps": "polystyrene"}
STANDARDS = (
    Standard(
        "polystyrene",
        "polystyrene",
        (620.9, 795.8, 1001.4, 1031.8, 1155.3, 1450.5, 1583.1, 1602.3, 2852.4, 2904.5, 3054.3),
        ASTM,
    ),
    Standard(
        "4-acetamidophenol",
        "4-acetamidophenol (paracetamol)",
        (
            *(213.3, 329.2, 390.9, 465.1, 504.0, 651.6, 710.8, 797.2, 834.5, 857.9, 968.7, 1105.5, 1168.5, 1236.8, 1278.5, 1323.9),
            *(1371.5, 1515.1, 1561.6, 1648.4, 2931.1, 3064.6, 3102.4, 3326.6),
        ),
        ASTM,
    ),
    Standard(
        "cyclohexane",
        "cyclohexane",
        (384.1, 426.3, 801.3, 1028.3, 1157.6, 1266.4, 1444.4, 2664.4, 2852.9, 2923.8, 2938.3),
        ASTM,
    ),
    Standard("naphthalene", "naphthalene", (513.8, 763.8, 1021.6, 1147.2, 1382.2, 1464.5, 1576.6, 3056.4), ASTM),
    Standard("sulfur", "sulfur", (85.1, 153.8, 219.1, 473.2), ASTM),
    Standard(
        "benzonitrile",
        "benzonitrile",
        (460.9, 548.5, 751.3, 767.1, 1000.7, 1026.6, 1177.9, 1192.6, 1598.9, 2229.4, 3072.3),
        ASTM,
    ),
    Standard(
        "toluene-acetonitrile",
        "toluene and acetonitrile, 1:1",
        (378.5, 521.7, 786.5, 919.0, 1003.6, 1030.6, 1211.4, 1605.1, 2253.7, 2292.6, 2940.8, 3057.1),
        ASTM,
    ),
    Standard("acetonitrile", "acetonitrile", (378.5, 919.0, 2253.7, 2292.6, 2940.8), f"its lines in the mixture with toluene: {ASTM}"),
    Standard("silicon", "silicon, crystalline", (520.45,), "520.45 ± 0.3 cm⁻¹, the span of published values"),
    Standard(
        "neon",
        "neon lamp",
        (
            *(533.0778, 534.1094, 540.0562, 585.2488, 588.1895, 594.4834, 597.5534, 602.9997, 607.4338, 609.6163, 612.8450, 614.3063),
            *(616.3594, 618.2146, 621.7281, 626.6495, 630.4789, 633.4428, 638.2991, 640.2248, 650.6528, 653.2882, 659.8953, 667.8276),
            *(671.7043, 692.9467, 702.4050, 703.2413, 705.9107, 717.3938, 724.5167, 743.8898, 747.2439, 748.8871, 753.5774, 754.4044),
            *(772.4628, 783.9055, 792.7118, 793.6996, 794.3181, 808.2458, 811.8549, 812.8911, 813.6406, 825.9379, 826.6077, 830.0326),
            *(836.5747, 837.7608, 841.7159, 841.8427, 846.3358, 849.5360, 854.4696, 857.1352, 859.1258, 863.4647, 865.4383, 865.5522),
            *(867.9493, 868.1921, 870.4112, 877.1656, 878.0621, 878.3753, 885.3867, 886.5306, 886.5755, 891.9501),
        ),
        NIST,
        lamp=True,
    ),
)
