"""Which exposures make a dark: those that follow on each other without light, whoever asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.acquisition import average, darks

if TYPE_CHECKING:
    from raman_edge.acquisition.darks import Dark
    from raman_edge.instruments.spectrometer import Exposure

LEAST = 3
"""Exposures of a dark: as few as cosmic spikes can be told in."""


def length(averages: int) -> int:
    """Return how many exposures to take for the dark of spectra that are means of ``averages``."""
    return max(LEAST, averages)


class DarkRun:
    """Dark exposures in a row; the first one with light again ends it, so that a recording gives the same darks."""

    def __init__(self) -> None:
        self._run: list[Exposure] = []

    def __len__(self) -> int:
        return len(self._run)

    def feed(self, exposure: Exposure) -> Dark | None:
        """Take the next exposure, dark or not; return the dark that is complete by it.

        Raises :class:`raman_edge.errors.SpectrumError` where the frames give none; the run is over then, too.
        """
        if not exposure.dark:
            return self.close()
        if self._run and not average.same(self._run[0], exposure):
            self._run.clear()
        self._run.append(exposure)
        return None

    def close(self) -> Dark | None:
        """Return the dark of what there is; None where that is nothing."""
        run, self._run = self._run, []
        return darks.of(run) if run else None
