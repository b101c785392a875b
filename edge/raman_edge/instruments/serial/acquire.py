"""What is asked of a device: that it is set as wanted, and then one spectrum after the other."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from raman_edge.instruments import codecs
from raman_edge.instruments.codecs.events import RawFrame
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.requests import UNITS, RequestValues
from raman_edge.instruments.serial import rates
from raman_edge.instruments.serial.measurement import Measurement
from raman_edge.instruments.serial.recent import RecentFrames
from raman_edge.instruments.serial.replies import ReplyProblem
from raman_edge.instruments.serial.stream import SpectrumStream
from raman_edge.instruments.serial.transport import SLICE_S, TRIES
from raman_edge.instruments.spectrometer import Exposure

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime

    from raman_edge.instruments.serial.laser import LightControl
    from raman_edge.instruments.serial.transport import Transport
    from raman_edge.instruments.spectrometer import InstrumentInfo

LISTEN_S = 4.0
"""How long a device that sends by itself is listened to at every rate, s."""
LATE_MARGINS = 2
"""How late a spectrum may be that nothing but time tells from the next, in margins of the page."""
UNKNOWN_S = 10.0
"""How long a spectrum may take where nobody knows the exposure, s."""


class AcquireExchange:
    """What is wanted of the device, what it was told, and the spectrum that is on its way."""

    def __init__(self, wire: Transport, lights: LightControl, wanted: RequestValues) -> None:
        self._wire, self._lights, self._wanted = wire, lights, wanted
        self._commands = wire.profile.commands
        self._streaming = self._commands.acquire is None
        self._decoder = codecs.of(wire.profile.frame, streaming=self._streaming)
        self._recent = RecentFrames()
        self.renew()

    def renew(self) -> None:
        """Forget what the device was told, as after it was opened."""
        self._told: RequestValues | None = None
        self._asked = self._wanted
        self._coming: Measurement | SpectrumStream | None = None
        self._unsure = False
        self._mixed = False
        self._discard = 0
        self.around = ""
        """What was broken around the last spectrum; "" is nothing."""
        self.repeating = False
        """Whether the device is sending the last spectrum once more."""

    @property
    def idle(self) -> bool:
        """Whether no spectrum is on its way."""
        return self._coming is None

    @property
    def exposure_s(self) -> float | None:
        """What is wanted, s; None where the device cannot be told."""
        return self._seconds(self._wanted)

    def want(self, wanted: RequestValues) -> None:
        """Measure like this from now on; what is on its way is not given any more."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._mixed = True

    def light(self, *, on: bool) -> None:
        """Measure with the sample's light, or without; what is on its way is not given any more.

        Said again it changes nothing but for a device that sends by itself: what waits of it was exposed before.
        """
        if on == self._lights.lit and not self._streaming:
            return
        self._lights.lit = on
        self._mixed = True
        self._discard = max(self._discard, int(self._streaming))  # the one that is being sent may hold both

    def step(self, timeout_s: float) -> RawFrame | ReplyProblem | None:
        """Go on for at most so long; what is wrong has been counted. Raises :class:`SourceLost`."""
        if self._coming is None or (self._streaming and (self._mixed or not self._settled)):
            if not self.repeating and (trouble := self._settle()) is not None:
                return trouble
            if self._wire.hurried():
                return None  # nothing new is begun: who wants the line may have cut the laser's time to settle
            self._coming = self._begin()
        result = self._coming.step(timeout_s)
        if isinstance(result, ReplyProblem):
            return self._ended(self._coming, result)
        if result is not None and self._recent.repeats(result):
            # It came before, and nothing else did: it is asked for once more, and then taken for what the device sees.
            self._recent.expect(result)
            self._wire.tally.add("stale", isinstance(self._coming, SpectrumStream))
            self.repeating = False
            self._coming = None if isinstance(self._coming, Measurement) else self._coming
            return None
        if result is not None:
            self._recent.add(result)
            faults = self._coming.faults
            self.around = faults[0].why if faults else ""
            self._wire.tally.add("dropped_bytes", sum(fault.dropped for fault in faults))
            self.repeating = False
            self._coming = None if isinstance(self._coming, Measurement) else self._coming
        return result

    def stale(self) -> bool:
        """Whether the spectrum that has come still has the settings before."""
        if self._mixed:
            self._mixed = False
            return True
        self._discard -= 1
        return self._discard >= 0

    def exposure(self, frame: RawFrame, instrument: InstrumentInfo, taken_at: datetime) -> Exposure:
        """Return a spectrum with what was asked for."""
        seconds = self._seconds(self._asked)
        if seconds is None:
            with suppress(ValueError):
                seconds = float(frame.fields.get("exposure_s", 0)) or None
        return Exposure(frame, instrument, taken_at, seconds, self._asked.averages, dark=not self._lights.lit)

    def halt(self) -> None:
        """End what is on its way, as far as the device can be told. Raises :class:`SourceLost`."""
        coming, self._coming = self._coming, None
        if isinstance(coming, SpectrumStream) and self._commands.stop is not None:
            self._wire.send(requests.request(self._wire.profile, "stop", self._asked))
            self._wire.quiet()
        elif isinstance(coming, SpectrumStream):
            self._wire.drop()
        elif isinstance(coming, Measurement) and self._commands.abort is not None:
            self._wire.ask("abort")

    @property
    def exposing(self) -> bool:
        """Whether the device exposes a spectrum that it was asked for, or is late with it."""
        return isinstance(self._coming, Measurement) and not self._coming.overdue

    def interrupt(self) -> None:
        """End what is on its way, which is not given any more. Raises :class:`SourceLost`."""
        if isinstance(self._coming, Measurement):
            self._unsure = True
        self.halt()

    def finish(self, impatient: Callable[[], bool]) -> None:
        """Wait until the device hears again: to the end of an exposure that cannot be aborted, which is not given any more.

        ``impatient`` ends the wait. Raises :class:`SourceLost`.
        """
        coming = self._coming
        if not isinstance(coming, Measurement) or self._commands.abort is not None:
            self.halt()
            return
        while (result := coming.step(SLICE_S)) is None and not impatient():
            pass
        if result is None:
            return  # it runs on, and may be waited for once more
        self._coming = None
        self._unsure = not isinstance(result, RawFrame)
        self._wire.tally.add("stale", isinstance(result, RawFrame))

    def listen(self, tried: tuple[int, ...]) -> Generator[None, None, bool]:
        """Leave the port at the rate at which spectra can be read; False where that is none."""
        for rate in tried:
            self._wire.port.set_baud(rate)
            self._wire.drop()
            self._darken()
            coming = self._begin()
            until = self._wire.clock.now() + LISTEN_S + (0 if self._streaming else self._expected_s)
            result: RawFrame | ReplyProblem | None = None
            while not isinstance(result, ReplyProblem) and self._wire.clock.now() < until:
                yield
                if result is not None:
                    return True
                result = coming.step(SLICE_S)
            self._wire.quiet()
        return False

    def _darken(self) -> None:
        """Send a laser off whose device cannot be asked yet: an earlier program may have been killed with it on."""
        if self._commands.laser_off is not None:
            self._wire.once(self._commands.laser_off, requests.request(self._wire.profile, "laser_off"))
            self._wire.quiet()

    @property
    def _settled(self) -> bool:
        return self._told == self._wanted and self._lights.settled

    def _settle(self) -> ReplyProblem | None:
        """Tell the device what has changed since it was told last."""
        self.halt()
        if self._unsure and (trouble := self._heard()) is not None:
            self._wire.count(trouble)
            return trouble
        if self._told != self._wanted:
            if (trouble := self._tell(self._told, self._wanted)) is not None:
                return trouble
            self._told = self._wanted
            self._discard = max(self._discard, self._discards)
        if not self._lights.settled:
            if (trouble := self._lights.apply()) is not None:
                return trouble
            # Of a device that sends by itself the next spectrum has begun before the light changed.
            self._discard = max(self._discard, self._discards, int(self._wire.profile.streams))
        self._mixed = False
        return None

    def _tell(self, told: RequestValues | None, wanted: RequestValues) -> ReplyProblem | None:
        new = {
            "set_integration": told is None or told.integration != wanted.integration,
            "set_averages": told is None or told.averages != wanted.averages,
        }
        for name, changed in new.items():
            if changed and getattr(self._commands, name) is not None:
                said = self._wire.ask(name, wanted)
                if isinstance(said, ReplyProblem):
                    self._told = None
                    return said
        return None

    def _begin(self) -> Measurement | SpectrumStream:
        profile = self._wire.profile
        if self.repeating:
            return Measurement(self._wire, self._decoder, requests.request(profile, "repeat"), 0.0, self._recent.repeats)
        self._asked = self._wanted
        if self._commands.acquire is not None:
            request = requests.request(profile, "acquire", self._asked)
            return Measurement(self._wire, self._decoder, request, self._expected_s, self._recent.repeats)
        if self._commands.start is not None:
            expected = None if profile.integration is None else self._expected_s
            return SpectrumStream(self._wire, self._decoder, requests.request(profile, "start", self._asked), expected)
        return SpectrumStream(self._wire, self._decoder)

    def _ended(self, coming: Measurement | SpectrumStream, trouble: ReplyProblem) -> ReplyProblem | None:
        """Count what went wrong, and decide how to go on; None where it is no news."""
        repeated, self.repeating = self.repeating, False
        if isinstance(coming, SpectrumStream):
            self._coming = coming if trouble.kind == "bad" else None
        elif trouble.kind == "silent":
            if coming.extended or not self._patient:
                self.halt()
                self._unsure = True
            else:
                coming.extend()
            if coming.extended and self._coming is None:
                return None
        else:
            self._coming = None
            self._wire.tally.add("dropped_bytes", sum(fault.dropped for fault in coming.faults))
            if self._mixed and trouble.kind == "bad":
                self._wire.tally.add("stale")
                return None
            self.repeating = trouble.kind == "bad" and self._commands.repeat is not None and not repeated
        self._wire.count(trouble)
        return trouble

    @property
    def _patient(self) -> bool:
        """Whether what is late is waited for once more: not where it can be given up, or the laser has to be told something."""
        return self._commands.abort is None and self._lights.laser is None

    def _heard(self) -> ReplyProblem | None:
        """Have a question answered after a spectrum that did not come: what is still on its way comes before, and is not mistaken.

        Where the page has no question, the line has to be quiet for as long as it may be late: one that is later still cannot be told
        from the next.
        """
        if not rates.can_ask(self._wire.profile):
            self._wire.quiet(max(self._wire.drain_s, LATE_MARGINS * self._wire.margin_s + (0.0 if self._patient else self._expected_s)))
        elif not any(rates.answers(self._wire) for _ in range(TRIES)):
            return ReplyProblem("silent", "it does not answer a question either")
        self._unsure = False
        return None

    @property
    def _discards(self) -> int:
        facts = self._wire.profile.integration
        return 0 if facts is None else facts.discard_after_change

    @property
    def _expected_s(self) -> float:
        seconds = self._seconds(self._asked)
        return UNKNOWN_S if seconds is None else seconds * self._asked.averages

    def _seconds(self, wanted: RequestValues) -> float | None:
        facts = self._wire.profile.integration
        return None if facts is None else (wanted.integration or facts.default) / UNITS[facts.unit]
