"""Requests and answers over an open port: timeouts, repeats, counters, and bytes that belong to no answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.requests import DEFAULT
from raman_edge.instruments.serial.port import REAL, SerialPort
from raman_edge.instruments.serial.replies import Listener, ReplyProblem, shown
from raman_edge.instruments.spectrometer import Counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.instruments.profiles.profile import Command, Profile, Serial
    from raman_edge.instruments.profiles.requests import RequestValues
    from raman_edge.instruments.serial.port import Clock

TEXT_QUIET_S, QUIET_BYTES = 0.03, 4
"""Silence that ends a text without an end of its own: so long, s, and the time of so many bytes."""
SLICE_S = 0.1
"""Longest wait for a byte at a time, s: in between, a stop is noticed."""
MARGIN_S = 0.5
"""Longest time of an answer beyond its transfer, where the profile gives none, s."""
ANSWER_BYTES = 64
"""Bytes of a usual answer: a line, or an OBP message."""
TRIES = 3
"""Most attempts of a request: requests have no checksum, and lines drop bytes."""
ENDLESS_S = 5.0
"""Longest wait for a line to become quiet, s."""


class Transport:
    """Requests of a profile over a port."""

    def __init__(
        self,
        profile: Profile,
        where: str,
        clock: Clock = REAL,
        plug: Callable[[str, Serial, Clock], SerialPort] = SerialPort,
    ) -> None:
        self.profile, self.clock = profile, clock
        self.port = plug(where, profile.serial, clock)
        self.counters = Counters()
        """A snapshot; the thread that uses the line replaces it, any thread may read it."""
        self._sent_at = clock.now()
        self.hurried: Callable[[], bool] = lambda: False
        """Whether the line is needed for something else: then no device is waited for."""

    @property
    def drain_s(self) -> float:
        """Silence that ends a broken answer, s."""
        return self.profile.serial.drain_ms / 1000

    @property
    def margin_s(self) -> float:
        """Longest time of an answer beyond exposure and transfer, s."""
        facts = self.profile.integration
        return MARGIN_S if facts is None else max(facts.margin_ms / 1000, 0.0)

    @property
    def idle_s(self) -> float:
        """Time since the last request, s."""
        return self.clock.now() - self._sent_at

    def transfer_s(self, count: int) -> float:
        """Return the transfer time of so many bytes, s; over a network that at the profile's slowest rate."""
        baud = self.port.baud or min(self.profile.serial.baud)
        return count * self.profile.serial.bits_per_byte / baud

    def send(self, data: bytes) -> None:
        """Send a request; unread bytes belong to none and are dropped. Raises :class:`SourceLost`."""
        self.drop()
        self.port.write(data)
        self._sent_at = self.clock.now()

    def drop(self) -> int:
        """Drop the bytes that are there, without waiting; return and count them."""
        dropped = 0
        while data := self.port.read(0):
            dropped += len(data)
        self.count("dropped_bytes", dropped)
        return dropped

    def quiet(self, seconds: float | None = None) -> None:
        """Drop bytes until the line is silent for ``seconds``; None is the profile's drain."""
        seconds = self.drain_s if seconds is None else seconds
        last = started = self.clock.now()
        while (now := self.clock.now()) < min(last + seconds, started + ENDLESS_S):
            if data := self.port.read(min(SLICE_S, last + seconds - now)):
                self.count("dropped_bytes", len(data))
                last = self.clock.now()

    def ask(self, name: str, settings: RequestValues = DEFAULT) -> bytes | ReplyProblem:
        """Send a command until it is answered, at most :data:`TRIES` times; failures are counted."""
        command: Command = getattr(self.profile.commands, name)
        return self._tried(lambda: self.once(command, requests.request(self.profile, name, settings)), name)

    def prepare(self) -> bytes | ReplyProblem:
        """Send the commands after every opening; stop at the first that is not answered."""
        sent = requests.prepared(self.profile)
        for at, (command, data) in enumerate(zip(self.profile.commands.prepare, sent, strict=True)):
            answer = self._tried(lambda command=command, data=data: self.once(command, data), f"prepare[{at}]")  # type: ignore[misc]
            if isinstance(answer, ReplyProblem):
                return answer
        return b""

    def _tried(self, attempt: Callable[[], bytes | ReplyProblem], name: str) -> bytes | ReplyProblem:
        answer = attempt()
        for left in reversed(range(TRIES)):
            if not isinstance(answer, ReplyProblem):
                return answer
            self.count_problem(answer)
            if left:
                self.quiet()
                answer = attempt()
        return ReplyProblem(answer.kind, f"{name}: {answer.why}") if isinstance(answer, ReplyProblem) else answer

    def count(self, counter: str, by: int = 1) -> None:
        """Add to one of the :attr:`counters`."""
        if by:
            self.counters = replace(self.counters, **{counter: getattr(self.counters, counter) + by})

    def count_problem(self, problem: ReplyProblem) -> None:
        """Count a problem by its kind."""
        self.count({"refused": "refused", "silent": "timeouts", "bad": "bad"}[problem.kind])

    def once(self, command: Command, data: bytes) -> bytes | ReplyProblem:
        """Send a command once and return its answer; nothing is counted but dropped bytes."""
        self.send(data)
        listener = Listener(self.profile, command, data)
        answer = self._heard(listener, len(data))
        if isinstance(answer, ReplyProblem) and answer.kind == "bad":
            self.count("dropped_bytes", len(listener.heard()))
        if not isinstance(answer, ReplyProblem) and command.settle_ms:
            self._settle(command.settle_ms / 1000)
        return answer

    def _settle(self, seconds: float) -> None:
        """Wait until the device has carried out a command, unless the line is needed: a settling laser must not delay its own off."""
        until = self.clock.now() + seconds
        while (left := until - self.clock.now()) > 0 and not self.hurried():
            self.clock.sleep(min(SLICE_S, left))

    def _heard(self, listener: Listener, sent: int) -> bytes | ReplyProblem:
        until = self.clock.now() + self.margin_s + self.transfer_s(sent + ANSWER_BYTES)
        quiet_s = TEXT_QUIET_S + self.transfer_s(QUIET_BYTES) if listener.ended_by_silence else SLICE_S
        answer = listener.feed(b"")
        while answer is None and (left := until - self.clock.now()) > 0:
            data = self.port.read(min(quiet_s, left))
            answer = listener.feed(data) if data else listener.silence()
        if answer is not None:
            return answer
        got = listener.heard()
        return ReplyProblem("bad", f"{shown(got)} and no more") if got else ReplyProblem("silent", "no answer")

    def answers_with(self, data: bytes, expected: bytes) -> bool:
        """Whether the answer to ``data`` begins with ``expected``, behind an echo where the device echoes."""
        self.send(data)
        wanted = (data if self.profile.answers.echo else b"") + expected
        until, got = self.clock.now() + self.margin_s + self.transfer_s(len(data) + ANSWER_BYTES), b""
        while len(got) < len(wanted) and wanted.startswith(got) and (left := until - self.clock.now()) > 0:
            got += self.port.read(min(SLICE_S, left))
        self.quiet()
        self.count("dropped_bytes", 0 if got.startswith(wanted) else len(got))
        return got.startswith(wanted)
