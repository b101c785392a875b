"""Which instrument is on a port: candidates by what is known of the port, each tried until one gives whole, plausible spectra.

Nothing but the probes of :mod:`raman_edge.instruments.serial.probe` is sent to an unknown device. A profile is tried, which sends its
own requests, only where its USB numbers, its stream, its answer to a probe, or the user names it. What is decided here is decided by
functions without I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import LaserNotOff, SourceBusy, SourceLost, SourceUnavailable
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.serial import SerialSpectrometer, probe
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.spectrometer import Exposure, InstrumentInfo

WHOLE = 2
"""Whole, plausible spectra that end a trial; more of them than broken ones confirm the profile."""
BROKEN = 3
"""Broken ones after which it is doubted."""
PATIENCE_S = 5.0
"""Time after which one spectrum, whole or broken, decides a trial, s: at 9600 baud one takes that long."""
LONGEST_S = 60.0
"""Longest trial without any spectrum, s; the driver reports a missing one earlier."""
ROUGH = 0.12
"""Least ratio of the median difference of neighbouring pixels to the spread that is no spectrum. White noise has 0.95, a spectrum of
16 bits with its bytes swapped 0.15 and more, a spectrum whose spread is :data:`LARGE` less than 0.05 (simulated instruments)."""
LARGE = 0.1
"""Least spread, as a share of full scale, at which roughness is judged: the noise of a dark spectrum is rough too, and small."""


@dataclass(frozen=True, slots=True)
class ProfileCandidate:
    """A profile that may be the one of the instrument on a port."""

    profile: str
    reason: str
    """Why, as the end of a sentence: ``it answers …``."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came where a profile was tried."""

    candidate: ProfileCandidate
    instrument: InstrumentInfo | None = None
    """None where it does not answer by the profile."""
    whole: int = 0
    """Whole, plausible spectra."""
    highest: float = 0.0
    """Highest count in them."""
    doubt: str = ""
    """Why the profile is doubted; "" where it is confirmed."""


# Decisions


def implausible(counts: NDArray[np.float64], full_scale: float | None) -> str:
    """Return why counts are no spectrum of a detector, "" where they may be one: constant, above full scale, or rough everywhere.

    ``full_scale`` is the saturation of the profile; None is unknown.
    """
    if counts.size < probe.LEAST:
        return f"{counts.size} values are no spectrum"
    if not np.isfinite(counts).all():
        return "values that are no numbers"
    lowest, highest = float(counts.min()), float(counts.max())
    if lowest == highest:
        return f"every value is {highest:g}"
    if full_scale is not None and highest > full_scale:
        return f"a count of {highest:g} is above its full scale of {full_scale:g}"
    spread, steps = float(counts.std()), float(np.median(np.abs(np.diff(counts))))
    if spread > LARGE * (full_scale or max(abs(lowest), highest)) and steps > ROUGH * spread:
        return "neighbouring pixels have nothing in common: perhaps another order of bytes"
    return ""


def fitting(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that confirm their profile, the likeliest first.

    Of detectors with different full scales the smallest that holds every count comes first: a 16-bit detector that never exceeds
    4095 counts is unlikely.
    """
    good = [trial for trial in trials if not trial.doubt]
    return sorted(good, key=lambda trial: float("inf") if (scale := _full_scale(trial.instrument)) is None else scale)


def _full_scale(instrument: InstrumentInfo | None) -> float | None:
    return None if instrument is None else instrument.sensor.saturation


# Input and output


def candidates(
    port: str, profiles: Sequence[Profile], usb: Sequence[str], note: Callable[[str], None], *, everything: bool = False
) -> tuple[ProfileCandidate, ...]:
    """Return the candidates for ``port``, the likeliest first; () where nothing speaks for any.

    ``usb`` are profiles that name its USB numbers; ``everything`` also sends requests that another device could take for a command,
    which the user has to allow. Of profiles that read a stream, one of any length is left out where one of that length fits.
    Raises :class:`SourceUnavailable` where the port cannot be opened.
    """
    report = probe.find(port, profiles, usb=usb, everything=everything, progress=note)
    sized = {profile.device.id for profile in profiles if profile.n_pixels is not None}
    found = [one for one in report.found if one.profile in sized] or list(report.found)
    return tuple(ProfileCandidate(one.profile, one.reason) for one in found)


def tried(candidate: ProfileCandidate, port: str, stop: Event | None = None) -> Trial:
    """Connect by the profile, with its laser off, and take a few exposures.

    Raises :class:`SourceBusy` where another program has the port, :class:`LaserNotOff` where the instrument does not confirm that
    its laser is off.
    """
    profile, ended = catalogue.load(candidate.profile), stop or Event()
    try:
        with SerialSpectrometer(profile, port, stop=ended) as spectrometer:
            instrument = spectrometer.instrument
            exposure_s = (spectrometer.status.exposure_s or 0.0) * spectrometer.status.averages
            began = monotonic()
            whole, highest = 0, 0.0
            wrong: list[str] = []
            while whole < WHOLE and len(wrong) < BROKEN and not ended.is_set():
                spent = monotonic() - began
                if spent > LONGEST_S + exposure_s or (spent > PATIENCE_S and (whole or wrong)):
                    break
                got = spectrometer.expose()
                if got is None:
                    continue
                why = got.why if isinstance(got, Fault) else _implausible(got)
                if isinstance(got, Fault) or why:
                    wrong.append(why)
                else:
                    whole, highest = whole + 1, max(highest, float(got.counts.max()))
    except (SourceBusy, LaserNotOff):
        raise
    except (SourceUnavailable, SourceLost) as error:
        return Trial(candidate, doubt=str(error))
    doubt = "" if whole > len(wrong) else wrong[-1] if wrong else "no spectrum came"
    return Trial(candidate, instrument, whole, highest, doubt)


def _implausible(exposure: Exposure) -> str:
    sensor, size = exposure.instrument.sensor, exposure.counts.size
    first, last = sensor.active or (0, size - 1)
    return implausible(exposure.counts[first : last + 1], sensor.saturation)


def alternatives(name: str) -> tuple[str, ...]:
    """Return the other profiles that the same USB numbers or the same answer to a probe fit."""
    known = {one.device.id: one for one in map(catalogue.load, catalogue.profiles())}
    this = known.get(name)
    if this is None:
        return ()
    numbers = set(this.match.usb)
    questions = (*probe.questions(known.values()), *probe.withheld_questions(known.values()))
    same = {other for question in questions if name in question.profiles for other in question.profiles}
    same |= {other.device.id for other in known.values() if numbers & set(other.match.usb)}
    return tuple(sorted(same - {name}))
