"""How a bench measures: the options of an acquisition, and what it is at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from raman_edge.acquisition.darks import Dark
from raman_edge.errors import ConfigError
from raman_edge.instruments.recording_file import MOST_AVERAGES

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.calibration.calibration import Calibration

Mode = Literal["continuous", "trigger", "gate"]
"""One spectrum after the other; one for each trigger; while something steady is in the beam."""
Doing = Literal["measuring", "trigger", "exposure", "dark"]
"""One spectrum after the other; waiting for a key or for something worth measuring; looking for the exposure; taking the dark."""

DARK_AGE_S = 600.0
LONGEST_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured; raises :class:`ConfigError` for options that contradict each other."""

    exposure_s: float | None = None
    """Of a single exposure, s; where the search begins with ``auto_exposure``. None is as the instrument is."""
    auto_exposure: bool = False
    """Whether the exposure is searched that brings the highest line to 70-85 % of saturation."""
    longest_s: float = LONGEST_S
    """Longest exposure that the search may choose, s."""
    averages: int = 1
    """Exposures that a spectrum is the mean of; from 3 on cosmic spikes are found between them."""
    dark: Literal["none", "take", "auto"] | Dark = "none"
    """What is subtracted: the instrument's dark pixels where it has any; a dark spectrum that is taken before the
    first answer and again when the exposure changes; the same, and again when it is older than ``dark_age_s``; or this one.

    A dark that somebody takes in between is used with any of them.
    """
    dark_age_s: float = DARK_AGE_S
    """s."""
    save_dark: Path | None = None
    """Where every dark that is taken is written; None is nowhere."""
    laser_nm: float | None = None
    """What excites, nm, instead of what the instrument says; None is as it says."""
    calibration: Calibration | None = None
    """What makes the axis; None is the instrument's own coefficients."""
    pixels: bool = False
    """Whether spectra are for making a calibration: nothing is cut from them, and an axis in pixels is no error."""
    mode: Mode = "continuous"
    count: int | None = None
    """Spectra to take; None is until it is stopped."""
    interval_s: float = 0.0
    """From the beginning of one spectrum to that of the next, s; 0 is as fast as it goes."""
    kind: str = "serial"
    """Of the origins: what ``source.kind`` of the records says."""

    def __post_init__(self) -> None:
        durations = (("exposure", self.exposure_s), ("longest exposure", self.longest_s), ("age of a dark", self.dark_age_s))
        for name, seconds in durations:
            if seconds is not None and not 0 < seconds < math.inf:
                msg = f"the {name} is {seconds:g} s; expected a duration above 0"
                raise ConfigError(msg)
        if not 0 <= self.interval_s < math.inf:
            msg = f"the interval is {self.interval_s:g} s; expected 0, which is as fast as it goes, or more"
            raise ConfigError(msg)
        if not 1 <= self.averages <= MOST_AVERAGES:
            msg = f"a spectrum as the mean of {self.averages} exposures; expected 1 to {MOST_AVERAGES}"
            raise ConfigError(msg)
        if self.count is not None and self.count < 1:
            msg = f"{self.count} spectra to take; expected 1 or more, or none to go on until it is stopped"
            raise ConfigError(msg)
        if self.auto_exposure and isinstance(self.dark, Dark):
            msg = "a dark spectrum is good for its own exposure alone: give that exposure, or have the dark taken anew at each"
            raise ConfigError(msg)


@dataclass(frozen=True, slots=True)
class AcquisitionProgress:
    """What a bench is at: a snapshot."""

    doing: Doing = "measuring"
    done: int = 0
    """Exposures of the spectrum, or of the dark, that are taken."""
    of: int = 1
    """Exposures that it is the mean of."""
    paused: bool = False
    question: str = ""
    """What a person is to do before the bench goes on, which ``trigger`` says is done; "" is nothing. Data."""
