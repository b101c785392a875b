"""The options of an acquisition, requests to it while it runs, and its progress."""

from __future__ import annotations

import math
import threading
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


class AcquisitionControls:
    """Set by any thread, taken by the one that measures."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._triggers = 0
        self._dark = False
        self._exposure_s: float | None = None
        self.paused = False
        self._ended = self._last = False

    def trigger(self) -> None:
        """Request one more spectrum, or confirm a prompt."""
        with self._lock:
            self._triggers += 1
        self._news.set()

    def dark(self) -> None:
        """Request a dark."""
        self._dark = True
        self._news.set()

    def exposure(self, seconds: float) -> None:
        """Request another exposure, s."""
        self._exposure_s = seconds
        self._news.set()

    def pause(self, *, on: bool) -> None:
        """Pause, or continue."""
        self.paused = on
        self._news.set()

    def end(self) -> None:
        """Request the end."""
        self._ended = True
        self._news.set()

    def last(self) -> None:
        """Request the end after the last trigger."""
        self._last = True
        self._news.set()

    @property
    def ended(self) -> bool:
        """Whether to end now."""
        return self._ended or (self._last and not self.triggered)

    @property
    def pending(self) -> bool:
        """Whether a dark or another exposure is requested."""
        return self._dark or self._exposure_s is not None

    @property
    def triggered(self) -> bool:
        """Whether a trigger is pending."""
        return self._triggers > 0

    def take_trigger(self) -> bool:
        """Take one trigger; False where there is none."""
        with self._lock:
            there = self._triggers > 0
            self._triggers -= there
        return there

    def take_dark(self) -> bool:
        """Take the request for a dark; False where there is none."""
        wanted, self._dark = self._dark, False
        return wanted

    def take_exposure(self) -> float | None:
        """Take the requested exposure, s; None where there is none."""
        wanted, self._exposure_s = self._exposure_s, None
        return wanted

    def wait(self, seconds: float) -> None:
        """Wait for a request, at most so long."""
        self._news.wait(seconds)
        self._news.clear()
