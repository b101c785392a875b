"""The search for an exposure: what is remembered between the steps of :mod:`raman_edge.acquisition.autoexposure`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from raman_edge.acquisition import autoexposure
from raman_edge.acquisition.autoexposure import WIDE
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.acquisition.corrections import CorrectedCounts
    from raman_edge.acquisition.plan import Plan
    from raman_edge.instruments.spectrometer import Exposure, Spectrometer

MOST_STEPS = 16
"""Twice what a steady light takes; where it flickers, the search ends somewhere."""
FOLLOWED = 0.01
"""Relative; how near an exposure is to the one that was asked for."""


class ExposureSearch:
    """Judges every exposure, and sets the next one; a function of their order, as all of a bench."""

    def __init__(self, plan: Plan, note: Callable[[str], None]) -> None:
        self.searches = plan.auto_exposure
        """Whether anything is searched at all."""
        self._longest_s, self._note = plan.longest_s, note
        self._seeking, self._steps = True, 0
        self._asked_s: float | None = None

    def stop(self) -> None:
        """Search no more: somebody chose an exposure."""
        self.searches = False

    def well(self, exposure: Exposure, found: CorrectedCounts, spectrometer: Spectrometer) -> bool:
        """Whether ``exposure``, of which ``found`` was made, is as it should be; sets another one where it is not.

        Raises :class:`ConfigError` where the instrument does not allow a search.
        """
        if not self.searches:
            return True
        if exposure.exposure_s is None:
            msg = "the instrument does not say how long it exposed, so that no exposure can be searched: take it as it is"
            raise ConfigError(msg)
        share = autoexposure.fill(found)
        if not self._seeking and WIDE[0] <= share <= WIDE[1]:
            return True
        if self._asked_s is not None and not math.isclose(self._asked_s, exposure.exposure_s, rel_tol=FOLLOWED):
            self._note(f"the instrument exposes {exposure.exposure_s:g} s where {self._asked_s:g} s was asked for: the search ends")
            self.stop()
            return True
        limits = autoexposure.limits(exposure.instrument, self._longest_s)
        advice = autoexposure.advise(exposure.exposure_s, share, limits)
        self._steps += 1
        if advice.settled or self._steps > MOST_STEPS:
            self._settle(exposure.exposure_s, share, advice.limit)
            return True
        self._seeking = True
        self._asked_s = advice.exposure_s
        spectrometer.set_exposure(advice.exposure_s)
        return False

    def _settle(self, exposure_s: float, share: float, limit: str) -> None:
        """Keep the exposure, and say so where the search was for it."""
        if self._seeking:
            why = f", the {limit} that can be chosen" if limit else ""
            self._note(f"exposure {exposure_s:g} s{why}: the highest line is at {share:.0%} of saturation")
        self._seeking, self._steps, self._asked_s = False, 0, None
