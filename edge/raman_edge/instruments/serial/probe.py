"""Which instrument is on a serial port: what it sends by itself, and which profiles' probes it answers.

Only ``match.probe`` of a profile may be sent to an unknown device, and nothing is sent to one that streams.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from raman_edge.instruments import codecs
from raman_edge.instruments.codecs import RawFrame
from raman_edge.instruments.profiles import fields
from raman_edge.instruments.profiles.fields import literal
from raman_edge.instruments.profiles.profile import Serial
from raman_edge.instruments.serial.port import REAL, SerialPort

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.serial.port import Clock

RATES = (115_200, 9600, 921_600, 57_600, 38_400, 19_200, 230_400, 460_800)
"""Rates to listen at, the most common first."""
FIRST_S = 2.5
"""Time at the first rate, s: a board that restarts when the port is opened needs 2 s for its bootloader."""
NEXT_S = 1.0
"""Time at each further rate, s."""
ANSWER_S = 0.5
"""Longest time of an answer beyond its transfer, s."""
QUIET_S = 0.2
"""Silence that ends an answer, s."""
ENDLESS_S = 3.0
"""Longest time of an answer without silence, s."""
SLICE_S = 0.05
READABLE = 0.95
"""Least share of printable characters in text at the right rate; at a wrong one it is about a third."""
LEAST = 16
"""Fewest values of a spectrum; fewer are a message."""
TEXT = frozenset(b"\t\r\n") | frozenset(range(0x20, 0x7F))


@dataclass(frozen=True, slots=True)
class Traffic:
    """A request, or all bytes until the next one."""

    sent: bool
    """Whether this side sent it."""
    baud: int | None
    """None where there is no rate."""
    data: bytes


class LoggingPort(SerialPort):
    """A port that appends its traffic to ``log``."""

    def __init__(self, log: list[Traffic], where: str, line: Serial, clock: Clock = REAL) -> None:
        super().__init__(where, line, clock)
        self._log = log

    def write(self, data: bytes) -> None:
        """Send bytes, like :class:`SerialPort`."""
        self._log.append(Traffic(sent=True, baud=self.baud, data=data))
        super().write(data)

    def read(self, timeout_s: float) -> bytes:
        """Return bytes, like :class:`SerialPort`."""
        data = super().read(timeout_s)
        last = self._log[-1] if self._log else None
        if last is not None and (last.sent, last.baud) == (False, self.baud):
            self._log[-1] = replace(last, data=last.data + data)
        elif data:
            self._log.append(Traffic(sent=False, baud=self.baud, data=data))
        return data


@dataclass(frozen=True, slots=True)
class StreamMatch:
    """A profile that finds spectra in the bytes."""

    profile: str
    spectra: int
    values: int
    """Of the last spectrum."""


@dataclass(frozen=True, slots=True)
class ListenResult:
    """What a device sends without a request."""

    data: bytes
    """The bytes at the best rate; empty where it is silent."""
    baud: int | None
    """That rate; None where there is none."""
    readings: tuple[StreamMatch, ...] = ()
    """Profiles that find spectra in it, those with a known number of values first."""

    @property
    def readable(self) -> float:
        """Share of the bytes that are printable, 0 to 1."""
        return sum(byte in TEXT for byte in self.data) / max(len(self.data), 1)


@dataclass(frozen=True, slots=True)
class ProbeQuestion:
    """A probe of an unknown device; profiles with the same probe share it."""

    profiles: tuple[str, ...]
    line: Serial
    """Of the first profile, with the rates of all."""
    sent: bytes
    expected: bytes
    """First bytes of the answer."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A probe and its answer."""

    question: ProbeQuestion
    baud: int | None
    got: bytes
    """b"" is silence."""

    @property
    def answered(self) -> bool:
        """Whether it is the expected answer, with or without an echo."""
        return self.got.startswith((self.question.expected, self.question.sent + self.question.expected))


def listen(where: str, profiles: Sequence[Profile], clock: Clock = REAL) -> ListenResult:
    """Open the port and return what comes; :class:`raman_edge.errors.SourceUnavailable` where it cannot be opened."""
    port = SerialPort(where, Serial(baud=RATES), clock)
    port.open(RATES[0])
    best = ListenResult(b"", port.baud)
    try:
        for rate in RATES if port.paced else RATES[:1]:
            port.set_baud(rate)
            data = _collected(port, FIRST_S if rate == RATES[0] else NEXT_S, clock)
            heard = ListenResult(data, port.baud, tuple(readings(data, profiles)))
            if heard.readings or not data:
                return heard if data else best  # a device that sends gives bytes at any rate, if meaningless ones
            if not best.data or heard.readable > best.readable:
                best = heard
            if best.readable >= READABLE:
                break
    finally:
        port.close()
    return best


def readings(data: bytes, profiles: Iterable[Profile]) -> Iterator[StreamMatch]:
    """Give the profiles of streaming devices that find spectra in these bytes."""
    for profile in sorted((profile for profile in profiles if profile.streams), key=lambda profile: profile.n_pixels is None):
        events = codecs.of(profile.frame, streaming=True).feed(data)
        frames = [event for event in events if isinstance(event, RawFrame) and event.counts.size >= LEAST]
        if frames:
            yield StreamMatch(profile.device.id, len(frames), frames[-1].counts.size)


def questions(profiles: Iterable[Profile]) -> tuple[ProbeQuestion, ...]:
    """Return the probes for an unknown device, each once."""
    found: dict[tuple[bytes, bytes], ProbeQuestion] = {}
    for profile in profiles:
        probe = profile.match.probe
        if probe is None:
            continue
        sent = fields.request(probe.send, {})
        expected = literal(probe.expect)
        same = found.get((sent, expected))
        names = (*(same.profiles if same else ()), profile.device.id)
        first = same.line if same else profile.serial
        rates = tuple(dict.fromkeys((*first.baud, *profile.serial.baud)))
        gap = max(first.byte_gap_ms, profile.serial.byte_gap_ms)
        found[sent, expected] = ProbeQuestion(names, msgspec.structs.replace(first, baud=rates, byte_gap_ms=gap), sent, expected)
    return tuple(found.values())


def ask(where: str, question: ProbeQuestion, clock: Clock = REAL) -> Iterator[ProbeResult]:
    """Send a probe at one rate after the other until it is answered; give each attempt."""
    port = SerialPort(where, question.line, clock)
    port.open(question.line.baud[0])
    try:
        clock.sleep(question.line.boot_ms / 1000)
        for rate in question.line.baud if port.paced else question.line.baud[:1]:
            port.set_baud(rate)
            _collected(port, 0, clock)
            port.write(question.sent)
            asked = ProbeResult(question, port.baud, _answer(port, clock))
            yield asked
            if asked.answered:
                return
    finally:
        port.close()


def _collected(port: SerialPort, seconds: float, clock: Clock) -> bytes:
    """Return the bytes within so long."""
    until, got = clock.now() + seconds, port.read(0)
    while (left := until - clock.now()) > 0:
        got += port.read(min(SLICE_S, left))
    return got


def _answer(port: SerialPort, clock: Clock) -> bytes:
    """Return the bytes until the line is quiet."""
    got = b""
    until, end = clock.now() + ANSWER_S, clock.now() + ENDLESS_S
    while (left := min(until, end) - clock.now()) > 0:
        if data := port.read(min(SLICE_S, left)):
            got += data
            until = clock.now() + QUIET_S
    return got
