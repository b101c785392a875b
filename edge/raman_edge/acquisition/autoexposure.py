"""Automatic exposure: from how full the detector was, the next exposure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge import quality
from raman_edge.errors import ConfigError
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from raman_edge.acquisition.plan import Plan
    from raman_edge.acquisition.reduction import CorrectedCounts
    from raman_edge.instruments.spectrometer import Exposure, InstrumentInfo, Spectrometer

LOWEST, HIGHEST = 0.70, 0.85
"""Wanted height of the highest line, as a share of saturation: above the noise of the converter, below the detector's bend."""
AIM = 0.775
TOO_DARK = 0.02
"""Below this share a line may be noise, and its height means nothing."""
FACTOR = 16.0
"""Change of the exposure where the spectrum is too dark or clipped, which does not show how far to go."""
WIDE = (0.35, 0.95)
"""An exposure stays until the highest line leaves these shares: most samples differ by less."""
ALONE = 5.0
"""A pixel this many times as high as both neighbours is not a line: even a line of 1.3 pixels reaches a fifth in its neighbours."""
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_ROUNDING = 1e-9
MOST_STEPS = 16
"""Twice the steps that a steady light takes; it ends the search under a flickering one."""
FOLLOWED = 0.01
"""Largest relative difference between the wanted and the real exposure."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Exposures to choose from."""

    least_s: float
    most_s: float
    step_s: float
    """Exposures are whole multiples of this, s."""

    def nearest(self, seconds: float) -> float:
        """Return the longest possible exposure up to ``seconds``, at least the shortest one."""
        steps = math.floor(min(max(seconds, self.least_s), self.most_s) / self.step_s * (1 + _ROUNDING))
        return max(steps, round(self.least_s / self.step_s)) * self.step_s


@dataclass(frozen=True, slots=True)
class Advice:
    """The next exposure."""

    exposure_s: float
    """s."""
    settled: bool
    """Whether it is the last one: as good as possible."""
    limit: Literal["", "shortest", "longest"] = ""
    """The end of the instrument's range that stands in the way; "" is none."""


def limits(instrument: InstrumentInfo, longest_s: float) -> Limits:
    """Return the exposures of ``instrument`` up to ``longest_s``; raises :class:`ConfigError` where no search is possible."""
    facts = instrument.integration
    if facts is None or instrument.sensor.saturation is None:
        kind = "exposure cannot be set" if facts is None else "unknown saturation"
        advice = "Automatic exposure is impossible: give an exposure, or leave it as it is"
        raise ConfigError(kind=kind, place=instrument.profile, advice=advice)
    unit = _SECONDS[facts.unit]
    return Limits(facts.min * unit, max(facts.min * unit, min(facts.max * unit, longest_s)), unit)


def fill(found: CorrectedCounts) -> float:
    """Return how full the detector was above the dark, 0..1; 1 where it was clipped.

    A pixel that stands :data:`ALONE` is a cosmic spike: its neighbours count instead.
    """
    if found.saturation is None:
        return 0.0
    counts = np.pad(found.counts, 1)
    beside = np.maximum(counts[:-2], counts[2:])
    seen = np.where(found.counts > ALONE * np.maximum(beside, 0.0), beside, found.counts)
    return min(1.0, max(0.0, float(seen.max()) / found.saturation))


def advise(exposure_s: float, share: float, limits: Limits) -> Advice:
    """Return the next exposure after one of ``exposure_s`` that filled the detector by ``share``.

    A linear detector with a range of at most 16⁶ to 1 settles within eight exposures.
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


class ExposureSearch:
    """The search for an exposure: judges every exposure and sets the next one, by their order alone."""

    def __init__(self, plan: Plan, note: Callable[[str], None]) -> None:
        self.searches = plan.auto_exposure
        """Whether the search is on."""
        self._longest_s, self._note = plan.longest_s, note
        self._seeking, self._steps = True, 0
        self._wanted_s: float | None = None

    def stop(self) -> None:
        """End the search: the user chose an exposure."""
        self.searches = False

    def well(self, exposure: Exposure, found: CorrectedCounts, spectrometer: Spectrometer) -> bool:
        """Whether ``exposure``, with its corrected counts ``found``, is good; else set another one.

        Raises :class:`ConfigError` where the instrument does not allow a search.
        """
        if not self.searches:
            return True
        if exposure.exposure_s is None:
            leave = "Automatic exposure is impossible: leave the exposure as it is"
            raise ConfigError(kind="unknown exposure", place=exposure.instrument.profile, advice=leave)
        share = fill(found)
        if not self._seeking and WIDE[0] <= share <= WIDE[1]:
            return True
        if self._wanted_s is not None and not math.isclose(self._wanted_s, exposure.exposure_s, rel_tol=FOLLOWED):
            self._note(f"the instrument exposes {exposure.exposure_s:g} s instead of {self._wanted_s:g} s: the search ends")
            self.stop()
            return True
        advice = advise(exposure.exposure_s, share, limits(exposure.instrument, self._longest_s))
        self._steps += 1
        if advice.settled or self._steps > MOST_STEPS:
            self._settle(exposure.exposure_s, share, advice.limit)
            return True
        self._seeking = True
        self._wanted_s = advice.exposure_s
        spectrometer.set_exposure(advice.exposure_s)
        return False

    def _settle(self, exposure_s: float, share: float, limit: str) -> None:
        """Keep the exposure, and report it at the end of a search."""
        if self._seeking:
            why = f", the {limit} possible" if limit else ""
            self._note(f"exposure {exposure_s:g} s{why}: the highest line is at {share:.0%} of saturation")
        self._seeking, self._steps, self._wanted_s = False, 0, None


# The trigger `sample`


Seen = Literal["nothing", "coming", "steady"]
"""The beam is empty; a sample is new or has changed; it is the same as before."""
APPEARS = 8.0
"""Least signal over noise of a sample; noise alone stays below five (:data:`raman_edge.quality.MIN_SNR`)."""
GONE = 6.0
"""Signal over noise below which the sample is gone."""
STEADY = 0.25
"""Two exposures show the same sample where their difference is below this share of the signal."""
_NOWHERE = Origin("gate", "")


@dataclass(frozen=True, eq=False, slots=True)
class Gate:
    """The state so far; :meth:`look` gives the next one."""

    seen: Seen = "nothing"
    last: NDArray[np.float64] | None = None
    """Counts of the previous exposure, (n,); None where there is none to compare."""

    def look(self, counts: NDArray[np.float64], *, clipped: bool = False) -> Gate:
        """Take the counts of the next exposure, (n,); ``clipped`` means a saturated detector, so there is light.

        The state is ``steady`` from the second equal exposure on.
        """
        signal = _signal(counts)
        there = clipped or signal >= (APPEARS if self.seen == "nothing" else GONE)
        if not there:
            return Gate("nothing", None)
        before = self.last
        if before is None or before.shape != counts.shape:
            return Gate("coming", counts)
        differs = max(_signal(counts - before), _signal(before - counts))
        same = differs <= max(quality.MIN_SNR, STEADY * signal)
        return Gate("steady" if same else "coming", counts)

    def rescaled(self) -> Gate:
        """Return the gate after a change of the exposure: the next one is compared with none."""
        return replace(self, last=None)


def _signal(counts: NDArray[np.float64]) -> float:
    """Return the highest peak above its surroundings, over the noise."""
    axis = Axis(np.arange(counts.size, dtype=np.float64))
    return quality.assess(Spectrum(axis, counts, _NOWHERE), axis).snr
