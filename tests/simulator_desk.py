"""A simulated device on a desk whose clock the test turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.instruments import codecs
from raman_edge.instruments.codecs import RawFrame
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.instruments.profiles.fields import literal
from raman_edge.instruments.profiles.profile import Profile
from raman_edge.instruments.profiles.requests import DEFAULT
from raman_edge.simulator.device import SimulatedDevice
from raman_edge.simulator.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raman_edge.instruments.codecs import Event
    from raman_edge.instruments.profiles.requests import RequestValues
    from raman_edge.simulator.line import SentBytes

PROFILES = tuple(catalogue.profiles())
ON_REQUEST = tuple(name for name in PROFILES if not catalogue.load(name).streams)
"""Devices that send only on request."""
STREAMS = tuple(name for name in PROFILES if name not in ON_REQUEST)
A_WHILE_S = 10.0
"""Longer than any default exposure and any late answer, s."""


class Desk:
    """One device, its page's codec, and a clock that nothing but the test moves."""

    def __init__(self, profile: str | Profile, *, faults: Iterable[str] = (), seed: int = 0, scene: Scene | None = None) -> None:
        self.profile = profile if isinstance(profile, Profile) else catalogue.load(profile)
        self.now = 1000.0
        self.notes: list[str] = []
        scene = scene or Scene(self.profile)
        self.device = SimulatedDevice(self.profile, scene, seed, faults=faults, note=self.notes.append)
        self.codec = codecs.of(self.profile.frame, scene.pixels)
        self.device.joined(self.now)
        if not self.profile.streams:
            self.prepare()

    def wait(self, seconds: float = A_WHILE_S) -> list[SentBytes]:
        """Let time pass, stopping wherever the device has something to do; returns what it sends."""
        until = self.now + seconds
        sent: list[SentBytes] = []
        while (coming := self.device.next_s) is not None and coming <= until:
            self.now = max(self.now, coming)
            sent += self.device.advance(self.now)
        self.now = until
        return [*sent, *self.device.advance(until)]

    def send(self, data: bytes, seconds: float = A_WHILE_S) -> bytes:
        """Send bytes to the device and return what it answers within a time."""
        self.device.receive(data, self.now)
        return b"".join(sent.data for sent in self.wait(seconds))

    def ask(self, name: str, wanted: RequestValues = DEFAULT) -> bytes:
        """Send a command of the page and return the answer."""
        return self.send(requests.request(self.profile, name, wanted))

    def prepare(self) -> None:
        """Send what comes after every opening."""
        for data in requests.prepared(self.profile):
            self.send(data)

    def measure(self, wanted: RequestValues = DEFAULT) -> list[Event]:
        """Ask for one spectrum and return what the page's codec makes of the answer, behind what comes before it."""
        request = requests.request(self.profile, "acquire", wanted)
        return self.decoded(self.send(request), request)

    def decoded(self, answer: bytes, request: bytes = b"") -> list[Event]:
        """Return the codec's events of an answer, echo, acknowledgement and ready signal taken off, and the silence after it."""
        frame, self_framing = self.profile.frame, getattr(self.profile.frame, "name", "") in {"ooi", "obp"}
        preface = (request if frame.echo else b"") + (b"" if self_framing else literal(frame.ack) + literal(frame.ready))
        self.codec.reset()
        return [*self.codec.feed(answer.removeprefix(preface)), *self.codec.silence()]


def spectra(events: Iterable[Event]) -> list[RawFrame]:
    """Return the spectra among events."""
    return [event for event in events if isinstance(event, RawFrame)]
