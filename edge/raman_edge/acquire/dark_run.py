"""Which exposures make a dark: a function of their order alone, so that a recording makes the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.acquire import average, darks

if TYPE_CHECKING:
    from raman_edge.acquire.darks import Dark
    from raman_edge.devices.exposure import Exposure

LEAST = 3
"""Exposures of a dark: as few as cosmic spikes can be told in."""


def length(averages: int) -> int:
    """Return how many exposures to take for the dark of spectra that are means of ``averages``."""
    return max(LEAST, averages) + 1


class DarkRun:
    """Dark exposures that follow on each other.

    The first one, and the first one with light again, may have begun before the light changed, as those of an
    instrument that sends without being asked: they are dropped.
    """

    def __init__(self) -> None:
        self._run: list[Exposure] = []

    def __len__(self) -> int:
        return len(self._run)

    def feed(self, exposure: Exposure) -> tuple[bool, Dark | None]:
        """Take the next exposure: whether it belongs to the dark, so that it is none of the sample; and the dark that it completes.

        Raises :class:`raman_edge.errors.SpectrumError` where the frames give none; the run is over then, too.
        """
        if exposure.dark:
            if self._run and not average.same(self._run[0], exposure):
                self._run.clear()
            self._run.append(exposure)
            return True, None
        if not self._run:
            return False, None
        run, self._run = self._run, []
        return True, darks.of(run[1:] or run)
