"""A recording read back: as spectra, every exposure by itself and corrected as in a measurement, or replayed as a spectrometer."""

from __future__ import annotations

import io
import math
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from raman_edge.acquisition.darks import DarkRun
from raman_edge.acquisition.reduction import Reduction
from raman_edge.bounded_read import without_waiting
from raman_edge.errors import ConfigError, FormatError, SourceUnavailable, SpectrumError
from raman_edge.instruments.profiles.requests import UNITS
from raman_edge.instruments.recording import MOST_LINE, RecordingHeader, entries
from raman_edge.instruments.spectrometer import Counters, Exposure, InstrumentInfo, LinkStatus
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import Self

    from raman_edge.acquisition.darks import Dark
    from raman_edge.instruments.recording import PlanLine
    from raman_edge.spectrum import Origin, Spectrum

NAME = "raman-edge recording"
PULSE_S = 1.0
"""Longest call of ``expose`` without a result, s."""
MOST_COUNTS = 1 << 24
"""Counts of a recording that is read at once, 128 MiB: four thousand exposures of a large detector."""


@dataclass
class _Found:
    """The spectra so far."""

    spectra: list[Spectrum] = field(default_factory=list)
    counts: int = 0
    darks: int = 0
    faults: int = 0
    why: str = ""
    """Why the last exposure gave no spectrum, or the file ends early."""

    @property
    def left_out(self) -> str:
        """The entries without a spectrum, in words."""
        parts = [f"{number} {what}" for number, what in ((self.darks, "dark exposures"), (self.faults, "faults")) if number]
        return ", ".join([*parts, self.why] if self.why else parts)

    def torn(self, note: str) -> None:
        """Note why the file ends early."""
        self.why = note

    def count(self, exposure: Exposure) -> None:
        """Count an exposure; raises :class:`FormatError` for too many to read at once."""
        self.darks += exposure.dark
        self.counts += exposure.frame.counts.size
        if self.counts > MOST_COUNTS:
            advice = "Read so long a recording with `raman-edge instruments replay`"
            raise FormatError(kind="recording too long", expected=f"at most {MOST_COUNTS} counts", advice=advice)

    def add(self, exposure: Exposure, dark: Dark | None, reduction: Reduction) -> None:
        """Add the spectrum of an exposure, or a fault where it gives none."""
        fits = dark is not None and dark.why_not(exposure) is None
        try:
            self.spectra.append(reduction.spectrum([exposure], dark if fits else None))
        except (SpectrumError, ConfigError) as error:
            self.faults += 1
            self.why = str(error)


def spectra(data: bytes, origin: Origin, laser_nm: float | None = None, *, pixels: bool = False) -> tuple[Spectrum, ...]:
    """Return a spectrum for each exposure with light, its index in the origin; earlier darks of the recording are subtracted.

    ``laser_nm`` (nm) is for an instrument with an unknown laser; ``pixels`` accepts an axis of pixels where no other is known.
    Raises :class:`FormatError` where the recording is damaged, or no exposure gives a spectrum.
    """
    try:
        found = _collected(data, laser_nm, pixels=pixels)
    except FormatError as error:
        raise error.at(NAME) from error
    meta = {"format": NAME} | ({"left_out": found.left_out} if found.left_out else {})
    return tuple(replace(one, origin=replace(origin, index=index), meta={**one.meta, **meta}) for index, one in enumerate(found.spectra))


def _collected(data: bytes, laser_nm: float | None, *, pixels: bool) -> _Found:
    """Read all entries in order."""
    found, run, dark = _Found(), DarkRun(), None
    reduction = Reduction()
    stream = io.BytesIO(data)
    for entry in entries(iter(lambda: stream.readline(MOST_LINE + 1), b""), found.torn):
        if isinstance(entry, RecordingHeader):
            reduction = Reduction(laser_nm=entry.plan.laser_nm, pixels=pixels)
        elif isinstance(entry, Fault):
            found.faults += 1
        else:
            found.count(entry)
            dark = run.feed(entry) or dark
            if not entry.dark:
                found.add(entry, dark, _with_laser(reduction, entry, laser_nm))
    if not found.spectra:
        raise FormatError(
            kind="no spectrum", got=found.left_out or "no exposure", expected="an exposure that gives a spectrum", advice="Record it again"
        )
    return found


def _with_laser(reduction: Reduction, exposure: Exposure, laser_nm: float | None) -> Reduction:
    """Return the reduction with this laser, where neither the recording nor the instrument has one."""
    known = reduction.laser_nm is not None or exposure.instrument.laser_nm is not None
    return reduction if known else replace(reduction, laser_nm=laser_nm)


# Replayed


