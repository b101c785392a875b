"""Requests and answers over an open port: what to wait for, how long, and what to do with bytes nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.requests import DEFAULT
from raman_edge.instruments.serial.counters import LinkCounters
from raman_edge.instruments.serial.port import REAL, SerialPort
from raman_edge.instruments.serial.replies import Listener, ReplyProblem, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.instruments.profiles.profile import Command, Profile, Serial
    from raman_edge.instruments.profiles.requests import RequestValues
    from raman_edge.instruments.serial.port import Clock

SLICE_S = 0.1
"""Longest wait for a byte before other things are looked after, s."""
MARGIN_S = 0.5
"""Time beyond the bytes that an answer may take where the profile says nothing, s."""
ANSWER_BYTES = 64
"""Bytes of an answer that is waited for: a line, or a message of OBP."""
TRIES = 3
"""How often a request is sent until it is answered: requests have no checksum, and lines drop bytes."""
ENDLESS_S = 5.0
"""A line that is never quiet for so long is not waited for, s."""


class Transport:
    """A profile spoken over a port."""

    def __init__(
        self,
        profile: Profile,
        where: str,
        tally: LinkCounters | None = None,
        clock: Clock = REAL,
        plug: Callable[[str, Serial, Clock], SerialPort] = SerialPort,
    ) -> None:
        self.profile, self.clock = profile, clock
        self.port = plug(where, profile.serial, clock)
        self.tally = tally or LinkCounters()
        self._sent_at = clock.now()
        self.hurried: Callable[[], bool] = lambda: False
        """Whether the line is wanted for something else: no device is waited for then."""

    @property
    def drain_s(self) -> float:
        """Silence after which a broken answer is over, s."""
        return self.profile.serial.drain_ms / 1000

    @property
    def margin_s(self) -> float:
        """Time beyond exposure and transfer that the device may take, s."""
        facts = self.profile.integration
        return MARGIN_S if facts is None else max(facts.margin_ms / 1000, 0.0)

    @property
    def idle_s(self) -> float:
        """How long nothing was asked of the device, s."""
        return self.clock.now() - self._sent_at

    def transfer_s(self, count: int) -> float:
        """Return how long so many bytes are on the line, s; over a network as on the slowest rate of the profile."""
        baud = self.port.baud or min(self.profile.serial.baud)
        return count * self.profile.serial.bits_per_byte / baud

    def send(self, data: bytes) -> None:
        """Send a request; what lies there unread belongs to none and is dropped. Raises :class:`SourceLost`."""
        self.drop()
        self.port.write(data)
        self._sent_at = self.clock.now()

    def drop(self) -> int:
        """Drop what has come, without waiting; returns and counts the bytes."""
        dropped = 0
        while data := self.port.read(0):
            dropped += len(data)
        self.tally.add("dropped_bytes", dropped)
        return dropped

    def quiet(self, seconds: float | None = None) -> None:
        """Drop what comes until the line is silent for ``seconds``, the profile's drain where None."""
        seconds = self.drain_s if seconds is None else seconds
        last = started = self.clock.now()
        while (now := self.clock.now()) < min(last + seconds, started + ENDLESS_S):
            if data := self.port.read(min(SLICE_S, last + seconds - now)):
                self.tally.add("dropped_bytes", len(data))
                last = self.clock.now()

    def ask(self, name: str, asked: RequestValues = DEFAULT) -> bytes | ReplyProblem:
        """Send the command of that name until it is answered, at most :data:`TRIES` times; what fails is counted."""
        command: Command = getattr(self.profile.commands, name)
        return self._tried(lambda: self.once(command, requests.request(self.profile, name, asked)), name)

    def prepare(self) -> bytes | ReplyProblem:
        """Send the commands after every opening; the first that is not answered ends it."""
        sent = requests.prepared(self.profile)
        for at, (command, data) in enumerate(zip(self.profile.commands.prepare, sent, strict=True)):
            said = self._tried(lambda command=command, data=data: self.once(command, data), f"prepare[{at}]")  # type: ignore[misc]
            if isinstance(said, ReplyProblem):
                return said
        return b""

    def _tried(self, attempt: Callable[[], bytes | ReplyProblem], name: str) -> bytes | ReplyProblem:
        said = attempt()
        for left in reversed(range(TRIES)):
            if not isinstance(said, ReplyProblem):
                return said
            self.count(said)
            if left:
                self.quiet()
                said = attempt()
        return ReplyProblem(said.kind, f"{name}: {said.why}") if isinstance(said, ReplyProblem) else said

    def count(self, trouble: ReplyProblem) -> None:
        """Count what went wrong."""
        self.tally.add({"refused": "refused", "silent": "timeouts", "bad": "bad"}[trouble.kind])

    def once(self, command: Command, data: bytes) -> bytes | ReplyProblem:
        """Send one command once and return its answer; nothing is counted."""
        self.send(data)
        listener = Listener(self.profile, command, data)
        said = self._heard(listener, len(data))
        if isinstance(said, ReplyProblem) and said.kind == "bad":
            self.tally.add("dropped_bytes", len(listener.heard()))
        if not isinstance(said, ReplyProblem) and command.settle_ms:
            self._settle(command.settle_ms / 1000)
        return said

    def _settle(self, seconds: float) -> None:
        """Wait until the device has done what it was told: a laser that takes long to settle must not be waited for before it is off."""
        until = self.clock.now() + seconds
        while (left := until - self.clock.now()) > 0 and not self.hurried():
            self.clock.sleep(min(SLICE_S, left))

    def _heard(self, listener: Listener, sent: int) -> bytes | ReplyProblem:
        until = self.clock.now() + self.margin_s + self.transfer_s(sent + ANSWER_BYTES)
        answer = listener.feed(b"")
        while answer is None and (left := until - self.clock.now()) > 0:
            answer = listener.feed(self.port.read(min(SLICE_S, left)))
        if answer is not None:
            return answer
        got = listener.heard()
        return ReplyProblem("bad", f"{shown(got)} and no more") if got else ReplyProblem("silent", "no answer")

    def answers_with(self, data: bytes, expected: bytes) -> bool:
        """Whether what is answered to ``data`` begins with ``expected``, after its echo where the device echoes."""
        self.send(data)
        wanted = (data if self.profile.answers.echo else b"") + expected
        until, got = self.clock.now() + self.margin_s + self.transfer_s(len(data) + ANSWER_BYTES), b""
        while len(got) < len(wanted) and wanted.startswith(got) and (left := until - self.clock.now()) > 0:
            got += self.port.read(min(SLICE_S, left))
        self.quiet()
        self.tally.add("dropped_bytes", 0 if got.startswith(wanted) else len(got))
        return got.startswith(wanted)
