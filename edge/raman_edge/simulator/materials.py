"""Samples of the simulator: lines of a material or a lamp, a measured curve, or a mixture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from raman_edge.errors import ConfigError
from raman_edge.peaks import Peaks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.floating]

NARROWEST = 6.0
"""Width of a line as such an instrument shows it, cm⁻¹."""
LAMP_WIDTH_NM = 0.4
"""Width of a lamp's line as such an instrument shows it, nm."""
SEPARATOR = "+"
"""Between the parts of a mixture."""


class LightSource(Protocol):
    """A source of light, and its spectrum."""

    @property
    def name(self) -> str:
        """As the user gave it; data."""

    @property
    def excited(self) -> bool:
        """Whether it needs the laser to emit."""

    def intensity(self, nm: Array, shift: Array) -> Array:
        """Return the brightness at wavelengths (nm) with these Raman shifts (cm⁻¹), (n,), about 1 at the highest line."""


@dataclass(frozen=True, eq=False, slots=True)
class LinesMaterial:
    """A material by its Raman lines."""

    name: str
    peaks: Peaks
    excited: bool = True

    @classmethod
    def at(cls, name: str, shifts: Sequence[float], heights: Sequence[float] = (), width: float = NARROWEST) -> LinesMaterial:
        """Return a material with lines at ``shifts`` (cm⁻¹, increasing), as high as ``heights`` (0..1), all alike where none are given."""
        tall = heights or [1.0] * len(shifts)
        return cls(name, Peaks(np.array(shifts, float), np.array(tall, float), np.full(len(shifts), width)))

    def intensity(self, nm: Array, shift: Array) -> Array:
        """Return the sum of Lorentzian lines."""
        _ = nm
        return _lorentzian(shift, self.peaks.shift, np.maximum(self.peaks.width, NARROWEST), self.peaks.height)


@dataclass(frozen=True, eq=False, slots=True)
class Lamp:
    """A lamp by its lines, which need no laser."""

    name: str
    lines_nm: Array
    """Wavelengths in vacuum, nm, (k,)."""
    excited: bool = False

    def intensity(self, nm: Array, shift: Array) -> Array:
        """Return the sum of Lorentzian lines in wavelength, all as high."""
        _ = shift
        return _lorentzian(nm, self.lines_nm, np.full(self.lines_nm.size, LAMP_WIDTH_NM), np.ones(self.lines_nm.size))


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """A material by its spectrum; dark outside of its axis."""

    name: str
    shift: Array
    """cm⁻¹, (m,), increasing."""
    counts: Array
    """(m,)."""
    excited: bool = True

    def intensity(self, nm: Array, shift: Array) -> Array:
        """Return the counts between their lowest and highest as 0..1."""
        _ = nm
        low, high = float(self.counts.min()), float(self.counts.max())
        seen: Array = np.interp(shift, self.shift, (self.counts - low) / ((high - low) or 1.0), left=0.0, right=0.0)
        return seen


@dataclass(frozen=True, eq=False, slots=True)
class Mixture:
    """Several materials in equal parts."""

    parts: tuple[LightSource, ...]

    @property
    def name(self) -> str:
        """The parts' names, one after the other."""
        return SEPARATOR.join(part.name for part in self.parts)

    @property
    def excited(self) -> bool:
        """Whether every part needs the laser."""
        return all(part.excited for part in self.parts)

    def intensity(self, nm: Array, shift: Array) -> Array:
        """Return the mean of the parts."""
        mean: Array = np.mean([part.intensity(nm, shift) for part in self.parts], axis=0)
        return mean


NONE = LinesMaterial.at("none", ())
"""Nothing: dark, ambient light and noise."""
MINERALS: tuple[LinesMaterial, ...] = (
    # The strongest lines, as the RRUFF project's spectra of calcite (R040070) and quartz (R040031) show them.
    LinesMaterial.at("Calcite", (155.0, 281.0, 711.0, 1085.5, 1435.0), (0.2, 0.45, 0.2, 1.0, 0.05)),
    LinesMaterial.at("Quartz", (127.5, 205.5, 263.0, 355.0, 394.0, 464.5, 806.0, 1160.0), (0.45, 0.45, 0.08, 0.1, 0.08, 1.0, 0.05, 0.05)),
)
"""Known without a reference library."""


def find(name: str) -> LightSource:
    """Return one of :data:`MINERALS` or nothing, by a name in any case; :class:`ConfigError` where there is none."""
    known: dict[str, LightSource] = {one.name.lower(): one for one in (*MINERALS, NONE)}
    if name.strip().lower() not in known:
        expected = f"one of {', '.join(one.name for one in (*MINERALS, NONE))}"
        raise ConfigError(kind="unknown material", got=repr(name), expected=expected)
    return known[name.strip().lower()]


def mixture(name: str, find: Callable[[str], LightSource] = find) -> LightSource:
    """Return the material of that name, or of several names with ``+`` between them."""
    parts = tuple(find(part) for part in name.split(SEPARATOR))
    return parts[0] if len(parts) == 1 else Mixture(parts)


def _lorentzian(at: Array, places: Array, widths: Array, heights: Array) -> Array:
    """Return the sum of lines of these full widths, (n,)."""
    apart = (at[None, :] - places[:, None]) / (widths[:, None] / 2)
    total: Array = (heights[:, None] / (1 + apart**2)).sum(axis=0)
    return total