class ReplayedSpectrometer:
    """The spectrometer of a recording: gives the same exposures and faults again, in their order, with their times.

    ``paced`` gives them as far apart as they were, otherwise they come as fast as they are read. Settings
    change nothing: an exposure is as it was recorded, and so is the light. ``note`` gets a line where the recording is torn.
    Raises :class:`SourceUnavailable` where it cannot be opened, and :class:`FormatError` for a damaged line where it is met.
    """

    def __init__(self, path: str | os.PathLike[str], *, paced: bool = False, note: Callable[[str], None] = lambda _: None) -> None:
        self._path, self._paced, self._note = Path(path), paced, note
        self._open = ExitStack()
        self._entries: Iterator[RecordingHeader | Exposure | Fault] = iter(())
        self._began = RecordingHeader(port=str(path), profile="")
        self._next: Exposure | Fault | None = None
        self._last: Exposure | None = None
        self._first: tuple[datetime, float] | None = None
        self._counters = Counters()

    def __enter__(self) -> Self:
        try:
            file = self._open.enter_context(open(self._path, "rb", opener=without_waiting))
        except OSError as error:
            msg = f"the recording {str(self._path)!r} cannot be read: {error.strerror}; `raman-edge instruments record` makes one"
            raise SourceUnavailable(msg) from error
        self._entries = entries(iter(partial(file.readline, MOST_LINE + 1), b""), self._note)
        try:
            self._begin()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    @property
    def status(self) -> LinkStatus:
        """Port and profile of the recording."""
        last = self._last
        return LinkStatus(
            state="absent" if self.ended else "ready",
            port=self._began.port,
            profile=self._began.profile,
            serial_number=None if self.instrument is None else self.instrument.serial_number,
            exposure_s=None if last is None else last.exposure_s,
            averages=1 if last is None else last.averages,
            counters=self._counters,
            why="the recording is at its end" if self.ended else "",
        )

    @property
    def plan(self) -> PlanLine:
        """The plan of the recorded measurement."""
        return self._began.plan

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Facts of the recorded instrument."""
        known = self._last or self._next
        return known.instrument if isinstance(known, Exposure) else None

    @property
    def ended(self) -> bool:
        """Whether the recording is at its end."""
        return self._next is None

    def set_exposure(self, seconds: float) -> None:
        """Change nothing; :class:`ConfigError` for an exposure that the recorded instrument cannot do."""
        facts = None if self.instrument is None else self.instrument.integration
        if facts is None:
            return
        low, high = facts.min / UNITS[facts.unit], facts.max / UNITS[facts.unit]
        if not low / 2 <= seconds <= 2 * high:  # an exposure is rounded to what the instrument can do
            expected = f"{low:g} to {high:g} s"
            raise ConfigError(kind="exposure out of range", place="the recorded instrument", got=f"{seconds:g} s", expected=expected)

    def rest(self, seconds: float = math.inf) -> bool:  # noqa: ARG002 - of the protocol
        """Return False: there is no light."""
        return False

    def make_safe(self, note: Callable[[str], None] | None = None, *, hurry: bool = False) -> str:  # noqa: ARG002
        """Return "": there is no laser."""
        return ""

    def light(self, *, on: bool) -> bool:  # noqa: ARG002 - of the protocol
        """Change nothing; dark exposures come in their recorded order."""
        return True

    def expose(self) -> Exposure | Fault | None:
        """Return the next result; None at the end."""
        got = self._next
        if isinstance(got, Exposure) and not self._is_due(got):
            return None
        if isinstance(got, Exposure):
            self._last = got
            self._counters = replace(self._counters, frames=self._counters.frames + 1)
        elif got is not None:
            self._counters = replace(self._counters, bad=self._counters.bad + 1)
        if got is not None:
            self._advance()
        return got

    def _begin(self) -> None:
        began = next(self._entries, None)
        if not isinstance(began, RecordingHeader):
            msg = f"{str(self._path)!r} is empty, or torn in its first line: there is nothing to replay"
            raise FormatError(msg)
        self._began = began
        self._advance()

    def _advance(self) -> None:
        """Read one ahead, so that the end is known."""
        following = next(self._entries, None)
        self._next = None if isinstance(following, RecordingHeader) else following

    def _is_due(self, exposure: Exposure) -> bool:
        """Wait for the time of an exposure, at most :data:`SIGN_S`; return whether it has come."""
        if not self._paced:
            return True
        if self._first is None:
            self._first = exposure.taken_at, monotonic()
        since_s = (exposure.taken_at - self._first[0]).total_seconds()
        left_s = self._first[1] + since_s - monotonic()
        sleep(max(0.0, min(PULSE_S, left_s)))
        return left_s <= PULSE_S
