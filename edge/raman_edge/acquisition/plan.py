"""The options of an acquisition, and its progress."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from raman_edge.acquisition.darks import Dark
from raman_edge.errors import ConfigError
from raman_edge.instruments.recording import MOST_AVERAGES

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.calibration.calibration import Calibration

Mode = Literal["continuous", "trigger", "gate"]
"""One spectrum after the other; one for each trigger; while something steady is in the beam."""
Doing = Literal["measuring", "trigger", "exposure", "dark"]
"""Taking spectra; waiting for a key or a sample; searching the exposure; taking the dark."""

DARK_AGE_S = 600.0
LONGEST_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure; raises :class:`ConfigError` for contradicting options."""

    exposure_s: float | None = None
    """Of a single exposure, s; with ``auto_exposure`` the first one. None leaves the instrument as it is."""
    auto_exposure: bool = False
    """Whether to find the exposure that brings the highest line to 70-85 % of saturation."""
    longest_s: float = LONGEST_S
    """Longest automatic exposure, s."""
    averages: int = 1
    """Exposures in the mean of a spectrum; 3 or more reveal cosmic spikes."""
    dark: Literal["none", "take", "auto"] | Dark = "none"
    """What to subtract: the dark pixels, if any; a dark spectrum that is taken before the first spectrum and after each change of
    the exposure; the same, and again when it is older than ``dark_age_s``; or this one.

    A dark that the user takes in between is used in any case.
    """
    dark_age_s: float = DARK_AGE_S
    """s."""
    save_dark: Path | None = None
    """Where to write every dark; None is nowhere."""
    laser_nm: float | None = None
    """Excitation, nm, instead of the instrument's own; None is the instrument's."""
    calibration: Calibration | None = None
    """Makes the axis; None uses the instrument's own coefficients."""
    pixels: bool = False
    """Whether the spectra make a calibration: nothing is cut, and an axis in pixels is accepted."""
    mode: Mode = "continuous"
    count: int | None = None
    """Spectra to take; None is unlimited."""
    interval_s: float = 0.0
    """From the begin of one spectrum to the begin of the next, s; 0 is as fast as possible."""
    kind: str = "serial"
    """``source.kind`` of the records."""

    def __post_init__(self) -> None:
        durations = (("exposure", self.exposure_s), ("longest exposure", self.longest_s), ("age of a dark", self.dark_age_s))
        for name, seconds in durations:
            if seconds is not None and not 0 < seconds < math.inf:
                raise ConfigError(kind="impossible duration", place=name, got=f"{seconds:g} s", expected="more than 0 s")
        if not 0 <= self.interval_s < math.inf:
            raise ConfigError(kind="impossible duration", place="interval", got=f"{self.interval_s:g} s", expected="0 s or more")
        if not 1 <= self.averages <= MOST_AVERAGES:
            raise ConfigError(kind="averages out of range", got=str(self.averages), expected=f"1 to {MOST_AVERAGES}")
        if self.count is not None and self.count < 1:
            raise ConfigError(kind="count out of range", got=str(self.count), expected="1 or more")
        if self.auto_exposure and isinstance(self.dark, Dark):
            advice = "A dark is valid for its own exposure: give that exposure, or --dark take"
            raise ConfigError(kind="automatic exposure with a dark from a file", advice=advice)


@dataclass(frozen=True, slots=True)
class AcquisitionProgress:
    """Progress of an acquisition: a snapshot."""

    doing: Doing = "measuring"
    done: int = 0
    """Exposures taken of the spectrum, or of the dark."""
    of: int = 1
    """Exposures in the mean."""
    paused: bool = False
    question: str = ""
    """What a person must do and confirm with a trigger; "" is nothing. Data."""
