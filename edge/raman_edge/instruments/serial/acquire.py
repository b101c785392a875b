"""The exchange that measures: the device is set as wanted, then gives one spectrum after the other."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from raman_edge.instruments import codecs
from raman_edge.instruments.codecs.stream import RawFrame
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.requests import UNITS, RequestValues
from raman_edge.instruments.serial import connect
from raman_edge.instruments.serial.measurement import Measurement, RecentFrames, SpectrumStream
from raman_edge.instruments.serial.transport import SLICE_S, TRIES, ReplyProblem
from raman_edge.instruments.spectrometer import Exposure

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime

    from raman_edge.instruments.serial.laser import LightControl
    from raman_edge.instruments.serial.transport import Transport
    from raman_edge.instruments.spectrometer import InstrumentInfo

LISTEN_S = 4.0
"""How long to listen at every rate to a device that streams by itself, s."""
LATE_MARGINS = 2
"""How late a spectrum may be that only its time distinguishes from the next, in margins of the profile."""
UNKNOWN_S = 10.0
"""Longest time of a spectrum with an unknown exposure, s."""


class AcquireExchange:
    """The wanted settings, the settings that the device has, and the spectrum on its way."""

    def __init__(self, wire: Transport, lights: LightControl, wanted: RequestValues) -> None:
        self._wire, self._lights, self._wanted = wire, lights, wanted
        self._commands = wire.profile.commands
        self._streaming = self._commands.acquire is None
        self._decoder = codecs.of(wire.profile.frame, streaming=self._streaming)
        self._recent = RecentFrames()
        self.renew()

    def renew(self) -> None:
        """Forget the settings of the device, as after it was opened."""
        self._sent: RequestValues | None = None
        self._requested = self._wanted
        self._coming: Measurement | SpectrumStream | None = None
        self._unsure = False
        self._mixed = False
        self._discard = 0
        self.around = ""
        """Why bytes around the last spectrum were broken; "" where none were."""
        self.repeating = False
        """Whether the device is sending the last spectrum again."""

    @property
    def idle(self) -> bool:
        """Whether no spectrum is on its way."""
        return self._coming is None

    @property
    def exposure_s(self) -> float | None:
        """The wanted exposure, s; None where it cannot be set."""
        return self._seconds(self._wanted)

    def want(self, wanted: RequestValues) -> None:
        """Measure with these settings from now on; the spectrum on its way is dropped."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._mixed = True

    def light(self, *, on: bool) -> None:
        """Measure with the sample's light, or without; the spectrum on its way is dropped.

        A repeated call changes nothing, except for a device that streams: its waiting spectra were exposed before.
        """
        if on == self._lights.lit and not self._streaming:
            return
        self._lights.lit = on
        self._mixed = True
        self._discard = max(self._discard, int(self._streaming))  # the one on the line may have seen both

    def step(self, timeout_s: float) -> RawFrame | ReplyProblem | None:
        """Continue for at most so long; a problem has been counted. Raises :class:`SourceLost`."""
        if self._coming is None or (self._streaming and (self._mixed or not self._settled)):
            if not self.repeating and (problem := self._settle()) is not None:
                return problem
            if self._wire.hurried():
                return None  # begin nothing new: the laser may not have had its time to settle
            self._coming = self._begin()
        result = self._coming.step(timeout_s)
        if isinstance(result, ReplyProblem):
            return self._ended(self._coming, result)
        if result is not None and self._recent.repeats(result):
            # A repeat, and nothing else came: the next request decides whether the device sees this all the time.
            self._recent.expect(result)
            self._wire.count("stale", isinstance(self._coming, SpectrumStream))
            self.repeating = False
            self._coming = None if isinstance(self._coming, Measurement) else self._coming
            return None
        if result is not None:
            self._recent.add(result)
            faults = self._coming.faults
            self.around = faults[0].why if faults else ""
            self._wire.count("dropped_bytes", sum(fault.dropped for fault in faults))
            self.repeating = False
            self._coming = None if isinstance(self._coming, Measurement) else self._coming
        return result

    def stale(self) -> bool:
        """Whether the spectrum that came still has the previous settings."""
        if self._mixed:
            self._mixed = False
            return True
        self._discard -= 1
        return self._discard >= 0

    def exposure(self, frame: RawFrame, instrument: InstrumentInfo, taken_at: datetime) -> Exposure:
        """Return a spectrum with its settings."""
        seconds = self._seconds(self._requested)
        if seconds is None:
            with suppress(ValueError):
                seconds = float(frame.fields.get("exposure_s", 0)) or None
        return Exposure(frame, instrument, taken_at, seconds, self._requested.averages, dark=not self._lights.lit)

    def halt(self) -> None:
        """End what is on its way, as far as the device can be sent. Raises :class:`SourceLost`."""
        coming, self._coming = self._coming, None
        if isinstance(coming, SpectrumStream) and self._commands.stop is not None:
            self._wire.send(requests.request(self._wire.profile, "stop", self._requested))
            self._wire.quiet()
        elif isinstance(coming, SpectrumStream):
            self._wire.drop()
        elif isinstance(coming, Measurement) and self._commands.abort is not None:
            self._wire.ask("abort")

    @property
    def exposing(self) -> bool:
        """Whether the device exposes a requested spectrum, in time."""
        return isinstance(self._coming, Measurement) and not self._coming.overdue

    @property
    def unabortable(self) -> bool:
        """Whether the device exposes a requested spectrum and listens again only at its end."""
        return self.exposing and self._commands.abort is None

    def interrupt(self) -> None:
        """End what is on its way and drop it. Raises :class:`SourceLost`."""
        if isinstance(self._coming, Measurement):
            self._unsure = True
        self.halt()

    def finish(self, impatient: Callable[[], bool]) -> None:
        """Wait until the device listens again: to the end of an exposure that cannot be aborted, which is dropped.

        ``impatient`` ends the wait. Raises :class:`SourceLost`.
        """
        coming = self._coming
        if not isinstance(coming, Measurement) or self._commands.abort is not None:
            self.halt()
            return
        while (result := coming.step(SLICE_S)) is None and not impatient():
            pass
        if result is None:
            return  # it continues, and may be waited for again
        self._coming = None
        self._unsure = not isinstance(result, RawFrame)
        self._wire.count("stale", isinstance(result, RawFrame))

    def listen(self, tried: tuple[int, ...]) -> Generator[None, None, bool]:
        """Leave the port at the rate at which spectra can be read; False where there is none."""
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
        """Send laser_off before the device is queried: an earlier program may have been killed with the laser on."""
        if self._commands.laser_off is not None:
            self._wire.once(self._commands.laser_off, requests.request(self._wire.profile, "laser_off"))
            self._wire.quiet()

    @property
    def _settled(self) -> bool:
        return self._sent == self._wanted and self._lights.settled

    def _settle(self) -> ReplyProblem | None:
        """Send the settings that have changed."""
        self.halt()
        if self._unsure and (problem := self._resynchronised()) is not None:
            self._wire.count_problem(problem)
            return problem
        if self._sent != self._wanted:
            if (problem := self._send_settings(self._sent, self._wanted)) is not None:
                return problem
            self._sent = self._wanted
            self._discard = max(self._discard, self._discards)
        if not self._lights.settled:
            if (problem := self._lights.apply()) is not None:
                return problem
            # The next spectrum of a device that streams began before the light changed.
            self._discard = max(self._discard, self._discards, int(self._wire.profile.streams))
        self._mixed = False
        return None

    def _send_settings(self, sent: RequestValues | None, wanted: RequestValues) -> ReplyProblem | None:
        new = {
            "set_integration": sent is None or sent.integration != wanted.integration,
            "set_averages": sent is None or sent.averages != wanted.averages,
        }
        for name, changed in new.items():
            if changed and getattr(self._commands, name) is not None:
                answer = self._wire.ask(name, wanted)
                if isinstance(answer, ReplyProblem):
                    self._sent = None
                    return answer
        return None

    def _begin(self) -> Measurement | SpectrumStream:
        profile = self._wire.profile
        if self.repeating:
            return Measurement(self._wire, self._decoder, requests.request(profile, "repeat"), 0.0, self._recent.repeats)
        self._requested = self._wanted
        if self._commands.acquire is not None:
            request = requests.request(profile, "acquire", self._requested)
            return Measurement(self._wire, self._decoder, request, self._expected_s, self._recent.repeats)
        if self._commands.start is not None:
            expected = None if profile.integration is None else self._expected_s
            return SpectrumStream(self._wire, self._decoder, requests.request(profile, "start", self._requested), expected)
        return SpectrumStream(self._wire, self._decoder)

    def _ended(self, coming: Measurement | SpectrumStream, problem: ReplyProblem) -> ReplyProblem | None:
        """Count a problem and decide how to continue; None where it is not to be reported."""
        repeated, self.repeating = self.repeating, False
        if isinstance(coming, SpectrumStream):
            self._coming = coming if problem.kind == "bad" else None
        elif problem.kind == "silent":
            if coming.extended or not self._patient:
                self.halt()
                self._unsure = True
            else:
                coming.extend()
            if coming.extended and self._coming is None:
                return None
        else:
            self._coming = None
            self._wire.count("dropped_bytes", sum(fault.dropped for fault in coming.faults))
            if self._mixed and problem.kind == "bad":
                self._wire.count("stale")
                return None
            self.repeating = problem.kind == "bad" and self._commands.repeat is not None and not repeated
        self._wire.count_problem(problem)
        return problem

    @property
    def _patient(self) -> bool:
        """Whether a late spectrum is waited for again: not where it can be aborted, or the laser is on this link."""
        return self._commands.abort is None and self._lights.laser is None

    def _resynchronised(self) -> ReplyProblem | None:
        """Wait for the answer to a question after a spectrum that did not come, so that it is not mistaken for the next one.

        Where the profile has no question, the line must be quiet for as long as the spectrum may be late: one that is later still
        cannot be sent from the next.
        """
        if not connect.can_ask(self._wire.profile):
            self._wire.quiet(max(self._wire.drain_s, LATE_MARGINS * self._wire.margin_s + (0.0 if self._patient else self._expected_s)))
        elif not any(connect.answers(self._wire) for _ in range(TRIES)):
            return ReplyProblem("silent", "it does not answer a question, either")
        self._unsure = False
        return None

    @property
    def _discards(self) -> int:
        facts = self._wire.profile.integration
        return 0 if facts is None else facts.discard_after_change

    @property
    def _expected_s(self) -> float:
        seconds = self._seconds(self._requested)
        return UNKNOWN_S if seconds is None else seconds * self._requested.averages

    def _seconds(self, wanted: RequestValues) -> float | None:
        facts = self._wire.profile.integration
        return None if facts is None else (wanted.integration or facts.default) / UNITS[facts.unit]
