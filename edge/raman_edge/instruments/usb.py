"""``ocean:`` and ``ocean:SERIAL``: an Ocean instrument on USB, asked for exposures like any other.

python-seabreeze blocks for as long as an exposure takes, so it is asked in a thread of its own: that
the instrument is alive is seen every second, also while it measures for a minute. The first spectrum
after a change of the exposure was begun before it and is dropped. An instrument that was lost is
looked for by its serial number, and no other is taken for it. Never tried on hardware.
"""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Self

import numpy as np

from raman_edge.errors import ConfigError, SourceError, SourceLost, SourceUnavailable
from raman_edge.instruments import ocean
from raman_edge.instruments.codecs.events import RawFrame
from raman_edge.instruments.ports import OCEAN
from raman_edge.instruments.serial.port import REAL
from raman_edge.instruments.spectrometer import Counters, Exposure, LinkStatus
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from seabreeze.spectrometers import Spectrometer as Driven

    from raman_edge.instruments.serial.port import Clock
    from raman_edge.instruments.spectrometer import InstrumentInfo, State

SIGN_S = 1.0
"""How often a sign of life is given while nothing comes."""
BACK_OFF_S = (0.25, 5.0)
"""From one attempt to open a lost instrument to the next: doubled each time."""
MICRO = 1_000_000


def is_ours(where: str) -> bool:
    """Whether ``where`` names an instrument for :class:`OceanSpectrometer`."""
    return where.startswith(OCEAN)


