"""How long to expose: from how full the detector was, the next exposure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from raman_edge.acquisition.corrections import CorrectedCounts
    from raman_edge.instruments.spectrometer import InstrumentInfo

LOWEST, HIGHEST = 0.70, 0.85
"""Share of saturation that the highest line is brought to: above the noise of the converter, below where detectors bend."""
AIM = 0.775
TOO_DARK = 0.02
"""Below this share what rises may be noise, and its height tells nothing."""
FACTOR = 16.0
"""How much longer where it is too dark, and how much shorter where pixels are clipped: those tell nothing of how far."""
WIDE = (0.35, 0.95)
"""Once found, an exposure stays until the highest line is outside these shares: most samples differ by less."""
ALONE = 5.0
"""How many times as high as both neighbours a pixel is that no line can have: one as narrow as 1.3 pixels still reaches a fifth."""
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """Exposures that can be chosen."""

    least_s: float
    most_s: float
    step_s: float
    """The instrument takes whole multiples of this, s."""

    def nearest(self, seconds: float) -> float:
        """Return the longest exposure that can be chosen and is not above ``seconds``, or the least one."""
        steps = math.floor(min(max(seconds, self.least_s), self.most_s) / self.step_s * (1 + _ROUNDING))
        return max(steps, round(self.least_s / self.step_s)) * self.step_s


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do after an exposure."""

    exposure_s: float
    """Of the next one, s."""
    settled: bool
    """Whether it is the one there was: as good as it gets."""
    limit: Literal["", "shortest", "longest"] = ""
    """Which end of the instrument's range is in the way; "" is none."""


def limits(instrument: InstrumentInfo, longest_s: float) -> Limits:
    """Return what ``instrument`` can do up to ``longest_s``; raises :class:`ConfigError` where exposures cannot be searched."""
    facts = instrument.integration
    if facts is None or instrument.sensor.saturation is None:
        what = "cannot be told an exposure" if facts is None else "does not say at how many counts it saturates"
        msg = f"the instrument {instrument.profile!r} {what}, so that no exposure can be searched: give one, or take it as it is"
        raise ConfigError(msg)
    unit = _SECONDS[facts.unit]
    return Limits(facts.min * unit, max(facts.min * unit, min(facts.max * unit, longest_s)), unit)


def fill(found: CorrectedCounts) -> float:
    """Return how full the detector was above the dark, 0..1, and 1 where it was clipped.

    A pixel that stands :data:`ALONE` is a cosmic spike, which says nothing of the light: its neighbours count.
    """
    if found.saturation is None:
        return 0.0
    counts = np.pad(found.counts, 1)
    beside = np.maximum(counts[:-2], counts[2:])
    seen = np.where(found.counts > ALONE * np.maximum(beside, 0.0), beside, found.counts)
    return min(1.0, max(0.0, float(seen.max()) / found.saturation))


def advise(exposure_s: float, share: float, limits: Limits) -> Advice:
    """Propose the next exposure after one of ``exposure_s`` that filled the detector by ``share``.

    For a detector that counts in proportion, and a range of at most 16⁶ to 1, it settles within eight exposures.
    """
    if LOWEST <= share <= HIGHEST:
        return Advice(exposure_s, settled=True)
    if share >= 1.0:
        wanted = exposure_s / FACTOR
    elif share < TOO_DARK:
        wanted = exposure_s * FACTOR
    else:
        wanted = exposure_s * AIM / share
    chosen = limits.nearest(wanted)
    settled = math.isclose(chosen, exposure_s, rel_tol=1e-6)
    if not settled:
        return Advice(chosen, settled=False)
    limit: Literal["", "shortest", "longest"] = ""
    if share > HIGHEST and chosen <= limits.least_s * (1 + _ROUNDING):
        limit = "shortest"
    elif share < LOWEST and limits.nearest(math.inf) <= chosen * (1 + _ROUNDING):
        limit = "longest"
    return Advice(exposure_s, settled=True, limit=limit)