class OceanSpectrometer:
    """An Ocean instrument on USB as a spectrometer; ``exposure_s`` None is the instrument's default; ``stop`` ends it."""

    def __init__(self, where: str = OCEAN, exposure_s: float | None = None, *, stop: Event | None = None, clock: Clock = REAL) -> None:
        if not is_ours(where):
            raise ConfigError(f"got {where!r}, expected {OCEAN} or {OCEAN}SERIAL")
        self._where = where
        self._serial = where.removeprefix(OCEAN) or None
        self._exposure = exposure_s
        self._clock = clock
        self._stop = stop or Event()
        self._is_lit = True
        self._driven: Driven | None = None
        self._instrument: InstrumentInfo | None = None
        self._reading: Future[NDArray[np.float64]] | None = None
        self._stale = 0
        self._delay = BACK_OFF_S[0]
        self._due = 0.0
        self._state: State = "absent"
        self._why = ""
        self._counters = Counters()

    def __enter__(self) -> Self:
        """Open it; :class:`SourceUnavailable` where it is not there, busy or not for this user, :class:`ConfigError` without the extra."""
        self._pool = ThreadPoolExecutor(1, "ocean")
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it, once the exposure that is running is over: the driver cannot be interrupted."""
        self._close()

    @property
    def status(self) -> LinkStatus:
        """How the link does; may be read by any thread."""
        return LinkStatus(
            self._state, self._where, ocean.PROFILE, None, self._serial, self._exposure, counters=self._counters, why=self._why
        )

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Return what is known of it; None before it was reached."""
        return self._instrument

    @property
    def ended(self) -> bool:
        """Never: a cable may be plugged in again."""
        return False

    def set_exposure(self, seconds: float) -> None:
        """Measure with this exposure, s, from the next frame on; :class:`ConfigError` where the instrument cannot."""
        self._micros(seconds)
        self._exposure = seconds
        self._settle()
        try:
            self._tell_exposure()
        except SourceLost as error:
            self._lose(error)

    def light(self, *, on: bool) -> bool:
        """Return False: neither laser nor shutter is on this link, a person has to see to the light."""
        if on != self._is_lit:
            self._is_lit = on
            self._settle()  # it may have seen both
        return False

    def rest(self, seconds: float = math.inf) -> bool:  # noqa: ARG002 - of the protocol
        """Return False: no laser is on this link."""
        return False

    def make_safe(self) -> str:
        """Return "": no laser is on this link."""
        return ""

    def expose(self) -> Exposure | Fault | None:
        """Return the next exposure, what broke instead, or None about once a second while nothing comes, and when told to stop."""
        if self._stop.is_set():
            return None
        if self._driven is None:
            self._reopen()
            return None
        try:
            return self._next(self._driven)
        except SourceLost as error:
            return self._lose(error)

    def _next(self, driven: Driven) -> Exposure | None:
        if self._reading is None:
            self._state = "acquiring"
            self._reading = self._pool.submit(driven.intensities)
        if not wait([self._reading], SIGN_S).done:
            return None
        reading, self._reading = self._reading, None
        with ocean.driven():
            counts = np.array(reading.result(), dtype=np.float64)
        if counts.ndim != 1 or counts.size != driven.pixels or not np.isfinite(counts).all():
            raise SourceLost(f"got {counts.size} values, some of which may be no number, expected {driven.pixels}")
        if self._stale:
            self._stale -= 1
            self._counters = replace(self._counters, stale=self._counters.stale + 1)
            return None
        return self._exposed(counts)

    def _exposed(self, counts: NDArray[np.float64]) -> Exposure:
        if self._instrument is None:
            raise SourceLost("it gave a spectrum before it said what it is")
        self._counters = replace(self._counters, frames=self._counters.frames + 1)
        return Exposure(RawFrame(counts), self._instrument, datetime.now(UTC), self._exposure, dark=not self._is_lit)

    def _open(self) -> None:
        """Open the instrument and tell it the exposure."""
        self._state = "opening"
        self._driven = ocean.connect(self._serial)
        self._state = "probing"
        try:
            self._instrument = ocean.told(self._driven)
            self._serial = self._instrument.serial_number
            if self._exposure is None and self._instrument.integration is not None:
                self._exposure = self._instrument.integration.default / MICRO
            self._tell_exposure()
        except SourceLost as error:
            raise SourceUnavailable(f"{self._where} was opened and does not answer ({error}): unplug it and plug it in again") from error
        self._state, self._why, self._delay = "ready", "", BACK_OFF_S[0]

    def _reopen(self) -> None:
        """Wait for the next attempt, at most a second; make it where it is due."""
        pause = self._due - self._clock.now()
        if pause > 0:
            self._clock.sleep(min(pause, SIGN_S))
            return
        try:
            self._open()
        except SourceError as error:
            self._delay = min(2 * self._delay, BACK_OFF_S[1])
            self._let_go(str(error))
        else:
            self._counters = replace(self._counters, reconnects=self._counters.reconnects + 1)

    def _lose(self, error: SourceLost) -> Fault:
        """Let go of an instrument that does not answer any more."""
        self._let_go(f"lost ({error})")
        self._counters = replace(self._counters, bad=self._counters.bad + 1)
        return Fault(Origin("usb", self._where), f"the instrument was lost ({error}); it is looked for until it is back")

    def _tell_exposure(self) -> None:
        if self._driven is None or self._exposure is None or self._instrument is None:
            return  # it will be told when it is opened again
        micros = self._micros(self._exposure)
        with ocean.driven():
            self._driven.integration_time_micros(micros)
        self._stale = self._instrument.integration.discard_after_change if self._instrument.integration else 0

    def _micros(self, seconds: float) -> int:
        """Return an exposure as the driver takes it; :class:`ConfigError` where the instrument, once it is known, cannot do it."""
        facts = None if self._instrument is None else self._instrument.integration
        low, high = (1, math.inf) if facts is None else (facts.min, facts.max)
        micros = round(seconds * MICRO) if math.isfinite(seconds) else 0
        if not low <= micros <= high:
            raise ConfigError(f"got an exposure of {seconds:g} s, {self._where} takes {low / MICRO:g} to {high / MICRO:g} s")
        return micros

    def _settle(self) -> None:
        """Wait until the exposure that is running is over, and forget it."""
        if self._reading is not None:
            wait([self._reading])
            self._reading = None

    def _let_go(self, why: str) -> None:
        """Close the driver, which may be of an instrument that is gone."""
        self._settle()
        if self._driven is not None:
            with suppress(SourceLost), ocean.driven():
                self._driven.close()
        self._driven = None
        self._state, self._why = "absent", why
        self._due = self._clock.now() + self._delay

    def _close(self) -> None:
        self._let_go("")
        self._pool.shutdown()
